"""The one place that touches API keys: makes them, looks whether they are there, hands them out.

Values are read by a GET when they are needed and kept nowhere; Secrets are not watched, so that
the operator's role needs only get and create.
"""

import base64
import binascii
import logging
import secrets
from collections.abc import Callable
from typing import Final

from reflex_operator.cluster import Cluster
from reflex_operator.errors import ConflictError, NotFoundError, PredecessorError
from reflex_operator.manifest import Manifest, ObjectRef, ref_of
from reflex_operator.ownership import Claim, claim
from reflex_operator.reconcile.plan import SecretRequest, SecretState

_NEEDED: Final = "api-key"
_LOOK_AGAIN: Final = 10.0
_log = logging.getLogger(__name__)


class Keys:
    """The API-key Secrets of all models."""

    def __init__(
        self,
        cluster: Cluster,
        *,
        clock: Callable[[], float],
        new_value: Callable[[], str] = lambda: secrets.token_urlsafe(32),
    ) -> None:
        """Make an empty memory of states.

        Args:
            cluster: where the Secrets are.
            clock: seconds that only grow, for the age of what is remembered.
            new_value: makes one random key.
        """
        self._cluster = cluster
        self._clock = clock
        self._new_value = new_value
        self._present: dict[ObjectRef, tuple[str, float]] = {}

    async def state(
        self, ref: ObjectRef, *, model: Manifest | None, settled: bool, new: bool = False
    ) -> SecretState:
        """Return whether the Secret can be used.

        PRESENT is remembered: until `forget_all` for a settled model, for ten seconds while one
        of its engines is not ready. Anything else is looked up each time.

        Args:
            ref: the Secret.
            model: what must own it; None for a Secret that a user supplies.
            settled: whether the model's engines are ready, or none should run.
            new: whether the model has no Deployment yet: then a Secret that was never seen counts
                as missing without a look. `create` finds out when that is wrong.

        Raises:
            PredecessorError: it belongs to a deleted model of the same name.
        """
        owner = model["metadata"]["uid"] if model else ""
        remembered = self._present.get(ref)
        if remembered and remembered[0] == owner:
            age = self._clock() - remembered[1]
            if settled or age < _LOOK_AGAIN:
                return SecretState.PRESENT
        elif new:
            return SecretState.MISSING
        try:
            secret = await self._cluster.get(ref)
        except NotFoundError:
            self._present.pop(ref, None)
            return SecretState.MISSING
        return self._remember(ref, secret, model)

    async def holds(self, ref: ObjectRef, name: str) -> SecretState:
        """Return whether a user's Secret has this key; what it holds is looked at and dropped."""
        try:
            secret = await self._cluster.get(ref)
        except NotFoundError:
            return SecretState.MISSING
        found = _decode(secret.get("data") or {}).get(name)
        return SecretState.PRESENT if found else SecretState.KEY_MISSING

    def forget_all(self) -> None:
        """Look each Secret up again when it is next asked for."""
        self._present.clear()

    def forget(self, ref: ObjectRef) -> None:
        """Look this Secret up again."""
        self._present.pop(ref, None)

    async def create(self, request: SecretRequest, *, model: Manifest) -> bool:
        """Create the Secret with random values; return False when another owner has the name.

        One that exists is never changed: the create fails and only its owner is looked at.
        """
        manifest = request.manifest
        ref = ref_of(manifest)
        data = {name: _encode(self._new_value()) for name in request.random_keys}
        try:
            await self._cluster.create({**manifest, "data": data})
        except ConflictError:
            self.forget(ref)
            state = await self.state(ref, model=model, settled=False)
            return state is not SecretState.NOT_OURS
        self._present[ref] = (model["metadata"]["uid"], self._clock())
        _log.info("%s created", ref)
        return True

    async def read(self, ref: ObjectRef) -> dict[str, str]:
        """Return the keys for one use.

        Raises:
            NotFoundError: there is no such Secret.
        """
        return _decode((await self._cluster.get(ref)).get("data") or {})

    def _remember(self, ref: ObjectRef, secret: Manifest, model: Manifest | None) -> SecretState:
        self._present.pop(ref, None)
        whose = claim(secret, model) if model else Claim.OURS
        if whose is Claim.PREDECESSOR:
            raise PredecessorError(f"{ref} belongs to a deleted model of the same name")
        if whose is Claim.FOREIGN:
            return SecretState.NOT_OURS
        if not _decode(secret.get("data") or {}).get(_NEEDED):
            return SecretState.KEY_MISSING
        self._present[ref] = (model["metadata"]["uid"] if model else "", self._clock())
        return SecretState.PRESENT


def _encode(value: str) -> str:
    return base64.b64encode(value.encode()).decode()


def _decode(data: Manifest) -> dict[str, str]:
    values = {}
    for name, encoded in data.items():
        try:
            values[name] = base64.b64decode(encoded or "").decode().strip()
        except (binascii.Error, UnicodeDecodeError):
            continue  # not text: no key of ours, whatever it is
    return values
