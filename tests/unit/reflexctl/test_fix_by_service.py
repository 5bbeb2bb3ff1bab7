"""`reflexctl fix --server` and the kube context, against a simulated service."""

import base64
import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from file_tree import tree
from unit.reflexctl.command_line import BROKEN, ISSUE_KEYS, Done, nobody, program, run
from unit.reflexctl.simulated_service import KEY, SimulatedService

__all__ = ["nobody"]
pytestmark = pytest.mark.usefixtures("nobody")
FIXED = BROKEN.replace("cuont", "count").encode()


@pytest.fixture
def crate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REFLEX_API_KEY", KEY)
    folder = tmp_path / "crate"
    (folder / "src").mkdir(parents=True)
    (folder / "Cargo.toml").write_text('[package]\nname = "crate"\nversion = "0.1.0"\n')
    (folder / "src/main.rs").write_text(BROKEN)
    (folder / "src/old.rs").write_text("// not used\n")
    return folder


def fix(crate: Path, service: SimulatedService, *more: Any) -> Done:
    return run("fix", crate, "--server", service.url, *more)


def test_what_the_service_changed_is_changed_here(crate: Path) -> None:
    files = {"src/main.rs": FIXED, "src/new.rs": b"// new\n", "src/old.rs": None}
    with SimulatedService(files=files).running() as service:
        done = fix(crate, service, "--json", "--attempts", "3", "--allow-manifest")
    found = json.loads(done.out)
    assert (done.code, found["fixed"], found["repair"]) == (0, True, "r1")
    assert set(found) >= ISSUE_KEYS
    assert (crate / "src/main.rs").read_bytes() == FIXED
    assert (crate / "src/new.rs").read_text() == "// new\n"
    assert not (crate / "src/old.rs").exists()
    # What is shown is what was written here.
    assert '-    println!("{cuont}");' in found["diff"]
    assert service.options == {"max_attempts": 3, "allow_manifest": True}
    assert set(service.uploads[0]) == {"Cargo.toml", "src/main.rs", "src/old.rs"}


def test_a_stream_that_breaks_in_the_middle_is_resumed(crate: Path) -> None:
    class Unfinished(SimulatedService):
        def _view(self) -> dict[str, Any]:
            view = super()._view()
            return view if len(self.resumed_from) > 2 else {**view, "status": "running"}

    with Unfinished(files={"src/main.rs": FIXED}, breaks_after=[2, 1]).running() as service:
        done = fix(crate, service)
    assert done.code == 0, done.err
    assert service.resumed_from == [0, 2, 3]
    for each in ("check 1 error", "ask 1", "answer", "kept"):
        assert done.err.count(each) == 1, done.err
    assert "the connection broke; going on where it was" in done.err


def test_a_full_queue_is_waited_for_and_asked_with_the_same_key(crate: Path) -> None:
    with SimulatedService(files={"src/main.rs": FIXED}, busy=2).running() as service:
        done = fix(crate, service)
    assert done.code == 0
    assert len(service.uploads) == 1
    assert len(service.idempotency_keys) == 3
    assert len(set(service.idempotency_keys)) == 1
    assert "the queue is full; trying again" in done.err


def test_files_that_changed_meanwhile_are_not_touched(crate: Path) -> None:
    class Editing(SimulatedService):
        def _view(self) -> dict[str, Any]:
            (crate / "src/main.rs").write_text("// somebody works here\n")
            return super()._view()

    files = {"src/main.rs": FIXED, "src/new.rs": b"// new\n"}
    with Editing(files=files).running() as service:
        done = fix(crate, service)
    assert done.code == 1
    assert "nothing was changed: src/main.rs has changed" in done.err
    assert '+    println!("{count}");' in done.out
    assert (crate / "src/main.rs").read_text() == "// somebody works here\n"
    assert not (crate / "src/new.rs").exists()


def test_a_dry_run_changes_nothing_here(crate: Path) -> None:
    before = tree(crate)
    with SimulatedService(files={"src/main.rs": FIXED}).running() as service:
        done = fix(crate, service, "--dry-run")
    assert done.code == 0
    assert '+    println!("{count}");' in done.out
    assert tree(crate) == before


@pytest.mark.parametrize(
    "path",
    ["../outside.rs", "/tmp/outside.rs", ".git/hooks/pre-commit", "build.rs", "Cargo.toml",
     "src/../src/main.rs", "notes.txt"],
)  # fmt: skip
def test_a_service_may_write_only_what_a_patch_may(path: str, crate: Path) -> None:
    before = tree(crate.parent)
    with SimulatedService(files={"src/main.rs": FIXED, path: b"pwned"}).running() as service:
        done = fix(crate, service)
    assert done.code == 1
    assert "the service's answer is refused" in done.err
    assert tree(crate.parent) == before


