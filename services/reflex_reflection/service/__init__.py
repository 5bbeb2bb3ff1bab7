"""The HTTP service: reflects on turns, and keeps and finds the memories of whoever has a key."""
