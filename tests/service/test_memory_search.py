"""Finding: by words and by vectors, in a stable order, and only one's own."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from reflection_turns import reflector, turn
from reflex_reflection.embedding import embed, pack
from reflex_reflection.errors import StoreError
from reflex_reflection.step import Turn
from reflex_reflection.store.database import Database
from reflex_reflection.store.memories import Memories
from reflex_reflection.store.ranking import Found, alike, diverse, ordered
from reflex_reflection.store.rows import Memory
from reflex_reflection.store.search import Scope, Search, cosines

SAID = {
    1: "borrow of moved value in the loop",
    2: "mismatched types expected u32 found i64",
    3: "value borrowed after move, clone it",
    4: "unused import naïve_foo",
    5: "value value value",
}


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def memories(database: Database) -> Memories:
    return Memories(database, now=lambda: 0.0)


@pytest.fixture
def search(database: Database, memories: Memories) -> Search:
    for number, said in SAID.items():
        remember(memories, said, number)
    return Search(database=database, now=lambda: 0.0)


def remember(memories: Memories, said: str, number: int, agent: str = "A") -> None:
    bundle = turn(said, number=number, agent=agent)
    bundle = replace(bundle, ctx=replace(bundle.ctx, now_iso=f"2026-01-{number:02}T00:00:00Z"))
    outcome = reflector(sink=memories).after_turn(Turn(bundle=bundle))
    assert outcome is not None
    assert outcome.written.ops_written == 1


def turns(found: list[Found]) -> list[int]:
    return [int(one.memory.id.split("-")[1]) for one in found]


def test_words_find_what_holds_them_best_first(search: Search) -> None:
    assert turns(search.by_words("A", "Borrow, MOVED!")) == [1]
    assert turns(search.by_words("A", "value"))[0] == 5
    assert set(turns(search.by_words("A", "value loop"))) == {1, 3, 5}
    assert turns(search.by_words("A", "naïve_foo")) == [4]
    assert search.by_words("A", "naive_foo nave_foo") == []
    assert search.by_words("A", "nothing?") == []
    assert search.by_words("A", "?!") == []
    assert search.by_words("A", "value", limit=0) == []


@pytest.mark.parametrize(
    "query",
    ['" OR "', "value*", "NEAR(a b)", "owner : x", "a AND", "^value", "'", "x\0y", "\ud800"],
)
def test_no_query_is_an_operator(search: Search, query: str) -> None:
    search.by_words("A", query)


def test_equal_scores_are_ordered_by_id(search: Search, memories: Memories) -> None:
    for number in (9, 7, 8):
        remember(memories, f"equal{number} twin", number)
    found = search.by_words("A", "twin")
    assert turns(found) == [7, 8, 9]
    assert len({one.score for one in found}) == 1


def test_of_equals_a_limit_keeps_the_first_by_id(search: Search, memories: Memories) -> None:
    for number in (9, 7, 8):
        remember(memories, f"equal{number} twin", number)
    assert turns(search.by_words("A", "twin", limit=2)) == [7, 8]
    # To nothing every vector is equally near.
    assert turns(search.by_vector("A", (0.0,) * 32, limit=2)) == [1, 2]


def test_a_limit_keeps_the_recent_tier(search: Search) -> None:
    scope = Scope(recent="2026-01-02T00:00:00Z")
    best = search.by_words("A", "moved value in the loop", limit=1)
    assert turns(best) == [1]
    assert turns(search.by_words("A", "moved value in the loop", limit=1, scope=scope)) == [5]
    near = search.by_vector("A", embed(SAID[1]), limit=1)
    assert turns(near) == [1]
    assert turns(search.by_vector("A", embed(SAID[1]), limit=1, scope=scope)) != [1]


def test_since_leaves_older_ones_out(search: Search) -> None:
    scope = Scope(since="2026-01-03T00:00:00Z")
    assert set(turns(search.by_words("A", "value", scope=scope))) == {3, 5}
    assert set(turns(search.by_vector("A", embed("x"), scope=scope))) == {3, 4, 5}


def test_the_recent_tier_comes_first(search: Search) -> None:
    assert turns(search.by_words("A", "value", scope=Scope(recent="2026-01-02T00:00:00Z"))) == [
        5,
        3,
        1,
    ]
    assert turns(search.by_words("A", "value", scope=Scope(recent="2026-01-04T00:00:00Z")))[0] == 5
    asked = "moved value in the loop"
    assert turns(search.by_words("A", asked)) == [1, 5, 3]
    scope = Scope(recent="2026-01-02T00:00:00Z")
    assert turns(search.by_words("A", asked, scope=scope)) == [5, 3, 1]
    tiers = search.by_words("A", "value", scope=Scope(recent="2026-01-03T00:00:00Z"))
    assert [one.recent for one in tiers] == [True, True, False]
    with pytest.raises(StoreError):
        search.by_words("A", "value", scope=Scope(recent="soon"))


def test_an_equal_text_is_found_by_its_vector(search: Search) -> None:
    (best, *_) = search.by_vector("A", embed(SAID[2].lower()))
    assert best.score == 1.0
    assert best.memory.text == SAID[2]
    assert len(search.by_vector("A", embed("x"), limit=2)) == 2


def test_vectors_of_another_model_or_length_are_never_compared(
    search: Search, database: Database
) -> None:
    with database.write() as db:
        seq = db.execute(text("SELECT seq FROM reflex_memory WHERE id LIKE 'refl-1-%'")).scalar()
        db.execute(
            text("INSERT INTO reflex_memory_embedding VALUES (:seq, 'real', :v)"),
            {"seq": seq, "v": pack(embed("x"))},
        )
        db.execute(
            text("UPDATE reflex_memory SET vector = :v WHERE id LIKE 'refl-2-%'"),
            {"v": pack((1.0, 2.0))},
        )
    assert set(turns(search.by_vector("A", embed("x")))) == {1, 3, 4, 5}
    assert turns(search.by_vector("A", embed("x"), model="real")) == [1]


def test_nobody_finds_anothers_memories(search: Search, memories: Memories) -> None:
    remember(memories, "value of B", 1, agent="B")
    assert {one.memory.owner for one in search.by_words("B", "value")} == {"B"}
    assert {one.memory.owner for one in search.by_vector("B", embed("x"))} == {"B"}
    assert search.by_words("C", "value") == search.by_vector("C", embed("x")) == []


def test_nobodys_words_are_felt_in_anothers_scores(search: Search, memories: Memories) -> None:
    before = [(one.memory.id, one.score) for one in search.by_words("A", "value loop")]
    for number in range(1, 9):
        remember(memories, f"value in a much longer memory of {number}", number, agent="B")
    assert [(one.memory.id, one.score) for one in search.by_words("A", "value loop")] == before


def test_what_is_deleted_or_expired_is_not_found(search: Search, memories: Memories) -> None:
    for memory in memories.page("A"):
        memories.delete("A", memory.id, actor="me")
    assert search.by_words("A", "value") == search.by_vector("A", embed("x")) == []


def memory(name: str, said: str) -> Memory:
    return Memory(
        seq=1, owner="A", agent="A", id=name, ts="", kind="summary", tags=(), text=said,
        vector=None, seen=1,
    )  # fmt: skip


def test_diversity_leaves_repetition_for_later() -> None:
    found = [
        Found(memory=memory("a", "borrow of moved value"), score=1.0),
        Found(memory=memory("b", "borrow of moved value again"), score=0.9),
        Found(memory=memory("c", "mismatched types"), score=0.6),
    ]
    assert [one.memory.id for one in diverse(found, limit=3, balance=0.5)] == ["a", "c", "b"]
    assert [one.memory.id for one in diverse(found, limit=3, balance=1)] == ["a", "b", "c"]
    assert [one.memory.id for one in diverse(found, limit=1)] == ["a"]
    assert diverse([], limit=3) == []


@given(st.permutations(list(zip("abcdef", [1, 1, 2, 2, 0, 0], strict=True))))
def test_the_order_does_not_depend_on_the_order_of_finding(pairs: list[tuple[str, int]]) -> None:
    found = [Found(memory=memory(name, f"t {name}"), score=score) for name, score in pairs]
    assert [one.memory.id for one in ordered(found)] == list("cdabef")
    assert diverse(found, limit=6) == diverse(ordered(found), limit=6)


def test_likeness_is_the_share_of_common_words() -> None:
    assert alike(memory("a", "one two"), memory("b", "two three")) == pytest.approx(1 / 3)
    assert alike(memory("a", ""), memory("b", "")) == 1.0


def test_likeness_looks_at_so_many_words_and_no_more() -> None:
    """The words of memories are held for later searches."""
    shared = " ".join(f"w{number}" for number in range(500))
    assert alike(memory("a", f"{shared} left"), memory("b", f"{shared} right")) == 1.0


def test_cosines_agree_with_numpy_and_a_zero_vector_is_near_nothing() -> None:
    matrix = np.array([embed("a"), embed("b"), [0.0] * 32], dtype="<f4")
    asked = embed("a")
    expected = [*(matrix[:2] @ np.array(asked)), 0.0]
    assert cosines(matrix, asked) == pytest.approx(expected, abs=1e-5)


def test_vectors_of_any_length_are_judged_by_their_direction() -> None:
    matrix = np.array([[3.0, 4.0], [4.0, -3.0], [-6.0, -8.0]], dtype="<f4")
    assert cosines(matrix, (30.0, 40.0)) == [1.0, 0.0, -1.0]
