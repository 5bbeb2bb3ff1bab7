import ctypes
import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from reflex_images.catalogue import IMAGES
from reflex_images.errors import ImageError
from reflex_images.inputs import content_hash, copied_paths, files_below
from reflex_images.store import Tagged, cache_folder, leftovers, outdated, parse_images

ROOT = Path(__file__).resolve().parents[3]
needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/code.py").write_text("x = 1\n")
    (tmp_path / "lock.txt").write_text("a==1\n")
    (tmp_path / "unrelated.md").write_text("words\n")
    (tmp_path / "Containerfile").write_text(
        "ARG BASE\nFROM ${BASE} AS build\nCOPY lock.txt \\\n     src/ /x/\n"
        "FROM ${BASE}\nCOPY --from=build /x /x\n"
    )
    return tmp_path


def hash_of(project: Path, base: str = "base") -> str:
    return content_hash(project, Path("Containerfile"), base=base)


def rewrite(name: str, text: str) -> Callable[[Path], object]:
    return lambda project: (project / name).write_text(text)


@pytest.mark.parametrize(
    "change",
    [
        rewrite("src/code.py", "x = 2\n"),
        rewrite("src/new.py", ""),
        rewrite("lock.txt", "a==2\n"),
        rewrite("Containerfile", "ARG BASE\nFROM ${BASE}\nCOPY lock.txt src /x/\n"),
        lambda project: (project / "src/code.py").chmod(0o755),
        lambda project: (project / "src/code.py").rename(project / "src/other.py"),
    ],
)
def test_the_hash_changes_with_each_input(project: Path, change: Callable[[Path], object]) -> None:
    before = hash_of(project)
    change(project)
    assert hash_of(project) != before


def test_the_hash_changes_with_the_base(project: Path) -> None:
    assert hash_of(project, base="one") != hash_of(project, base="two")


def test_the_hash_stays_for_all_that_the_image_does_not_copy(project: Path) -> None:
    before = hash_of(project)
    (project / "unrelated.md").write_text("other words\n")
    (project / "src/__pycache__").mkdir()
    (project / "src/__pycache__/code.cpython-311.pyc").write_bytes(b"\0")
    (project / "src/code.py").touch()
    assert hash_of(project) == before


def test_a_missing_input_is_named(project: Path) -> None:
    (project / "lock.txt").unlink()
    with pytest.raises(ImageError, match=r"lock\.txt is missing"):
        hash_of(project)


def test_continued_lines_flags_and_other_stages_are_read_as_docker_does() -> None:
    text = "copy --chmod=755 a \\\n  b /x/\n# COPY c /x\nCOPY --from=build /d /x\nADD a e /x/\n"
    assert copied_paths(text) == ("a", "b", "e")


@pytest.mark.parametrize("name", IMAGES)
def test_all_that_the_real_images_copy_exists(name: str) -> None:
    containerfile = ROOT / IMAGES[name].containerfile
    assert files_below(ROOT, copied_paths(containerfile.read_text()))
    assert containerfile.with_name("Containerfile.dockerignore").is_file()


def tagged(tag: str, created: int, repository: str = "localhost/a") -> Tagged:
    return Tagged(repository=repository, tag=tag, created=created)


def test_pruning_keeps_the_two_newest_tags_of_the_same_image() -> None:
    tags = [tagged("old", 1), tagged("new", 3), tagged("middle", 2), tagged("older", 0)]
    other = [tagged("other", 0, "localhost/b")]
    assert outdated(tags + other, "localhost/a") == ("localhost/a:old", "localhost/a:older")
    assert outdated(tags[:2], "localhost/a") == ()


def test_untagged_images_and_an_empty_store_have_no_tags() -> None:
    entry = {"id": "1", "names": ["localhost/a:x", "localhost/b:y"], "created": 7}
    listing = json.dumps([entry, {"id": "2", "names": None, "created": 8}])
    assert [tag.reference for tag in parse_images(listing)] == ["localhost/a:x", "localhost/b:y"]
    assert parse_images("null") == parse_images("") == ()


def test_only_the_containers_of_interrupted_builds_are_removed() -> None:
    images = {"base": "localhost/a-base:1", "scratch": "", "step": "4f2c", "run": "localhost/a:1"}
    listing = json.dumps([{"id": name, "imagename": image} for name, image in images.items()])
    assert leftovers(listing, ["localhost/a"]) == ("base", "scratch", "step")
    assert leftovers("null", ["localhost/a"]) == ()


