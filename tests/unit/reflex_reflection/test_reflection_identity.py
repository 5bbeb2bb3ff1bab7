"""Off is without effect, and on gives the same bytes everywhere; by processes of their own."""

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

import pytest

import reflex_reflection
from reflected_run import IDENTITY_LOGS
from reflection_turns import ON, reflector, turn
from reflex_reflection.config import Backend, FixtureSettings, ReflectionConfig
from reflex_reflection.step import Reflector, Turn

TESTS = Path(__file__).parents[2]
RECORDED = TESTS / "recorded/reflection"
SERVICES = Path(reflex_reflection.__file__).parents[1]


def run(folder: Path, mode: str, **environment: str) -> dict[str, bytes]:
    """Run the recorded turns in a process, and return the files it left."""
    folder.mkdir()
    paths = os.pathsep.join([str(SERVICES), str(TESTS), *sys.path])
    subprocess.run(
        [sys.executable, "-m", "reflected_run", RECORDED / "turns.json", folder, mode],
        check=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": paths, **environment},
    )
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_off_leaves_the_bytes_of_a_run_that_knows_no_reflection(tmp_path: Path) -> None:
    absent = run(tmp_path / "absent", "absent")
    assert sorted(absent) == sorted(IDENTITY_LOGS)
    assert run(tmp_path / "off", "off") == absent


def test_on_leaves_the_other_logs_as_they_are(tmp_path: Path) -> None:
    off, on = run(tmp_path / "off", "off"), run(tmp_path / "on", "on")
    assert {name: on[name] for name in IDENTITY_LOGS} == off
    assert set(on) - set(off) == {"t3_reflection.jsonl", "rows.jsonl"}


def test_processes_hash_seeds_and_time_zones_give_the_recorded_bytes(tmp_path: Path) -> None:
    surroundings: list[dict[str, str]] = [
        {"PYTHONHASHSEED": "0", "TZ": "UTC", "LC_ALL": "C.UTF-8", "CI": "true"},
        {"PYTHONHASHSEED": "1", "TZ": "America/St_Johns", "LC_ALL": "C", "CI": ""},
        {"PYTHONHASHSEED": "4242", "TZ": "Pacific/Kiritimati", "PYTHONUTF8": "0"},
    ]
    for number, environment in enumerate(surroundings):
        found = run(tmp_path / str(number), "on", **environment)
        for name in ("t3_reflection.jsonl", "rows.jsonl"):
            assert found[name] == (RECORDED / name).read_bytes(), (name, environment)


class Untouchable:
    """Fails when anything at all is done with it."""

    def add(self, *_: object) -> NoReturn:
        raise AssertionError("touched")

    def append(self, lines: Iterable[bytes]) -> NoReturn:
        raise AssertionError("touched")

    def __call__(self, *_: object) -> NoReturn:
        raise AssertionError("touched")


@pytest.mark.parametrize("backend", list(Backend))
@pytest.mark.parametrize(
    ("allow", "wished", "dry"), [(False, True, False), (True, False, False), (True, True, True)]
)
def test_a_closed_gate_touches_neither_clock_nor_store_nor_log_nor_fixtures(
    backend: Backend, allow: bool, wished: bool, dry: bool
) -> None:
    never = Untouchable()
    config = ReflectionConfig(
        allow_reflection=allow, backend=backend,
        fixtures=FixtureSettings(enabled=True, path="nowhere"),
    )  # fmt: skip
    closed = Reflector(
        config=config, clock=never, redact=never, sink=never, log=never, load=never
    )  # fmt: skip
    turns = [Turn(bundle=turn(reflection=wished, dry_run=dry))] * 2
    assert closed.after_batch(turns) == [None, None]
    assert closed.after_turn(turns[0]) is None


def test_the_open_gate_does_touch_them() -> None:
    with pytest.raises(AssertionError, match="touched"):
        reflector(ON, clock=Untouchable()).after_turn(Turn(bundle=turn()))


def test_the_step_needs_neither_a_database_nor_a_network() -> None:
    code = (
        "import sys, reflex_reflection.step, reflex_reflection.validation;"
        "print(sorted({'sqlalchemy', 'sqlite3', 'socket', 'random', 'asyncio'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], check=True, capture_output=True, text=True,
        timeout=120, env={**os.environ, "PYTHONPATH": str(SERVICES)},
    )  # fmt: skip
    assert done.stdout.strip() == "[]"
