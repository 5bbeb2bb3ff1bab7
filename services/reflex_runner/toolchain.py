"""Finds the Rust toolchain by its folder, and builds the environment it runs in."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from reflex_runner.errors import ToolchainError


@dataclass(frozen=True, kw_only=True)
class Toolchain:
    """A Rust toolchain by its folder, past rustup's proxies.

    The proxies would read the repository's `rust-toolchain.toml`, and may download what it names.

    Attributes:
        bin: the folder of `cargo` and `rustc`; its parent is the sysroot.
        version: what `rustc --version` says.
    """

    bin: Path
    version: str

    @classmethod
    def find(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Return the toolchain that `rustc` on the PATH belongs to.

        Raises:
            ToolchainError: there is none that works.
        """
        env = dict(os.environ if environment is None else environment)
        rustc = shutil.which("rustc", path=env.get("PATH", ""))
        if rustc is None:
            raise ToolchainError("no `rustc` on the PATH: install Rust, or use the sandbox's image")
        version = _said(rustc, "--version", env)
        root = _said(rustc, "--print=sysroot", env)
        return cls(bin=Path(root).resolve() / "bin", version=version)

    @property
    def root(self) -> Path:
        """Return the sysroot: programs, their libraries and the standard library."""
        return self.bin.parent


def _said(rustc: str, argument: str, env: Mapping[str, str]) -> str:
    done = subprocess.run(
        [rustc, argument], capture_output=True, text=True, check=False, env=dict(env), cwd="/"
    )
    if done.returncode:
        raise ToolchainError(f"{rustc} does not work: {done.stderr.strip()[:200]}")
    return done.stdout.strip()
