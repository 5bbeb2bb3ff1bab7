"""The agent of a sandbox pod, as its callers see it, with the real compiler behind it."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from agent_process import TOKEN, AgentProcess, agent
from hostile_crates import (
    DAEMON,
    FORK_BOMB,
    SLEEPER,
    crate,
    in_build_script,
    programs_under,
    reports,
    target,
    why_not,
)  # fmt: skip
from reflex_runner.job import Job

pytestmark = [
    pytest.mark.rust,
    pytest.mark.skipif(bool(why_not("landlock")), reason=why_not("landlock")),
]
CHECK = Job(verb="check", seconds=120)


@pytest.fixture
async def fresh(tmp_path: Path) -> AsyncIterator[AgentProcess]:
    """An agent that nobody claimed."""
    async with agent(tmp_path / "work", "--tasks", "300") as started:
        await started.ready()
        yield started


@pytest.fixture
async def claimed(fresh: AgentProcess) -> AgentProcess:
    """An agent that was claimed."""
    await fresh.claim()
    return fresh


async def test_it_says_what_confines(fresh: AgentProcess) -> None:
    said = await fresh.ready()
    assert (said["state"], said["mode"]) == ("idle", "check")
    assert said["rustc"].startswith("rustc 1.")
    assert [layer.split(":")[0] for layer in said["confinement"]] == ["landlock", "seccomp"]


async def test_the_first_to_come_has_it_alone(fresh: AgentProcess) -> None:
    body = {"repair": "r", "seconds": 300}

    async def status(method: str, path: str, token: str | None, **options: object) -> int:
        return (await fresh.call(method, path, token=token, **options))[0]

    assert await status("PUT", "/v1/claim", None, json=body) == 401
    assert await status("PUT", "/v1/claim", "short", json=body) == 401
    assert await status("PUT", "/v1/workspace", TOKEN, data=b"") == 403
    assert await status("PUT", "/v1/claim", TOKEN, json={"repair": "r"}) == 400
    assert await status("PUT", "/v1/claim", TOKEN, json=body) == 200
    assert await status("PUT", "/v1/claim", TOKEN, json=body) == 200
    assert await status("PUT", "/v1/claim", "u" * 40, json=body) == 409
    for method, path in (("PUT", "/v1/workspace"), ("POST", "/v1/jobs"), ("DELETE", "/v1/claim")):
        assert await status(method, path, "u" * 40, data=b"{}") == 403
        assert await status(method, path, None, data=b"{}") == 401
    assert (await fresh.ready())["state"] == "claimed"


async def test_a_tree_is_checked_and_only_changes_are_compiled(
    claimed: AgentProcess, tmp_path: Path
) -> None:
    root = crate(tmp_path / "root", lib='pub fn f() -> u8 { "" }\n')
    assert await claimed.upload(root) == 2
    outcome = await claimed.run(CHECK)
    assert outcome.code == 101
    assert b"E0308" in outcome.stdout
    (root / "src/lib.rs").write_text("pub fn f() {}\n")
    assert await claimed.upload(root) == 1
    assert (await claimed.run(CHECK)).code == 0
    assert await claimed.upload(root) == 0
    assert b'"fresh":true' in (await claimed.run(CHECK)).stdout


async def test_a_bad_request_is_explained(claimed: AgentProcess) -> None:
    for data, code in (
        (b"{}", "body"),
        (b'{"verb": "run", "seconds": 1}', "body"),
        (b'{"verb": "check", "seconds": 1, "command": "sh"}', "body"),
        (b'{"verb": "check", "seconds": 1}', "job"),
        (b'{"verb": "check", "seconds": 1, "entry": "../../etc/passwd"}', "job"),
    ):
        status, body = await claimed.call("POST", "/v1/jobs", data=data)
        assert (status, json.loads(body)["error"]["code"]) == (400, code)
    for method, path in (("GET", "/v1/registry"), ("POST", "/v1/fetch")):
        assert (await claimed.call(method, path))[0] == 409
    status, body = await claimed.call("PUT", "/v1/workspace", data=b"no tar")
    assert (status, json.loads(body)["error"]["code"]) == (400, "not_a_tar")
    status, _ = await claimed.call("PUT", "/v1/workspace", data=_endless())
    assert status == 413


async def _endless() -> AsyncIterator[bytes]:
    while True:
        yield bytes(1 << 20)


async def test_one_job_at_a_time_and_leaving_ends_it(claimed: AgentProcess, tmp_path: Path) -> None:
    await claimed.upload(crate(tmp_path / "root", build=SLEEPER))
    running = asyncio.create_task(claimed.run(Job(verb="check", seconds=600)))
    while not programs_under(claimed.work):
        assert not running.done()
        await asyncio.sleep(0.02)
    assert (await claimed.ready())["state"] == "busy"
    assert (await claimed.call("POST", "/v1/jobs", data=b'{"verb":"check","seconds":1}'))[0] == 409
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    while (await claimed.ready())["state"] == "busy":
        await asyncio.sleep(0.02)
    assert not programs_under(claimed.work)
    await claimed.upload(crate(tmp_path / "calm"))
    assert (await claimed.run(CHECK)).code == 0


async def test_hostile_code_gets_away_with_nothing(claimed: AgentProcess, tmp_path: Path) -> None:
    with target(claimed.pid) as aim:
        await claimed.upload(in_build_script(tmp_path / "root", aim))
        found = reports(await claimed.run(CHECK))
        assert found
        assert {name: word for name, word in found.items() if word == "worked"} == {}
        assert aim.untouched()


async def test_hostile_code_cannot_call_the_agent(claimed: AgentProcess, tmp_path: Path) -> None:
    port = claimed.session._base_url.port if claimed.session._base_url else 0
    script = f"""
        fn main() {{
            let to = std::net::TcpStream::connect(("127.0.0.1", {port}));
            assert!(to.is_err(), "the agent answers");
        }}
    """
    await claimed.upload(crate(tmp_path / "root", build=script))
    assert (await claimed.run(CHECK)).code == 0


async def test_bombs_and_daemons_end_with_their_job(claimed: AgentProcess, tmp_path: Path) -> None:
    await claimed.upload(crate(tmp_path / "bomb", build=FORK_BOMB))
    outcome = await claimed.run(CHECK)
    assert outcome.code != 0
    await claimed.upload(crate(tmp_path / "daemon", build=DAEMON))
    assert (await claimed.run(CHECK)).code == 0
    assert not programs_under(claimed.work)
    await claimed.upload(crate(tmp_path / "calm"))
    assert (await claimed.run(CHECK)).code == 0


async def test_giving_it_back_ends_it(claimed: AgentProcess) -> None:
    assert (await claimed.call("DELETE", "/v1/claim"))[0] == 200
    assert await asyncio.wait_for(claimed.process.wait(), 30) == 0


async def test_it_ends_with_its_claim_and_the_job_too(fresh: AgentProcess, tmp_path: Path) -> None:
    await fresh.claim(seconds=4)
    await fresh.upload(crate(tmp_path / "root", build=SLEEPER))
    with pytest.raises(aiohttp.ClientError):
        await fresh.run(Job(verb="check", seconds=600))
    assert await asyncio.wait_for(fresh.process.wait(), 30) == 0
    assert not programs_under(fresh.work)


async def test_a_killed_agent_leaves_nothing(claimed: AgentProcess, tmp_path: Path) -> None:
    await claimed.upload(crate(tmp_path / "root", build=SLEEPER))
    running = asyncio.create_task(claimed.run(Job(verb="check", seconds=600)))
    while not programs_under(claimed.work):
        assert not running.done()
        await asyncio.sleep(0.02)
    claimed.process.kill()
    with pytest.raises(aiohttp.ClientError):
        await running
    async with asyncio.timeout(30):
        while programs_under(claimed.work):
            await asyncio.sleep(0.02)
