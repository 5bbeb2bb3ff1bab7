"""kopf's storages for its handling progress and its diffs, keeping neither.

`on.event` handlers need none of it, but kopf 1.45 builds both for every event anyway: the default
storages deep-copy each object twice, more than half of what an event costs. And what cannot be
stored cannot end up as an annotation on a user's object.
"""

from collections.abc import Iterable
from typing import Any

import kopf


class NoDiffBase(kopf.DiffBaseStorage):
    """Every object looks alike: nothing is compared, nothing is stored."""

    def build(
        self, *, body: kopf.Body, extra_fields: Iterable[Any] | None = None
    ) -> kopf.BodyEssence:
        """Return an empty essence instead of a deep copy."""
        del body, extra_fields
        return kopf.BodyEssence()

    def fetch(self, *, body: kopf.Body) -> kopf.BodyEssence | None:
        """Return that nothing was handled before."""
        del body
        return None

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: kopf.BodyEssence) -> None:
        """Store nothing."""


class NoProgress(kopf.ProgressStorage):
    """No handler of ours has progress."""

    def fetch(self, **_: Any) -> None:  # noqa: ANN401
        """Return that there is none."""

    def store(self, **_: Any) -> None:  # noqa: ANN401
        """Store nothing."""

    def purge(self, **_: Any) -> None:  # noqa: ANN401
        """Remove nothing."""

    def touch(self, **_: Any) -> None:  # noqa: ANN401
        """Touch nothing."""

    def clear(self, *, essence: kopf.BodyEssence) -> kopf.BodyEssence:
        """Return the essence itself instead of a deep copy."""
        return essence
