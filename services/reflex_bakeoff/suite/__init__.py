"""Suites: versioned, content-addressed sets of broken programs."""
