"""The loop as an HTTP service."""
