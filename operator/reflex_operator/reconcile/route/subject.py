"""What would be measured now: the declared inputs of a model's evidence key.

Nothing here needs a running engine, nor a status: the Deployment says what is started, labels of
the nodes that the spec selects say on what.
"""

from collections.abc import Mapping

from reflex_api.evidence import EvidenceInputs
from reflex_api.harness import Harness
from reflex_api.model import Device, ReflexModel
from reflex_operator.builders.cache import source_revision
from reflex_operator.builders.engine import revision_of
from reflex_operator.manifest import Manifest
from reflex_operator.reconcile.hardware import NONE, gpus_of
from reflex_operator.reconcile.revisions import engine_args, memory_of


def inputs_of(
    model: ReflexModel,
    deployment: Manifest | None,
    nodes: Mapping[str, Manifest],
    *,
    suite: str,
    harness: Harness,
    tries: int | None = None,
) -> EvidenceInputs | None:
    """Return the inputs of the evidence that a bakeoff would give now; None: nothing was rendered.

    Args:
        model: that is measured.
        deployment: of its engine; it may be stopped.
        nodes: by name; those that the placement selects decide.
        suite: name of the gate's suite.
        harness: what the bakeoff's image declares.
        tries: questions about one item, where the gate says so.
    """
    if deployment is None:
        return None
    template = deployment["spec"]["template"]
    product, memory, driver = _gpu(model, nodes)
    weights = _source(model, deployment) or NONE
    return EvidenceInputs(
        source_revision=weights,
        # They come with the weights: another tokenizer is another revision of the source.
        tokenizer_digest=weights,
        chat_template_digest=weights,
        quantization=model.spec.quantization or NONE,
        engine_image=template["spec"]["containers"][0].get("image") or NONE,
        arguments=engine_args(template),
        gpu_product=product,
        gpu_memory=memory,
        gpu_driver=driver,
        suite_digest=harness.suites.get(suite, f"name:{suite}"),
        prompt_digest=harness.prompt_digest,
        schema_digest=harness.schema_digest,
        rustc=harness.rustc,
        harness_version=harness.harness_version,
        sampling=harness.sampling.model_copy(update={"tries": tries} if tries else {}),
    )


def changed(before: EvidenceInputs, now: EvidenceInputs) -> tuple[str, ...]:
    """Return the names of the inputs that differ, as the documents spell them."""
    old, new = (one.model_dump(mode="json", by_alias=True) for one in (before, now))
    return tuple(name for name in new if old.get(name) != new[name])


def _source(model: ReflexModel, deployment: Manifest) -> str:
    good = memory_of(deployment).good
    if good and good.source and good.revision == revision_of(deployment):
        return good.source
    return source_revision(model.spec.source)


def _gpu(model: ReflexModel, nodes: Mapping[str, Manifest]) -> tuple[str, str, str]:
    """Return product, memory and driver; several kinds of nodes are all named, in order."""
    if model.spec.engine.device is not Device.CUDA:
        return NONE, NONE, NONE
    found = gpus_of(model, nodes)
    parts = [
        sorted({one.product for one in found}),
        sorted({one.memory for one in found}),
        sorted({one.driver for one in found}),
    ]
    product, memory, driver = ("|".join(part)[:1024] or NONE for part in parts)
    return product, memory, driver
