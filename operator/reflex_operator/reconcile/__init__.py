"""Decisions: (snapshot, now) -> Plan. No clock, no network, no kopf."""
