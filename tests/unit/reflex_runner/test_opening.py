"""Which sandbox is chosen, and that without one that holds nothing runs."""

import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from hostile_crates import why_not
from reflex_runner import confined, landlock, opening, probe
from reflex_runner.agent import Agent
from reflex_runner.box import Box
from reflex_runner.confinement import SYSTEM, Confinement
from reflex_runner.errors import ConfinementError, NoSandboxError, StartError
from reflex_runner.local import ConfinedRunner, UnconfinedRunner
from reflex_runner.toolchain import Toolchain

FAKE = Toolchain(bin=Path("/usr/bin"), version="rustc 0")
landlocked = pytest.mark.skipif(bool(why_not("landlock")), reason=why_not("landlock"))


def job(tmp_path: Path, *command: str) -> Confinement:
    (tmp_path / "in").mkdir(exist_ok=True)
    return Confinement(
        method="landlock",
        command=command,
        env={},
        cwd="/",
        read=tuple(map(str, SYSTEM)),
        write=(str(tmp_path / "in"),),
    )


async def test_without_any_sandbox_nothing_is_returned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(runner: ConfinedRunner) -> None:
        raise ConfinementError(f"{runner.confinement(()).method} is not there")

    monkeypatch.setattr(opening, "prove", fails)
    with pytest.raises(NoSandboxError, match="landlock is not there; bubblewrap is not there"):
        await opening.open_local(tmp_path, toolchain=FAKE)
    runner = await opening.open_local(tmp_path, toolchain=FAKE, unsafe_no_sandbox=True)
    assert isinstance(runner, UnconfinedRunner)


@pytest.mark.parametrize("abi", [0, 3, 4, 5])
async def test_an_old_kernel_is_no_sandbox_on_a_shared_machine(
    abi: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landlock, "abi", lambda: abi)
    with pytest.raises(ConfinementError, match="ABI 6"):
        await opening.prove(ConfinedRunner(FAKE, tmp_path))


def test_a_kernel_without_tcp_rules_confines_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landlock, "abi", lambda: 3)
    with pytest.raises(ConfinementError, match=r"Linux 6\.7"):
        landlock.confine(read=(), write=(), devices=(), network=False)


@landlocked
async def test_the_self_test_finds_a_hole(tmp_path: Path) -> None:
    narrow = job(tmp_path)
    await probe.prove(narrow)
    with pytest.raises(ConfinementError, match="a file outside can be read"):
        await probe.prove(replace(narrow, read=("/",)))
    with pytest.raises(ConfinementError, match="a file outside can be written"):
        await probe.prove(replace(narrow, write=(*narrow.write, "/var")))


@landlocked
async def test_a_network_that_is_there_is_a_hole_unless_it_is_meant(tmp_path: Path) -> None:
    await probe.prove(replace(job(tmp_path), network=True))


@landlocked
async def test_a_layer_that_fails_runs_nothing(tmp_path: Path) -> None:
    mark = tmp_path / "in/mark"
    command = ("/usr/bin/env", "touch", str(mark))
    with pytest.raises(StartError):
        await confined.run(
            replace(job(tmp_path, *command), cwd="/nonexistent"), seconds=20, output_bytes=1000
        )
    # A rule that cannot be made: its path leads through a file.
    broken = replace(job(tmp_path, *command), read=("/etc/hostname/x",))
    with pytest.raises(ConfinementError):
        await confined.run(broken, seconds=20, output_bytes=1000)
    assert not mark.exists()


async def test_a_keeper_that_cannot_start_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    with pytest.raises(StartError, match="cannot be started"):
        await confined.run(job(tmp_path, "/bin/true"), seconds=20, output_bytes=1000)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(ConfinementError, match="supervisor failed"):
        await confined.run(job(tmp_path, "/bin/true"), seconds=20, output_bytes=1000)


@pytest.fixture
async def unproved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TestClient]:  # type: ignore[type-arg]
    """An agent whose confinement does not hold."""
    monkeypatch.setattr(landlock, "abi", lambda: 4)
    agent = Agent(Box(tmp_path, FAKE, shared_machine=True))
    await agent.prove()
    async with TestClient(TestServer(agent.application())) as client:
        yield client


async def test_an_agent_that_is_not_confined_does_nothing(
    unproved: TestClient,  # type: ignore[type-arg]
) -> None:
    answer = await unproved.get("/healthz")
    assert answer.status == 503
    assert "ABI 6" in (await answer.json())["error"]["message"]
    token = {"Authorization": f"Bearer {'t' * 40}"}
    for method, path in (("PUT", "/v1/claim"), ("PUT", "/v1/workspace"), ("POST", "/v1/jobs")):
        assert (await unproved.request(method, path, headers=token)).status == 503
