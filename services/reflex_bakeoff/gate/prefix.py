"""The cache proof as metrics of the verdict."""

from reflex_api.gate import CacheMode, GateSpec
from reflex_api.items import Items
from reflex_api.verdict import Judgement, Metric, Part, Target, Why, worst
from reflex_bakeoff.cache.proof import prove, wanted_steps
from reflex_bakeoff.gate.integrity import finite
from reflex_bakeoff.gate.metrics import Fault, Subject, failed, reported


def cache_metrics(items: Items, gate: GateSpec) -> list[Metric]:
    """Return the proof, its two numbers first (for information)."""
    part = Part.QUALIFICATION if gate.cache.mode is CacheMode.REQUIRED else Part.REPORT
    proof = Subject(
        name="cache_proof", part=part, unit="steps",
        formula="steps of the ten that hold; Pass: all of them (docs/harness.md)",
    )  # fmt: skip
    target = Target(relation=">=", value=wanted_steps(gate.cache))
    if items.cache is None or not finite(items.cache):
        why = "was not probed" if items.cache is None else "proof has numbers that are none"
        missing = Fault(reason=Why.MISSING_MEASUREMENT, message=f"the cache {why}")
        return [failed(proof, missing, 0, target if part is Part.QUALIFICATION else None)]
    steps, shown = prove(items.cache, gate.cache)
    hit = Subject(
        name="cache_hit_share", part=Part.REPORT, unit="share",
        formula="cached tokens of warm requests / tokens of the shared prefix in whole pages",
    )  # fmt: skip
    gain = Subject(
        name="cache_ttft_gain", part=Part.REPORT, unit="share",
        formula="1 - median TTFT warm / median TTFT cold",
    )  # fmt: skip
    n = len(items.cache.warm)
    metrics = [
        reported(subject, n, value)
        for subject, value in ((hit, shown.hit_share), (gain, shown.gain))
        if value is not None
    ]
    held = sum(step.verdict is Judgement.PASS for step in steps)
    verdict = worst(*(step.verdict for step in steps))
    first = next((step for step in steps if step.verdict is verdict), steps[0])
    told = "all steps hold" if verdict is Judgement.PASS else f"{first.name}: {first.message}"
    if part is Part.REPORT:
        return [*metrics, reported(proof, len(steps), float(held), message=told[:512])]
    return [
        *metrics,
        Metric(
            name=proof.name, part=part, unit=proof.unit, formula=proof.formula, n=len(steps),
            point=float(held), target=target, verdict=verdict, reason=first.reason,
            message=told[:512],
        ),
    ]  # fmt: skip
