"""The whole of a bakeoff's pod by hand: the engine and its answers are SIMULATED, the load
generator, the loop and rustc are real. No test asserts how fast anything is.
"""

import asyncio
import gzip
import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

import repair_items
from engine_process import Running, simulated_engine
from reflex_api import items as lines
from reflex_api.bakeoff_job import ITEMS_FILE, VERDICT_FILE, BakeoffRequest, Receipt
from reflex_api.bakeoff_spec import LoadSpec
from reflex_api.evidence import EvidenceInputs, Sampling, evidence_key
from reflex_api.gate import (
    AnswersGate,
    CacheGate,
    CacheMode,
    ErrorsGate,
    GateSpec,
    LatencyGate,
    QualityGate,
    ThroughputGate,
)
from reflex_api.items import Items, Outcome
from reflex_api.verdict import Judgement, Verdict
from reflex_bakeoff import HARNESS_VERSION, results
from reflex_bakeoff.documents import Documents, documents, packed, put, text_of, unpacked
from reflex_bakeoff.errors import BakeoffError, MeasureError
from reflex_bakeoff.gate.evaluate import evaluate_texts
from reflex_bakeoff.job import Places, measure
from reflex_bakeoff.suite.suite import write_suite
from reflex_runner.job import Runner
from reflex_runner.local import UnconfinedRunner
from repair_corpus import toolchain, why_no_rust

COUNT = 6
SUITE = repair_items.suite(COUNT)
WRONG = SUITE.order()[1]
pytestmark = [
    pytest.mark.rust,
    pytest.mark.skipif(bool(why_no_rust(linker=True)), reason=why_no_rust(linker=True)),
]


def gate(**changes: Any) -> GateSpec:
    """A gate for six items; what depends on the machine's speed is only reported."""
    known: dict[str, Any] = {
        "suite": SUITE.name,
        "label": "test",
        "quality": QualityGate(pass_at1_floor="0.10", looks=(3, 6)),
        "answers": AnswersGate(schema_floor="0.10", truncation_ceiling=None),
        "latency": LatencyGate(
            ttft_cold_p95_milliseconds=None,
            ttft_warm_p95_milliseconds=None,
            itl_p95_milliseconds=None,
            max_block_ratio=None,
        ),
        "throughput": ThroughputGate(min_roofline_share=None),
        "errors": ErrorsGate(ceiling="0.50"),
        "cache": CacheGate(mode=CacheMode.REPORT_ONLY),
    }
    return GateSpec(**{**known, **changes})


def request(url: str, **changes: Any) -> BakeoffRequest:
    known: dict[str, Any] = {
        "bakeoff": "b", "attempt": 0, "model": "simulated", "base_url": url, "gate": gate(),
        "load": LoadSpec(requests=59), "seed": 3, "seconds": 600,
    }  # fmt: skip
    return BakeoffRequest(**{**known, **changes})


@asynccontextmanager
async def sandbox(folder: Path) -> AsyncIterator[Runner]:
    runner = UnconfinedRunner(toolchain(), folder)
    try:
        yield runner
    finally:
        runner.close()


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("engine")
    number = {item.id: item.retained[0] for item in SUITE.items}
    answers = [
        (f"fn {name}(", repair_items.USELESS if item == WRONG else repair_items.RIGHT)
        for item, name in number.items()
    ]
    (folder / "answers.json").write_text(json.dumps(answers))
    with simulated_engine(folder, "--answers", str(folder / "answers.json")) as running:
        yield running


def prepared(root: Path, wanted: BakeoffRequest) -> Places:
    places = Places.below(root)
    places.request.parent.mkdir(parents=True)
    places.request.write_text(wanted.model_dump_json(by_alias=True))
    write_suite(SUITE, places.suites / SUITE.name)
    return places


async def measured(places: Places, scratch: Path) -> tuple[Receipt, list[str]]:
    told: list[str] = []
    receipt = await measure(
        places,
        lambda _: sandbox(scratch),
        simulated=True,
        tell=lambda part, done, total, text: told.append(f"{part} {done}/{total} {text}"),
    )
    return receipt, told


