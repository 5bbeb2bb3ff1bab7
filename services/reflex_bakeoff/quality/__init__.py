"""Repairs a suite's items with the real loop and says what became of each."""
