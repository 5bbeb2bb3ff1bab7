"""Who could take over, in which order."""

from collections.abc import Collection

from reflex_api.route_spec import PromotionMode
from reflex_api.route_status import Eligibility
from reflex_operator.reconcile.route.facts import Facts, Member
from reflex_operator.reconcile.route.guards import retry_wait, was_rolled_back


def startable(facts: Facts, member: Member) -> bool:
    """Return whether a start of the member may be tried now."""
    return (
        member.usable
        and not member.suspended
        and member.cached
        and member.standing.eligibility is not Eligibility.UNFIT
        and retry_wait(facts, member) is None
    )


def promotable(facts: Facts, member: Member) -> bool:
    """Return whether evidence makes the member the next incumbent, whatever has to be waited for.

    The same whether it runs already, as after its own evaluation, or has to be started.
    """
    return (
        facts.route.spec.promotion.mode is PromotionMode.GATED
        and facts.hold is None
        and member.usable
        and member.name != facts.incumbent
        and facts.superior(member)
        and not was_rolled_back(facts, member)
    )


def successors(
    facts: Facts, *, apart_from: Collection[str], with_incumbent: bool
) -> tuple[Member, ...]:
    """Return the members that may serve and can be started, the best first.

    Args:
        facts: about the route.
        apart_from: names that are left out.
        with_incumbent: whether the incumbent, which needs no evidence, comes first.
    """
    found = []
    for member in in_order(facts):
        if member.name in apart_from or not startable(facts, member):
            continue
        if member.name == facts.incumbent:
            if with_incumbent and member.standing.eligibility is not Eligibility.REJECTED:
                found.append(member)
        elif facts.may_serve(member):
            found.append(member)
    # A member that is stale serves only when no other can.
    return tuple(sorted(found, key=lambda one: not (one.eligible or one.name == facts.incumbent)))


def in_order(facts: Facts) -> tuple[Member, ...]:
    """Return the members, the incumbent first and then as the spec lists them."""
    listed = list(facts.members.values())
    return tuple(sorted(listed, key=lambda one: one.name != facts.incumbent))
