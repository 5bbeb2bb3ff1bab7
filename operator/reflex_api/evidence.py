"""The evidence key: what a measurement is about, so that a change of any part makes it stale."""

import json
from hashlib import sha256
from typing import Annotated

from pydantic import Field

from reflex_api.rules import ApiModel

Declared = Annotated[str, Field(min_length=1, max_length=1024)]


class Sampling(ApiModel):
    """How answers are drawn; numbers as text, so that 0 and 0.0 are what they are written."""

    temperature: Declared = "0"
    top_p: Declared = "1"
    seed: int = 0
    max_tokens: Annotated[int, Field(ge=1)]
    tries: Annotated[int, Field(ge=1)] = 1


class EvidenceInputs(ApiModel):
    """Declared inputs only: all are known while the model is not resident.

    A part that does not exist (no GPU) is written as `none`; an empty text is refused, so that
    what was forgotten is not taken for what is absent.
    """

    source_revision: Declared
    """Commit, digest or path of the weights."""
    tokenizer_digest: Declared
    chat_template_digest: Declared
    quantization: Declared
    engine_image: Declared
    """By digest."""
    arguments: tuple[Annotated[str, Field(max_length=1024)], ...]
    """Of the engine, in their order, as rendered."""
    gpu_product: Declared
    gpu_memory: Declared
    gpu_driver: Declared
    suite_digest: Declared
    prompt_digest: Declared
    schema_digest: Declared
    rustc: Declared
    harness_version: Declared
    sampling: Sampling


def evidence_key(inputs: EvidenceInputs) -> str:
    """Return `sha256:` and the hex digest of the inputs as canonical JSON (sorted keys, UTF-8)."""
    document = inputs.model_dump(mode="json", by_alias=True)
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"sha256:{sha256(text.encode()).hexdigest()}"
