"""Brings the whole stack up from nothing, shows it, and tests it."""
