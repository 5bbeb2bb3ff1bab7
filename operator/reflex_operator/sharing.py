"""Keeps one copy of what many objects have in common.

Hundreds of Deployments of one builder differ in a few names. Decoded JSON holds each of their
hundred small mappings and texts anew; here equal parts are one object. That is safe because stored
objects are exchanged, never changed.
"""

import sys
from typing import Final

_LONGEST_TEXT: Final = 4096


class Sharing:
    """Equal values in, the same value out; forgotten as a whole, by making a new one."""

    def __init__(self) -> None:
        self._known: dict[object, object] = {}

    def compact(self, value: object) -> object:
        """Return a copy with shared texts: for parts that differ from object to object."""
        if isinstance(value, dict):
            return {sys.intern(key): self.compact(one) for key, one in value.items()}
        if isinstance(value, list):
            return [self.compact(one) for one in value]
        return _text(value)

    def share(self, value: object) -> object:
        """Return the one copy of this value; equal parts of it are shared too."""
        # A child's identity stands for it: it is in `_known`, so it lives as long as the key.
        if isinstance(value, dict):
            new = {sys.intern(key): self.share(one) for key, one in value.items()}
            return self._known.setdefault((dict, *((k, _key(v)) for k, v in new.items())), new)
        if isinstance(value, list):
            items = [self.share(one) for one in value]
            return self._known.setdefault((list, *map(_key, items)), items)
        return _text(value)


def _text(value: object) -> object:
    if isinstance(value, str) and len(value) <= _LONGEST_TEXT:
        return sys.intern(value)
    return value


def _key(value: object) -> object:
    """Return what tells values apart: True, 1 and "1" are three."""
    if isinstance(value, dict | list):
        return id(value)
    return type(value), value
