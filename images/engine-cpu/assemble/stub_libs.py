"""Generate stand-ins for the GPU libraries that PyTorch's CUDA build links against.

PyPI has PyTorch for Linux only as a CUDA build. Its Python bindings name seven GPU libraries as
link-time dependencies, and the dynamic linker refuses to load them when one is missing, although
serving on a CPU calls none of their functions. This program reads which symbols are wanted, and
compiles small libraries with the same SONAME, symbols and symbol versions. A call into one of them
prints the library's and the function's name and aborts.

    stub_libs.py SITE_PACKAGES    # replaces torch/lib/libtorch_cuda.so, adds the rest beside it
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection, GNUVerSymSection
from elftools.elf.sections import SymbolTableSection

Kind = Literal["function", "no", "slot", "zeroed", "typeinfo", "vtable"]

# Loaded by `import torch`.
CONSUMERS: Final = ("libtorch_python.so", "libtorch_cpu.so", "libc10_cuda.so", "libtorch.so")
TORCH_CUDA: Final = "libtorch_cuda.so"
# SONAME to the prefix of its functions, for references that carry no version.
ABSENT: Final = {
    "libcudnn.so.9": "cudnn",
    "libcufile.so.0": "cuFile",
    "libcupti.so.13": "cupti",
    "libnccl.so.2": "nccl",
}
# Opened only by the real libtorch_cuda.so, which also hands on the symbols of the first.
DELETED: Final = ("libtorch_nvshmem.so", "libtorch_cuda_linalg.so", "libcaffe2_nvrtc.so")
# The only functions that may be called, all while the bindings are imported: "no" answers false,
# "slot" returns a reference to a pointer, "zeroed" is the constructor of an object on the heap.
ANSWERS: Final[Mapping[str, Kind]] = {
    "_ZN4c10d17nvshmem_extension20is_nvshmem_availableEv": "no",
    "_ZN4c10d15get_gil_checkerEv": "slot",
    "_ZN4c10d16ProcessGroupNCCL7OptionsC1Eb": "zeroed",  # a default argument in the bindings
}

MESSAGE: Final = "reflex: {library} is a stub in the CPU engine image, but {function} was called"


@dataclass(frozen=True, kw_only=True, order=True)
class Symbol:
    """One symbol to define. `words` is the number of pointers in a vtable."""

    name: str
    version: str = ""
    kind: Kind = "function"
    words: int = 0


def undefined(library: Path) -> frozenset[tuple[str, str]]:
    """Return the (symbol, version) pairs that `library` wants from others; version may be empty."""
    with library.open("rb") as file:
        elf = ELFFile(file)
        symbols = elf.get_section_by_name(".dynsym")
        if not isinstance(symbols, SymbolTableSection):
            return frozenset()
        names = _versions(elf)
        versym = elf.get_section_by_name(".gnu.version")
        found = set()
        for index, symbol in enumerate(symbols.iter_symbols()):
            if not symbol.name or symbol["st_shndx"] != "SHN_UNDEF":
                continue
            version = ""
            if isinstance(versym, GNUVerSymSection):
                version = names.get(versym.get_symbol(index)["ndx"], "")
            found.add((symbol.name, version))
        return frozenset(found)


def defined(library: Path) -> dict[str, tuple[str, int]]:
    """Return each exported symbol's type (`STT_FUNC`, ...) and size in bytes."""
    with library.open("rb") as file:
        symbols = ELFFile(file).get_section_by_name(".dynsym")
        if not isinstance(symbols, SymbolTableSection):
            return {}
        return {
            symbol.name: (symbol["st_info"]["type"], symbol["st_size"])
            for symbol in symbols.iter_symbols()
            if symbol.name and symbol["st_shndx"] != "SHN_UNDEF"
        }


def needed(library: Path) -> tuple[str, ...]:
    """Return the SONAMEs that `library` names as its dependencies."""
    with library.open("rb") as file:
        dynamic = ELFFile(file).get_section_by_name(".dynamic")
        if not isinstance(dynamic, DynamicSection):
            return ()
        return tuple(str(vars(tag)["needed"]) for tag in dynamic.iter_tags("DT_NEEDED"))


