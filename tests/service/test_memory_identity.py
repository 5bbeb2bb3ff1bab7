"""The same operations give the same ids, order and bytes: any database, process, seed, zone."""

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

import psycopg

SURROUNDINGS: list[dict[str, str]] = [
    {"PYTHONHASHSEED": "0", "TZ": "UTC", "LC_ALL": "C.UTF-8"},
    {"PYTHONHASHSEED": "4242", "TZ": "America/St_Johns", "LC_ALL": "C"},
]


def run(url: str, environment: dict[str, str]) -> "subprocess.Popen[bytes]":
    paths = os.pathsep.join(path for path in sys.path if path)
    return subprocess.Popen(
        [sys.executable, "-m", "memory_program", url],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": paths, **environment},
    )


def test_both_databases_give_the_same_bytes_everywhere(
    tmp_path: Path, postgres_socket: str
) -> None:
    started = []
    with psycopg.connect(host=postgres_socket, user="postgres", autocommit=True) as db:
        for number, environment in enumerate(SURROUNDINGS):
            started.append(run(f"sqlite:///{tmp_path / str(number)}", environment))
            name = f"identity_{uuid.uuid4().hex}"
            # By its own rules this one would put "alpha" before "Beta".
            language = "TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'"
            db.execute(f'CREATE DATABASE "{name}" {language if number else ""}')
            url = f"postgresql+psycopg://postgres@/{name}?host={postgres_socket}"
            started.append(run(url, environment))
    told = [one.communicate(timeout=600)[0] for one in started]
    assert [one.returncode for one in started] == [0] * 4
    first = told[0].splitlines()
    for other in told[1:]:
        for mine, theirs in zip(first, other.splitlines(), strict=True):
            assert theirs == mine
    # It did find, expire, evict and carry over.
    lines = [json.loads(line) for line in first]
    assert sum(len(line[2]) for line in lines if line[0] == "search") > 300
    (sweep,) = (line for line in lines if line[0] == "sweep")
    assert {"add", "repeat", "delete", "evict", "purge"} <= {action for _, action, _ in sweep[3]}
    assert [line[2] for line in lines if line[0] == "import"] == [True]
