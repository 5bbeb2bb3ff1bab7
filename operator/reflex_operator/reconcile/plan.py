"""What a decision rests on and what it asks for: the contract between core and edges."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, TypeAlias

from reflex_api.catalogue import Catalogue
from reflex_api.conditions import Reason
from reflex_api.harness import Harness
from reflex_api.weights import WeightsProgress
from reflex_operator.engines.report import EngineMemory as EngineMemory
from reflex_operator.engines.report import ProbeOutcome as ProbeOutcome
from reflex_operator.manifest import Manifest, ObjectRef


@dataclass(frozen=True, kw_only=True, order=True)
class ModelKey:
    """A ReflexModel's place in the work queue and in the store."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, kw_only=True, order=True)
class RouteKey:
    """A ReflexRoute's place in the work queue and in the store."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"route {self.namespace}/{self.name}"


@dataclass(frozen=True, kw_only=True, order=True)
class BakeoffKey:
    """A ReflexBakeoff's place in the work queue and in the store."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"bakeoff {self.namespace}/{self.name}"


AnyKey: TypeAlias = ModelKey | RouteKey | BakeoffKey


@dataclass(frozen=True, kw_only=True)
class EngineDefaults:
    """The operator's settings that decisions rest on."""

    image_cuda: str
    image_cpu: str
    operator_namespace: str
    image_weights: str = ""  # the image that downloads weights: the operator's own
    catalogue: Catalogue = field(default_factory=Catalogue)
    hub_endpoint: str = ""  # base URL of another hub than huggingface.co
    image_bakeoff: str = ""  # the image that measures
    image_runner: str = ""  # the image that compiles and tests, beside a bakeoff
    harness: Harness = field(default_factory=Harness)  # what the bakeoff's image declares


class SecretState(StrEnum):
    """What a GET of the API-key Secret said; values never enter a snapshot."""

    PRESENT = "Present"
    MISSING = "Missing"
    KEY_MISSING = "KeyMissing"  # it exists without a non-empty `api-key`
    NOT_OURS = "NotOurs"  # it has the owned Secret's name and another owner


@dataclass(frozen=True, kw_only=True)
class Incarnation:
    """One run of one engine container: what a probe's answer is about."""

    pod_uid: str
    restart_count: int


@dataclass(frozen=True, kw_only=True)
class ProbeResult:
    """The last answer of an engine. Memory is None when `/server_info` was not readable."""

    incarnation: Incarnation
    outcome: ProbeOutcome
    at: datetime  # when the answer, or its absence, was known
    evidence: str = ""
    memory: EngineMemory | None = None
    engine_version: str = ""
    settings: str = ""  # digest of what the engine resolved its arguments to
    failures: int = 0  # in a row, for this incarnation


@dataclass(frozen=True, kw_only=True)
class Autopsy:
    """Why one run of an engine's container ended, by its log. Texts hold no secrets."""

    incarnation: Incarnation  # the run that ended
    reason: Reason | None  # None: the log names no cause that we know
    evidence: str = ""  # the deciding line
    final: bool = True  # False: nothing was found, maybe since the next run had just begun


@dataclass(frozen=True, kw_only=True)
class WeightsReport:
    """What the download pod said about itself over HTTP, the last time that it was asked."""

    pod_uid: str
    progress: WeightsProgress | None  # None: it has never answered
    at: datetime  # when the answer, or its absence, was known


@dataclass(frozen=True, kw_only=True)
class ModelSnapshot:
    """All that a decision about one ReflexModel may rest on.

    Manifests are the API server's objects; None: it does not exist. `conflicts` names objects
    that hold one of our names but have another owner.
    """

    model: Manifest
    defaults: EngineDefaults
    deployment: Manifest | None = None
    service: Manifest | None = None
    network_policy: Manifest | None = None
    secret: SecretState = SecretState.MISSING
    token: SecretState = SecretState.PRESENT  # the hub's token; PRESENT when none is named
    pods: tuple[Manifest, ...] = ()
    peer_pods: tuple[Manifest, ...] = ()  # engine pods of other models, bound to a node
    nodes: Mapping[str, Manifest] = field(default_factory=dict)
    probes: tuple[ProbeResult, ...] = ()  # the last one of each incarnation
    autopsies: tuple[Autopsy, ...] = ()  # of containers that ended, read from their logs
    claim: Manifest | None = None  # the PersistentVolumeClaim of the own cache's name
    jobs: tuple[Manifest, ...] = ()  # inspect and download Jobs of this model, by name
    weights_pods: tuple[Manifest, ...] = ()  # pods of these Jobs, by name
    weights_report: WeightsReport | None = None  # last answer of the download pod
    conflicts: tuple[ObjectRef, ...] = ()
    refusal: str = ""  # the API server's words, when it refused a child the last time
    wanted: bool | None = False  # a route wants it to run; None: its route has not said yet

    def probe_of(self, incarnation: Incarnation) -> ProbeResult | None:
        """Return the last answer of one run of one engine."""
        return next((one for one in self.probes if one.incarnation == incarnation), None)


@dataclass(frozen=True, kw_only=True)
class ProbeRequest:
    """Ask this engine for a generation and its memory; the answer comes back as an event."""

    incarnation: Incarnation
    base_url: str  # http://IP:PORT
    served_name: str
    secret: ObjectRef  # its `api-key` and `admin-api-key` authorise the calls
    context_length: int


@dataclass(frozen=True, kw_only=True)
class LogRequest:
    """Read the log of a run that ended, once, and classify it; the result is an event."""

    incarnation: Incarnation  # the run that ended
    pod: ObjectRef
    container: str
    previous: bool  # whether the kubelet has started the container again since


@dataclass(frozen=True, kw_only=True)
class WeightsRequest:
    """Ask the download pod for its progress; the answer comes back as an event."""

    pod_uid: str
    url: str  # http://IP:PORT/progress


@dataclass(frozen=True, kw_only=True)
class SecretRequest:
    """Create the owned API-key Secret with random values; never overwritten."""

    manifest: Manifest  # without data
    random_keys: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class GatePatch:
    """Set the readiness gate's condition on a pod."""

    pod: ObjectRef
    status: Literal["True", "False"]
    reason: str
    message: str


@dataclass(frozen=True, kw_only=True)
class EventRequest:
    """One Kubernetes Event on the ReflexModel, sent only on a transition."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What should be. The edge compares with what is and sends only the difference.

    `status` is the whole desired status (None: leave it). Without `requeue_after` only an event
    changes the answer.
    """

    secret: SecretRequest | None = None
    delete: tuple[ObjectRef, ...] = ()  # own objects only: Jobs that are out of date
    apply: tuple[Manifest, ...] = ()
    gate: GatePatch | None = None
    probe: ProbeRequest | None = None
    log: LogRequest | None = None
    weights: WeightsRequest | None = None
    status: Manifest | None = None
    events: tuple[EventRequest, ...] = ()
    requeue_after: timedelta | None = None
