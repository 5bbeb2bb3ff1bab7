"""The compiler that a local repair uses: confined, or by an explicit wish not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from reflex_loop.errors import CheckError
from reflex_loop.local_checker import Toolchain, UnsandboxedCargo, UnsandboxedRustc
from reflex_loop.options import RepairOptions
from reflex_loop.protocols import Checker
from reflexctl.errors import ConfigurationError


@asynccontextmanager
async def compiler(options: RepairOptions, *, unsafe: bool) -> AsyncIterator[Checker]:
    """Lend a compiler for one repair; its build output goes with it.

    Raises:
        ConfigurationError: there is no Rust toolchain, or no sandbox and no leave to go without.
    """
    if not unsafe:
        raise ConfigurationError("no sandbox yet", hints=("--unsafe-no-sandbox",))
    try:
        toolchain = await asyncio.to_thread(Toolchain.find)
    except CheckError as error:
        raise ConfigurationError(str(error)) from error
    with TemporaryDirectory(prefix="reflexctl-") as folder:
        scratch = Path(folder)
        if options.entry:
            yield UnsandboxedRustc(toolchain, scratch, entry=options.entry, edition=options.edition)
        else:
            yield UnsandboxedCargo(toolchain, scratch, locked=options.locked)
