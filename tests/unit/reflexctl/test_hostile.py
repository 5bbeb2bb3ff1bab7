"""What a hostile repository, model or service sends to the one who runs `reflexctl`."""

import gzip
import io
import json
import os
import subprocess
import tarfile
from http.server import BaseHTTPRequestHandler
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.text import Text

from file_tree import tree
from reflex_loop.events import Checked, Judged
from reflexctl import service_client
from reflexctl.plain import in_json, plain
from reflexctl.progress import Progress, Status
from reflexctl.screen import Screen
from unit.reflexctl.command_line import nobody
from unit.reflexctl.simulated_service import SimulatedService, send
from unit.reflexctl.test_fix_by_service import FIXED, crate, fix

__all__ = ["crate", "nobody"]
pytestmark = pytest.mark.usefixtures("nobody")

ATTACK = "\x1b]52;c;cm0gLXJmIH4=\x07 \x1b[2K\r\x9b1A \u202e// gone\u2066 \x08\x7f"
OBEYED = ("\x1b]", "\x1b[2K", "\x9b", "\u202e", "\u2066", "\x07", "\x08", "\x7f")


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_is_shown_what_it_would_obey(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    out, err = Terminal(), Terminal()
    screen = Screen(out, err)
    screen.diff(f"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+{ATTACK}\n")
    screen.say(ATTACK)
    screen.say(Text.assemble(("head ", "bold"), (ATTACK, "green"), (" tail", "dim")))
    screen.note("warning", ATTACK)
    progress = Progress(screen, attempts=1, clock=lambda: 0.0)
    progress.hear(Checked(number=1, when="start", errors=1, codes=(ATTACK,), first=ATTACK))
    progress.hear(Judged(number=2, attempt=1, candidate=0, verdict="kept", reason=ATTACK, errors=0))
    written = out.getvalue() + err.getvalue()
    for each in OBEYED:
        assert each not in written, (each, written)
    assert written.count("52;c;cm0gLXJmIH4=") == 7, "it is shown, not hidden"
    shown = Status(attempt=1, by=ATTACK).text(0.0).plain
    assert not any(each in shown for each in OBEYED)


def test_json_holds_the_same_value_and_nothing_that_is_obeyed() -> None:
    out = StringIO()
    value = {"diff": ATTACK + "\udce9 é 漢"}
    Screen(out, StringIO(), as_json=True).json(value)
    assert json.loads(out.getvalue()) == value
    assert not any(each in out.getvalue() for each in OBEYED)
    out.getvalue().encode("utf-8")  # a pipe takes it
    assert "é 漢" in out.getvalue()


def test_words_of_every_language_stay() -> None:
    text = "é 漢字 שלום emoji 👩‍💻\n\tindented"
    assert plain(text) == in_json(text) == text


class Answering(SimulatedService):
    """A service with another answer for the workspace."""

    def __init__(self, body: bytes, **more: Any) -> None:
        super().__init__(**more)
        self.body = body

    def get(self, to: BaseHTTPRequestHandler) -> None:
        if to.path.endswith("/workspace"):
            send(to, 200, self.body)
        else:
            super().get(to)


def tar_of(data: bytes, *, pax: dict[str, str] | None = None, mode: int = 0o644) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        member = tarfile.TarInfo("src/main.rs")
        member.size, member.mode, member.pax_headers = len(data), mode, pax or {}
        tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


HOLES = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.map": "0,1",
         "GNU.sparse.size": str(1 << 50), "GNU.sparse.realsize": str(1 << 50)}  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [gzip.compress(tar_of(FIXED)), tar_of(b"x", pax=HOLES), b"", b"no tar", tar_of(FIXED)[:700]],
    ids=["compressed", "holes", "empty", "none", "cut"],
)
def test_answers_that_grow_or_break_are_refused(body: bytes, crate: Path) -> None:
    before = tree(crate)
    with Answering(body, files={"src/main.rs": FIXED}).running() as service:
        done = fix(crate, service)
    assert done.code == 1
    assert "error: the service" in done.err
    assert tree(crate) == before


def test_an_answer_without_end_is_not_read_to_its_end(
    crate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_client, "MOST_CHANGED", 1 << 20)
    with Answering(bytes(2 << 20), files={"src/main.rs": FIXED}).running() as service:
        done = fix(crate, service)
    assert done.code == 1
    assert "more than 1 MiB" in done.err


def test_a_service_makes_no_file_writable_for_all(crate: Path) -> None:
    body = tar_of(FIXED, mode=0o6777)
    with Answering(body, files={"src/main.rs": FIXED}).running() as service:
        assert fix(crate, service).code == 0
    assert (crate / "src/main.rs").stat().st_mode & 0o022 == 0


@pytest.mark.parametrize("view", [[], {"id": "r1"}, {"id": "r1", "status": "succeeded",
    "result": {"stop": "fixed"}}, {"id": "r1", "status": "succeeded", "result": 7}])  # fmt: skip
def test_documents_that_are_none_are_an_error_and_no_traceback(view: Any, crate: Path) -> None:
    class Other(SimulatedService):
        def _view(self) -> Any:
            return view

    before = tree(crate)
    with Other().running() as service:
        done = fix(crate, service)
    assert done.code == 1
    assert "error: " in done.err
    assert tree(crate) == before


def test_an_event_that_cannot_be_read_is_an_error(crate: Path) -> None:
    class Other(SimulatedService):
        def _events(self, to: BaseHTTPRequestHandler, after: int) -> None:
            send(to, 200, b'data: {"kind": "checked"}\n\n')

    with Other().running() as service:
        done = fix(crate, service)
    assert done.code == 1
    assert "an event that cannot be read" in done.err


def test_what_lies_behind_a_link_in_gits_index_is_not_sent(crate: Path, tmp_path: Path) -> None:
    """An archive of a repository whose index names a file below what is a link by now."""
    secret = tmp_path / "home"
    secret.mkdir()
    (secret / "id.rs").write_text("a key of the user")
    (crate / "keys").mkdir()
    (crate / "keys/id.rs").write_text("harmless")
    for arguments in (["init", "-q"], ["add", "."]):
        subprocess.run(["git", *arguments], cwd=crate, check=True)
    (crate / "keys/id.rs").unlink()
    (crate / "keys").rmdir()
    (crate / "keys").symlink_to(secret)
    with SimulatedService(files={"src/main.rs": FIXED}).running() as service:
        done = fix(crate, service)
    assert done.code == 0, done.err
    assert "keys/id.rs" not in service.uploads[0]


def test_names_that_no_service_takes_are_left_out_and_said(crate: Path) -> None:
    (crate / os.fsdecode(b"caf\xe9.txt")).write_text("latin-1")
    (crate / "a\x1b[2Jb.txt").write_text("control")
    with SimulatedService(files={"src/main.rs": FIXED}).running() as service:
        done = fix(crate, service)
    assert done.code == 0, done.err
    assert set(service.uploads[0]) == {"Cargo.toml", "src/main.rs", "src/old.rs"}
    assert "2 files left out" in done.err
