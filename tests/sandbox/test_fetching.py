"""Dependencies from a registry, which is simulated; cargo and what confines it are real."""

import io
import os
import tarfile
from pathlib import Path

import pytest

from agent_process import agent
from hostile_crates import crate, why_not
from reflex_runner.cargo_home import Registry
from reflex_runner.confinement import Method
from reflex_runner.errors import JobError
from reflex_runner.fetching import Fetcher
from reflex_runner.job import Job
from reflex_runner.local import ConfinedRunner
from reflex_runner.mirror import Mirror
from reflex_runner.places import Places
from reflex_runner.tree import Limits, scan
from repair_corpus import toolchain
from sparse_registry import Registry as Simulated
from sparse_registry import registry

pytestmark = pytest.mark.rust
LOCKED = Job(verb="test", seconds=120, locked=True)
USES_IT = "#[test] fn t() { assert_eq!(greeting::hello(), 7) }\n"
MARK = 'fn main() { std::fs::write("/var/tmp/reflex-fetched-build-script", "x").unwrap() }'


def depending(root: Path, served: Simulated) -> Path:
    made = crate(root, lib=USES_IT)
    with (made / "Cargo.toml").open("a") as manifest:
        manifest.write('[dependencies]\ngreeting = "1"\n')
    (made / "Cargo.lock").write_text(served.lock)
    (made / ".cargo").mkdir()
    (made / ".cargo/config.toml").write_text('[source.crates-io]\nreplace-with = "nothing"\n')
    return made


def fetcher(base: Path, root: Path, config: str, method: Method) -> Fetcher:
    places = Places(base / "fetching")
    places.create()
    Mirror(places.workspace, places.aside).update(scan(root, Limits()))
    (base / "operator.toml").write_text(config)
    return Fetcher(
        toolchain=toolchain(),
        places=places,
        home=base / "fetched",
        config=base / "operator.toml",
        method=method,
    )


async def test_what_was_fetched_is_compiled_without_a_network(
    method: Method, tmp_path: Path
) -> None:
    with registry() as served:
        root = depending(tmp_path / "root", served)
        fetch = fetcher(tmp_path, root, served.config, method)
        outcome = await fetch.fetch(seconds=60)
        assert outcome.code == 0, outcome
        assert any("download" in path for path in served.asked)
        config = fetch.config
    shared = Registry(home=tmp_path / "fetched", config=config)
    box = ConfinedRunner(toolchain(), tmp_path / "box", shared, method=method)
    for _ in range(2):
        outcome = await box.run(LOCKED, root)
        assert outcome.code == 0, outcome
    without = ConfinedRunner(toolchain(), tmp_path / "without", method=method)
    assert (await without.run(LOCKED, root)).code != 0


async def test_what_was_fetched_cannot_be_changed_by_a_build(
    method: Method, tmp_path: Path
) -> None:
    with registry() as served:
        root = depending(tmp_path / "root", served)
        fetch = fetcher(tmp_path, root, served.config, method)
        await fetch.fetch(seconds=60)
        config = fetch.config
    (source,) = (tmp_path / "fetched/registry/src").rglob("lib.rs")
    (root / "build.rs").write_text(
        f'fn main() {{ assert!(std::fs::write("{source}", "evil").is_err()) }}'
    )
    shared = Registry(home=tmp_path / "fetched", config=config)
    box = ConfinedRunner(toolchain(), tmp_path / "box", shared, method=method)
    outcome = await box.run(LOCKED, root)
    assert outcome.code == 0, outcome
    assert "hello" in source.read_text()


async def test_fetching_runs_nothing_of_what_it_fetches(method: Method, tmp_path: Path) -> None:
    mark = MARK.split('"')[1]
    with registry(MARK) as served:
        root = depending(tmp_path / "root", served)
        (root / "build.rs").write_text(MARK)
        outcome = await fetcher(tmp_path, root, served.config, method).fetch(seconds=60)
    assert outcome.code == 0
    assert not os.path.exists(mark)  # noqa: ASYNC240 - one look


async def test_a_crate_that_is_not_the_locked_one_is_refused(
    method: Method, tmp_path: Path
) -> None:
    with registry() as served:
        root = depending(tmp_path / "root", served)
        lock = root / "Cargo.lock"
        lock.write_text(lock.read_text().replace(served.checksum, "0" * 64))
        outcome = await fetcher(tmp_path, root, served.config, method).fetch(seconds=60)
    assert outcome.code != 0
    assert b"checksum" in outcome.stderr


async def test_without_a_lock_nothing_is_fetched(method: Method, tmp_path: Path) -> None:
    root = crate(tmp_path / "root")
    with pytest.raises(JobError, match=r"Cargo\.lock"):
        await fetcher(tmp_path, root, "", method).fetch(seconds=60)


@pytest.mark.skipif(bool(why_not("landlock")), reason=why_not("landlock"))
async def test_from_one_agent_to_another(tmp_path: Path) -> None:
    with registry() as served:
        (tmp_path / "operator.toml").write_text(served.config)
        config = ("--cargo-config", str(tmp_path / "operator.toml"))
        root = depending(tmp_path / "root", served)
        async with agent(tmp_path / "fetching", "--fetch", *config) as fetching:
            assert (await fetching.ready())["mode"] == "fetch"
            await fetching.claim()
            await fetching.upload(root)
            status, body = await fetching.call("POST", "/v1/fetch", json={"seconds": 60})
            assert (status, b'"code":0' in body) == (200, True), body
            assert (await fetching.call("POST", "/v1/jobs", data=b'{"verb":"check","seconds":1}'))[
                0
            ] == 409
            status, fetched = await fetching.call("GET", "/v1/registry")
    assert status == 200
    with tarfile.open(fileobj=io.BytesIO(fetched)) as archive:
        assert {name.split("/")[0] for name in archive.getnames()} == {"registry"}
    async with agent(tmp_path / "checking", *config) as checking:
        await checking.ready()
        await checking.claim()
        assert (await checking.call("PUT", "/v1/registry", data=fetched))[0] == 200
        await checking.upload(root)
        outcome = await checking.run(LOCKED)
        assert outcome.code == 0, outcome
