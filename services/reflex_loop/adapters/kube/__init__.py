"""The API server of the cluster: a thin client, for pods of the pool and for routes."""
