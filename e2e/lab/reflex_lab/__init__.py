"""A real single-node Kubernetes on this machine, from nothing; see ../README.md."""
