"""A `kubectl` that answers `get` from recorded objects; for tests of reflexctl only."""

import json
import os
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

Manifest = dict[str, Any]
_PROGRAM = """\
#!{python}
# FAKE kubectl: answers `get KIND [NAME] -o json` from a file.
import json, sys
words = [one for one in sys.argv[1:]]
open({log!r}, "a").write(json.dumps(words) + "\\n")
at = words.index("get")
kind, name = words[at + 1], words[at + 2]
found = json.load(open({objects!r})).get(kind)
if found is None:
    sys.exit(f'error: the server does not have a resource type "{{kind}}"')
if name == "-o":
    print(json.dumps({{"items": found}}))
else:
    one = [each for each in found if each["metadata"]["name"] == name]
    if not one:
        sys.exit(f'Error from server (NotFound): {{kind}} "{{name}}" not found')
    print(json.dumps(one[0]))
"""
KINDS = {
    "ReflexRoute": "reflexroutes.reflexstack.dev",
    "ReflexBakeoff": "reflexbakeoffs.reflexstack.dev",
    "Service": "services",
    "ConfigMap": "configmaps",
}


class FakeCluster:
    """Objects behind a fake kubectl."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._objects = folder / "objects.json"
        self._log = folder / "kubectl.log"
        program = folder / "bin/kubectl"
        program.parent.mkdir()
        program.write_text(
            _PROGRAM.format(
                python=sys.executable, log=str(self._log), objects=str(self._objects)
            )
        )  # fmt: skip
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
        self.holds()

    def holds(self, *manifests: Manifest) -> None:
        """Say what is there; every kind can be listed, also when there is none of it."""
        found: Mapping[str, list[Manifest]] = {name: [] for name in KINDS.values()}
        for one in manifests:
            found[KINDS[one["kind"]]].append(one)
        self._objects.write_text(json.dumps(found))

    def lacks(self, kind: str) -> None:
        """Take a kind away, as in a cluster without the CRDs."""
        found = json.loads(self._objects.read_text())
        del found[KINDS[kind]]
        self._objects.write_text(json.dumps(found))

    @property
    def calls(self) -> list[list[str]]:
        return [json.loads(line) for line in self._log.read_text().splitlines()]
