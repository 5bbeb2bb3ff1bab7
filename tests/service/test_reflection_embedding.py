"""A real embedding beside the hash one: likeness of meaning, and never mixed."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from onnx_model import write_model
from reflection_rig import client, find, make_parts, remember, served
from reflex_reflection.errors import EmbeddingError
from reflex_reflection.onnx_embedding import load_model
from reflex_reflection.service.app import _embed_some
from reflex_service.errors import StartError


def test_a_text_is_near_what_means_the_same(tmp_path: Path) -> None:
    model = load_model(write_model(tmp_path))
    near, far = model.embed("borrow moved"), model.embed("unused import")
    asked = model.embed("Ownership")

    def cosine(other: tuple[float, ...]) -> float:
        return sum(one * two for one, two in zip(asked, other, strict=True))

    assert cosine(near) > 0.9 > 0.5 > cosine(far)
    assert model.embed("borrow moved") == near
    assert len(near) == 3


def test_the_name_is_that_of_the_content(tmp_path: Path) -> None:
    first = load_model(write_model(tmp_path / "a")).name
    assert load_model(write_model(tmp_path / "b")).name == first
    assert load_model(write_model(tmp_path / "c", scale=2)).name != first


def test_the_first_token_stands_for_all_where_the_model_says_so(tmp_path: Path) -> None:
    folder = write_model(tmp_path)
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling/config.json").write_text(json.dumps({"pooling_mode_cls_token": True}))
    model = load_model(folder)
    assert model.embed("borrow unused import") == model.embed("borrow")


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EmbeddingError, match=r"no model\.onnx"):
        load_model(tmp_path)
    folder = write_model(tmp_path)
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(EmbeddingError, match="no model"):
        load_model(folder)
    write_model(tmp_path)
    (folder / "model.onnx").write_bytes(b"nothing")
    with pytest.raises(StartError, match="embedding_model"):
        make_parts(tmp_path / "service", embedding_model=folder)


async def test_the_service_searches_by_the_model_and_fills_what_is_missing(
    tmp_path: Path, database_url: str
) -> None:
    parts = make_parts(tmp_path, database_url)
    async with served(parts) as url, client(url) as http:
        await remember(http, "moved twice", turn=1)  # before there was a model
    parts = make_parts(tmp_path, database_url, embedding_model=write_model(tmp_path / "model"))
    assert parts.embeddings is not None
    async with served(parts) as url, client(url) as http, client(url, "bob") as bob:
        await remember(http, "unused import", turn=2)
        await remember(bob, "ownership", turn=3)
        await parts.database.run(_embed_some, parts, parts.embeddings)
        found = await find(http, "ownership", mode="vector")
        assert [one["text"] for one in found] == ["moved twice", "unused import"]
        assert found[0]["score"] > 0.9 > found[1]["score"]
        # No word is common: only the model finds it.
        assert await find(http, "ownership", mode="text") == []
        assert (await find(http, "ownership"))[0]["text"] == "moved twice"
        exported = (await http.get("/v1/memories/export")).text
        assert "onnx-" not in exported
        with parts.database.read() as db:
            sql = "SELECT model, count(*) FROM reflex_memory_embedding GROUP BY model"
            assert db.execute(text(sql)).all() == [(parts.embeddings.model, 3)]


async def test_another_model_sees_no_vectors_of_the_first(
    tmp_path: Path, database_url: str
) -> None:
    for number, scale in enumerate((1.0, 3.0), start=1):
        model = write_model(tmp_path / f"model{number}", scale=scale)
        parts = make_parts(tmp_path, database_url, embedding_model=model)
        assert parts.embeddings is not None
        assert parts.search.by_vector("alice", (1, 0, 0), model=parts.embeddings.model) == []
        async with served(parts) as url, client(url) as http:
            await remember(http, f"borrow {number}", turn=number)
            await parts.database.run(_embed_some, parts, parts.embeddings)
            assert len(await find(http, "borrow", mode="vector")) == number


async def test_a_model_that_fails_costs_its_vectors_only(tmp_path: Path) -> None:
    parts = make_parts(tmp_path, embedding_model=write_model(tmp_path / "model"))
    assert parts.embeddings is not None

    def broken(said: str) -> tuple[float, ...]:
        raise EmbeddingError("the model fails: no memory")

    parts = replace(parts, embeddings=replace(parts.embeddings, embed=broken))
    async with served(parts) as url, client(url) as http:
        assert (await remember(http, "borrow"))["ops_written"] == 1
        assert len(await find(http, "borrow", mode="text")) == 1
        asked = await http.post("/v1/memories/search", json={"query": "borrow"})
        assert (asked.status_code, asked.json()["error"]["code"]) == (503, "embedding")
        counted = (await http.get("/metrics")).text
        assert 'reflex_reflection_embeddings_total{outcome="failed"}' in counted
