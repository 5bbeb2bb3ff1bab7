"""When engines ended whose pods are gone: the last word of a pod comes with its deletion.

The kubelet tells of the end and deletes the pod right after it, so that no pass may fall in
between. What is lost with this process is a number in a transition's story, and no decision.
"""

from datetime import datetime

from reflex_operator.excerpt import model_of
from reflex_operator.manifest import Manifest
from reflex_operator.reconcile.plan import ModelKey
from reflex_operator.reconcile.route.health import engine_end


class Endings:
    """The end of the last engine of each model, as watch events bring them."""

    def __init__(self) -> None:
        self._ends: dict[ModelKey, datetime] = {}

    def observe(self, event_type: str | None, manifest: Manifest) -> None:
        """Take in an event about a pod."""
        key = model_of(manifest)
        if event_type != "DELETED" or key is None:
            return
        moment = engine_end([manifest])
        if moment is not None:
            self._ends[key] = moment

    def of(self, key: ModelKey) -> datetime | None:
        """Return when the model's last engine ended; None: nobody said."""
        return self._ends.get(key)

    def forget(self, key: ModelKey) -> None:
        """Drop what is known about a model that is gone."""
        self._ends.pop(key, None)
