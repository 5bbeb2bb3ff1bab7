"""What the download does with a source, in this process with a clock of its own."""

import json
import os
import re
import socket
from pathlib import Path
from typing import Any, get_args

import pytest

from hub_server import Content, Fault, HubServer, Zeros, sha256
from reflex_api.conditions import Reason
from reflex_api.source import Source
from reflex_api.weights import MARKER, Failure
from reflex_weights.errors import FinalError
from reflex_weights.folder import PARTS
from unit.reflex_weights.conftest import Desk, repository
from unit.reflex_weights.program import http_source, hub_source

SHARD = "model-00001-of-00002.safetensors"
TOKEN = "hf_5ecretToken"


def refused(desk: Desk, source: Source, endpoint: str) -> FinalError:
    with pytest.raises(FinalError) as caught:
        desk.download(source, endpoint)
    assert not (desk.into / MARKER).exists()
    return caught.value


# Who may have it.


@pytest.mark.parametrize(
    ("token", "gated", "sent", "words"),
    [
        (TOKEN, False, "", "private or does not exist; check its name or set tokenSecretRef"),
        (TOKEN, False, "hf_other", "the token is wrong, expired or lacks read access"),
        (TOKEN, True, "", "gated at .*it needs a token: accept its terms"),
    ],
)
def test_what_the_hub_denies_is_explained(
    desk: Desk, tmp_path: Path, token: str, gated: bool, sent: str, words: str
) -> None:
    if sent:
        desk.token_file = tmp_path / "token"
        desk.token_file.write_text(sent)
    with HubServer(repository(), token=token, gated=gated) as hub:
        error = refused(desk, hub_source(), hub.url)
    assert error.failure == "SourceUnauthorized"
    assert re.search(words, error.message)


def test_a_gated_repository_refuses_a_token_without_access(
    hub: HubServer, desk: Desk, token_file: Path
) -> None:
    desk.token_file = token_file
    hub.token = TOKEN
    hub.faults = [Fault("*/resolve/*", status=403, headers={"X-Error-Code": "GatedRepo"})]
    hub.gated = True
    error = refused(desk, hub_source(), hub.url)
    assert error.failure == "SourceUnauthorized"
    assert "the token's account has no access: accept its terms" in error.message


@pytest.mark.parametrize("content", ["", "two words", "umlaut\u00fc", "a\nb"])
def test_a_secret_without_a_token_is_named_and_never_quoted(
    hub: HubServer, desk: Desk, token_file: Path, content: str
) -> None:
    token_file.write_text(content)
    desk.token_file = token_file
    error = refused(desk, hub_source(), hub.url)
    assert error.failure == "SourceUnauthorized"
    assert "tokenSecretRef" in error.message
    assert not content or content not in error.message
    assert not hub.asked()


# What is not there.


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (hub_source(repo="acme/typo"), "no such repository"),
        (hub_source(revision="d" * 40), "no such revision"),
    ],
)
def test_what_does_not_exist_is_not_found(
    hub: HubServer, desk: Desk, token_file: Path, source: Source, words: str
) -> None:
    hub.token, desk.token_file = TOKEN, token_file
    error = refused(desk, source, hub.url)
    assert error.failure == "SourceNotFound"
    assert words in error.message


def test_a_missing_file_of_a_web_server_is_not_found(hub: HubServer, desk: Desk) -> None:
    error = refused(desk, http_source(hub.url, {"nothing.bin": "0" * 64}), "")
    assert error.failure == "SourceNotFound"
    assert "X-Amz" not in error.message


# What passes.


def test_waits_as_long_as_the_server_asks_and_then_goes_on(hub: HubServer, desk: Desk) -> None:
    hub.faults = [Fault("/api/*", times=2, status=429, headers={"Retry-After": "120"})]
    assert desk.download(hub_source(), hub.url).failure is None
    assert [wait >= 120 for wait in desk.clock.waits] == [True, True]


@pytest.mark.parametrize("status", [408, 425, 500, 502, 503, 504])
def test_a_busy_server_is_asked_again(hub: HubServer, desk: Desk, status: int) -> None:
    hub.faults = [Fault("/cdn/*", times=3, status=status)]
    assert desk.download(hub_source(), hub.url).failure is None
    assert len(desk.clock.waits) == 3


