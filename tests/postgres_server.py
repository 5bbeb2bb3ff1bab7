"""A private PostgreSQL server for tests: by initdb, on a socket of its own, gone afterwards."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from reflex_lab.console import Console
from reflex_lab.packages import ensure

_NOBODY = "65534"  # postgres refuses to run as root


def binaries() -> Path:
    """Return the folder of initdb and postgres; installs them as root where there are none."""
    found = _found()
    if found is None:
        ensure({"initdb-of-the-postgresql-package": "postgresql"}, console=Console())
        found = _found()
    assert found is not None, "no initdb, and the package `postgresql` did not bring one"
    return found


def _found() -> Path | None:
    places = [Path(each) for each in os.environ.get("PATH", "").split(":") if each]
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    places += [Path("/usr/local/bin"), Path("/usr/local/pgsql/bin")]
    both = (one for one in places if (one / "initdb").exists() and (one / "postgres").exists())
    # Debian's alternatives in /usr/bin are links without their neighbours.
    return next(((one / "initdb").resolve().parent for one in both), None)


@contextmanager
def postgres(*, durable: bool = False) -> Iterator[str]:
    """Run a server; yield the folder of its socket. Any name may log in, for it is all alone.

    With `durable` it waits for the disk, as a user's would.
    """
    programs = binaries()
    folder = Path(tempfile.mkdtemp(prefix="reflex-pg-", dir="/tmp"))
    folder.chmod(0o755)
    prefix: list[str] = []
    if os.geteuid() == 0:
        shutil.chown(folder, int(_NOBODY), int(_NOBODY))
        prefix = ["setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"]
    data = folder / "data"
    try:
        made = subprocess.run(
            [*prefix, programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust",
             "-E", "UTF8", "--no-sync", "--no-instructions"],
            capture_output=True, text=True, check=False, cwd=folder,
        )  # fmt: skip
        assert made.returncode == 0, made.stdout + made.stderr
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [*prefix, programs / "postgres", "-D", data, "-k", folder, "-h", "",
                 "-c", f"fsync={'on' if durable else 'off'}", "-c", "max_connections=200",
                 "-c", "log_statement=none"],
                stdout=log, stderr=log, cwd=folder,
            )  # fmt: skip
        try:
            _wait(server, folder)
            yield str(folder)
        finally:
            server.send_signal(signal.SIGQUIT)  # at once
            server.wait(timeout=30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait(server: "subprocess.Popen[bytes]", folder: Path) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            with psycopg.connect(host=str(folder), user="postgres", dbname="postgres"):
                return
        except psycopg.OperationalError:
            assert server.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < end, (folder / "log").read_text()
            time.sleep(0.05)
