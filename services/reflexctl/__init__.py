"""The command line: `reflexctl`, also as `kubectl reflex`."""
