"""The gate: measurements in, verdict out. Pure: no clock, no files, no network."""
