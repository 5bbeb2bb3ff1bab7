"""The sandbox of a local repair: confined, or by an explicit wish not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from reflex_runner.errors import RunnerError
from reflex_runner.job import Runner
from reflex_runner.local import UnconfinedRunner
from reflex_runner.toolchain import Toolchain
from reflexctl.errors import ConfigurationError


@asynccontextmanager
async def sandbox(*, unsafe: bool) -> AsyncIterator[Runner]:
    """Lend a sandbox for one repair; its build output goes with it.

    Raises:
        ConfigurationError: there is no Rust toolchain, or no sandbox and no leave to go without.
    """
    if not unsafe:
        raise ConfigurationError("no sandbox yet", hints=("--unsafe-no-sandbox",))
    try:
        toolchain = await asyncio.to_thread(Toolchain.find)
    except RunnerError as error:
        raise ConfigurationError(str(error)) from error
    with TemporaryDirectory(prefix="reflexctl-") as folder:
        yield UnconfinedRunner(toolchain, Path(folder))
