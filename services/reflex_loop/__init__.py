"""Repairs Rust that does not compile: check, ask, patch, verify, accept or roll back."""
