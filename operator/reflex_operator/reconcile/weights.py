"""Are the weights where the engine reads them, and what is missing?"""

from reflex_api.conditions import Reason
from reflex_api.model import ReflexModel
from reflex_operator.reconcile.engine import Finding


def cached(model: ReflexModel, scheduled: Finding) -> Finding:
    """Return the state of ModelCached."""
    if model.spec.source.bundled is not None:
        return Finding(status="True", reason=Reason.BUNDLED)
    if scheduled.reason in (Reason.CLAIM_NOT_FOUND, Reason.CLAIM_PENDING):
        return scheduled
    if scheduled.status == "True":
        return Finding(status="True", reason=Reason.CLAIM_BOUND)
    return Finding(status="Unknown", reason=Reason.WAITING_FOR_SCHEDULER)
