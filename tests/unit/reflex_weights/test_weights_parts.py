"""The parts below the download: waiting, words, paths, progress, the result, the site."""

import json
import logging
import os
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflex_api.weights import MARKER, Architecture, Inspection, WeightsResult
from reflex_weights.client import opened, transport_error
from reflex_weights.crew import Crew
from reflex_weights.errors import FinalError, StoppedError, TemporaryError, volume_error
from reflex_weights.files import MAX_FILES, Digest, RemoteFile, checked
from reflex_weights.folder import PARTS, ModelFolder
from reflex_weights.outcome import MAX_RESULT, Outcome, write_result
from reflex_weights.part import Part
from reflex_weights.progress import Progress
from reflex_weights.site import Site
from reflex_weights.source import identity, read_source, revision_of
from reflex_weights.tempo import LONGEST_DELAY, LONGEST_WISH, Patience, delay, wished_delay
from reflex_weights.words import MESSAGE_LIMIT, host_of, named, plain
from unit.reflex_weights.conftest import Clock
from unit.reflex_weights.program import http_source, hub_source

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
BUSY = TemporaryError("SourceUnreachable", "busy")


# Waiting.


@given(st.integers(1, 10_000), st.floats(0, 1), st.none() | st.floats(0, 1e12))
def test_delays_grow_are_jittered_and_end(failures: int, chance: float, wish: float | None) -> None:
    seconds = delay(failures, chance, wish)
    asked = min(wish or 0, LONGEST_WISH)
    assert asked + 0.5 <= seconds <= asked + LONGEST_DELAY
    assert delay(failures + 1, chance, wish) >= seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "17"}, 17),
        ({"Retry-After": "Sat, 21 Nov 2026 12:01:00 GMT"}, 60),
        ({"Retry-After": "Sat, 21 Nov 2020 12:01:00 GMT"}, 0),
        ({"RateLimit": '"api";r=0;t=55'}, 55),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "9" * 400}, 999_999_999),
        ({}, None),
    ],
)
def test_servers_say_when_to_come_back(headers: dict[str, str], seconds: float | None) -> None:
    assert wished_delay(httpx.Headers(headers), NOON) == seconds


def test_patience_ends_only_when_told_to() -> None:
    clock, seen = Clock(), list[float]()
    endless = Patience(clock.tempo(), lambda _, seconds: seen.append(seconds))
    for _ in range(100):
        endless.wait(BUSY)
    assert seen == clock.waits
    endless.reset()
    endless.wait(BUSY)
    assert clock.waits[-1] == clock.waits[0]

    short = Patience(clock.tempo(), lambda *_: None, give_up_after=10)
    for _ in range(3):
        short.wait(BUSY)
    with pytest.raises(FinalError, match=r"busy \(4 attempts\)"):
        short.wait(BUSY)


# Words.


@given(st.text(max_size=2000))
def test_messages_are_one_bounded_printable_line(text: str) -> None:
    said = plain(text)
    assert len(said) <= MESSAGE_LIMIT
    assert all(" " <= letter <= "~" for letter in said)
    assert len(named(text)) <= 96


@given(st.text("abc@:/?#[]\n %", max_size=40))
def test_no_address_breaks_the_words(rest: str) -> None:
    assert "secret" not in host_of(f"https://user:secret@host/{rest}")
    assert "secret" not in plain(f"at https://user:secret@host/x?secret={rest.split()}"[:60])


def test_errors_of_the_network_tell_no_header() -> None:
    secret = httpx.LocalProtocolError("Illegal header value b'Bearer hf_secret\\n'")
    assert "secret" not in transport_error(secret, host="hub", what="x").message


# Paths.


@given(st.lists(st.text("a./\\\n\0é~", max_size=12), min_size=1, max_size=4))
def test_paths_that_pass_stay_inside_and_apart(paths: list[str]) -> None:
    files = [RemoteFile(path=path, url="http://x/") for path in paths]
    try:
        passed = checked(files)
    except FinalError:
        return
    places = [os.path.normpath(os.path.join("/into", file.path)) for file in passed]
    assert len(set(places)) == len(paths)
    for place in places:
        assert place.startswith("/into/")
        assert not any(other.startswith(place + "/") for other in places)
        assert "/." not in place


def test_the_number_of_files_is_bounded() -> None:
    many = [RemoteFile(path=f"f{n}", url="http://x/") for n in range(MAX_FILES + 1)]
    with pytest.raises(FinalError, match="exclude some"):
        checked(many)


# Sources.


def test_tokens_and_addresses_are_no_part_of_the_content() -> None:
    one, two = http_source("http://a", {"x": "0" * 64}), http_source("http://b", {"x": "0" * 64})
    assert identity(one) == identity(two)
    assert revision_of(one) == revision_of(two)
    assert identity(one) != identity(http_source("http://a", {"x": "1" * 64}))
    assert identity(hub_source("a", "b")) == identity(hub_source("b", "a", "a"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "source is not valid"),
        ('{"huggingFace": {"repo": "a/b", "revision": "main"}}', "revision: it must be a commit"),
        ('{"bundled": {"path": "/models/x"}}', "bundled is not downloaded"),
    ],
)
def test_a_source_of_no_use_is_named(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "source.json").write_text(text)
    with pytest.raises(FinalError, match=words):
        read_source(tmp_path / "source.json")
    with pytest.raises(FinalError, match="No such file"):
        read_source(tmp_path / "missing.json")


# The folder.


def test_one_program_writes_to_a_folder(tmp_path: Path) -> None:
    folder = ModelFolder(tmp_path / "d1")
    folder.prepare()
    with (
        folder.only_writer(),
        pytest.raises(TemporaryError, match="still writes"),
        ModelFolder(tmp_path / "d1").only_writer(),
    ):
        pass
    with folder.only_writer():
        pass