def test_no_connection_is_tried_with_growing_delays(desk: Desk) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(FinalError) as caught:
            desk.inspect(hub_source(), endpoint)
    assert caught.value.failure == "SourceUnreachable"
    assert "no connection" in caught.value.message
    waits = desk.clock.waits
    assert waits == sorted(waits)
    assert 4 <= len(waits) <= 8
    assert sum(waits) <= 60


def test_a_cut_connection_goes_on_where_it_broke(hub: HubServer, desk: Desk) -> None:
    hub.faults = [Fault(f"/cdn/{SHARD}", times=1, cut_after=100_000)]
    hub.faults += [Fault(f"/cdn/{SHARD}", times=1, cut_after=50_000)]
    desk.download(hub_source(), hub.url)
    assert desk.stored()[SHARD] == hub.files[SHARD]
    ranges = [request.range for request in hub.asked(f"/cdn/{SHARD}")]
    assert ranges == ["", "bytes=100000-", "bytes=150000-"]
    assert desk.clock.waits[0] < desk.clock.waits[1]


def test_a_signed_address_that_expired_is_asked_for_anew(hub: HubServer, desk: Desk) -> None:
    hub.faults = [Fault("/cdn/*", times=2, status=403)]
    assert desk.download(hub_source(), hub.url).failure is None


def test_a_cdn_that_always_refuses_is_named(hub: HubServer, desk: Desk) -> None:
    hub.faults = [Fault("/cdn/*", status=403)]
    error = refused(desk, hub_source(), hub.url)
    assert error.failure == "SourceUnauthorized"
    assert "localhost" in error.message
    assert "to which 127.0.0.1 redirects" in error.message


def test_a_server_without_ranges_sends_all_again(hub: HubServer, desk: Desk) -> None:
    hub.faults = [Fault(f"/cdn/{SHARD}", times=1, cut_after=100_000)]
    hub.faults += [Fault(f"/cdn/{SHARD}", ignore_range=True)]
    desk.download(hub_source(), hub.url)
    assert desk.stored()[SHARD] == hub.files[SHARD]
    assert desk.progress.snapshot().bytes_done == desk.progress.snapshot().bytes_total


# What is wrong.


def test_wrong_bytes_are_fetched_once_more(hub: HubServer, desk: Desk) -> None:
    hub.faults = [Fault(f"/cdn/{SHARD}", times=1, corrupt=True)]
    desk.download(hub_source(), hub.url)
    assert desk.stored()[SHARD] == hub.files[SHARD]
    assert desk.progress.snapshot().bytes_done == desk.progress.snapshot().bytes_total


@pytest.mark.parametrize("path", [SHARD, "config.json"])
def test_bytes_that_stay_wrong_are_removed(hub: HubServer, desk: Desk, path: str) -> None:
    hub.faults = [Fault(f"*/{path}", corrupt=True)]
    if path == "config.json":  # only the answer that has a body
        hub.faults = [Fault("/api/resolve-cache/*/config.json", corrupt=True)]
    error = refused(desk, hub_source(), hub.url)
    assert error.failure == "DigestMismatch"
    assert path in error.message
    assert not (desk.into / path).exists()
    assert not any(path in name for name in desk.stored())


@pytest.mark.parametrize("announced", [10, 100_000, 400_000])
def test_another_size_than_announced_is_no_match(desk: Desk, announced: int) -> None:
    with HubServer(repository(), announced_sizes={SHARD: announced}) as hub:
        error = refused(desk, hub_source(), hub.url)
        assert error.failure == "DigestMismatch"
        assert hub.sent(f"/cdn/{SHARD}") <= 2 * 300_000


def test_an_endless_body_is_cut_off(hub: HubServer, desk: Desk) -> None:
    hub.faults = [Fault(f"/cdn/{SHARD}", endless=True)]
    error = refused(desk, hub_source(), hub.url)
    assert error.failure == "DigestMismatch"
    assert "longer than the announced 300000 bytes" in error.message


