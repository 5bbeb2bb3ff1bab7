"""`python -m reflex_tiny`: data, train, export, evaluate."""

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from reflex_bakeoff.suite.item import Item as SuiteItem
from reflex_bakeoff.suite.suite import write_suite
from reflex_tiny import cards, shards, suites
from reflex_tiny.compiler import Compiler, Source, cache_folder
from reflex_tiny.crate_suites import CratePlan
from reflex_tiny.crate_suites import items as crate_items
from reflex_tiny.dataset import items, load, say, write
from reflex_tiny.errors import DataError, TinyError
from reflex_tiny.evaluation import evaluate
from reflex_tiny.ports import free_port
from reflex_tiny.scores import comparison, summary, table

MODELS = shards.HERE.parents[1] / "images/engine-cpu/models"
BUNDLED = ("reflex-tiny-a", "reflex-tiny-b")
_RECORDED = 12


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m reflex_tiny", description=__doc__)
    commands = parser.add_subparsers(required=True)
    data = commands.add_parser("data", help="make the shards and the held-out items (rustc)")
    data.add_argument("--workers", type=int, default=2, help="compilers at once")
    data.add_argument("--only", default="", help="one shard by its name")
    data.set_defaults(call=make_data)
    index = commands.add_parser("index", help="write training_index.json and held_out.jsonl")
    index.set_defaults(call=make_index)
    suite = commands.add_parser("suite", help="make a bakeoff's suite in configs/suites (rustc)")
    suite.add_argument("name", choices=sorted(suites.PLANS))
    suite.add_argument("--workers", type=int, default=2, help="compilers at once")
    suite.set_defaults(call=make_suite)
    train = commands.add_parser("train", help="train in the engine's environment; resumes")
    train.add_argument("recipe")
    train.add_argument("--run", type=Path, default=None, help="folder of the run")
    train.add_argument("--stop", type=int, default=0, help="end after this step")
    train.set_defaults(call=run_training)
    export = commands.add_parser("export", help="write a checkpoint as a model folder")
    export.add_argument("recipe")
    export.add_argument("step", type=int)
    export.add_argument("folder", type=Path)
    export.add_argument("--run", type=Path, default=None, help="folder of the run")
    export.set_defaults(call=run_export)
    judge = commands.add_parser("evaluate", help="pass@1 through the loop on the real engine")
    judge.add_argument("--model", action="append", help="a bundled model's name or a folder")
    judge.add_argument("--count", type=int, default=0, help="only so many items")
    judge.add_argument("--write", action="store_true", help="write the numbers into its card")
    judge.set_defaults(call=run_evaluation)
    given = parser.parse_args(arguments)
    try:
        code: int = given.call(given)
    except TinyError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return code


def make_data(given: argparse.Namespace) -> int:
    """Make what is missing in the cache; interrupted, it goes on with what rustc has said."""
    compiler = Compiler(workers=given.workers)
    try:
        plans = {**shards.FIRST, "held_out": shards.HELD_OUT, **shards.LATER}
        for name, plan in plans.items():
            path = cache_folder() / f"{name}.jsonl"
            if given.only not in ("", name):
                continue
            if path.is_file() and len(load(path)) == plan.count:
                say(f"{name}: there already ({path})")
                continue
            if name == "held_out":
                plan = replace(plan, known=frozenset(_known(shards.FIRST)))
            elif name in shards.LATER:
                plan = replace(plan, known=frozenset(_known(["held_out"])))
            write(path, items(plan, compiler, say))
            say(f"{name}: {plan.count} items in {path}")
    finally:
        compiler.close()
    return 0


def _known(names: Iterable[str]) -> set[str]:
    return {item.program for name in names for item in load(_shard(name))}


def _shard(name: str) -> Path:
    return cache_folder() / f"{name}.jsonl"


