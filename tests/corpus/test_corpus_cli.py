"""The corpus through `reflexctl fix`: a scripted model over HTTP, the compiler in its sandbox.

Most items run by the command's own code in this process, two at a time; some as the program.
"""

import asyncio
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

import scripted_openai as api
from file_tree import tree
from reflexctl import fixing
from reflexctl.errors import CliError
from reflexctl.fix_command import fix
from reflexctl.screen import Screen
from repair_corpus import NAMES, Item
from scripted_model import HOSTILE_PATHS, hostile, patch, wrong
from scripted_openai import Reply

pytestmark = pytest.mark.rust
ROOT = Path(__file__).parents[2]
CLOUD = "gpt-5.1-codex"
Found = dict[str, Any]


async def cli(root: Path, item: Item, *arguments: str) -> tuple[int, Found, str]:
    """Run `reflexctl fix --json` by its own parser and code; returns exit code, object, stderr."""
    entry = ("--entry", item.entry) if item.entry else ()
    line = [str(root), "--json", "-v", *entry, *arguments]
    parsed = fix.make_context("fix", line).params
    out, err = StringIO(), StringIO()
    screen = Screen(out, err, as_json=parsed.pop("as_json"), verbosity=parsed.pop("verbosity"))
    try:
        code = await fixing.run(fixing.wish(parsed), screen)
    except CliError as error:
        screen.error(error)
        code = error.exit_code
    return code, json.loads(out.getvalue()), err.getvalue()


def scripts(answer: Callable[[Item, int], Reply]) -> Callable[[Any], Reply]:
    """A server that has one model for each item; `answer` sees how often it was asked before."""
    asked: dict[str, int] = {}

    def reply(body: Any) -> Reply:
        if body is None:
            return api.http(200, {"object": "list", "data": [{"id": name} for name in NAMES]})
        name = body["model"]
        asked[name] = asked.get(name, 0) + 1
        return answer(Item.load(name), asked[name] - 1)

    return reply


