"""The sandbox of a local repair: confined, or by an explicit wish not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from reflex_runner.errors import RunnerError
from reflex_runner.local import LocalRunner
from reflex_runner.opening import open_local
from reflex_runner.toolchain import Toolchain
from reflexctl import dependencies
from reflexctl.errors import ConfigurationError
from reflexctl.screen import Screen

_UNSAFE: Final = "no sandbox: build scripts, proc macros and tests run with all your rights"


@asynccontextmanager
async def sandbox(
    root: Path, screen: Screen, *, unsafe: bool, fetch: bool | None
) -> AsyncIterator[LocalRunner]:
    """Lend a sandbox for one repair, with the dependencies in it; all of it goes afterwards.

    Args:
        root: the workspace.
        screen: for what takes time, and for warnings.
        unsafe: do without confinement.
        fetch: dependencies first; None: when Cargo.lock names some that are not here.

    Raises:
        ConfigurationError: there is no Rust toolchain, or no sandbox and no leave to go without.
        CliError: dependencies cannot be fetched.
    """
    with TemporaryDirectory(prefix="reflexctl-", ignore_cleanup_errors=True) as folder:
        scratch = Path(folder)
        try:
            toolchain = await asyncio.to_thread(_toolchain)
            registry = await dependencies.provide(
                root, toolchain, scratch / "fetch", screen, fetch=fetch
            )
            runner = await open_local(
                scratch / "build",
                unsafe_no_sandbox=unsafe,
                toolchain=toolchain,
                registry=registry,
            )
        except RunnerError as error:
            raise ConfigurationError(str(error)) from error
        if unsafe:
            screen.note("warning", _UNSAFE)
        try:
            yield runner
        finally:
            await asyncio.to_thread(runner.close)


def _toolchain() -> Toolchain:
    return Toolchain.find()
