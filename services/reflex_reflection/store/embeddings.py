"""Vectors of a real model, beside the hash vectors and never compared with them."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, insert, literal, select

from reflex_reflection import embedding
from reflex_reflection.store.database import Database
from reflex_reflection.store.tables import EMBEDDINGS, MEMORIES


@dataclass(frozen=True, kw_only=True)
class Embeddings:
    """Adds the vectors of one model to memories that have none by it."""

    database: Database
    model: str
    embed: Callable[[str], tuple[float, ...]]

    def fill_new(self, owner: str, names: Collection[str]) -> int:
        """Add those of an owner's memories; return how many.

        Raises:
            EmbeddingError: the model fails.
        """
        return self._fill((MEMORIES.c.owner == owner) & MEMORIES.c.id.in_(names), len(names))

    def fill(self, limit: int) -> int:
        """Add some that are missing, of all owners, the oldest first; return how many.

        Raises:
            EmbeddingError: the model fails.
        """
        return self._fill(literal(True), limit)

    def _fill(self, where: ColumnElement[bool], limit: int) -> int:
        mine = and_(EMBEDDINGS.c.memory == MEMORIES.c.seq, EMBEDDINGS.c.model == self.model)
        missing = (
            select(MEMORIES.c.seq, MEMORIES.c.text)
            .outerjoin(EMBEDDINGS, mine)
            .where(where, MEMORIES.c.deleted_at.is_(None), EMBEDDINGS.c.memory.is_(None))
            .order_by(MEMORIES.c.seq)
            .limit(limit)
        )
        with self.database.read() as db:
            texts = db.execute(missing).all()
        made = {
            seq: embedding.pack(self.embed(said)) for seq, said in texts
        }  # slow: no transaction
        if not made:
            return 0
        with self.database.write() as db:
            # Somebody may have been faster, or the memory is gone by now.
            still = {seq for seq, _ in db.execute(missing)} & set(made)
            rows = [
                {"memory": seq, "model": self.model, "vector": made[seq]} for seq in sorted(still)
            ]
            if rows:
                db.execute(insert(EMBEDDINGS), rows)
        return len(rows)
