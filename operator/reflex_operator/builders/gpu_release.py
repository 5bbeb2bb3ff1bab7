"""The init container that waits for the GPU's memory."""

from collections.abc import Sequence
from typing import Final

from reflex_api.names import GPU_RESOURCE
from reflex_operator.engines import gpu_release
from reflex_operator.manifest import Manifest

CONTAINER: Final = "gpu-release"


def gpu_release_container(
    *, image: str, gpus: int, engine_args: Sequence[str], security_context: Manifest
) -> Manifest:
    """Return the container; it asks for the engine's GPUs so that it is given the same ones.

    Its cpu and memory are far below the engine's, so the pod requests no more than without it.
    """
    return {
        "name": CONTAINER,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": gpu_release.command(engine_args),
        "resources": {
            "requests": {"cpu": "10m", "memory": "32Mi", GPU_RESOURCE: str(gpus)},
            "limits": {"memory": "256Mi", GPU_RESOURCE: str(gpus)},
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": security_context,
    }