def test_a_wrong_key_is_told(crate: Path, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("me:not-the-key-of-anyone\n")
    with SimulatedService().running() as service:
        done = fix(crate, service, "--key-file", tmp_path / "key", "--json")
    assert done.code == 1
    assert "401: this key is not known here" in json.loads(done.out)["error"]
    assert "hint: give its key by REFLEX_API_KEY or --key-file" in done.err


def test_ctrl_c_cancels_there_and_changes_nothing_here(crate: Path) -> None:
    before = tree(crate)
    with SimulatedService(files={"src/main.rs": FIXED}, holds=True).running() as service:
        process = program("fix", crate, "--server", service.url)
        end = time.monotonic() + 90
        while not service.resumed_from:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < end
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=90)
        assert service.cancelled.is_set()
    assert process.returncode == 130, err
    assert tree(crate) == before


FAKE_KUBECTL = """\
#!{python}
# FAKE kubectl: answers by script, forwards nothing; for tests of reflexctl only.
import json, os, signal, sys, time
open({log!r}, "a").write(json.dumps(sys.argv[1:]) + "\\n")
if "port-forward" in sys.argv:
    print("Forwarding from 127.0.0.1:{port} -> 8080", flush=True)
    open({alive!r}, "w").write(str(os.getpid()))
    signal.signal(signal.SIGTERM, lambda *_: (os.unlink({alive!r}), os._exit(0)))
    while True:
        time.sleep(0.05)
kind = sys.argv[sys.argv.index("get") + 1]
print(json.dumps({{"items": json.loads({items!r})[kind]}}))
"""


def fake_kubectl(folder: Path, service: SimulatedService, *, services: int = 1) -> Path:
    meta = [{"name": "reflex-loop", "namespace": f"ns{number}"} for number in range(services)]
    ports = [{"name": "http", "port": 8080}]
    secret = base64.b64encode(f"# people\nada:{KEY}\n".encode()).decode()
    items = {
        "services": [{"metadata": each, "spec": {"ports": ports}} for each in meta],
        "secrets": [{"data": {"keys": secret}}],
    }
    (folder / "bin").mkdir()
    path = folder / "bin/kubectl"
    path.write_text(
        FAKE_KUBECTL.format(
            python=sys.executable, log=str(folder / "kubectl.log"), alive=str(folder / "alive"),
            port=service.url.rpartition(":")[2], items=json.dumps(items),
        )
    )  # fmt: skip
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path.parent


def test_the_kube_context_leads_to_a_service(
    crate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REFLEX_API_KEY")
    with SimulatedService(files={"src/main.rs": FIXED}).running() as service:
        folder = fake_kubectl(tmp_path, service)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        done = run("fix", crate, "--context", "lab")
    assert done.code == 0, done.err
    assert "using ns0/reflex-loop of the kube context" in done.err
    assert (crate / "src/main.rs").read_bytes() == FIXED
    calls = [json.loads(line) for line in (tmp_path / "kubectl.log").read_text().splitlines()]
    assert all(call[:2] == ["--context", "lab"] for call in calls)
    assert ":8080" in calls[-1]
    assert not (tmp_path / "alive").exists(), "the port-forward was not ended"


def test_several_services_are_not_guessed_at(
    crate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SimulatedService().running() as service:
        folder = fake_kubectl(tmp_path, service, services=2)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        done = run("fix", crate, "--context", "lab")
    assert done.code == 2
    assert "2 reflex-loop services: ns0/reflex-loop, ns1/reflex-loop" in done.err
    assert "hint: choose one: -n NAMESPACE" in done.err


def test_without_anything_to_ask_the_error_says_what_helps(
    crate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing-here"))
    done = run("fix", crate)
    assert done.code == 2
    for hint in ("--endpoint http", "--config reflex.yaml", "--server URL", "no `kubectl`"):
        assert hint in done.err


def test_only_what_belongs_to_the_tree_is_sent(crate: Path) -> None:
    (crate / "target").mkdir()
    (crate / "target/big.rs").write_text("built")
    (crate / ".env").write_text("SECRET=1")
    (crate / "ignored.rs").write_text("mine")
    (crate / "Cargo.lock").write_text("version = 4\n")
    (crate / ".gitignore").write_text("ignored.rs\nCargo.lock\n")
    (crate / "link.rs").symlink_to("src/main.rs")
    subprocess.run(["git", "init", "-q", crate], check=True)
    with SimulatedService(files={"src/main.rs": FIXED}).running() as service:
        done = fix(crate, service)
    assert done.code == 0, done.err
    assert set(service.uploads[0]) == {"Cargo.toml", "Cargo.lock", "src/main.rs", "src/old.rs"}
    assert "1 link left out" in done.err
