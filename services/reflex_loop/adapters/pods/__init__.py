"""Sandboxes that are pods: claimed from a warm pool, used for one repair, deleted.

Nothing is imported here: `agent` and `packing` serve who has no cluster client, too.
"""
