"""How the tables came to be; run at every start."""

from typing import Final

from sqlalchemy import MetaData

from reflex_loop.service.tables import METADATA as OWN
from reflex_routing.budget_sql import METADATA as BUDGETS

VERSION_TABLE: Final = "reflex_loop_version"
METADATA: Final = (OWN, BUDGETS)


def together() -> MetaData:
    """Return all tables in one, for comparing."""
    whole = MetaData()
    for part in METADATA:
        for table in part.tables.values():
            table.to_metadata(whole)
    return whole
