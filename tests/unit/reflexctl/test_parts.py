"""The parts that decide: what PATH means, which form an endpoint wants, what is fetched."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from reflexctl import dependencies, sources
from reflexctl.cluster import first_key
from reflexctl.errors import ConfigurationError
from reflexctl.place import find
from served import listing, model, served
from unit.reflexctl.command_line import RIGHT


def crate(folder: Path, text: str = '[package]\nname = "x"\n') -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Cargo.toml").write_text(text)
    return folder


def test_a_folder_in_a_package_is_the_package(tmp_path: Path) -> None:
    package = crate(tmp_path / "p")
    (package / "src/deep").mkdir(parents=True)
    assert find(package / "src/deep").root == package
    assert find(package).notes == ()
    assert "repairing the package" in find(package / "src").notes[0]


@pytest.mark.parametrize(
    ("members", "more", "whole"),
    [
        ('["a", "b"]', "", True),
        ('["*"]', "", True),
        ('["other"]', "", False),
        ('["*"]', 'exclude = ["a"]', False),
    ],
)
def test_a_member_means_its_workspace(members: str, more: str, whole: bool, tmp_path: Path) -> None:
    top = crate(tmp_path, f"[workspace]\nmembers = {members}\n{more}\n")
    member = crate(tmp_path / "a")
    assert find(member).root == (top if whole else member)


def test_a_file_is_its_own_crate(tmp_path: Path) -> None:
    (tmp_path / "main.rs").write_text("fn main() {}\n")
    place = find(tmp_path / "main.rs")
    assert (place.root, place.entry, place.notes) == (tmp_path, "main.rs", ())
    crate(tmp_path)
    assert "checked alone" in find(tmp_path / "main.rs").notes[0]
    assert find(tmp_path / "Cargo.toml").entry == ""
    assert find(tmp_path, "main.rs").entry == "main.rs"
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(ConfigurationError, match="neither a folder nor a Rust file"):
        find(tmp_path / "notes.txt")


@pytest.mark.parametrize(
    ("context", "asked", "form"),
    [
        (512, "", ("compact", 512, 128)),
        (65_536, "", ("full", 65_536, 2_048)),
        (512, "full", ("full", 512, 128)),
        (None, "", ("full", 16_384, 2_048)),
        (None, "compact", ("compact", 16_384, 2_048)),
    ],
)
def test_an_endpoint_says_how_its_model_is_asked(
    context: int | None, asked: str, form: tuple[str, int, int]
) -> None:
    with served(model("m", RIGHT, context=context)) as server:
        source = asyncio.run(sources.from_endpoint(server.base_url, renderer=asked, environ={}))
    section = source.loaded.reflex
    found = section.model("m")
    assert section.model_primary == "m"
    assert (found.renderer, found.context_tokens, found.reply_tokens) == form
    assert "the gate is disabled" in source.notes[0]


def test_one_of_several_models_has_to_be_chosen() -> None:
    with served(listing("a", "b")) as server:
        with pytest.raises(ConfigurationError, match="serves 2 models: a, b"):
            asyncio.run(sources.from_endpoint(server.base_url, environ={}))
        source = asyncio.run(sources.from_endpoint(server.base_url, "c", environ={}))
    assert any("does not list c" in note for note in source.notes)


def test_the_endpoints_key_comes_from_the_environment() -> None:
    with served(listing("a")) as server:
        environ = {"REFLEX_ENDPOINT_KEY": "k-0123456789"}
        asyncio.run(sources.from_endpoint(server.base_url, environ=environ))
    assert server.calls[0].headers["authorization"] == "Bearer k-0123456789"


def test_a_repository_does_not_choose_where_its_code_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "reflex.yaml").write_text("version: 1\n")
    monkeypatch.chdir(tmp_path)
    environ: Mapping[str, str] = {"HOME": str(tmp_path / "home")}
    assert all(not path.is_relative_to(tmp_path) or "home" in path.parts
               for path in sources.default_files(environ))  # fmt: skip
    assert sources.find_file(None, environ) in (None, Path("/etc/reflex/reflex.yaml"))


LOCK = """\
version = 4
[[package]]
name = "mine"
version = "0.1.0"
[[package]]
name = "serde"
version = "1.0.200"
source = "registry+https://github.com/rust-lang/crates.io-index"
"""


def test_dependencies_are_what_cargo_lock_names_from_elsewhere(tmp_path: Path) -> None:
    assert dependencies.needed(tmp_path) == ()
    (tmp_path / "Cargo.lock").write_text(LOCK)
    packages = dependencies.needed(tmp_path)
    assert [(each.name, each.version) for each in packages] == [("serde", "1.0.200")]
    home = tmp_path / "home"
    assert not dependencies.are_in(home, packages)
    (home / "registry/src/index-1/serde-1.0.200").mkdir(parents=True)
    assert dependencies.are_in(home, packages)
    (tmp_path / "Cargo.lock").write_text(LOCK.replace("registry+", "git+"))
    assert not dependencies.are_in(home, dependencies.needed(tmp_path))


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("# people\nada: 0123:4567:89abcdef", "0123:4567:89abcdef"),
        ("  # people\n\n0123456789abcdef", "0123456789abcdef"),
        ("# nobody", ""),
    ],
)
def test_a_key_is_read_as_the_service_reads_it(text: str, key: str) -> None:
    assert first_key(text.splitlines()) == key
