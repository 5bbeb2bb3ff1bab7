"""Keys, settings and rates: what may start, and whose a request is."""

import os
from pathlib import Path
from typing import Any

import pytest

from reflex_loop.service.settings import load_settings
from reflex_service.errors import AuthenticationError, RateLimitError, StartError
from reflex_service.keys import KeyBook, KeyRing
from reflex_service.rates import Rate

KEY = "0123456789abcdef"


def test_a_file_of_keys(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# people\nalice:{KEY}\n\nbob: {KEY}b\n")
    ring = KeyRing(file)
    assert ring.owner(f"Bearer {KEY}") == "alice"
    assert ring.owner(f"bearer  {KEY}b ") == "bob"
    assert KEY not in repr(vars(ring))
    for wrong in (
        None,
        "",
        "Bearer",
        "Bearer ",
        f"Basic {KEY}",
        f"Bearer {KEY}c",
        "Bearer ü\udcff",
    ):
        with pytest.raises(AuthenticationError):
            ring.owner(wrong)


def test_the_keys_to_ask_in_an_owners_name(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"alice:{KEY}\nalice:{KEY}2\nbob:{KEY}b\n")
    book = KeyBook(file)
    assert [book.key(name) for name in ("alice", "bob", "carol")] == [KEY, f"{KEY}b", ""]
    assert book.refresh() is False
    file.write_text(f"carol:{KEY}carol\n")
    assert book.refresh() is True
    assert [book.key(name) for name in ("alice", "carol")] == ["", f"{KEY}carol"]
    file.write_text("carol:short\n")
    with pytest.raises(StartError):
        book.refresh()
    assert book.key("carol") == f"{KEY}carol", "the old keys stay"


def test_memory_needs_keys_and_a_url(tmp_path: Path) -> None:
    settings = {"keys_file": tmp_path / "keys"}
    assert load_settings({}, **settings).memory_url == ""
    for wrong in (
        {"memory_url": "http://reflection"},
        {"memory_url": "reflection:80", "memory_keys_file": tmp_path / "keys"},
    ):
        with pytest.raises(StartError, match=r"(?i)memory_url"):
            load_settings({}, **settings, **wrong)


def test_a_mounted_secret(tmp_path: Path) -> None:
    """Kubernetes: files are links into a folder that is exchanged as a whole."""
    (tmp_path / "..2026").mkdir()
    (tmp_path / "..2026/alice").write_text(f"{KEY}\n")
    (tmp_path / "..2026/more").write_text(f"bob:{KEY}b\ncarol:{KEY}c\n")
    (tmp_path / "..data").symlink_to("..2026")
    for name in ("alice", "more"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    ring = KeyRing(tmp_path)
    assert [ring.owner(f"Bearer {KEY}{end}") for end in ("", "b", "c")] == ["alice", "bob", "carol"]
    assert ring.refresh() is False
    (tmp_path / "..2027").mkdir()
    (tmp_path / "..2027/alice").write_text(f"{KEY}new\n")
    (tmp_path / "..2027/more").write_text(f"bob:{KEY}b\n")
    (tmp_path / "..tmp").symlink_to("..2027")
    (tmp_path / "..tmp").rename(tmp_path / "..data")
    assert ring.refresh() is True
    assert ring.owner(f"Bearer {KEY}new") == "alice"
    with pytest.raises(AuthenticationError):
        ring.owner(f"Bearer {KEY}")


@pytest.mark.parametrize(
    "text",
    ["", "# none\n", KEY, f":{KEY}", "a:short", f"a b:{KEY}", f"a:{KEY}\nb:{KEY}", f"a:{KEY}ü"],
)
def test_wrong_keys_are_refused_and_never_shown(tmp_path: Path, text: str) -> None:
    file = tmp_path / "keys"
    file.write_text(text)
    with pytest.raises(StartError) as refused:
        KeyRing(file)
    assert KEY not in str(refused.value)


def test_a_wrong_file_leaves_the_old_keys(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"alice:{KEY}")
    ring = KeyRing(file)
    file.write_text("nonsense")
    os.utime(file, ns=(1, 1))
    with pytest.raises(StartError):
        ring.refresh()
    assert ring.owner(f"Bearer {KEY}") == "alice"


def test_settings_name_every_fault_and_no_value() -> None:
    environ = {
        "REFLEX_LOOP__LISTEN": "8080", "REFLEX_LOOP__REPAIRS_RUNNING": "0",
        "REFLEX_LOOP__REPAIR": "x", "REFLEX_LOOP__RATE": "often",
        "REFLEX_LOOP__DATABASE_URL": "postgresql://u:hunter2@h/d",
        "REFLEX_LOOP_PORT": "tcp://10.0.0.1:80",  # what Kubernetes sets for a Service
    }  # fmt: skip
    with pytest.raises(StartError) as refused:
        load_settings(environ)
    text = str(refused.value)
    for name in ("LISTEN", "REPAIRS_RUNNING", "REPAIR", "RATE", "KEYS_FILE"):
        assert f"REFLEX_LOOP__{name}:" in text
    assert "hunter2" not in text
    assert "REFLEX_LOOP_PORT" not in text


def test_settings_and_their_defaults(tmp_path: Path) -> None:
    given: dict[str, Any] = {"keys_file": tmp_path / "keys", "data_dir": tmp_path}
    found = load_settings({"REFLEX_LOOP__LISTEN": "[::]:80"}, **given)
    assert found.address == ("::", 80)
    assert found.url == f"sqlite:///{tmp_path}/reflex.db"
    with pytest.raises(StartError, match="three times"):
        load_settings({}, **given, lease_seconds=1, poll_seconds=1)


async def test_rates_are_each_owners_own() -> None:
    rate = Rate("2/hour", what="requests")
    await rate.hit("alice")
    await rate.hit("alice")
    with pytest.raises(RateLimitError) as refused:
        await rate.hit("alice")
    assert refused.value.retry_after is not None
    assert 0 < refused.value.retry_after <= 3600
    await rate.hit("bob")
