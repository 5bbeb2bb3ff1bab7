"""Builds the project's container images from local inputs, once for each content hash."""
