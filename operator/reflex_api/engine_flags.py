"""Which SGLang flags belong to the operator, and therefore not to `engine.extraArgs`.

argparse expands unambiguous prefixes (`--mem-frac`), so a name is refused in both directions:
when it begins an owned flag and when an owned flag begins it.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

OWNED_FLAGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        # `--model`, an alias, is refused as the beginning of `--model-path`.
        "--model-path": "set spec.source",
        "--served-model-name": "set spec.servedName",
        "--device": "set spec.engine.device",
        "--dtype": "the checkpoint and spec.engine.device decide it",
        "--context-length": "set spec.engine.contextLength",
        "--kv-cache-dtype": "set spec.engine.kvCacheDtype",
        "--quantization": "set spec.engine.quantizationFlag",
        "--mem-fraction-static": "set spec.engine.memFractionStatic",
        "--max-running-requests": "set spec.engine.maxRunningRequests",
        "--chunked-prefill-size": "set spec.engine.chunkedPrefillSize",
        "--attention-backend": "set spec.engine.attentionBackend",
        "--reasoning-parser": "set spec.engine.reasoningParser",
        "--tool-call-parser": "set spec.engine.toolCallParser",
        "--trust-remote-code": "set spec.engine.trustRemoteCode",
        "--enable-metrics": "it is always on",
        "--enable-cache-report": "it is always on",
        "--host": "the pod's address is fixed",
        "--port": "the pod's port is fixed",
        "--config": "a file could override every other argument",
        "--api-key": "set spec.apiKeySecretRef",
        "--admin-api-key": "set spec.apiKeySecretRef",
        "--download-dir": "set spec.source and spec.cache",
    }
)
"""Flag to what to do instead. The renderer and the CEL rule of `extraArgs` rest on it."""


def flag_name(arg: str) -> str:
    """Return the flag of an argument.

    >>> flag_name("--schedule-policy=lpm")
    '--schedule-policy'
    """
    return arg.partition("=")[0]


def refused(arg: str) -> str | None:
    """Return why an argument may not be in `engine.extraArgs`, or None.

    The rule that the CRD holds, for code that runs before the API server.

    >>> refused("--mem-frac=0.9")
    '--mem-frac is or abbreviates --mem-fraction-static: set spec.engine.memFractionStatic'
    >>> refused("--schedule-policy=lpm")
    """
    name = flag_name(arg)
    for owned, instead in OWNED_FLAGS.items():
        if owned.startswith(name):
            return f"{name} is or abbreviates {owned}: {instead}"
        if name.startswith(owned):
            return f"{name} begins with {owned}, which the operator sets: remove it"
    return None
