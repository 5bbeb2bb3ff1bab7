"""The terms of a route: evidence of a run under others is about the model, and not for the route.

A ReflexBakeoff of a person brings its own gate, load and validity. What it found qualifies a member
only where it asked for what the route asks for: else a weak gate would open a strict route.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Self

from reflex_api.bakeoff import ReflexBakeoff
from reflex_api.bakeoff_spec import LoadSpec
from reflex_api.errors import SpecError
from reflex_api.gate import GateSpec, SuperiorityGate
from reflex_api.route import ReflexRoute
from reflex_operator.builders.route import member_gate
from reflex_operator.manifest import Manifest
from reflex_operator.reconcile.route.evidence import Evidence


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What a route asks for; `loads`: of the runs that still are there, by name."""

    gate: GateSpec
    load: LoadSpec
    valid_for: timedelta
    loads: Mapping[str, LoadSpec]

    @classmethod
    def of(cls, route: ReflexRoute, bakeoffs: Iterable[Manifest]) -> Self:
        """Return the terms of a route.

        Args:
            route: that asks.
            bakeoffs: of its namespace.
        """
        evaluation = route.spec.evaluation
        return cls(
            gate=member_gate(route),
            load=evaluation.load,
            valid_for=evaluation.valid_for,
            loads=_loads(bakeoffs),
        )

    def other(self, evidence: Evidence) -> tuple[str, ...]:
        """Return the names of the terms under which the evidence was not made."""
        load = self.loads.get(evidence.bakeoff, self.load)
        pairs = {
            "gate": (_floors(evidence.gate), _floors(self.gate)),
            "load": (load, self.load),
        }
        return tuple(name for name, (was, now) in pairs.items() if was != now)

    def compares(self, evidence: Evidence) -> bool:
        """Return whether its comparison, if it made one, asked for as much as the route does."""
        return evidence.gate.superiority == self.gate.superiority

    def bounded(self, evidence: Evidence) -> Evidence:
        """Return the evidence, valid for no longer than the route lets its own be."""
        note = evidence.note
        latest = note.finished_at + self.valid_for
        if note.expires_at <= latest:
            return evidence
        return replace(evidence, note=note.model_copy(update={"expires_at": latest}))


def _floors(gate: GateSpec) -> GateSpec:
    """Return what qualification rests on: neither its name nor what a promotion needs beyond."""
    return gate.model_copy(update={"label": "", "superiority": SuperiorityGate()})


def _loads(bakeoffs: Iterable[Manifest]) -> dict[str, LoadSpec]:
    found = {}
    for one in bakeoffs:
        try:
            found[one["metadata"]["name"]] = ReflexBakeoff.parse(one).spec.load
        except SpecError:
            continue
    return found
