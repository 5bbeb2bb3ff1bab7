"""The typed view of a ReflexRoute as the API server returned it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Self

from reflex_api.resource import metadata_of, parse_as
from reflex_api.route_spec import ReflexRouteSpec

KIND: Final = "ReflexRoute"
PLURAL: Final = "reflexroutes"


@dataclass(frozen=True, kw_only=True)
class ReflexRoute:
    """One ReflexRoute. `status` is what was last written, as a plain mapping."""

    name: str
    namespace: str
    uid: str
    generation: int
    spec: ReflexRouteSpec
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)
    status: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, manifest: Mapping[str, Any]) -> Self:
        """Return the typed view of an object; unknown fields are left out.

        Raises:
            SpecError: its spec is not one that this version can read. `SpecError.problems` names
                the fields.
        """
        return cls(**metadata_of(manifest), spec=parse_as(ReflexRouteSpec, manifest.get("spec")))