def test_a_listing_of_any_length_is_not_read_to_its_end(hub: HubServer, desk: Desk) -> None:
    hub.listing = lambda: {"sha": "c" * 40, "siblings": [], "x": "y" * (20 << 20)}  # type: ignore[method-assign]
    with pytest.raises(FinalError, match="something else than a list"):
        desk.inspect(hub_source(), hub.url)


@pytest.mark.parametrize(
    "answer", [[], {"siblings": 3}, {"siblings": [{}]}, {"siblings": [{"rfilename": 7}]}]
)
def test_an_answer_of_another_form_is_an_error_not_a_crash(
    hub: HubServer, desk: Desk, answer: Any
) -> None:
    hub.listing = lambda: answer  # type: ignore[method-assign]
    with pytest.raises(FinalError, match="something else than a list"):
        desk.inspect(hub_source(), hub.url)


# Hostile names and addresses.


@pytest.mark.parametrize(
    "path", ["../evil", "/etc/evil", "a/../../evil", "a//b", "a\\..\\b", "a\nb"]
)
def test_a_path_that_leaves_the_folder_is_refused(desk: Desk, path: str) -> None:
    with HubServer({"config.json": b"{}", path: b"x"}) as hub:
        error = refused(desk, hub_source(), hub.url)
    assert error.failure == "DownloadFailed"
    assert "refused" in error.message
    assert not list(desk.into.parent.rglob("*evil*"))


def test_hidden_files_and_so_the_marker_are_never_written(desk: Desk) -> None:
    files: dict[str, Content] = {
        "config.json": b"{}",
        MARKER: b"forged",
        f"{PARTS}/x": b"x",
        "a/.hidden": b"x",
    }
    with HubServer(files) as hub:
        desk.download(hub_source(), hub.url)
    assert set(desk.stored()) == {"config.json", MARKER}
    assert json.loads(desk.stored()[MARKER])["files"][0]["path"] == "config.json"


