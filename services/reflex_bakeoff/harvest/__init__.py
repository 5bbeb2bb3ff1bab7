"""Makes items of a suite out of programs that compile: breaks them, and keeps what is verified."""
