"""`make demo`: the main job for real, on a machine that had nothing."""

import sys
import time
from typing import Any

from openai import OpenAI

from reflex_e2e import broken
from reflex_e2e.chat import Answer, api_key, ask
from reflex_e2e.kubectl import ROOT, Cluster, CommandError
from reflex_e2e.progress import Phases
from reflex_e2e.stack import bring_up
from reflex_lab.errors import LabError
from reflex_operator.engines.canary import SCHEMA

MODEL = "reflex-tiny"
NAMESPACE = "default"
READY_WITHIN = 600.0


def main() -> int:
    """Run the demo; return its exit code."""
    phases = Phases()
    try:
        stack = bring_up(phases)
        cluster = stack.cluster
        with phases.phase("engine (apply to Ready)"):
            cluster.kubectl("apply", "-f", str(ROOT / "manifests/samples/demo.yaml"))
            wait_ready(cluster, phases, MODEL, NAMESPACE, within=READY_WITHIN)
        with phases.phase("question (port-forward, two completions)"):
            first, second = question(cluster)
    except (CommandError, LabError, broken.PatchError) as error:
        print(f"error: {error}", file=sys.stderr)
        print("hint: `e2e/lab/reflex-lab status` and `e2e/lab/reflex-lab logs`", file=sys.stderr)
        return 1
    report(cluster, phases, first, second)
    return 0


def wait_ready(
    cluster: Cluster, phases: Phases, name: str, namespace: str, *, within: float
) -> dict[str, Any]:
    """Wait for Ready with a live line and return the object.

    Raises:
        CommandError: it was not Ready in time; the message holds its last reason.
    """
    start = time.monotonic()
    reason = words = ""
    while time.monotonic() - start < within:
        model = cluster.get("reflexmodel", name, namespace)
        ready = next(
            (
                c
                for c in (model.get("status") or {}).get("conditions") or []
                if c["type"] == "Ready"
            ),
            None,
        )
        current = ready and ready["observedGeneration"] == model["metadata"]["generation"]
        if ready and current:
            reason, words = ready["reason"], ready["message"]
            if ready["status"] == "True":
                phases.line(f"    {name}: {reason} ({words})")
                return model
        elapsed = time.monotonic() - start
        phases.live(
            f"    {name}: {reason or 'waiting for the operator'}\t{elapsed:4.0f} s  {words}"
        )
        time.sleep(0.5)  # the poll of a live line, not a wait for luck: the deadline is above
    raise CommandError(f"{name} is not Ready after {within:.0f} s: {reason}: {words}")


def question(cluster: Cluster) -> tuple[Answer, Answer]:
    """Ask twice for the same repair: the second time the prefix is in the cache."""
    key = api_key(cluster, MODEL, NAMESPACE)
    with cluster.port_forward(f"service/{MODEL}", NAMESPACE, 80) as port:
        client = OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key=key, max_retries=0)
        with client:
            first = ask(client, model=MODEL, prompt=broken.PROMPT, schema=SCHEMA)
            second = ask(client, model=MODEL, prompt=broken.PROMPT, schema=SCHEMA)
    return first, second


def report(cluster: Cluster, phases: Phases, first: Answer, second: Answer) -> None:
    """Print the answer, what it cost, and how to go on."""
    out = sys.stdout
    fixed = broken.apply(broken.SOURCE, first.edits)
    verdict = broken.check(fixed)
    print("\nThe broken file:\n\n" + _indent(broken.SOURCE), file=out)
    print(f"The model's answer ({MODEL}, schema enforced):\n\n    {first.content}\n", file=out)
    print("The file with the answer applied:\n\n" + _indent(fixed), file=out)
    if verdict is None:
        print("rustc is not installed here: the answer was applied, not compiled.", file=out)
    else:
        print("rustc: it compiles." if not verdict else f"rustc: still broken\n{verdict}", file=out)
    for name, answer in (("first", first), ("again", second)):
        rate = answer.completion_tokens / answer.seconds
        print(
            f"{name}: {answer.completion_tokens} tokens in {answer.seconds:.2f} s "
            f"({rate:.0f} tokens/s), {answer.cached_tokens} of {answer.prompt_tokens} "
            "prompt tokens from the cache",
            file=out,
        )
    print(f"\nTimes:\n{phases.summary()}\n", file=out)
    print(
        "It keeps running. To go on:\n"
        f"  export KUBECONFIG={cluster.kubeconfig}\n"
        f"  alias kubectl={cluster.kubectl_path}\n"
        "  kubectl get reflexmodels\n"
        f"  kubectl describe reflexmodel {MODEL}\n"
        "  kubectl explain reflexmodel.spec.engine\n"
        "Stop it with `make down`.",
        file=out,
    )


def _indent(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())


if __name__ == "__main__":
    sys.exit(main())
