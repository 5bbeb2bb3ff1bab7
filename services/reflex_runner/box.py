"""The one workspace of an agent: what may be done with it, without HTTP."""

from pathlib import Path
from typing import Literal

from reflex_runner import probe
from reflex_runner.archive import pack, unpack
from reflex_runner.cargo_home import Registry
from reflex_runner.confinement import Bounds, Method
from reflex_runner.fetching import Fetcher
from reflex_runner.job import Job, Outcome
from reflex_runner.local import ConfinedRunner
from reflex_runner.mirror import remove
from reflex_runner.opening import prove
from reflex_runner.threads import to_the_end
from reflex_runner.toolchain import Toolchain
from reflex_runner.tree import Limits, scan

Mode = Literal["check", "fetch"]
WORKSPACE = Limits()
REGISTRY = Limits(bytes=512 * 1024 * 1024, entries=200_000)


class Box:
    """A sandbox whose tree and dependencies come as tar.

    Args:
        base: a folder that nobody else uses.
        toolchain: which cargo and rustc.
        mode: whether it compiles, without a network, or fetches, without compiling.
        config: the operator's cargo configuration.
        bounds: what one job may use.
        method: what confines.
        shared_machine: see `opening.prove`.
    """

    def __init__(
        self,
        base: Path,
        toolchain: Toolchain,
        *,
        mode: Mode = "check",
        config: Path | None = None,
        bounds: Bounds | None = None,
        method: Method = "landlock",
        shared_machine: bool = False,
    ) -> None:
        self.base = base.resolve()
        self.mode: Mode = mode
        self.toolchain = toolchain
        self._method: Method = method
        self._shared_machine = shared_machine
        self._registry = self.base / "registry"
        self._runner = ConfinedRunner(
            toolchain,
            self.base / "box",
            Registry(home=self._registry, config=config),
            WORKSPACE,
            method=method,
            bounds=bounds,
        )
        self._fetcher = Fetcher(
            toolchain=toolchain,
            places=self._runner.places,
            home=self.base / "fetched",
            config=config,
            method=method,
        )

    @property
    def layers(self) -> tuple[str, ...]:
        """Return what confines."""
        return probe.layers(self._method)

    async def prove(self) -> None:
        """Prove the confinement.

        Raises:
            ConfinementError: it does not hold.
        """
        await prove(self._runner, shared_machine=self._shared_machine)
        if self.mode == "fetch":
            self._fetcher.home.mkdir(parents=True, exist_ok=True, mode=0o700)
            await probe.prove(self._fetcher.confinement(self._runner.places.workspace))

    async def replace_workspace(self, archive: Path) -> int:
        """Make the workspace the tree of a tar; return how many files changed.

        Raises:
            TreeError: the tar is refused; the workspace is as before.
        """
        return await to_the_end(self._replace_workspace, archive)

    def _replace_workspace(self, archive: Path) -> int:
        unpacked = self._unpacked(archive, WORKSPACE)
        try:
            return self._runner.copy(unpacked)
        finally:
            remove(unpacked, self.base)

    async def replace_registry(self, archive: Path) -> None:
        """Take dependencies from a tar with `registry/` and, for git's, `git/`.

        Raises:
            TreeError: the tar is refused.
        """
        await to_the_end(self._replace_registry, archive)

    def _replace_registry(self, archive: Path) -> None:
        unpacked = self._unpacked(archive, REGISTRY)
        if self._registry.exists():
            remove(self._registry, self.base)
        unpacked.rename(self._registry)

    def _unpacked(self, archive: Path, limits: Limits) -> Path:
        folder = self.base / "unpacked"
        if folder.exists():
            remove(folder, self.base)
        folder.mkdir(parents=True, mode=0o700)
        try:
            unpack(archive, folder, limits)
        except BaseException:
            remove(folder, self.base)
            raise
        return folder

    async def run(self, job: Job) -> Outcome:
        """Run a job on the workspace as it was last replaced."""
        return await self._runner.run_here(job)

    async def fetch(self, *, seconds: float) -> Outcome:
        """Fetch what the workspace's Cargo.lock names."""
        return await self._fetcher.fetch(seconds=seconds)

    async def pack_fetched(self, into: Path) -> None:
        """Write what was fetched as tar.

        Raises:
            TreeError: it is larger than another sandbox would take.
        """
        await to_the_end(self._pack_fetched, into)

    def _pack_fetched(self, into: Path) -> None:
        home = self._fetcher.home
        tree = scan(home, REGISTRY, everything=True)
        wanted = ("registry", "git")
        tree.folders.intersection_update(
            {path for path in tree.folders if path.split("/")[0] in wanted}
        )
        for path in [path for path in tree.files if path.split("/")[0] not in wanted]:
            del tree.files[path]
        with into.open("wb") as file:
            pack(tree, file)
