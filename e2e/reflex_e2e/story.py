"""The demo's repair as a short story: who answered what, what became of it, and why."""

from collections.abc import Iterator
from typing import Any

from reflex_e2e.repairs import Json, Told

WHY = {
    "local_first": "the local model is asked first",
    "escalated_after_failures": "2 local attempts failed: the cloud is asked",
}


def lines_of(event: Told) -> Iterator[str]:
    """Return what a reader should see of one event."""
    data = event.data
    if event.kind == "checked" and data["when"] == "start":
        yield f"rustc, in a pod: {data['errors']} errors ({', '.join(data['codes'])})"
    elif event.kind == "asked":
        yield f"attempt {data['attempt']} asks about {', '.join(data['shown'])}"
    elif event.kind == "answered":
        cached = f", {data['cached']} of them cached" if data["cached"] else ""
        yield (
            f"  {data['answered_by']} answered: {data['prompt']} tokens in{cached}, "
            f"{data['completion']} out"
        )
    elif event.kind == "refused":
        yield f"  refused, nothing was changed: {data['reason']}"
    elif event.kind == "judged":
        kept = data["verdict"] != "rejected"
        yield f"  {'kept' if kept else 'rolled back, byte for byte'}: {data['reason']}"
    elif event.kind == "stopped":
        first = str(data["detail"]).strip().partition("\n")[0]
        yield f"ended: {data['why']}" + (f" ({first})" if first else "")


def told(event: Told) -> str:
    """Return the lines with the time since the repair began."""
    return "\n".join(f"  {event.data['seconds']:6.1f} s  {line}" for line in lines_of(event))


def decisions(result: Json) -> str:
    """Return one line for each model that was asked, with the router's reason."""
    rows = []
    for each in result["decisions"]:
        reason = str(each["routing"].get("reason", ""))
        rows.append(
            f"  {each['attempt']}  {each['answered_by']:<18} {each['renderer']:<8}"
            f" {each['outcome']:<12} {reason}: {WHY.get(reason, 'see docs/routing.md')}"
        )
    return "\n".join(rows)


def bill(result: Json, budgets: Json) -> str:
    """Return what was spent, on what, and what is left of the budget."""
    seconds, tokens = result["seconds"], result["tokens"]
    daily: Any = next(each for each in budgets["data"] if each["window"] == "daily")
    return (
        f"Seconds: models {seconds['model']:.1f}, compiler and tests {seconds['compiler']:.1f}, "
        f"the loop itself {seconds['loop']:.2f}.\n"
        f"Tokens: {tokens['prompt']} in ({tokens['cached']} cached), {tokens['completion']} out.\n"
        f"Cloud: {result['cost_usd']} USD at the stub's made-up prices; "
        f"{daily['spent_usd']} of {daily['limit_usd']} USD of today's budget are used."
    )
