"""Deterministic, gated memory: after a turn, a small summary of it that later turns can find.

Same inputs, same bytes: no randomness, no network, no clock but the one that is passed in. Switched
off (the default), it has no effect at all.

`gate` decides whether a turn is reflected on, `reflect.reflect` is the pure core, `step` carries it
out without ever failing the turn, `store` keeps the memories.
"""

__version__ = "0.1.0"
