# ruff: noqa: N999 - the real name
"""Stands in for IPython: SGLang imports two names for notebooks when it loads."""
