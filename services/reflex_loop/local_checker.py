"""UNSANDBOXED: runs cargo or rustc as the calling user, on this machine.

A crate's build script and proc macros are programs that run here with all rights of the caller.
This is for tests, for code that one wrote oneself, and for `--unsafe-no-sandbox`; everything else
uses the runner, which implements the same `Checker`.
"""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from reflex_loop.errors import CheckError
from reflex_loop.process import Finished, run
from reflex_loop.protocols import CheckReport, TestReport
from reflex_loop.rust_source import declares_main
from reflex_loop.rustc_json import read

_PASSED_ON: Final = ("HOME", "TMPDIR", "LANG", "LC_ALL")
_OUTPUT_BYTES: Final = 16 * 1024 * 1024
_TAIL: Final = 4_000


@dataclass(frozen=True, kw_only=True)
class Toolchain:
    """A Rust toolchain by its folder, past rustup's proxies.

    The proxies would read the repository's `rust-toolchain.toml`, and may download what it names.
    """

    bin: Path
    version: str

    @classmethod
    def find(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Return the toolchain that `rustc` on the PATH belongs to.

        Raises:
            CheckError: there is none that works.
        """
        env = dict(os.environ if environment is None else environment)
        rustc = shutil.which("rustc", path=env.get("PATH", ""))
        if rustc is None:
            raise CheckError("no `rustc` on the PATH: install Rust, or use the sandbox's image")
        version = subprocess.run(
            [rustc, "--version"], capture_output=True, text=True, check=False, env=env, cwd="/"
        )
        root = subprocess.run(
            [rustc, "--print=sysroot"],
            capture_output=True,
            text=True,
            check=False,
            env=env,
            cwd="/",
        )
        if version.returncode or root.returncode:
            raise CheckError(f"{rustc} does not work: {version.stderr.strip()[:200]}")
        return cls(bin=Path(root.stdout.strip()) / "bin", version=version.stdout.strip())

    def environment(self, scratch: Path) -> dict[str, str]:
        """Return a clean environment: no variable that changes what cargo or rustc do.

        Args:
            scratch: a folder for the build's own output, outside of the repository.
        """
        env = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        return env | {
            "PATH": f"{self.bin}:/usr/local/bin:/usr/bin:/bin",
            "RUSTC": str(self.bin / "rustc"),
            "CARGO_TARGET_DIR": str(scratch / "target"),
            "CARGO_HOME": os.environ.get("CARGO_HOME", str(Path.home() / ".cargo")),
            "CARGO_TERM_COLOR": "never",
            "CARGO_NET_OFFLINE": "true",
            "CARGO_INCREMENTAL": "0",
        }


class UnsandboxedCargo:
    """A Checker that runs `cargo check` on all targets.

    cargo runs in an empty folder with `--manifest-path`, because it reads `.cargo/config.toml` from
    the working folder upwards: the repository's own, which may name any program as linker or
    wrapper, is not read.
    """

    def __init__(self, toolchain: Toolchain, scratch: Path, *, locked: bool = False) -> None:
        self._toolchain = toolchain
        self._scratch = scratch
        self._flags = ["--offline", *(["--locked"] if locked else [])]

    async def check(self, root: Path, *, seconds: float) -> CheckReport:
        """Compile all targets without producing programs."""
        done = await self._cargo(root, seconds, "check", "--all-targets", "--keep-going")
        return _report(done, done.stdout, root)

    async def test(self, root: Path, *, seconds: float) -> TestReport:
        """Build and run the tests."""
        done = await self._cargo(root, seconds, "test", "--no-fail-fast")
        return _tests(done)

    async def _cargo(self, root: Path, seconds: float, verb: str, *arguments: str) -> Finished:
        manifest = root / "Cargo.toml"
        if not manifest.is_file():
            raise CheckError(f"{manifest} is missing: name a cargo package, or check single files")
        json = ["--message-format=json"] if verb == "check" else []
        command = [
            str(self._toolchain.bin / "cargo"), verb, "--manifest-path", str(manifest),
            "--workspace", *json, *self._flags, *arguments,
        ]  # fmt: skip
        lock = root / "Cargo.lock"
        had_lock = lock.exists()
        try:
            return await _started(self._toolchain, command, self._scratch, seconds)
        finally:
            if not had_lock:
                # cargo writes it beside the manifest; a check must leave the tree as it was.
                lock.unlink(missing_ok=True)


class UnsandboxedRustc:
    """A Checker for a crate without a manifest: one root file and its modules.

    Args:
        toolchain: which rustc.
        scratch: for the output.
        entry: the crate's root file, relative to the workspace.
        edition: of the language.
    """

    def __init__(
        self, toolchain: Toolchain, scratch: Path, *, entry: str, edition: str = "2021"
    ) -> None:
        self._toolchain = toolchain
        self._scratch = scratch
        self._entry = entry
        self._edition = edition

    async def check(self, root: Path, *, seconds: float) -> CheckReport:
        """Compile to metadata only, which also checks borrows."""
        done = await self._rustc(root, seconds, "--emit=metadata", *self._kind(root))
        return _report(done, done.stderr, root)

    async def test(self, root: Path, *, seconds: float) -> TestReport:
        """Build the crate with its tests and run them."""
        program = self._scratch / "tests-of-the-crate"
        done = await self._rustc(root, seconds, "--test", "-o", str(program))
        if done.code:
            tail = done.stderr[-_TAIL:].decode("utf-8", "replace")
            return TestReport(ok=False, detail=tail, seconds=done.seconds)
        return _tests(await _started(self._toolchain, [str(program)], self._scratch, seconds))

    def _kind(self, root: Path) -> list[str]:
        """Return whether it is a program or a library, and where its output goes."""
        source = (root / self._entry).read_text("utf-8", "replace")
        kind = "bin" if declares_main(source) else "lib"
        return [f"--crate-type={kind}", "-o", str(self._scratch / "checked.rmeta")]

    async def _rustc(self, root: Path, seconds: float, *arguments: str) -> Finished:
        command = [
            str(self._toolchain.bin / "rustc"), f"--edition={self._edition}",
            "--error-format=json", "--crate-name=checked", *arguments, str(root / self._entry),
        ]  # fmt: skip
        return await _started(self._toolchain, command, self._scratch, seconds)


async def _started(
    toolchain: Toolchain, command: list[str], scratch: Path, seconds: float
) -> Finished:
    """Run a program in an empty folder.

    Raises:
        CheckError: it cannot be started.
    """
    await asyncio.to_thread(scratch.mkdir, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="cwd-", dir=scratch) as empty:
        try:
            return await run(
                command,
                cwd=Path(empty),
                env=toolchain.environment(scratch),
                seconds=seconds,
                output_limit=_OUTPUT_BYTES,
            )
        except OSError as error:
            raise CheckError(f"{command[0]} cannot be started: {error}") from error


def _report(done: Finished, output: bytes, root: Path) -> CheckReport:
    stream = read(output, root=str(root))
    complete = not done.timed_out and not done.overflowed
    detail = ""
    if done.timed_out:
        detail = f"the compiler was stopped after {done.seconds:.0f} s"
    elif done.overflowed:
        detail = f"the compiler wrote more than {_OUTPUT_BYTES} bytes and was stopped"
    elif done.code:
        detail = done.stderr[-_TAIL:].decode("utf-8", "replace")
    return CheckReport(
        stream=stream,
        ok=done.code == 0 and stream.success is not False,
        complete=complete,
        detail=detail,
        seconds=done.seconds,
    )


def _tests(done: Finished) -> TestReport:
    text = (done.stdout + b"\n" + done.stderr).decode("utf-8", "replace")
    if done.timed_out:
        text += f"\nthe tests were stopped after {done.seconds:.0f} s"
    return TestReport(ok=done.code == 0, detail=text[-_TAIL:], seconds=done.seconds)