def test_a_torn_note_costs_a_restart_not_a_failure(tmp_path: Path) -> None:
    digest = Digest("sha256", "0" * 64)
    path = tmp_path / "x.part"
    for note, kept in (("{", 0), ('{"digest": 3, "etag": 1}', 0)):
        path.write_bytes(b"abc")
        path.with_name("x.part.json").write_text(note)
        with Part(path, size=10, digest=digest, on_bytes=lambda _: None) as part:
            assert part.offset == kept
            part.write(b"de")
        with Part(path, size=10, digest=digest, on_bytes=lambda _: None) as part:
            assert part.offset == 2


def test_a_read_only_volume_is_explained() -> None:
    error = volume_error(OSError(30, "Read-only file system"), "config.json")
    assert error.failure == "DownloadFailed"
    assert "EROFS" in error.message
    assert volume_error(OSError(122, "Quota"), "x").failure == "OutOfSpace"


# Progress.


def test_the_rate_is_the_mean_of_the_last_minute_and_of_the_network_only() -> None:
    clock = Clock()
    progress = Progress(lambda: clock.now)
    progress.found(10**9)
    assert progress.snapshot().bytes_per_second == 0
    for _ in range(120):
        progress.received("x", 1000)
        clock.now += 1
    assert 950 <= progress.snapshot().bytes_per_second <= 1050
    clock.now += 61
    assert progress.snapshot().bytes_per_second == 0
    assert progress.snapshot().bytes_done == 10**9 + 120_000


def test_trouble_is_shown_until_bytes_of_that_file_arrive() -> None:
    clock = Clock()
    progress = Progress(lambda: clock.now)
    progress.begin("a")
    progress.trouble("a", BUSY)
    progress.received("b", 1)
    assert progress.snapshot().failure == "SourceUnreachable"
    progress.received("a", 1)
    assert progress.snapshot().failure is None


def test_the_log_has_a_line_for_each_step_and_for_silence(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    progress = Progress(lambda: clock.now)
    progress.expect(1000)
    with caplog.at_level(logging.INFO, "reflex_weights"):
        for _ in range(100):
            progress.received("x", 10)
            progress.say_if_due()
        assert len(caplog.messages) == 20
        clock.now += 31
        progress.say_if_due()
        progress.say_if_due()
        assert len(caplog.messages) == 21


def test_the_site_answers_progress_and_nothing_else() -> None:
    progress = Progress(lambda: 0.0)
    progress.expect(7)
    site = Site(0, progress.snapshot)
    try:
        base = f"http://127.0.0.1:{site.port}"
        with urllib.request.urlopen(f"{base}/progress") as answer:
            assert json.load(answer)["bytesTotal"] == 7
        with urllib.request.urlopen(f"{base}/healthz") as answer:
            assert answer.read() == b"ok\n"
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"{base}/../etc/passwd")
        caught.value.close()
        assert caught.value.code == 404
    finally:
        site.close()


# Ends.


def outcome_of(error: BaseException) -> tuple[WeightsResult, int]:
    def work() -> WeightsResult:
        raise error

    return Outcome(Progress(lambda: 0.0), Event()).of(work)


def test_every_end_has_a_result() -> None:
    result, code = outcome_of(FinalError("OutOfSpace", "needs more"))
    assert (result.failure, code) == ("OutOfSpace", 1)
    result, code = outcome_of(ValueError("at https://me:pw@host/x?sig=1"))
    assert (result.failure, code) == ("DownloadFailed", 1)
    assert result.message == "unexpected ValueError: at host"
    assert outcome_of(SystemExit())[0].failure == "DownloadFailed"


def test_the_longest_result_fits_a_termination_message(tmp_path: Path) -> None:
    full = WeightsResult(
        failure="DownloadFailed",
        message="m" * 512,
        revision="r" * 253,
        bytes_total=2**62,
        inspection=Inspection(
            revision="r" * 253,
            weights_bytes=2**62,
            download_bytes=2**62,
            architecture=Architecture(name="N" * 128, layers=9**8, kv_heads=9**8, head_dim=9**8),
        ),
    )
    write_result(full, tmp_path / "result")
    text = (tmp_path / "result").read_text()
    assert len(text) < MAX_RESULT
    assert WeightsResult.model_validate_json(text) == full
    write_result(full, tmp_path / "missing/result")  # said in the log, no crash


def test_the_first_error_of_a_crew_ends_it_and_order_is_kept() -> None:
    stop = Event()
    double = Crew[int, int](lambda n: n * 2, stop)
    assert double.run(range(50), threads=4) == [n * 2 for n in range(50)]
    assert double.run([], threads=4) == []

    def work(number: int) -> int:
        if number == 3:
            raise FinalError("DownloadFailed", "three")
        stop.wait(60)
        return number

    with pytest.raises(FinalError, match="three"):
        Crew(work, stop).run(range(50), threads=4)
    assert stop.is_set()
    with pytest.raises(StoppedError):
        Crew(work, stop).run(range(50), threads=4)


# Redirects that need no server: https cannot be served here.


def test_a_redirect_from_https_to_http_is_refused() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(302, headers={"Location": "http://other.example/x"})

    with (
        httpx.Client(transport=httpx.MockTransport(answer)) as client,
        pytest.raises(FinalError, match="from https to http: refused"),
        opened(client, "https://hub.example/x", {"Authorization": "Bearer t"}, what="x"),
    ):
        pass
    assert asked == ["https://hub.example/x"]


def test_hidden_names_of_ours_are_what_the_contract_says() -> None:
    assert MARKER.startswith(".")
    assert PARTS.startswith(".")