def wanted_from(originals: Iterable[Path], consumers: Iterable[Path]) -> tuple[Symbol, ...]:
    """Return what `consumers` take from `originals`, with the kinds that these give them."""
    exported = {name: entry for library in originals for name, entry in defined(library).items()}
    found = set()
    for consumer in consumers:
        for name, version in undefined(consumer):
            if name in exported:
                found.add(_symbol(name, version, *exported[name]))
    return tuple(sorted(found))


def wanted_by_name(soname: str, prefix: str, consumers: Iterable[Path]) -> tuple[Symbol, ...]:
    """Return what `consumers` take from an absent C library: by version, else by prefix."""
    found = set()
    for consumer in consumers:
        for name, version in undefined(consumer):
            if version == soname or (not version and name.startswith(prefix)):
                found.add(Symbol(name=name, version=version))
    return tuple(sorted(found))


def source(soname: str, symbols: Sequence[Symbol]) -> str:
    """Return the C text of a stub library."""
    lines = [
        "#include <malloc.h>",
        "#include <stdint.h>",
        "#include <stdlib.h>",
        "#include <string.h>",
        "#include <unistd.h>",
        "extern char class_type_info[] "
        '__asm__("_ZTVN10__cxxabiv117__class_type_infoE") __attribute__((weak));',
        '__attribute__((noreturn, noinline, visibility("hidden")))',
        "void reflex_stub_called(const char *text) {",
        "    ssize_t ignored = write(2, text, strlen(text)); (void)ignored;",
        "    abort();",
        "}",
        "__attribute__((noreturn)) static void reflex_virtual(void) {",
        f"    reflex_stub_called({_quoted(soname, 'a virtual function')});",
        "}",
    ]
    typeinfos = {s.name.removeprefix("_ZTI") for s in symbols if s.kind == "typeinfo"}
    ordered = sorted(symbols, key=lambda symbol: (symbol.kind != "typeinfo", symbol))
    for number, symbol in enumerate(ordered):
        label = f'__asm__("{symbol.name}") __attribute__((visibility("default")))'
        mangled = symbol.name[4:]
        if symbol.kind == "function":
            lines += [
                f"__attribute__((noreturn)) void f{number}(void) {label};",
                f"void f{number}(void) {{",
                f"    reflex_stub_called({_quoted(soname, symbol.name)});",
                "}",
            ]
        elif symbol.kind == "no":
            lines += [f"int f{number}(void) {label};", f"int f{number}(void) {{ return 0; }}"]
        elif symbol.kind == "slot":
            lines += [
                f"static void *s{number};",
                f"void **f{number}(void) {label};",
                f"void **f{number}(void) {{ return &s{number}; }}",
            ]
        elif symbol.kind == "zeroed":
            vtable = re.sub(r"^_ZN(.*)C[12]E.*$", r"_ZTVN\1E", symbol.name)
            lines += [
                f'extern char w{number}[] __asm__("{vtable}") __attribute__((weak));',
                f"void f{number}(void *self) {label};",
                f"void f{number}(void *self) {{",
                "    memset(self, 0, malloc_usable_size(self));",
                f"    *(void **)self = w{number} + 16;",
                "}",
            ]
        elif symbol.kind == "typeinfo":
            # Enough for typeid(): the bindings register their classes by it when they are imported.
            lines += [
                f"extern const uintptr_t t_{_identifier(mangled)}[2] {label};",
                f"const uintptr_t t_{_identifier(mangled)}[2] =",
                f'    {{(uintptr_t)(class_type_info + 16), (uintptr_t)"{mangled}"}};',
            ]
        else:
            info = f"(uintptr_t)t_{_identifier(mangled)}" if mangled in typeinfos else "0"
            slots = ", ".join(["0", info] + ["(uintptr_t)reflex_virtual"] * (symbol.words - 2))
            lines += [
                f"extern const uintptr_t v{number}[{symbol.words}] {label};",
                f"const uintptr_t v{number}[{symbol.words}] = {{{slots}}};",
            ]
    return "\n".join(lines) + "\n"


