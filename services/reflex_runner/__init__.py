"""Runs cargo and rustc on code that nobody trusts, confined by Landlock and seccomp."""
