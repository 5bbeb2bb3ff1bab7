"""Names that users, manifests and every part of Reflex share."""

from typing import Final

GROUP: Final = "reflexstack.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"

FIELD_MANAGER: Final = "reflex-operator"

LABEL_MODEL: Final = f"{GROUP}/model"
"""On every child of a ReflexModel: its name."""
LABEL_REVISION: Final = f"{GROUP}/revision"
"""On engine pods: the revision hash that they run."""
LABEL_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
LABEL_WEIGHTS: Final = f"{GROUP}/weights"
"""On pods that inspect or download weights: the model's name. They are no engines."""
LABEL_WEIGHTS_STEP: Final = f"{GROUP}/weights-step"
"""On these pods and their Jobs: inspect or download."""
ANNOTATION_CACHE_OF: Final = f"{GROUP}/cache-of"
"""On a claim of ours: NAMESPACE/NAME of its model, by which a namesake adopts it again."""
LABEL_ENGINE_CLIENT: Final = f"{GROUP}/engine-client"
"""Pods with this label set to "true" may reach the engines of their namespace."""

LABEL_ROUTE: Final = f"{GROUP}/route"
"""On the Service and the bakeoffs of a ReflexRoute: its name."""
LABEL_BAKEOFF: Final = f"{GROUP}/bakeoff"
"""On the Job, pod and ConfigMaps of a ReflexBakeoff: its name."""
LABEL_EVIDENCE_OF: Final = f"{GROUP}/evidence-of"
"""On an evidence ConfigMap: the ReflexModel that was measured."""
LABEL_FEEDBACK: Final = f"{GROUP}/feedback-of"
"""On the ConfigMap in which reflex-loop reports about a ReflexRoute: its name."""
LABEL_STOPPED: Final = f"{GROUP}/routing-stopped"
"""Only in a stable Service's selector, and on no pod: nothing is selected while it is there."""

READINESS_GATE: Final = f"{GROUP}/Verified"
"""Pod condition that the operator sets after a verified generation."""

ANNOTATION_RETRY: Final = f"{GROUP}/retry"
"""On a ReflexModel: another value than before has a failed revision or download tried again."""
ANNOTATION_LAST_GOOD: Final = f"{GROUP}/last-good"
"""On a Deployment: the last revision that was verified, as JSON."""
ANNOTATION_FAILED: Final = f"{GROUP}/failed-revision"
"""On a Deployment: the revision that failed and is not tried again, as JSON."""

ANNOTATION_RECORD: Final = f"{GROUP}/route-record"
"""On a stable Service: residents, incumbent, the swap in progress and past ones, as JSON."""
ANNOTATION_HOLD: Final = f"{GROUP}/hold"
"""On a ReflexRoute: no promotion, failback or evaluation. Text, or JSON of actor and reason."""
ANNOTATION_MANUAL: Final = f"{GROUP}/manual"
"""On a ReflexRoute: `MODEL@EVIDENCE`, or JSON with actor and reason, too. It is a hold."""
ANNOTATION_EVIDENCE: Final = f"{GROUP}/evidence"
"""On an evidence ConfigMap: id, baseline, times and the engine's image, as JSON."""

GPU_RESOURCE: Final = "nvidia.com/gpu"
ENGINE_PORT: Final = 30000

MANAGED_SELECTOR: Final = f"{LABEL_MANAGED_BY}={FIELD_MANAGER}"
"""What the operator's filtered watches select."""


def child_name(model: str) -> str:
    """Return the name of a model's Deployment, Service and NetworkPolicy.

    A ReflexModel may hold dots (`qwen2.5-coder-32b`), a Service may not.

    >>> child_name("qwen2.5-coder-32b")
    'qwen2-5-coder-32b'
    """
    return model.replace(".", "-")


def cache_name(model: str) -> str:
    """Return the name of the PersistentVolumeClaim that holds a model's downloaded weights."""
    return f"{child_name(model)}-cache"


def keys_name(model: str) -> str:
    """Return the name of the Secret that holds a model's API keys."""
    return f"{child_name(model)}-keys"


def route_service_name(route: str) -> str:
    """Return the name of a route's stable Service."""
    return child_name(route)


def feedback_name(route: str) -> str:
    """Return the name of the ConfigMap in which reflex-loop reports about a route."""
    return f"{route}.feedback"


def evidence_name(bakeoff: str) -> str:
    """Return the name of the ConfigMap that holds a bakeoff's evidence."""
    return f"{bakeoff}.evidence"
