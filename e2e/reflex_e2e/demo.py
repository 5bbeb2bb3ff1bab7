"""`make demo`: the main job for real, on a machine that had nothing."""

import sys
from dataclasses import dataclass

from openai import OpenAI

from reflex_e2e import broken, loop, memory, promotion, story
from reflex_e2e.chat import Answer, ask, key_in
from reflex_e2e.kubectl import ROOT, Cluster, CommandError
from reflex_e2e.progress import Phases
from reflex_e2e.promotion import Promotion
from reflex_e2e.repairs import Json, RefusedError, Service, Told, pack
from reflex_e2e.stack import Stack, bring_up, install
from reflex_e2e.waiting import wait_for
from reflex_lab.errors import LabError
from reflex_operator.engines.canary import SCHEMA

MODEL = promotion.BETTER
NAMESPACE = "default"
PROMOTED_WITHIN = 3600.0


def main() -> int:
    """Run the demo; return its exit code."""
    phases = Phases()
    try:
        stack = bring_up(phases)
        cluster = stack.cluster
        route = promotion.apply(cluster, NAMESPACE)
        with phases.phase("repair service, sandboxes, stub cloud (helm upgrade)"):
            start_service(stack)
        with phases.phase("two bakeoffs and a promotion (what was left of it)"):
            promoted = promotion.wait(route, phases, within=PROMOTED_WITHIN)
        with phases.phase("question (port-forward, two completions)"):
            first, second = question(cluster)
        with phases.phase("repair (upload to result)"):
            repaired = repair(cluster)
    except (CommandError, LabError, RefusedError, broken.PatchError, AssertionError) as error:
        print(f"error: {error}", file=sys.stderr)
        print("hint: `e2e/lab/reflex-lab status` and `e2e/lab/reflex-lab logs`", file=sys.stderr)
        return 1
    report(cluster, phases, promoted, first, second, repaired)
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
    install(
        stack.cluster,
        stack.images,
        pull_policy=policy,
        loop={
            **loop.values(
                stack.images,
                pull_policy=policy,
                model=MODEL,
                route=promotion.ROUTE,
                secret=promotion.KEYS,
            ),
            "memory": {"enabled": True},
        },
        reflection=memory.values(),
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


def question(cluster: Cluster) -> tuple[Answer, Answer]:
    """Ask twice for the same repair: the second time the prefix is in the cache."""
    key = key_in(cluster, promotion.KEYS, NAMESPACE)
    with cluster.port_forward(f"service/{promotion.ROUTE}", NAMESPACE, 80) as port:
        client = OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key=key, max_retries=0)
        with client:
            first = ask(client, model=MODEL, prompt=broken.PROMPT, schema=SCHEMA)
            second = ask(client, model=MODEL, prompt=broken.PROMPT, schema=SCHEMA)
    return first, second


def report(
    cluster: Cluster,
    phases: Phases,
    promoted: Promotion,
    first: Answer,
    second: Answer,
    repaired: Repaired,
) -> None:
    """Print the verdicts and the answers, what they cost, and how to go on."""
    out = sys.stdout
    print("\nTwo real models on one slot, by the DEMO's gate (its limits are low):\n", file=out)
    print("\n".join(promotion.story(promoted)), file=out)
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
    print("\n" + memory.recalled(cluster, "repaired E0382"), file=out)
    print(f"\nTimes:\n{phases.summary()}\n", file=out)
    print(
        "It keeps running. To go on:\n"
        f"  export KUBECONFIG={cluster.kubeconfig}\n"
        f"  export PATH={cluster.kubectl_path.parent}:$PATH   # kubectl\n"
        "  kubectl get rr,rm,rb\n"
        f"  kubectl describe rr {promotion.ROUTE}\n"
        "  kubectl explain rr.spec.gate\n"
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
