"""The words that failures are recognised by, looked for in the packages of the engine image."""

import json
from typing import Any

import pytest
from reflex_e2e.engine_image import EngineImage

from reflex_operator.engines import launcher
from reflex_operator.engines.failure_rules import CONSEQUENCES, PHASE_MARKS, RULES, Origin

pytestmark = pytest.mark.contract

# Not in the CPU image: Triton is a stub there, cuBLAS and NVML are not installed. "PYTHON" is
# argparse's and the operating system's. Their words come from public reports.
ELSEWHERE = {Origin.TRITON, Origin.CUBLAS, Origin.NVML, Origin.PYTHON, Origin.LAUNCHER}
# What death.py takes for SGLang's own voice.
VOICE = (
    "Scheduler hit an exception: {traceback}",
    "TokenizerManager hit an exception: {traceback}",
    "DetokenizerManager hit an exception: {traceback}",
    "Initialization failed. warmup error: {last_traceback}",
    "{self.debug_name} watchdog timeout ",
    "({self.watchdog_timeout=}, {self.soft=})",
    "Subprocess {name} (pid={proc.pid}) crashed ",
    "with exit code {proc.exitcode}. ",
    "SIGQUIT received. ",
    "Received sigquit from a child process.",
    "kill_process_tree called",
    "SIGTERM received. ",
    "Signal SIGTERM received",
    "Prefill batch{iter_msg}",
    "Decode batch{iter_msg}",
    "post-warmup freeze_gc failed",
    "Capture cuda graph failed: ",
    "%Y-%m-%d %H:%M:%S",
)
FIND = """
import json, pathlib, site, sys
wanted = json.load(sys.stdin)
root = pathlib.Path(site.getsitepackages()[0])
missing = []
for package, phrases in wanted.items():
    left = {phrase: phrase.encode() for phrase in phrases}
    for path in sorted((root / package).rglob("*")):
        binary = path.suffix == ".so" or ".so." in path.name
        if not left or not path.is_file() or not (binary or path.suffix == ".py"):
            continue
        content = path.read_bytes()
        left = {phrase: raw for phrase, raw in left.items() if raw not in content}
    missing += [package + ": " + phrase for phrase in left]
print("ANSWER" + json.dumps(missing))
"""


def wanted() -> dict[str, list[str]]:
    """Phrases by package; a value that SGLang puts into a sentence ends the part to look for."""
    phrases: dict[str, list[str]] = {"sglang": [*VOICE, *CONSEQUENCES]}
    phrases["sglang"] += [f"def {mark}(" for _, mark in PHASE_MARKS]
    for rule in RULES:
        if rule.origin not in ELSEWHERE:
            phrases.setdefault(rule.origin.value, []).append(rule.phrase)
    return phrases


def test_every_phrase_is_in_the_installed_packages(engine_image: EngineImage) -> None:
    output = engine_image.python(FIND, stdin=json.dumps(wanted()))
    (line,) = [one for one in output.splitlines() if one.startswith("ANSWER")]
    missing: Any = json.loads(line.removeprefix("ANSWER"))
    assert missing == []


def test_the_launchers_words_are_ours() -> None:
    (phrase,) = [rule.phrase for rule in RULES if rule.origin is Origin.LAUNCHER]
    assert phrase in launcher.command()[-1]
