"""A bakeoff's evidence as files, and the gate applied to them again by `reflexctl`."""

import base64
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from reflex_api.bakeoff_job import ITEMS_FILE, VERDICT_FILE
from reflex_api.names import evidence_name
from reflex_api.verdict import Verdict
from reflex_e2e.kubectl import ROOT, Cluster, CommandError


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the immutable ConfigMap of a bakeoff holds, in a folder of its own."""

    bakeoff: str
    folder: Path
    verdict: Verdict

    @property
    def items(self) -> Path:
        """The measurements, compressed."""
        return self.folder / ITEMS_FILE

    @property
    def page(self) -> Path:
        """The report for a browser; `judge` writes it."""
        return self.folder / "report.html"


def fetch(cluster: Cluster, bakeoff: str, namespace: str, into: Path) -> Evidence:
    """Write a bakeoff's evidence into `into`/BAKEOFF, with the gate that it was judged by.

    Raises:
        CommandError: there is none.
    """
    found = cluster.get("configmap", evidence_name(bakeoff), namespace)
    folder = into / bakeoff
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ITEMS_FILE).write_bytes(base64.b64decode(found["binaryData"][ITEMS_FILE]))
    text = found["data"][VERDICT_FILE]
    (folder / VERDICT_FILE).write_text(text)
    # JSON is YAML, too.
    (folder / "gate.yaml").write_text(json.dumps(json.loads(text)["gate"]))
    return Evidence(bakeoff=bakeoff, folder=folder, verdict=Verdict.model_validate_json(text))


def judge(evidence: Evidence, baseline: Evidence | None = None) -> Verdict:
    """Apply the gate to the recorded measurements with `reflexctl gate evaluate`.

    It writes the report for a browser beside them.

    Raises:
        CommandError: there is nothing to be judged.
    """
    theirs = ("--baseline", baseline.items) if baseline else ()
    done = subprocess.run(
        [
            sys.executable, "-m", "reflexctl", "gate", "evaluate", "--json",
            "--candidate", evidence.items, *theirs, "--gate", evidence.folder / "gate.yaml",
            "--out", evidence.folder,
        ],
        check=False, capture_output=True, text=True, timeout=120, cwd=ROOT,
    )  # fmt: skip
    if not done.stdout:
        raise CommandError(f"reflexctl gate evaluate: exit code {done.returncode}\n{done.stderr}")
    return Verdict.model_validate_json(done.stdout)
