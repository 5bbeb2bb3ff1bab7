"""The load generator's process. Importing this package patches nothing; running it does."""
