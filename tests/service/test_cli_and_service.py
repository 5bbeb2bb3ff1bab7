"""`reflexctl fix --server` as a program, joined to the service as a program."""

import asyncio
import json
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import repair_corpus
from scripted_openai import Hold, answer, http, scripted
from service_process import REAL, program
from service_rig import FIX_ONE, FIX_TWO, KEYS, MANIFEST, SOURCE, configuration, eventually
from unit.reflexctl.command_line import BROKEN, FIX, ISSUE_KEYS, nobody
from unit.reflexctl.command_line import program as reflexctl

__all__ = ["nobody"]
pytestmark = pytest.mark.usefixtures("nobody")
DEADLINE = 120
KEY: Mapping[str, str] = {"REFLEX_API_KEY": KEYS["alice"]}


async def end_of(process: "subprocess.Popen[str]") -> tuple[str, str]:
    return await asyncio.to_thread(process.communicate, timeout=DEADLINE)


def crate(folder: Path) -> Path:
    (folder / "src").mkdir(parents=True)
    (folder / "Cargo.toml").write_text(MANIFEST)
    (folder / "src/lib.rs").write_text(SOURCE)
    return folder


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_the_command_line_outlives_a_restart_of_the_service(
    tmp_path: Path, how: signal.Signals
) -> None:
    """The first patch is kept; the service dies while the second is asked for, and comes back."""
    hold, root, heard = Hold(), crate(tmp_path / "crate"), tmp_path / "stderr"
    second = answer(json.dumps({"edits": [FIX_TWO]}))
    async with (
        scripted(answer(json.dumps({"edits": [FIX_ONE]})), [hold, *second], second) as engine,
        program(tmp_path / "service", "", engine.base_url) as server,
    ):
        with heard.open("w") as to:
            more: dict[str, Any] = {"environment": KEY, "stderr": to}
            fixing = reflexctl("fix", root, "--server", server.base, **more)
        try:
            await asyncio.wait_for(hold.reached.wait(), DEADLINE)
            # What is heard is in the database, and the patch before it as well.
            await eventually(lambda: "ask 2" in heard.read_text())
            await server.end(how)
            assert (root / "src/lib.rs").read_text() == SOURCE, "changes come at the end"
            await server.start()
            out, _ = await end_of(fixing)
        finally:
            fixing.kill()
    err = heard.read_text()
    assert fixing.returncode == 0, err
    assert "the connection broke; going on where it was" in err
    # Every event once, in order, though they came over several connections from two processes.
    said = [line.split()[:2] for line in err.splitlines()]
    assert [each for each in said if each[0] == "ask"] == [["ask", "1"], ["ask", "2"], ["ask", "3"]]
    assert err.count("kept") == 2, err
    assert "fixed: 3 attempts" in err
    assert out.startswith("diff --git a/src/lib.rs b/src/lib.rs\n")
    fixed = SOURCE.replace("1; // @E0308", "1u8;").replace("2; // @E0425", "2u8;")
    assert (root / "src/lib.rs").read_text() == fixed


@pytest.mark.rust
@pytest.mark.skipif(
    bool(repair_corpus.why_no_rust(linker=True)), reason=str(repair_corpus.why_no_rust(linker=True))
)
async def test_both_repair_real_rust_as_they_are_installed(tmp_path: Path) -> None:
    """The real service with its own sandbox and compiler; only the model follows a script."""
    source = tmp_path / "crate/main.rs"
    source.parent.mkdir()
    source.write_text(BROKEN)
    served = http(200, {"object": "list", "data": [{"id": "tiny"}]})
    async with scripted(lambda body: answer(FIX) if body else served) as engine:
        folder = tmp_path / "service"
        folder.mkdir()
        configuration(folder, engine.base_url)
        async with program(folder, "", engine.base_url, command=REAL, sandbox="local") as server:
            more = ("--json", "--suggestions", "off")
            fixing = reflexctl("fix", source, "--server", server.base, *more, environment=KEY)
            out, err = await end_of(fixing)
            again = reflexctl("fix", source, "--server", server.base, environment=KEY)
            nothing, told = await end_of(again)
    assert fixing.returncode == 0, err
    found = json.loads(out)
    assert set(found) >= ISSUE_KEYS | {"repair"}
    assert (found["fixed"], found["attempts"]) == (True, 1)
    (decision,) = found["decisions"]
    assert (decision["answered_by"], decision["routing"]["reason"]) == ("local/tiny", "local_first")
    assert "let mut count" in source.read_text()
    assert (again.returncode, nothing) == (0, ""), told
    assert "nothing to do" in told
