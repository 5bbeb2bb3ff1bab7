"""Counts what programs wrote, from the API server's own audit log."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

WRITES = {"create", "update", "patch", "delete", "deletecollection"}
OPERATOR_AGENTS = ("reflex-operator", "kopf", "python", "Python", "OpenAPI-Generator")


@dataclass(frozen=True, kw_only=True)
class Write:
    """One write request that the API server answered."""

    verb: str
    resource: str  # with its subresource: reflexmodels/status
    namespace: str
    name: str
    agent: str
    code: int


@dataclass
class AuditLog:
    """Reads on from where it was last marked."""

    path: Path
    offset: int = 0

    def mark(self) -> None:
        """Forget what was written so far."""
        self.offset = self.path.stat().st_size

    def operator_writes(self) -> list[Write]:
        """Return the operator's writes since the mark, leases left out, events included."""
        found = []
        with self.path.open("rb") as lines:
            lines.seek(self.offset)
            for line in lines:
                if not line.endswith(b"\n"):
                    break  # still being written
                event = json.loads(line)
                if event.get("stage") != "ResponseComplete" or event["verb"] not in WRITES:
                    continue
                target = event.get("objectRef") or {}
                agent = event.get("userAgent", "")
                if not agent.startswith(OPERATOR_AGENTS) or target.get("resource") == "leases":
                    continue
                sub = target.get("subresource")
                found.append(
                    Write(
                        verb=event["verb"],
                        resource=target.get("resource", "") + (f"/{sub}" if sub else ""),
                        namespace=target.get("namespace", ""),
                        name=target.get("name", ""),
                        agent=agent,
                        code=(event.get("responseStatus") or {}).get("code", 0),
                    )
                )
        return found

    def requests_of(self, user: str) -> list[Write]:
        """Return everything that a user asked since the mark, reads and watches included."""
        found = []
        with self.path.open("rb") as lines:
            lines.seek(self.offset)
            for line in lines:
                if not line.endswith(b"\n"):
                    break
                event = json.loads(line)
                # A watch is complete when it ends: what began counts.
                if (event.get("user") or {}).get("username") != user:
                    continue
                if event["stage"] not in ("ResponseStarted", "ResponseComplete"):
                    continue
                target = event.get("objectRef") or {}
                found.append(
                    Write(
                        verb=event["verb"],
                        resource=target.get("resource", ""),
                        namespace=target.get("namespace", ""),
                        name=target.get("name", ""),
                        agent=event.get("userAgent", ""),
                        code=(event.get("responseStatus") or {}).get("code", 0),
                    )
                )
        return found


def summary(writes: list[Write]) -> dict[str, int]:
    """Return how many writes of each kind there were, for a failure's message."""
    return dict(Counter(f"{write.verb} {write.resource} {write.code}" for write in writes))
