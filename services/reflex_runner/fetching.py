"""Fetches dependencies: cargo with a network and without a build, so that no fetched code runs.

What was fetched is used read-only and without a network by the runs that follow.
"""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reflex_runner import confined
from reflex_runner.cargo_home import Registry
from reflex_runner.confinement import CWD, INTERNET, SYSTEM, Bounds, Confinement, Method
from reflex_runner.errors import JobError
from reflex_runner.job import OUTPUT_BYTES, Outcome
from reflex_runner.places import Places
from reflex_runner.toolchain import Toolchain

_PROXIES: Final = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy")
_TRUST: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR", "CARGO_HTTP_CAINFO")


@dataclass(frozen=True, kw_only=True)
class Fetcher:
    """Fetches what a workspace's Cargo.lock names.

    Attributes:
        toolchain: which cargo.
        places: of the sandbox; its workspace is read, not written.
        home: a folder for what is fetched; afterwards a `Registry`'s home.
        config: the operator's cargo configuration; the repository's is never used.
        method: what confines.
    """

    toolchain: Toolchain
    places: Places
    home: Path
    config: Path | None = None
    method: Method = "landlock"

    async def fetch(self, *, seconds: float) -> Outcome:
        """Run `cargo fetch --locked`.

        Raises:
            JobError: there is no Cargo.lock.
            ConfinementError: the sandbox does not hold; nothing was run.
        """
        workspace = self.places.workspace
        if not await asyncio.to_thread((workspace / "Cargo.lock").is_file):
            raise JobError("Cargo.lock is missing: dependencies are fetched as it names them")
        await asyncio.to_thread(self._prepare)
        loop = asyncio.get_running_loop()
        began = loop.time()
        done = await confined.run(
            self.confinement(workspace), seconds=seconds, output_bytes=OUTPUT_BYTES
        )
        return Outcome(
            code=done.code,
            stdout=done.stdout,
            stderr=done.stderr,
            workspace=str(workspace),
            timed_out=done.timed_out,
            overflowed=done.overflowed,
            exceeded=done.exceeded,
            seconds=loop.time() - began,
        )

    def confinement(self, workspace: Path) -> Confinement:
        """Return what cargo may see while it fetches."""
        cargo = str(self.toolchain.bin / "cargo")
        trust = {name: os.environ[name] for name in _TRUST if name in os.environ}
        proxies = {name: os.environ[name] for name in _PROXIES if name in os.environ}
        env = self.places.environment(self.toolchain) | trust | proxies
        env |= {"CARGO_HOME": str(self.home), "CARGO_NET_OFFLINE": "false"}
        read = (*SYSTEM, *INTERNET, *map(Path, trust.values()), self.toolchain.root,
                self.places.empty, workspace)  # fmt: skip
        return Confinement(
            method=self.method,
            command=(cargo, "fetch", "--locked", "--manifest-path", str(workspace / "Cargo.toml")),
            env=env,
            cwd=CWD,
            read=tuple(map(str, read)),
            write=tuple(map(str, (self.home, self.places.tmp, self.places.home))),
            network=True,
            protect=(os.getpid(),),
            bounds=Bounds(),
        )

    def _prepare(self) -> None:
        self.places.create()
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        Registry(config=self.config).configure(self.home)