def test_the_store_follows_the_cache_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert cache_folder() == Path("/somewhere/reflex/buildah")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/someone")
    assert cache_folder() == Path("/home/someone/.cache/reflex/buildah")


# The stub generator, on a small library that names an absent one as PyTorch names CUDA's.

VENDOR = """
#include <stdio.h>
int gpu_count(void) { return 42; }
int gpu_versioned(void) { return 43; }
"""
VERSIONS = "libvendor.so.1 { global: gpu_versioned; };"
CONSUMER = """
int gpu_count(void); int gpu_versioned(void);
int works(void) { return 7; }
int calls_the_gpu(void) { return gpu_count() + gpu_versioned(); }
"""


@pytest.fixture(scope="module")
def stub_libs() -> ModuleType:
    path = ROOT / "images/engine-cpu/assemble/stub_libs.py"
    spec = importlib.util.spec_from_file_location("stub_libs", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["stub_libs"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def consumer(tmp_path: Path) -> Path:
    (tmp_path / "vendor.c").write_text(VENDOR)
    (tmp_path / "versions").write_text(VERSIONS)
    (tmp_path / "consumer.c").write_text(CONSUMER)
    compile_shared = ["gcc", "-shared", "-fPIC", "-Wl,-rpath,$ORIGIN", "-L."]
    vendor = ["-Wl,-soname,libvendor.so.1", "-Wl,--version-script=versions"]
    for command in (
        [*compile_shared, *vendor, "-o", "libvendor.so", "vendor.c"],
        [*compile_shared, "-o", "libconsumer.so", "consumer.c", "-lvendor"],
    ):
        subprocess.run(command, check=True, cwd=tmp_path)
    (tmp_path / "libvendor.so").unlink()
    return tmp_path / "libconsumer.so"


@needs_gcc
def test_a_stub_satisfies_the_linker_and_aborts_with_the_names(
    stub_libs: ModuleType, consumer: Path
) -> None:
    with pytest.raises(OSError, match=r"libvendor\.so\.1"):
        ctypes.CDLL(str(consumer))

    symbols = stub_libs.wanted_by_name("libvendor.so.1", "gpu_", [consumer])
    assert [(symbol.name, symbol.version) for symbol in symbols] == [
        ("gpu_count", ""),
        ("gpu_versioned", "libvendor.so.1"),
    ]
    stub_libs.build(consumer.with_name("libvendor.so.1"), "libvendor.so.1", symbols)

    call = "import ctypes, sys; lib = ctypes.CDLL(sys.argv[1], 2); print(lib.works()); "
    command = [sys.executable, "-c", call + "lib.calls_the_gpu()", str(consumer)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == -6
    assert "libvendor.so.1 is a stub in the CPU engine image, but gpu_count was" in done.stderr
    assert stub_libs.needed(consumer)[0] == "libvendor.so.1"


@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
def test_kinds_come_from_the_library_that_is_replaced(
    stub_libs: ModuleType, tmp_path: Path
) -> None:
    (tmp_path / "real.cpp").write_text(
        "struct Device { virtual ~Device(); virtual int id() const; }; Device::~Device() {}\n"
        "int Device::id() const { return 1; }\n"
    )
    (tmp_path / "user.cpp").write_text(
        "#include <typeinfo>\nstruct Device { virtual ~Device(); virtual int id() const; };\n"
        'extern "C" const char *name() { return typeid(Device).name(); }\n'
        'extern "C" int make() { Device device; return device.id(); }\n'
    )
    for name, libraries in (("real", []), ("user", ["-L.", "-lreal", "-Wl,-rpath,$ORIGIN"])):
        command = ["gcc", "-shared", "-fPIC", f"-Wl,-soname,lib{name}.so", "-o", f"lib{name}.so"]
        subprocess.run([*command, f"{name}.cpp", *libraries], check=True, cwd=tmp_path)
    real, user = tmp_path / "libreal.so", tmp_path / "libuser.so"

    symbols = stub_libs.wanted_from([real], [user])
    kinds = {symbol.name: symbol.kind for symbol in symbols}
    assert kinds["_ZTI6Device"] == "typeinfo"
    assert kinds["_ZTV6Device"] == "vtable"
    assert kinds["_ZN6DeviceD1Ev"] == "function"

    stub_libs.build(real, "libreal.so", symbols)
    load = "import ctypes, sys; lib = ctypes.CDLL(sys.argv[1], 2); "
    read = "lib.name.restype = ctypes.c_char_p; print(lib.name().decode())"
    done = subprocess.run(
        [sys.executable, "-c", load + read, str(user)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "6Device"
