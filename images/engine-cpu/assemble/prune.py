"""Delete what serving a text model on a CPU never opens, and what needs CUDA kernels to load.

prune.py SITE_PACKAGES
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

UNUSED: Final = (
    "sglang/benchmark",
    "sglang/multimodal_gen",
    "sglang/test",
    "torch/bin/protoc",
    "torch/bin/protoc-3.21.12.0",
    "torch/include",
    "torch/lib/libshm_windows",
    "torch/share",
    "torch/test",
)
# For compilers and type checkers. SGLang's own kernels are compiled on a GPU only.
SOURCES: Final = frozenset(
    {".a", ".c", ".cpp", ".cu", ".cuh", ".h", ".hpp", ".pxd", ".pyi", ".pyx"}
)


def deletable(packages: Path) -> Iterator[Path]:
    """Yield the folders and files to delete."""
    for name in UNUSED:
        if (packages / name).exists():
            yield packages / name
    for folder in packages.rglob("tests"):
        if folder.is_dir() and folder.relative_to(packages).parts[0] != "torch":
            yield folder
    for path in packages.rglob("*"):
        if path.suffix in SOURCES and path.is_file():
            yield path


def drop_gpu_overrides(packages: Path) -> None:
    """Empty the packages that replace CUDA operators when imported: there is none to replace."""
    for init in (packages / "torch/_native/ops").rglob("__init__.py"):
        init.unlink()
        init.write_text('"""Emptied in the CPU engine image: these override CUDA operators."""\n')


def strip_symbols(packages: Path) -> None:
    """Drop PyTorch's symbol tables, 100 MB that only a debugger reads.

    Not those of libraries that auditwheel rewrote: strip breaks their page alignment.
    """
    for library in (packages / "torch/lib").glob("libtorch*.so"):
        stripped = library.with_suffix(".stripped")
        subprocess.run(["strip", "--strip-unneeded", "-o", stripped, library], check=True)
        shutil.copymode(library, stripped)
        stripped.replace(library)


def main() -> None:
    """Prune one site-packages folder."""
    if len(sys.argv) != 2:
        raise SystemExit("usage: prune.py SITE_PACKAGES")
    packages = Path(sys.argv[1])
    for path in list(deletable(packages)):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    drop_gpu_overrides(packages)
    strip_symbols(packages)


if __name__ == "__main__":
    main()
