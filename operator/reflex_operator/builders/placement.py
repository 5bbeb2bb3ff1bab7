"""Where pods run, as a pod's spec says it: engines, and the Jobs that prepare their volume."""

from reflex_api.placement import Placement
from reflex_operator.manifest import Manifest


def placement_fields(placement: Placement) -> Manifest:
    """Return the fields that choose a node; the runtime class is the engine's own."""
    fields: Manifest = {}
    if placement.node_selector:
        fields["nodeSelector"] = dict(placement.node_selector)
    if placement.tolerations:
        fields["tolerations"] = [
            toleration.model_dump(by_alias=True, exclude_none=True, exclude_defaults=True)
            for toleration in placement.tolerations
        ]
    if placement.priority_class_name:
        fields["priorityClassName"] = placement.priority_class_name
    return fields
