"""`make demo`: the main job for real, on a machine that had nothing."""

import sys
import time
from dataclasses import dataclass
from typing import Any

from openai import OpenAI

from reflex_e2e import broken, loop, story
from reflex_e2e.chat import Answer, api_key, ask
from reflex_e2e.kubectl import ROOT, Cluster, CommandError
from reflex_e2e.progress import Phases
from reflex_e2e.repairs import Json, RefusedError, Service, Told, pack
from reflex_e2e.stack import Stack, bring_up, install
from reflex_e2e.waiting import wait_for
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
        cluster.kubectl("apply", "-f", str(ROOT / "manifests/samples/demo.yaml"))
        with phases.phase("repair service, sandboxes, stub cloud (helm upgrade)"):
            start_service(stack)
        with phases.phase("engine (what was left of apply to Ready)"):
            wait_ready(cluster, phases, MODEL, NAMESPACE, within=READY_WITHIN)
        with phases.phase("question (port-forward, two completions)"):
            first, second = question(cluster)
        with phases.phase("repair (upload to result)"):
            repaired = repair(cluster)
    except (CommandError, LabError, RefusedError, broken.PatchError, AssertionError) as error:
        print(f"error: {error}", file=sys.stderr)
        print("hint: `e2e/lab/reflex-lab status` and `e2e/lab/reflex-lab logs`", file=sys.stderr)
        return 1
    report(cluster, phases, first, second, repaired)
    return 0 if repaired.result["fixed"] else 1


@dataclass(frozen=True, kw_only=True)
class Repaired:
    """The demo's repair: as it happened, and what it came to."""

    events: list[Told]
    result: Json
    budgets: Json


def start_service(stack: Stack) -> None:
    """Install the repair service, its sandboxes, and the stub that stands in for a cloud."""
    policy = stack.pull_policy
    loop.start_stub(stack.cluster, stack.images["reflex"], pull_policy=policy)
    loop.wait_for_keys(stack.cluster, MODEL)
    install(
        stack.cluster,
        stack.images,
        pull_policy=policy,
        loop=loop.values(stack.images, pull_policy=policy),
    )
    loop.wait_for_stub(stack.cluster)


def repair(cluster: Cluster) -> Repaired:
    """Have the service repair the broken crate.

    The compiler's own suggestions are off: they would repair most of it before a model is asked.
    """
    options = {"suggestions": "off", "run_tests": True, "max_attempts": 12}
    key = loop.bearer_key(cluster)
    with loop.forwarded(cluster) as url, Service(url, key) as service:
        wait_for(f"{MODEL} is known to the service", lambda: _serves(service), within=60)
        number = service.create(pack(loop.CRATE), **options)
        with service.events(number) as told:
            events = list(told)
        ended = service.repair(number)
        if ended["error"]:
            raise CommandError(f"the repair failed: {ended['error']['message']}")
        return Repaired(events=events, result=ended["result"], budgets=service.get("/v1/budgets"))


def _serves(service: Service) -> bool:
    return MODEL in [each["id"] for each in service.get("/v1/models")["data"]]


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


def report(
    cluster: Cluster, phases: Phases, first: Answer, second: Answer, repaired: Repaired
) -> None:
    """Print the answers, what they cost, and how to go on."""
    out = sys.stdout
    fixed = broken.apply(broken.SOURCE, first.edits)
    verdict = broken.check(fixed)
    judged = {None: "not compiled: no rustc here", "": "it compiles"}.get(verdict, "still broken")
    print(f"\nOne question ({MODEL}, schema enforced): {first.content}", file=out)
    print(f"  applied to its file: {judged}", file=out)
    for name, answer in (("first", first), ("again", second)):
        rate = answer.completion_tokens / answer.seconds
        print(
            f"  {name}: {answer.completion_tokens} tokens in {answer.seconds:.2f} s "
            f"({rate:.0f} tokens/s), {answer.cached_tokens} of {answer.prompt_tokens} "
            "prompt tokens from the cache",
            file=out,
        )
    result = repaired.result
    print(f"\nA broken crate ({loop.CRATE.relative_to(ROOT)}) through the service:", file=out)
    print("\n".join(filter(None, map(story.told, repaired.events))), file=out)
    if result["fixed"]:
        print("  It compiles, and its own tests pass (in the pod).", file=out)
    print("\nWhat was changed:\n\n" + _indent(result["diff"]), file=out)
    print("Who was asked, and why (decision records):\n" + story.decisions(result), file=out)
    print(
        f"  {MODEL} is a real model of 1 M parameters on a real SGLang. stub-cloud is a STUB: it\n"
        "  has no model and looks its answers up in a file, to show escalation and budget.",
        file=out,
    )
    print("\n" + story.bill(result, repaired.budgets), file=out)
    print(f"\nTimes:\n{phases.summary()}\n", file=out)
    print(
        "It keeps running. To go on:\n"
        f"  export KUBECONFIG={cluster.kubeconfig}\n"
        f"  export PATH={cluster.kubectl_path.parent}:$PATH   # kubectl\n"
        "  kubectl get reflexmodels\n"
        f"  kubectl describe reflexmodel {MODEL}\n"
        "  kubectl explain reflexmodel.spec.engine\n"
        f"  kubectl -n {loop.RUNNERS} get pods       # the warm sandboxes\n"
        f"  kubectl port-forward service/{loop.NAME} 8080:80   # the API: /openapi.json\n"
        f"  .venv/bin/python -m reflexctl fix --dry-run {loop.CRATE.relative_to(ROOT)}\n"
        "                                           # by the service of this kube context\n"
        "Stop it with `make down`.",
        file=out,
    )


def _indent(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())


if __name__ == "__main__":
    sys.exit(main())
