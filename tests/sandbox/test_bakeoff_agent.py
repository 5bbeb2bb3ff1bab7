"""The bakeoff's runner at a real agent, which is lost and comes back."""

import asyncio
from pathlib import Path

import aiohttp
import pytest

from agent_process import TOKEN, agent
from reflex_bakeoff.quality.ground import RememberingChecker, laid_out, verdict, write
from reflex_bakeoff.sandbox import AgentRunner
from reflex_loop.adapters.pods.agent import Agent
from reflex_loop.adapters.pods.errors import AgentError
from repair_items import doubling

pytestmark = pytest.mark.rust


async def test_items_are_compiled_and_tested_at_the_agent(tmp_path: Path) -> None:
    item = doubling()
    async with agent(tmp_path) as process, aiohttp.ClientSession() as session:
        await process.ready()
        address = str(process.session._base_url).rstrip("/")
        runner = AgentRunner(Agent(session, address, TOKEN), seconds=300, ready_seconds=30)
        await runner.claim()
        with laid_out(item) as root:
            report = await RememberingChecker(runner, item).check(root, seconds=60)
            assert {one.code for one in report.stream.errors()} == {"E0308"}
            write(root, item.solution)
            assert not await verdict(item, root, runner)
        other = AgentRunner(Agent(session, address, "u" * 40), seconds=300, ready_seconds=0)
        with pytest.raises(AgentError, match="used for another"):
            await other.claim()


async def test_a_lost_claim_is_taken_again(tmp_path: Path) -> None:
    """A restarted agent knows no claim; one that was never claimed is the same to a client."""
    item = doubling()
    async with agent(tmp_path) as process, aiohttp.ClientSession() as session:
        await process.ready()
        address = str(process.session._base_url).rstrip("/")
        runner = AgentRunner(Agent(session, address, TOKEN), seconds=300, ready_seconds=30)
        with laid_out(item) as root:
            report = await asyncio.wait_for(
                RememberingChecker(runner, item).check(root, seconds=60), 120
            )
        assert {one.code for one in report.stream.errors()} == {"E0308"}
