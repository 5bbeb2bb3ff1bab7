"""Bakeoffs on fake nodes: what the kubelet and the bakeoff's image would do, SIMULATED.

The verdicts are made up by the test; nothing is measured, and each says `simulated`.
"""

import gzip
import hashlib
import json
import threading
from datetime import UTC, datetime
from typing import Any

from reflex_e2e.kubectl import Cluster, CommandError

from reflex_api.bakeoff_job import BakeoffRequest, Receipt
from reflex_api.names import LABEL_BAKEOFF
from reflex_operator.builders.bakeoff import ANNOTATION_REQUEST
from route_states import Outcome, verdict


class ScriptedBakeoffs:
    """Ends the bakeoffs of a namespace, as its own thread sees their pods."""

    def __init__(self, cluster: Cluster, namespace: str, outcomes: dict[str, Outcome]) -> None:
        self.cluster, self.namespace, self.outcomes = cluster, namespace, outcomes
        self.requests: list[BakeoffRequest] = []
        self.artefacts: dict[str, dict[str, bytes]] = {}  # by uid of the pod
        self.tampered: set[str] = set()  # models whose first attempt is tampered with
        self.forged: set[str] = set()  # models of which every attempt is
        self.paused: set[str] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "ScriptedBakeoffs":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=30)

    def serve(self, pod_uid: str, name: str) -> bytes | None:
        """Return what the pod's results container would serve."""
        return self.artefacts.get(pod_uid, {}).get(name)

    def _run(self) -> None:
        while not self._stop.wait(0.3):
            try:
                for pod in self.cluster.list("pods", self.namespace):
                    self._end(pod)
            except CommandError:
                continue  # it is gone, or the namespace is

    def _end(self, pod: dict[str, Any]) -> None:
        metadata, status = pod["metadata"], pod.get("status") or {}
        running = status.get("phase") == "Running" and not metadata.get("deletionTimestamp")
        if LABEL_BAKEOFF not in (metadata.get("labels") or {}) or not running:
            return
        if metadata["uid"] in self.artefacts:
            return
        request = BakeoffRequest.model_validate_json(metadata["annotations"][ANNOTATION_REQUEST])
        if request.model in self.paused:
            return
        made = verdict(
            request.model,
            self.outcomes[request.model],
            datetime.now(UTC),
            gate=request.gate,
            compared=bool(request.baseline),
            key=request.evidence_key,
        )
        text = made.model_dump_json(by_alias=True).encode()
        items = gzip.compress(b'{"kind": "simulated"}\n')
        receipt = Receipt(
            verdict_sha256=hashlib.sha256(text).hexdigest(),
            items_sha256=hashlib.sha256(items).hexdigest(),
        )
        first = request.model in self.tampered and request.attempt == 0
        if first or request.model in self.forged:
            # A better number in a document that is otherwise as it should be.
            better = text.replace(b'"point":0.6', b'"point":0.9')
            assert better != text
            text = better
        self.requests.append(request)
        self.artefacts[metadata["uid"]] = {"verdict.json": text, "items.json.gz": items}
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        ended = {
            "exitCode": 0,
            "reason": "Completed",
            "message": receipt.model_dump_json(by_alias=True),
            "startedAt": now,
            "finishedAt": now,
        }
        containers = [
            {**one, "ready": False, "started": False, "state": {"terminated": ended}}
            if one["name"] == "measure"
            else one
            for one in status.get("containerStatuses") or []
        ]
        patch = json.dumps({"status": {"containerStatuses": containers}})
        self.cluster.kubectl(
            "patch", "pod", metadata["name"], "-n", self.namespace, "--subresource=status",
            "-p", patch,
        )  # fmt: skip