def test_a_link_on_the_volume_is_not_followed(hub: HubServer, desk: Desk, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    desk.into.mkdir(parents=True)
    (desk.into / "original").symlink_to(outside)
    error = refused(desk, hub_source(), hub.url)
    assert "leads out of the model's folder" in error.message
    assert not list(outside.iterdir())

    (desk.into / "original").unlink()
    (outside / "config.json").write_text("theirs")
    (desk.into / "config.json").symlink_to(outside / "config.json")
    desk.download(hub_source(), hub.url)
    assert (outside / "config.json").read_text() == "theirs"
    assert not (desk.into / "config.json").is_symlink()


@pytest.mark.parametrize("place", ["file:///etc/passwd", "ftp://x/y", "gopher://x"])
def test_redirects_lead_to_http_only(hub: HubServer, desk: Desk, place: str) -> None:
    hub.faults = [Fault("*/resolve/*", redirect=place)]
    error = refused(desk, hub_source(), hub.url)
    assert error.failure == "DownloadFailed"
    assert "refused" in error.message


def test_redirects_end(hub: HubServer, desk: Desk) -> None:
    hub.faults = [Fault("*/loop*", redirect=f"{hub.url}/loop")]
    hub.faults += [Fault("*/resolve/*", redirect=f"{hub.url}/loop")]
    error = refused(desk, hub_source(), hub.url)
    assert "more than 5 times" in error.message
    assert len(hub.asked("/loop")) <= 5 * 5


def test_the_listing_takes_no_token_to_another_host(
    hub: HubServer, desk: Desk, token_file: Path
) -> None:
    hub.token, desk.token_file = TOKEN, token_file
    hub.faults = [Fault("/api/*", redirect=f"{hub.cdn_url}/cdn/elsewhere")]
    with pytest.raises(FinalError):
        desk.download(hub_source(), hub.url)
    assert [request.authorization for request in hub.asked("/cdn/*")] == [""]


@pytest.mark.parametrize(
    "value", ["ftp://hub", "https://me:pw@hub", "hub.example", "https://h?x=1"]
)
def test_a_wrong_mirror_is_named_without_its_password(desk: Desk, value: str) -> None:
    error = refused(desk, hub_source(), value)
    assert "HF_ENDPOINT" in error.message
    assert "pw" not in error.message


# What is there already.


def test_a_complete_folder_is_adopted_without_asking_anyone(hub: HubServer, desk: Desk) -> None:
    first = desk.download(hub_source(), hub.url)
    hub.forget()
    again = Desk(into=desk.into)
    assert again.download(hub_source(), hub.url) == first
    assert not hub.asked()
    state = again.progress.snapshot()
    assert state.bytes_done == state.bytes_total == first.bytes_total


def test_only_the_damaged_file_is_fetched_again(hub: HubServer, desk: Desk) -> None:
    desk.download(hub_source(), hub.url)
    with (desk.into / SHARD).open("r+b") as file:
        file.truncate(1000)
    hub.forget()
    Desk(into=desk.into).download(hub_source(), hub.url)
    assert desk.stored()[SHARD] == hub.files[SHARD]
    assert {request.path for request in hub.asked("/cdn/*")} == {f"/cdn/{SHARD}"}


def test_without_a_marker_every_file_is_read_and_a_wrong_one_fetched(
    hub: HubServer, desk: Desk
) -> None:
    desk.download(hub_source(), hub.url)
    content = bytearray((desk.into / SHARD).read_bytes())
    content[5] ^= 1
    (desk.into / SHARD).write_bytes(content)
    (desk.into / MARKER).write_text("{")
    hub.forget()
    Desk(into=desk.into).download(hub_source(), hub.url)
    assert desk.stored()[SHARD] == hub.files[SHARD]
    assert {request.path for request in hub.asked("/cdn/*")} == {f"/cdn/{SHARD}"}


def test_the_marker_of_another_source_does_not_count(hub: HubServer, desk: Desk) -> None:
    desk.download(hub_source("original/*"), hub.url)
    assert "original/params.json" not in desk.stored()
    Desk(into=desk.into).download(hub_source(), hub.url)
    assert "original/params.json" in desk.stored()


def test_an_interrupted_change_leaves_no_marker_that_vouches_for_it(
    hub: HubServer, desk: Desk
) -> None:
    desk.download(hub_source(), hub.url)
    changed = bytes(reversed(bytes(hub.files[SHARD])))  # type: ignore[arg-type]
    with HubServer({**hub.files, SHARD: changed}, revision="d" * 40) as other:
        other.faults = [Fault("*/empty.txt", status=404)]
        other.files["empty.txt"] = b"no more"
        refused(Desk(into=desk.into), hub_source(revision="d" * 40), other.url)
    Desk(into=desk.into).download(hub_source(), hub.url)
    assert desk.stored()[SHARD] == hub.files[SHARD]


def test_a_part_of_another_content_is_not_continued(hub: HubServer, desk: Desk) -> None:
    hub.faults = [Fault(f"/cdn/{SHARD}", times=1, cut_after=100_000)]
    hub.faults += [Fault(f"/cdn/{SHARD}", status=404)]
    refused(desk, hub_source(), hub.url)
    changed = bytes(reversed(bytes(hub.files[SHARD])))  # type: ignore[arg-type]
    with HubServer({**hub.files, SHARD: changed}) as other:
        Desk(into=desk.into).download(hub_source(), other.url)
        assert [request.range for request in other.asked(f"/cdn/{SHARD}")] == [""]
    assert desk.stored()[SHARD] == changed


# What is left out, and where room comes from.


def test_globs_cross_folders_as_on_the_hub(hub: HubServer, desk: Desk) -> None:
    hub.files["deep/er/x.json"] = b"1"
    desk.download(hub_source("deep/*", "*-00002-*", "original/"), hub.url)
    assert set(desk.stored()) == {"config.json", "empty.txt", SHARD, MARKER}


def test_everything_excluded_is_said(hub: HubServer, desk: Desk) -> None:
    assert refused(desk, hub_source("*"), hub.url).failure == "SourceNotFound"


def test_other_models_go_only_when_space_is_short(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = 10_000
    models = desk.into.parent
    sizes = {"old": 4000, "newer": 3000, "kept": 5000}
    for age, (name, size) in enumerate(sizes.items()):
        (models / name).mkdir(parents=True)
        (models / name / MARKER).write_text("{}")
        (models / name / "weights").write_bytes(bytes(size))
        os.utime(models / name, (age, age))
    (models / "foreign").mkdir()
    (models / "linked").symlink_to(models / "kept")

    def free_bytes(_: object) -> int:
        gone = sum(size for name, size in sizes.items() if not (models / name).exists())
        return free + gone

    monkeypatch.setattr("reflex_weights.folder.ModelFolder.free_bytes", free_bytes)
    desk.keep = frozenset({"kept"})
    with HubServer({"w.bin": Zeros(9_000)}) as hub:
        desk.download(hub_source(), hub.url)
    assert {path.name for path in models.iterdir()} == {
        "d1", "old", "newer", "kept", "foreign", "linked"
    }  # fmt: skip
    with HubServer({"w.bin": Zeros(22_000)}, revision="d" * 40) as hub:
        desk.download(hub_source(revision="d" * 40), hub.url)
    assert {path.name for path in models.iterdir()} == {
        "d1", "newer", "kept", "foreign", "linked"
    }  # fmt: skip
    with HubServer({"big.bin": Zeros(90_000)}) as hub:
        error = refused(
            Desk(into=models / "d2", keep=frozenset({"kept", "d1"})), hub_source(), hub.url
        )
    assert error.failure == "OutOfSpace"
    assert {path.name for path in models.iterdir()} == {"d1", "d2", "kept", "foreign", "linked"}


# Web servers, mirrors and proxies.


def test_a_web_server_whose_other_host_refuses_is_not_asked_for_ever(
    hub: HubServer, desk: Desk
) -> None:
    hub.faults = [Fault("/files/*", redirect=f"{hub.cdn_url}/cdn/expired")]
    hub.faults += [Fault("/cdn/*", status=403)]
    error = refused(desk, http_source(hub.url, {"x": "0" * 64}), "")
    assert error.failure == "SourceUnauthorized"
    assert len(hub.asked("/cdn/*")) == 3


def test_proxies_of_the_environment_are_used(
    hub: HubServer, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", hub.url)
    hub.cdn_url = "http://cdn.invalid"
    hub.files = {"config.json": b"{}"}
    assert desk.download(hub_source(), "http://hub.invalid").failure is None
    assert desk.stored()["config.json"] == b"{}"
    monkeypatch.setenv("HTTP_PROXY", "nonsense://me:pw@proxy")
    with pytest.raises(FinalError) as caught:
        Desk(into=desk.into.with_name("d2")).download(hub_source(), "http://hub.invalid")
    assert caught.value.failure == "DownloadFailed"
    assert "pw" not in caught.value.message


def test_files_of_web_servers_are_verified(hub: HubServer, desk: Desk) -> None:
    sums = {path: hub.sums(path)[0] for path in ("config.json", SHARD, "empty.txt")}
    result = desk.download(http_source(hub.url, sums))
    assert {path: desk.stored()[path] for path in sums} == {path: hub.files[path] for path in sums}
    assert result.bytes_total == 300_000 + len(desk.stored()["config.json"])
    assert len(result.revision) == 64


def test_a_file_that_changed_at_its_address_is_not_continued(hub: HubServer, desk: Desk) -> None:
    old, new = hub.files[SHARD], Zeros(280_000)
    source = http_source(hub.url, {SHARD: sha256(new)})
    hub.faults = [Fault(f"/files/{SHARD}", skip=1, times=1, cut_after=100_000)]
    hub.faults += [Fault("/files/*", skip=1, status=404)]
    refused(desk, source, "")
    assert old is hub.files[SHARD]
    hub.faults = []
    hub.files[SHARD] = new
    Desk(into=desk.into).download(source)
    assert (desk.into / SHARD).stat().st_size == 280_000


def test_a_mirror_that_lists_no_digests_is_asked_file_by_file(desk: Desk) -> None:
    with HubServer(repository(), without_digests=True) as hub:
        result = desk.download(hub_source(), hub.url)
        assert desk.stored()[SHARD] == hub.files[SHARD]
    marker = json.loads(desk.stored()[MARKER])
    kinds = {file["path"]: file["digest"].split(":")[0] for file in marker["files"]}
    assert kinds[SHARD] == "sha256"
    assert kinds["config.json"] == "git-sha1"
    assert result.bytes_total == sum(file["size"] for file in marker["files"])


def test_failures_are_reasons() -> None:
    assert set(get_args(Failure)) <= {reason.value for reason in Reason}