def cut_then_right(item: Item, before: int) -> Reply:
    text = item.answer()
    return api.answer(text) if before else api.answer(text[: len(text) // 2], finish="length")


@pytest.fixture(scope="module")
def repaired(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, tuple[int, Found, str]]:
    """Every item, by a model whose first answer is cut short and whose second is right."""

    async def everything() -> dict[str, tuple[int, Found, str]]:
        turns = asyncio.Semaphore(os.cpu_count() or 1)

        async def one(name: str, url: str) -> tuple[str, tuple[int, Found, str]]:
            async with turns:
                item = Item.load(name)
                root = item.copy_to(tmp_path_factory.mktemp(name))
                more = ("--endpoint", url, "--model", name, "--suggestions", "off")
                return name, await cli(root, item, *more)

        async with api.scripted(scripts(cut_then_right)) as server:
            return dict(await asyncio.gather(*(one(name, server.base_url) for name in NAMES)))

    return asyncio.run(everything())


@pytest.mark.parametrize("name", NAMES)
def test_a_right_answer_repairs(name: str, repaired: Mapping[str, tuple[int, Found, str]]) -> None:
    code, found, err = repaired[name]
    assert code == 0, (found, err)
    assert (found["fixed"], found["errors_after"], found["attempts"]) == (True, 0, 2)
    assert [each["outcome"] for each in found["decisions"]] == ["refused", "kept"]
    assert found["decisions"][0]["problem"] == "truncated"
    assert found["diff"].startswith("diff --git ")
    assert "no sandbox" not in err


@pytest.mark.parametrize("name", ["workspace-two-crates", "e0502-map-entry"])
async def test_the_program_repairs(name: str, tmp_path: Path) -> None:
    item = Item.load(name)
    root = item.copy_to(tmp_path)
    async with api.scripted(scripts(cut_then_right)) as server:
        arguments = [str(root), "--json", "--endpoint", server.base_url, "--model", name]
        arguments += ["--entry", item.entry] if item.entry else []
        path = os.pathsep.join(str(ROOT / each) for each in ("services", "operator"))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "reflexctl", "fix", *arguments,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
        )  # fmt: skip
        out, err = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == 0, err.decode()
    assert json.loads(out)["fixed"] is True


def ambiguous(item: Item) -> str:
    path = item.edits[0]["path"]
    return patch({"path": path, "search": ["}"], "replace": ["}", ""]})


BAD: dict[str, Callable[[Item, int], Reply]] = {
    "wrong": lambda item, _: api.answer(patch(*wrong(item.edits))),
    "truncated": lambda item, _: api.answer(item.answer()[:40], finish="length"),
    "ambiguous": lambda item, _: api.answer(ambiguous(item)),
    "malicious": lambda _, n: api.answer(hostile(HOSTILE_PATHS[n % len(HOSTILE_PATHS)])),
    "prose": lambda *_: api.answer("I would add a `mut` there."),
    "oscillating": lambda _, n: api.answer(
        patch({"path": "src/main.rs", "search": ["    smu"], "replace": [f"    so{n % 2}"]})
    ),
}
PROBLEM = {
    "truncated": {"truncated"}, "ambiguous": {"ambiguous"}, "malicious": {"policy"},
    "prose": {"not_a_patch"}, "wrong": {"", "repeated"}, "oscillating": {"", "repeated"},
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
async def test_bad_answers_leave_every_byte(kind: str, tmp_path: Path) -> None:
    item = Item.load("e0425-typo")
    root = item.copy_to(tmp_path)
    before = tree(tmp_path)
    async with api.scripted(scripts(BAD[kind])) as server:
        more = ("--endpoint", server.base_url, "--model", item.name, "--suggestions", "off")
        code, found, _ = await cli(root, item, *more, "--attempts", "4")
    assert code == 1
    assert found["fixed"] is False
    assert {each["problem"] for each in found["decisions"]} <= PROBLEM[kind], found["decisions"]
    if kind == "oscillating":
        assert found["stop"] == "oscillation"
    assert tree(tmp_path) == before


async def test_an_answer_that_does_not_come_is_given_up(tmp_path: Path) -> None:
    item = Item.load("e0425-typo")
    root = item.copy_to(tmp_path)
    async with api.scripted(scripts(lambda *_: api.hangs())) as server:
        more = ("--endpoint", server.base_url, "--model", item.name, "--suggestions", "off")
        code, found, _ = await cli(root, item, *more, "--seconds", "3")
    assert (code, found["stop"]) == (1, "time")
    assert found["decisions"][0]["problem"] == "timeout"


class Told(list[str]):
    """What routing logs."""


@pytest.fixture
def told() -> Iterator[Told]:
    lines = Told()

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    logger, handler = logging.getLogger("reflex.routing"), Collect(logging.WARNING)
    logger.addHandler(handler)
    yield lines
    logger.removeHandler(handler)


def configuration(folder: Path, local: str, cloud: str, **changes: Any) -> str:
    """Write a configuration with a cloud, and the price table beside it."""
    reflex = {
        "model_primary": "e0425-typo", "max_attempts": 2, "gate": {"mode": "disabled"},
        "endpoints": {"local": {"base_url": local}, "cloud": {"base_url": cloud}},
        "cloud": {"enabled": True, "implementer": [CLOUD]}, "budgets": {"daily_usd": 1},
        "risk": {"paths": ["**/*auth*"]}, **changes,
    }  # fmt: skip
    (folder / "prices.yaml").write_text((ROOT / "configs/prices.yaml").read_text())
    (folder / "reflex.yaml").write_text(json.dumps({"version": 1, "reflex": reflex}))
    return str(folder / "reflex.yaml")


@pytest.mark.parametrize("failures", [1, 3])
async def test_the_cloud_answers_after_exactly_n_failures(
    failures: int, tmp_path: Path, told: Told
) -> None:
    item = Item.load("e0425-typo")
    root = item.copy_to(tmp_path)

    def useless(_item: Item, before: int) -> Reply:
        edit = {"path": "src/main.rs", "search": ["    smu"], "replace": [f"    no{before}"]}
        return api.answer(patch(edit))

    async with (
        api.scripted(scripts(useless)) as local,
        api.scripted(api.answer(item.answer())) as cloud,
    ):
        config = configuration(tmp_path, local.base_url, cloud.base_url, max_attempts=failures)
        code, found, _ = await cli(root, item, "--config", config, "--suggestions", "off")
    assert code == 0, found
    assert (len(local.calls), len(cloud.calls)) == (failures, 1)
    last = found["decisions"][-1]
    assert last["answered_by"] == f"cloud/{CLOUD}"
    assert last["routing"]["reason"] == "escalated_after_failures"
    assert last["routing"]["inputs"]["failedAttempts"] == failures
    (line,) = (line for line in told if "falls back to the cloud" in line)
    assert f"after {failures} failed local attempts: escalated_after_failures" in line


async def test_high_risk_goes_to_the_cloud_first(tmp_path: Path) -> None:
    item = Item.load("e0425-typo")
    root = item.copy_to(tmp_path)
    source = (root / item.entry).read_text() + "\n// SAFETY: none needed\nunsafe fn _none() {}\n"
    (root / item.entry).write_text(source)
    async with (
        api.scripted(api.answer("never asked")) as local,
        api.scripted(api.answer(item.answer())) as cloud,
    ):
        config = configuration(tmp_path, local.base_url, cloud.base_url)
        code, found, _ = await cli(root, item, "--config", config, "--suggestions", "off")
    assert code == 0
    assert (len(local.calls), len(cloud.calls)) == (0, 1)
    assert found["decisions"][0]["routing"]["reason"] == "high_risk"


async def test_an_exhausted_budget_is_typed_and_ends_at_once(tmp_path: Path) -> None:
    item = Item.load("e0425-typo")
    root = item.copy_to(tmp_path)
    before = tree(root)
    async with (
        api.scripted(api.answer("no patch")) as local,
        api.scripted(api.answer(item.answer())) as cloud,
    ):
        config = configuration(
            tmp_path, local.base_url, cloud.base_url, budgets={"daily_usd": "0.0001"}
        )
        code, found, _ = await cli(root, item, "--config", config, "--suggestions", "off")
    assert (code, found["stop"], found["code"]) == (1, "no_answer", "cloud_budget_exhausted")
    assert (len(local.calls), len(cloud.calls)) == (2, 0)
    assert found["decisions"][-1]["outcome"] == "unanswered"
    assert "daily cloud budget" in found["detail"]
    assert tree(root) == before
