"""The proof that an engine reuses prefixes: what to observe, and what it shows."""
