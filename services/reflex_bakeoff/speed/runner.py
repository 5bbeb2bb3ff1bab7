"""Runs the load generator in a process of its own: locust patches the one it is imported in."""

import asyncio
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from reflex_bakeoff.errors import LoadError
from reflex_bakeoff.speed.plan import LoadPlan
from reflex_bakeoff.speed.timing import Trace
from reflex_bakeoff.speed.traces import Watched, read


async def run_load(
    plan: LoadPlan, *, seconds: float = 3600.0, environ: Mapping[str, str] | None = None,
    web_port: int = 0,
) -> tuple[tuple[Trace, ...], Watched]:  # fmt: skip
    """Send everything in the plan and return what was seen.

    Args:
        plan: what is sent.
        seconds: after which the process is ended.
        environ: of the process; default: this one's.
        web_port: where locust's page is shown on 127.0.0.1; 0: nowhere.

    Raises:
        LoadError: the process failed, took too long, or left nothing.
    """
    with tempfile.TemporaryDirectory(prefix="reflex-load-") as folder:
        wanted, seen = Path(folder) / "plan.json", Path(folder) / "traces.jsonl"
        wanted.write_text(plan.model_dump_json(), encoding="utf-8")
        more = ["--web-port", str(web_port)] if web_port else []
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "reflex_bakeoff.load", "--plan", str(wanted), "--out", str(seen),
            *more, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT, env=dict(os.environ if environ is None else environ),
        )  # fmt: skip
        try:
            said, _ = await asyncio.wait_for(process.communicate(), timeout=seconds)
        except TimeoutError:
            raise LoadError(
                f"the load generator was still running after {seconds:.0f} s: raise the limit or"
                " send less"
            ) from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode or not seen.exists():
            tail = said.decode(errors="replace").strip()[-500:]
            raise LoadError(f"the load generator ended with {process.returncode}: {tail}")
        return read(seen.read_text(encoding="utf-8"))