def make_index(_: argparse.Namespace) -> int:
    """Write what the repository keeps of the data."""
    found = {name: load(_shard(name)) for name in shards.SHARDS}
    held_out = load(_shard("held_out"))
    overlap = _known(shards.SHARDS) & {item.program for item in held_out}
    if overlap:
        raise DataError(f"{len(overlap)} held-out programs are in the training set: make it again")
    write(shards.HELD_OUT_FILE, iter(held_out))
    compiler = Compiler(workers=1)
    try:
        chosen = Random(0).sample(found["train1"], _RECORDED)
        sources = [Source(path=item.path, text=item.source) for item in chosen]
        recorded = [
            {"path": source.path, "source": source.text, "output": output.decode()}
            for source, _, output in compiler.check(sources)
        ]
    finally:
        compiler.close()
    shards.RECORDED.write_text(json.dumps(recorded, indent=0, ensure_ascii=False) + "\n")
    text = json.dumps(shards.index(found, held_out), indent=1, ensure_ascii=False)
    shards.INDEX.write_text(text + "\n")
    say(f"{shards.INDEX}")
    return 0


def make_suite(given: argparse.Namespace) -> int:
    """Write one of the repository's suites; interrupted, it goes on with what rustc has said."""
    plan = suites.PLANS[given.name]
    if isinstance(plan, suites.SuitePlan):
        compiler = Compiler(workers=given.workers)
        try:
            found = tuple(suites.small(plan, compiler, say))
        finally:
            compiler.close()
    else:
        found = asyncio.run(_crate_items(plan, given.workers))
    made = suites.suite(plan, found)
    write_suite(made, suites.folder(plan))
    say(f"{suites.folder(plan)}: {len(made.items)} items, {made.digest}")
    return 0


async def _crate_items(plan: CratePlan, workers: int) -> tuple[SuiteItem, ...]:
    return tuple([each async for each in crate_items(plan, workers=workers, say=say)])


def run_training(given: argparse.Namespace) -> int:
    """Train inside the engine image."""
    from reflex_tiny.engine_room import EngineRoom

    run = given.run or cache_folder() / f"run-{given.recipe}"
    run.mkdir(parents=True, exist_ok=True)
    command = ["python3", "-m", "reflex_tiny.training", given.recipe, "/data", "/run-folder"]
    with EngineRoom({cache_folder(): "/data", run: "/run-folder"}) as room:
        room.run([*command, *([f"--stop={given.stop}"] if given.stop else [])])
    return 0


def run_export(given: argparse.Namespace) -> int:
    """Write a model folder."""
    from reflex_tiny.engine_room import EngineRoom

    run = given.run or cache_folder() / f"run-{given.recipe}"
    given.folder.mkdir(parents=True, exist_ok=True)
    with EngineRoom({run: "/run-folder", given.folder.resolve(): "/out"}) as room:
        room.run(
            [
                "python3",
                "-m",
                "reflex_tiny.export",
                given.recipe,
                "/run-folder",
                str(given.step),
                "/out",
            ]
        )
    return 0


def run_evaluation(given: argparse.Namespace) -> int:
    """Serve each model and print its table."""
    held_out = load(shards.HELD_OUT_FILE)[: given.count or None]
    compiler = Compiler(workers=1)
    try:
        for name in given.model or BUNDLED:
            folder = MODELS / name if (MODELS / name).is_dir() else Path(name).resolve()
            numbers = _judge(folder, held_out, compiler)
            print(f"\n{folder.name}: {len(held_out)} held-out items, one attempt, temperature 0\n")
            print(f"{table(numbers)}\n\n{comparison(numbers)}")
            if given.write:
                cards.write(folder, numbers)
    finally:
        compiler.close()
    return 0


def _judge(folder: Path, held_out: Sequence[Any], compiler: Compiler) -> dict[str, Any]:
    from reflex_tiny import engine_room

    port = free_port()
    with tempfile.TemporaryDirectory() as scratch:
        model = Path(scratch, "model")
        shutil.copytree(folder, model)
        log = Path(scratch, "engine.log")
        with engine_room.EngineRoom({model: "/model"}) as room:
            process: subprocess.Popen[bytes] = room.start(
                engine_room.serve_command("/model", folder.name, port),
                environment=engine_room.engine_environment(),
                log=log,
            )
            try:
                engine_room.wait_ready(process, port, log, say)
                found = asyncio.run(_outcomes(held_out, compiler, port, folder.name))
            finally:
                engine_room.stop(process)
    return summary(folder.name, found)


async def _outcomes(
    held_out: Sequence[Any], compiler: Compiler, port: int, model: str
) -> Sequence[Any]:
    return await evaluate(
        held_out, compiler, base_url=f"http://127.0.0.1:{port}/v1", model=model, say=say
    )


if __name__ == "__main__":
    sys.exit(main())
