"""Writes the published JSON Schemas of the documents.

`python -m reflex_bakeoff.schemas --into docs/schemas`; `--check` exits 1 when one is stale.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from reflex_api.gate import GateSpec
from reflex_api.items import Line
from reflex_api.rules import RULES
from reflex_api.verdict import Verdict

_BASE = "https://reflexstack.dev/schemas"
_DRAFT = "https://json-schema.org/draft/2020-12/schema"


def files() -> dict[str, str]:
    """Return each schema's file name and text."""
    documents = {
        "verdict-v1.schema.json": Verdict.model_json_schema(mode="serialization"),
        "items-v1.schema.json": TypeAdapter[Any](Line).json_schema(),
        "gate-v1.schema.json": GateSpec.model_json_schema(),
    }
    return {
        name: json.dumps(
            {"$schema": _DRAFT, "$id": f"{_BASE}/{name}", **_plain(document)}, indent=2
        )
        + "\n"
        for name, document in documents.items()
    }


def _plain(node: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return a schema without Kubernetes' own keywords, but with the form of numbers as text."""
    if isinstance(node, dict):
        return {
            key: _plain(value)
            for key, value in node.items()
            if key != RULES and not key.startswith("x-kubernetes-")
        }
    return [_plain(one) for one in node] if isinstance(node, list) else node


def main(arguments: list[str] | None = None) -> int:
    """Write or check the files; return 1 when one is stale."""
    parser = argparse.ArgumentParser(prog="python -m reflex_bakeoff.schemas", description=__doc__)
    parser.add_argument("--into", type=Path, required=True)
    parser.add_argument("--check", action="store_true")
    chosen = parser.parse_args(arguments)
    stale = False
    for name, text in files().items():
        path = chosen.into / name
        if not chosen.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            print(f"error: {path} is stale; run `make generate`", file=sys.stderr)  # noqa: T201
            stale = True
    return int(stale)


if __name__ == "__main__":
    sys.exit(main())
