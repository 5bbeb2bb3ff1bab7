"""What we know about the engine: arguments per version, launcher, canary, its own report. Pure."""
