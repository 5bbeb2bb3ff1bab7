"""Breaks each invariant on purpose, in a copy, to see that a test fails: `python -m mutants`."""