def version_script(symbols: Iterable[Symbol]) -> str:
    """Return the linker's version script; empty when no symbol carries a version."""
    names: dict[str, list[str]] = {}
    for symbol in symbols:
        if symbol.version:
            names.setdefault(symbol.version, []).append(symbol.name)
    return "".join(
        f"{version} {{ global: {' '.join(f'{name};' for name in sorted(members))} }};\n"
        for version, members in sorted(names.items())
    )


def build(target: Path, soname: str, symbols: Sequence[Symbol], *, compiler: str = "gcc") -> None:
    """Compile one stub library to `target`, replacing a file that may be a hard link."""
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder, "stub.c")
        text.write_text(source(soname, symbols))
        command = [compiler, "-shared", "-fPIC", "-O1", "-s", "-w", f"-Wl,-soname,{soname}"]
        script = version_script(symbols)
        if script:
            versions = Path(folder, "versions")
            versions.write_text(script)
            command.append(f"-Wl,--version-script={versions}")
        made = Path(folder, "stub.so")
        command += ["-o", str(made), str(text)]
        if any(symbol.kind == "typeinfo" for symbol in symbols):
            command += ["-Wl,--no-as-needed", "-l:libstdc++.so.6"]
        subprocess.run(command, check=True)
        target.unlink(missing_ok=True)
        shutil.copyfile(made, target)
        target.chmod(0o755)


def stub_torch(libraries: Path) -> Mapping[str, int]:
    """Replace and add the stubs in `torch/lib`; return the number of symbols of each."""
    consumers = [libraries / name for name in CONSUMERS]
    originals = [libraries / name for name in (TORCH_CUDA, *DELETED)]
    plans = {TORCH_CUDA: wanted_from(originals, consumers)}
    plans |= {name: wanted_by_name(name, prefix, consumers) for name, prefix in ABSENT.items()}
    linked = {name for consumer in consumers for name in needed(consumer)}
    for soname, symbols in plans.items():
        if soname in linked:
            build(libraries / soname, soname, symbols)
    for name in DELETED:
        (libraries / name).unlink(missing_ok=True)
    return {soname: len(symbols) for soname, symbols in plans.items() if soname in linked}


def _symbol(name: str, version: str, kind: str, size: int) -> Symbol:
    if kind in ("STT_FUNC", "STT_GNU_IFUNC"):
        return Symbol(name=name, version=version, kind=ANSWERS.get(name, "function"))
    if name.startswith("_ZTI"):
        return Symbol(name=name, version=version, kind="typeinfo")
    if name.startswith("_ZTV"):
        return Symbol(name=name, version=version, kind="vtable", words=max(2, size // 8))
    raise SystemExit(f"error: {name} is data ({kind}, {size} bytes) and cannot be stubbed")


def _versions(elf: ELFFile) -> dict[int, str]:
    section = elf.get_section_by_name(".gnu.version_r")
    if not isinstance(section, GNUVerNeedSection):
        return {}
    return {
        entry["vna_other"]: entry.name
        for _, entries in section.iter_versions()
        for entry in entries
    }


def _identifier(mangled: str) -> str:
    return re.sub(r"\W", "_", mangled)


def _quoted(soname: str, function: str) -> str:
    return '"' + MESSAGE.format(library=soname, function=function) + '\\n"'


def main() -> None:
    """Stub the libraries of one site-packages folder."""
    if len(sys.argv) != 2:
        raise SystemExit("usage: stub_libs.py SITE_PACKAGES")
    libraries = Path(sys.argv[1], "torch", "lib")
    if not os.access(libraries / TORCH_CUDA, os.R_OK):
        raise SystemExit(f"error: {libraries / TORCH_CUDA} is missing")
    for soname, count in stub_torch(libraries).items():
        print(f"stub {soname}: {count} symbols, {(libraries / soname).stat().st_size} bytes")


if __name__ == "__main__":
    main()
