"""The launcher runs here for real, with a module in SGLang's place that shows what it got."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reflex_operator.engines import launcher

SHOWS = """\
import logging, sys
logging.basicConfig(level="INFO", format="%(message)s", force=True)
logging.info("server_args=%s", {"api_key": sys.argv[-2], "admin": sys.argv[-1]})
print(sys.argv[1:], open("/proc/self/cmdline").read().count("very-secret"), __name__)
"""


def launch(tmp_path: Path, keys: dict[str, str]) -> subprocess.CompletedProcess[str]:
    package, mount = tmp_path / "sglang", tmp_path / "keys"
    package.mkdir()
    mount.mkdir()
    (package / "__init__.py").touch()
    (package / "launch_server.py").write_text(SHOWS)
    for name, value in keys.items():
        (mount / name).write_text(value + "\n")
    _, flag, text = launcher.command()
    return subprocess.run(
        [sys.executable, flag, text.replace(launcher.KEYS_MOUNT, str(mount)), "--port=1"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_keys_reach_sglang_and_neither_the_log_nor_the_command_line(tmp_path: Path) -> None:
    done = launch(tmp_path, {"api-key": "very-secret-1", "admin-api-key": "very-secret-2"})
    assert done.stdout.strip() == (
        "['--port=1', '--api-key=very-secret-1', '--admin-api-key=very-secret-2'] 0 __main__"
    )
    assert "very-secret" not in done.stderr
    assert "<redacted>" in done.stderr


@pytest.mark.parametrize("keys", [{}, {"admin-api-key": "very-secret"}, {"api-key": " "}])
def test_an_engine_without_an_api_key_is_not_started(tmp_path: Path, keys: dict[str, str]) -> None:
    done = launch(tmp_path, keys)
    assert done.returncode == 1
    assert "no api-key in" in done.stderr
