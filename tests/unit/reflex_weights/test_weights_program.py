"""The real program in a process of its own, against the simulated hub."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub_server import Fault, HubServer, Zeros, content_size
from reflex_api.weights import MARKER
from reflex_weights.folder import PARTS
from unit.reflex_weights.conftest import repository
from unit.reflex_weights.program import TOKEN, Program, eventually, http_source, hub_source

SHARD = "model-00001-of-00002.safetensors"


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer(repository(), token=TOKEN) as server:
        yield server


def wanted_bytes(hub: HubServer) -> int:
    return sum(content_size(hub.files[name]) for name in hub.files if not name.startswith("."))


def parts_size(into: Path) -> int:
    return sum(file.stat().st_size for file in (into / PARTS).glob("*.part"))


def test_a_private_repository_is_downloaded_and_its_token_told_to_no_one(
    hub: HubServer, tmp_path: Path
) -> None:
    into = tmp_path / "models/d1"
    with Program.download(tmp_path / "run", hub_source(), hub.url, into) as program:
        ended = program.end()

    assert (ended.code, ended.result.failure) == (0, None)
    assert ended.result.revision == hub.revision
    stored = {str(path.relative_to(into)) for path in into.rglob("*") if path.is_file()}
    assert stored == {*hub.files, MARKER} - {".gitattributes"}
    for name in stored - {MARKER}:
        assert (into / name).read_bytes() == hub.files[name]
    from_hub = [request for request in hub.asked() if request.server == "hub"]
    assert {request.authorization for request in from_hub} == {f"Bearer {TOKEN}"}
    from_cdn = hub.asked("/cdn/*")
    assert len(from_cdn) == 2
    assert {request.authorization for request in from_cdn} == {""}
    assert not any(TOKEN.encode() in path.read_bytes() for path in into.rglob("*.json"))


def test_inspect_reads_the_small_files_only(hub: HubServer, tmp_path: Path) -> None:
    with Program(tmp_path / "run", hub_source(), hub.url, "inspect") as program:
        ended = program.end()

    assert ended.code == 0
    inspection = ended.result.inspection
    assert inspection is not None
    assert inspection.weights_bytes == 500_001
    assert inspection.download_bytes == wanted_bytes(hub)
    assert inspection.architecture is not None
    assert inspection.architecture.head_dim == 64
    assert not hub.asked("/cdn/*")


def test_after_kill_9_only_the_rest_is_fetched(hub: HubServer, tmp_path: Path) -> None:
    into, total = tmp_path / "models/d1", wanted_bytes(hub)
    hub.faults = [Fault(f"/cdn/{SHARD}", stall_after=120_000)]
    with Program.download(tmp_path / "one", hub_source(), hub.url, into) as program:
        eventually(lambda: parts_size(into) == 120_000, "all that the server sent is written")
        rest = total - 180_000
        eventually(lambda: program.progress().bytes_done == rest, "the other files are there")
        progress = program.progress()
        program.kill()

    assert progress.bytes_total == total
    assert progress.file == SHARD
    assert not (into / MARKER).exists()
    assert not (into / SHARD).exists()

    hub.faults = []
    # The server notes a request when it ends; this one may end after its client did.
    eventually(lambda: hub.sent(f"/cdn/{SHARD}") == 120_000, "the server has noted the first run")
    hub.forget()
    with Program.download(tmp_path / "two", hub_source(), hub.url, into) as program:
        ended = program.end()
    assert (ended.code, ended.result.bytes_total) == (0, total)
    assert (into / SHARD).read_bytes() == hub.files[SHARD]
    eventually(lambda: len(hub.asked("/cdn/*")) == 1, "the server has noted its answer")
    (request,) = hub.asked("/cdn/*")
    assert (request.range, request.sent) == ("bytes=120000-", 180_000)
    assert not (into / PARTS).exists()


def test_a_hub_that_is_down_is_shown_and_sigterm_ends_it_with_a_result(
    hub: HubServer, tmp_path: Path
) -> None:
    into = tmp_path / "models/d1"
    hub.faults = [
        Fault("/api/*", times=1, status=503),
        Fault("*/config.json", status=429, headers={"Retry-After": "600"}),
    ]
    with Program.download(tmp_path / "run", hub_source(), hub.url, into) as program:
        eventually(lambda: (into / SHARD).exists(), "what can be had is there")
        eventually(lambda: "429" in program.progress().message, "the trouble is shown")
        assert program.progress().failure == "SourceUnreachable"
        program.terminate()
        ended = program.end()

    assert ended.code == 143
    assert ended.result.failure == "DownloadTimedOut"
    assert "last trouble SourceUnreachable" in ended.result.message
    assert "answered 503" in ended.log
    assert not (into / MARKER).exists()


def test_a_final_failure_ends_at_once_while_other_files_stall(
    hub: HubServer, tmp_path: Path
) -> None:
    hub.faults = [
        Fault("/cdn/*", stall_after=0),
        Fault("*/original/params.json", status=404, headers={"X-Error-Code": "EntryNotFound"}),
    ]
    into = tmp_path / "models/d1"
    with Program.download(tmp_path / "run", hub_source(), hub.url, into) as program:
        ended = program.end()
    assert (ended.code, ended.result.failure) == (1, "SourceNotFound")
    assert "no such file in the revision" in ended.result.message


@pytest.fixture
def small_volume(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small tmpfs")
    folder = tmp_path / "volume"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this container may not mount")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_named_and_a_larger_one_goes_on(small_volume: Path, tmp_path: Path) -> None:
    into = small_volume / "models/d1"
    with HubServer({"big.bin": Zeros(6 << 20)}, token=TOKEN) as hub:
        hub.faults = [Fault("/cdn/*", times=1, stall_after=1 << 20)]
        with Program.download(tmp_path / "one", hub_source(), hub.url, into) as program:
            early = program.end()
        assert (early.code, early.result.failure) == (1, "OutOfSpace")
        assert "needs 6.0 MiB more, 4.0 MiB free" in early.result.message
        assert not hub.asked("/cdn/*"), "known before a byte is fetched"

        subprocess.run(["mount", "-o", "remount,size=16m", str(small_volume)], check=True)
        with Program.download(tmp_path / "two", hub_source(), hub.url, into) as program:
            eventually(lambda: parts_size(into) == 1 << 20, "the first MiB is written")
            program.kill()
        filler = small_volume / "filler"
        with filler.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, (10 << 20) + 1)
        with Program.download(tmp_path / "three", hub_source(), hub.url, into) as program:
            full = program.end()
        assert (full.code, full.result.failure) == (1, "OutOfSpace")
        assert "needs 5.0 MiB more" in full.result.message, "what is there already counts"
        filler.unlink()
        hub.forget()
        with Program.download(tmp_path / "four", hub_source(), hub.url, into) as program:
            ended = program.end()
        assert ended.code == 0
        eventually(lambda: hub.sent("/cdn/*") == 5 << 20, "only the rest was sent")


def test_the_disk_fills_up_under_an_endless_body(small_volume: Path, tmp_path: Path) -> None:
    into = small_volume / "models/d1"
    with HubServer({"big.bin": Zeros(1000)}) as hub:
        hub.faults = [Fault("/files/*", endless=True, ignore_range=True)]
        source = http_source(hub.url, {"big.bin": "0" * 64})
        with Program.download(tmp_path / "run", source, hub.url, into) as program:
            ended = program.end()
    assert (ended.code, ended.result.failure) == (1, "OutOfSpace")
    assert "big.bin" in ended.result.message
    assert parts_size(into) == 0, "a body without end leaves nothing behind"


def test_memory_stays_bounded_while_300_mb_pass(tmp_path: Path) -> None:
    size = 300 << 20
    into = tmp_path / "models/d1"
    peak = 0
    with (
        HubServer({"big.safetensors": Zeros(size)}, token=TOKEN) as hub,
        Program.download(tmp_path / "run", hub_source(), hub.url, into) as program,
    ):
        while program.process.poll() is None:
            peak = max(peak, high_water(program.process.pid))
            time.sleep(0.02)
        ended = program.end()
    assert ended.code == 0
    assert (into / "big.safetensors").stat().st_size == size
    assert 0 < peak < 150 << 20


def high_water(pid: int) -> int:
    """Peak resident bytes of this very program; rusage would count the parent's before exec."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM")), 0)