@dataclass(frozen=True)
class Run:
    places: Places
    receipt: Receipt
    told: list[str]
    verdict: Verdict
    text: str

    @property
    def items(self) -> Items:
        return lines.read(self.text)


@pytest.fixture(scope="module")
def done(engine: Running, tmp_path_factory: pytest.TempPathFactory) -> Run:
    root = tmp_path_factory.mktemp("pod")
    places = prepared(root, request(f"{engine.root}/v1"))
    receipt, told = asyncio.run(measured(places, root / "scratch"))
    return Run(
        places=places,
        receipt=receipt,
        told=told,
        verdict=Verdict.model_validate_json((places.results / VERDICT_FILE).read_bytes()),
        text=text_of((places.results / ITEMS_FILE).read_bytes()),
    )


def test_the_documents_are_those_of_the_receipt(done: Run) -> None:
    made = Documents(
        verdict=(done.places.results / VERDICT_FILE).read_bytes(),
        items=(done.places.results / ITEMS_FILE).read_bytes(),
    )
    assert made.receipt() == done.receipt


def test_the_gate_says_the_same_about_the_file(done: Run) -> None:
    assert evaluate_texts(done.text, None, gate()) == done.verdict
    assert done.verdict.gate.label == "test"


def test_all_three_parts_are_measured(done: Run) -> None:
    found = done.items
    assert found.run.planned == SUITE.order()
    assert [item.id for item in found.items] == list(SUITE.order())
    passed = {item.id: item.outcome is Outcome.PASSED for item in found.items}
    assert passed == {name: name != WRONG for name in SUITE.order()}
    assert found.load is not None
    assert found.cache is not None
    assert len(found.requests) == 59 * 3 + 3
    assert found.cache.warm


def test_what_is_simulated_says_so(done: Run) -> None:
    assert done.items.run.simulated
    assert done.verdict.candidate is not None
    assert done.verdict.candidate.simulated


def test_progress_is_told_in_order(done: Run) -> None:
    parts = [line.split()[0] for line in done.told]
    assert list(dict.fromkeys(parts)) == ["repairs", "speed", "cache"]
    assert done.told[-1].startswith("repairs 6/6")
    assert "repairs 3/3" in " ".join(done.told)


async def test_an_aborted_run_goes_on(done: Run, tmp_path: Path) -> None:
    """Nobody answers any more, and yet the finished items are there: they were not asked again."""
    places = prepared(tmp_path, request("http://127.0.0.1:9/v1"))
    run = done.items.run.model_copy(update={"seed": 3})
    put(places.partial / ITEMS_FILE, packed(Items(run=run, items=done.items.items)))

    _, told = await measured(places, tmp_path / "scratch")

    assert "resume 6/6" in told[0]
    found = unpacked(places.results / ITEMS_FILE)
    assert found is not None
    assert found.items == done.items.items
    verdict = Verdict.model_validate_json((places.results / VERDICT_FILE).read_bytes())
    assert verdict.verdict is not Judgement.PASS, "every request failed, nothing of it is speed"


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "other"}, {"evidence_key": "sha256:0"}, {"suite_digest": "sha256:0"},
        {"tries": 9}, {"seed": 4}, {"harness_version": "0"}, {"simulated": False},
    ],
)  # fmt: skip
async def test_another_subjects_items_are_not_kept(
    done: Run, tmp_path: Path, changes: dict[str, Any]
) -> None:
    places = prepared(tmp_path, request("http://127.0.0.1:9/v1"))
    earlier = Items(run=done.items.run.model_copy(update=changes), items=done.items.items)
    put(places.partial / ITEMS_FILE, packed(earlier))
    with pytest.raises(MeasureError, match="could be judged"):
        await measured(places, tmp_path / "scratch")
    assert not (places.results / VERDICT_FILE).exists()


