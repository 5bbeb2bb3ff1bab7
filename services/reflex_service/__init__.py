"""What the HTTP services have in common: keys, rates, errors, bodies, the server, the database.

It knows none of them, and nothing of what they do.
"""
