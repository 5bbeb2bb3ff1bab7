"""Why an engine ended, by its log."""

from dataclasses import dataclass
from typing import Final

from reflex_api.conditions import Reason
from reflex_operator.engines.death import Death, Kind, read
from reflex_operator.engines.evidence import evidence
from reflex_operator.engines.failure_rules import (
    CONSEQUENCES,
    PHASE_MARKS,
    RULES,
    Rule,
)

_ARGUMENT_CHECKS: Final = ("/sglang/srt/arg_groups/", "/sglang/srt/server_args.py")
"""Where SGLang checks its arguments: what is raised there is about them."""

_MISMATCHES: Final = ("AssertionError", "KeyError", "IndexError")
"""How weight loaders say that a checkpoint does not match its config.json; words differ."""


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """The cause. `reason` None: the log names a line, and no cause that we know."""

    reason: Reason | None
    evidence: str  # the deciding line, at most 200 characters, without secrets


def classify(text: str) -> Diagnosis | None:
    """Return why the run ended whose log this is; None when the log does not tell.

    The first known cause wins, since what follows it is its consequence. SIGTERM is a cause only
    when nothing failed before it: nobody but the kubelet sends it to a container whose pod stays.
    """
    reading = read(text)
    for death in reading.deaths:
        if known := _known(death):
            return known
    own = [death for death in reading.deaths if not _is_consequence(death)]
    for death in own or reading.deaths:
        line = death.said[-1]
        return Diagnosis(reason=None, evidence=evidence(line))
    if reading.stopped:
        return Diagnosis(reason=Reason.PROBE_TIMEOUT, evidence=evidence(reading.stopped))
    return None


def _known(death: Death) -> Diagnosis | None:
    for line in death.said:
        for rule in RULES:
            if rule.phrase in line and _may_say(death, rule):
                keep = f"{_phase(death)}{evidence(line, rule.phrase)}" if _is_gpu(rule) else line
                return Diagnosis(reason=rule.reason, evidence=evidence(keep, rule.phrase))
    return _by_place(death)


def _by_place(death: Death) -> Diagnosis | None:
    """Return what the place says where it was raised, when the words say nothing."""
    line, files = death.said[-1], [file for file, _ in death.frames]
    loading = "load_weights" in {function for _, function in death.frames}
    if death.kind is Kind.UNCAUGHT and files and any(one in files[-1] for one in _ARGUMENT_CHECKS):
        return Diagnosis(reason=Reason.ENGINE_ARGUMENTS_INVALID, evidence=evidence(line))
    if loading and line.startswith(_MISMATCHES):
        return Diagnosis(reason=Reason.MODEL_FILES_INVALID, evidence=evidence(line))
    return None


def _may_say(death: Death, rule: Rule) -> bool:
    """Return whether this kind of death can mean the rule: argparse's words only from argparse."""
    printed = rule.reason in (Reason.ENGINE_ARGUMENTS_INVALID, Reason.SECRET_NOT_FOUND)
    return not (rule.phrase.endswith("error: ") and printed) or death.kind is Kind.PRINTED


def _is_gpu(rule: Rule) -> bool:
    return rule.reason is Reason.ENGINE_GPU_OUT_OF_MEMORY and not rule.action


def _phase(death: Death) -> str:
    functions = {function for _, function in death.frames}
    said = " ".join(death.said)
    for phase, mark in PHASE_MARKS:
        if mark in functions or (mark == "capture" and "Capture cuda graph failed" in said):
            return f"while {phase}: "
    return ""


def _is_consequence(death: Death) -> bool:
    return any(phrase in death.said[-1] for phrase in CONSEQUENCES)
