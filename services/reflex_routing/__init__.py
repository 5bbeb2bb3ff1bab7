"""Chooses who answers a request for a model: local first, the cloud within a budget, and says why.

`router.Router` is what callers use; the decisions under it (`policy`, `gate`, `risk`, `breaker`,
`budget`, `prices`, `retry`, `wire`) are pure.
"""

__version__ = "0.1.0"
