"""Sandboxes that are pods: claimed from a warm pool, used for one repair, deleted."""

from reflex_loop.adapters.pods.pool import PodPool, PodPoolOptions
from reflex_loop.adapters.pods.runner import PodRunner

__all__ = ["PodPool", "PodPoolOptions", "PodRunner"]
