"""Measures a model and judges what was measured: suites, speed, cache, gate, report."""

from typing import Final

HARNESS_VERSION: Final = "1"
"""Part of every evidence key: raised whenever the same model could be measured differently."""