def inputs(**changes: Any) -> EvidenceInputs:
    texts = dict.fromkeys(
        ("source_revision", "tokenizer_digest", "chat_template_digest", "quantization",
         "engine_image", "gpu_product", "gpu_memory", "gpu_driver", "prompt_digest",
         "schema_digest", "rustc"), "none",
    )  # fmt: skip
    known: dict[str, Any] = {
        **texts, "arguments": (), "suite_digest": SUITE.digest,
        "harness_version": HARNESS_VERSION, "sampling": Sampling(max_tokens=512),
    }  # fmt: skip
    return EvidenceInputs(**{**known, **changes})


@pytest.mark.parametrize(
    ("declared", "key", "word"),
    [
        (inputs(), "sha256:other", "evidence key"),
        (inputs(suite_digest="sha256:other"), "", "suite's digest"),
        (inputs(harness_version="0"), "", "harness's version"),
    ],
)
async def test_nothing_is_measured_under_anothers_name(
    tmp_path: Path, declared: EvidenceInputs, key: str, word: str
) -> None:
    wanted = request(
        "http://127.0.0.1:9/v1", inputs=declared, evidence_key=key or evidence_key(declared)
    )
    places = prepared(tmp_path, wanted)
    with pytest.raises(MeasureError, match=word):
        await measured(places, tmp_path / "scratch")


@pytest.mark.parametrize("text", ["", "{}", '{"model": 1}'])
async def test_a_request_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    places = prepared(tmp_path, request("http://127.0.0.1:9/v1"))
    places.request.write_text(text)
    with pytest.raises(MeasureError, match="is no request"):
        await measured(places, tmp_path / "scratch")


async def test_a_missing_baseline_is_no_absent_one(tmp_path: Path) -> None:
    places = prepared(tmp_path, request("http://127.0.0.1:9/v1", baseline="b@1"))
    with pytest.raises(MeasureError, match="baseline b@1"):
        await measured(places, tmp_path / "scratch")


async def test_a_suite_that_is_not_here_is_refused(tmp_path: Path) -> None:
    wanted = request("http://127.0.0.1:9/v1", gate=gate(suite="other"))
    places = prepared(tmp_path, wanted)
    with pytest.raises(BakeoffError, match="other"):
        await measured(places, tmp_path / "scratch")


def test_evidence_that_is_too_large_is_refused(done: Run) -> None:
    many = [
        one.model_copy(update={"id": os.urandom(60).hex()})
        for one in done.items.requests
        for _ in range(30)
    ]
    huge = Items(run=done.items.run, items=done.items.items, requests=tuple(many))
    with pytest.raises(MeasureError, match=r"lower load\.requests"):
        documents(huge, done.verdict)


def test_damaged_evidence_is_refused(done: Run, tmp_path: Path) -> None:
    whole = gzip.compress(done.text.encode())
    for data in (whole[:-20], whole[:50], b"\x1f\x8bnothing", b'{"kind": "run"}', b"\xff"):
        (tmp_path / "items").write_bytes(data)
        with pytest.raises(MeasureError, match="no evidence"):
            unpacked(tmp_path / "items")
    assert unpacked(tmp_path / "missing") is None


async def test_results_are_served_until_they_are_released(tmp_path: Path) -> None:
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(
        results.serve(tmp_path, host="127.0.0.1", port=0, started=port.set_result)
    )
    base = f"http://127.0.0.1:{await asyncio.wait_for(port, 30)}"
    (tmp_path / "secret").write_text("no")
    put(tmp_path / ITEMS_FILE, b"items")
    async with aiohttp.ClientSession() as session:

        async def get(name: str) -> tuple[int, bytes]:
            async with session.get(f"{base}/{name}") as answer:
                return answer.status, await answer.read()

        assert await get(ITEMS_FILE) == (200, b"items")
        assert (await get(VERDICT_FILE))[0] == 404
        put(tmp_path / VERDICT_FILE, b"{}")
        assert await get(VERDICT_FILE) == (200, b"{}")
        assert (await get("secret"))[0] == 404
        assert (await get("..%2f..%2fetc%2fpasswd"))[0] == 404
        async with session.delete(f"{base}/") as answer:
            assert answer.status == 204
    await asyncio.wait_for(serving, 30)
