"""Keeps memories in one SQLite file: transactions, unique ids, evidence, an audit of every change.

`memories.Memories` writes and reads, `search.Search` finds, `retention.Retention` forgets. All of
them take the owner of the memories; nothing reads across owners.
"""
