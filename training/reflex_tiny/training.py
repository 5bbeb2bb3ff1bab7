"""Trains from scratch on the CPU; runs inside the engine's environment, as several processes.

    python -m reflex_tiny.training RECIPE DATA OUT [--stop STEP]

Muon for the matrices, AdamW for the rest; bfloat16 for the arithmetic, float32 for the weights that
are kept. The state is written every hundred steps and taken up again by the next start.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor, distributed

from reflex_tiny.feeding import Feed
from reflex_tiny.network import Rotation, initial, loss
from reflex_tiny.recipe import RANKS, RECIPES, SEED, WARM_UP, Phase, Recipe
from reflex_tiny.tokens import learn, respelt

ROOT: Final = Path(__file__).resolve().parents[2]
_SAVE_EVERY: Final = 50
_SAY_EVERY: Final = 20
_CLIP: Final = 1.0
# glibc gives large blocks back to the system at once; asking again is most of a small step's time.
_ENVIRONMENT: Final = {
    "OMP_NUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": "4000000000",
    "MALLOC_TRIM_THRESHOLD_": "8000000000",
}


def factor(step: int, phases: Sequence[Phase]) -> float:
    """Return by what the learning rates are multiplied at a step."""
    at, start = step, 1.0
    for phase in phases:
        if at < phase.steps:
            rate = start + (phase.end - start) * at / phase.steps
            return rate * min(1.0, (step + 1) / WARM_UP)
        at -= phase.steps
        start = phase.end
    return start


class Learner:
    """The weights and what changes them."""

    def __init__(self, recipe: Recipe, start: Mapping[str, Tensor]) -> None:
        self.step = 0
        self._recipe = recipe
        self.kept = dict(start)
        self._rotation = Rotation(recipe.shape)
        self._used = {name: value.bfloat16().requires_grad_() for name, value in self.kept.items()}
        matrices = [n for n, value in self.kept.items() if value.dim() == 2 and "embed" not in n]
        self._rest = [name for name in self.kept if name not in matrices]
        self._muon = torch.optim.Muon(
            [self.kept[name] for name in matrices],
            lr=recipe.muon, momentum=0.95, weight_decay=0.01, ns_steps=4,
        )  # fmt: skip
        self._adam = torch.optim.AdamW(
            [self.kept[name] for name in self._rest],
            lr=recipe.adam, betas=(0.9, 0.97), weight_decay=0.0, eps=1e-8,
        )  # fmt: skip

    def learn(self, tokens: Tensor, places: Tensor, labels: Tensor) -> float:
        """Take one step together with the other processes and return the loss of this one."""
        rate = factor(self.step, self._recipe.phases)
        for group in self._muon.param_groups:
            group["lr"] = self._recipe.muon * rate
        for group in self._adam.param_groups:
            group["lr"] = self._recipe.adam * rate
        value = loss(self._recipe.shape, self._used, self._rotation, tokens, places, labels)
        value.backward()
        flat = torch.cat([one.grad.float().reshape(-1) for one in self._used.values()])
        if distributed.is_initialized():
            distributed.all_reduce(flat)
            flat /= distributed.get_world_size()
        at = 0
        for name, used in self._used.items():
            self.kept[name].grad = flat[at : at + used.numel()].view_as(used)
            at += used.numel()
            used.grad = None
        torch.nn.utils.clip_grad_norm_([self.kept[name] for name in self._rest], _CLIP)
        self._muon.step()
        self._adam.step()
        self._refresh()
        self.step += 1
        return float(value.detach())

    def state(self) -> dict[str, Any]:
        """Return everything that the next step depends on."""
        return {
            "step": self.step,
            "weights": self.kept,
            "muon": self._muon.state_dict(),
            "adam": self._adam.state_dict(),
        }

    def resume(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        self.step = state["step"]
        for name, value in state["weights"].items():
            self.kept[name].copy_(value)
        self._muon.load_state_dict(state["muon"])
        self._adam.load_state_dict(state["adam"])
        self._refresh()

    def _refresh(self) -> None:
        with torch.no_grad():
            for name, used in self._used.items():
                used.copy_(self.kept[name])


def start_of(recipe: Recipe) -> dict[str, Tensor]:
    """Return the weights before the first step, in float32."""
    if not recipe.start:
        return initial(recipe.shape, SEED)
    stored = load_file(ROOT / recipe.start / "model.safetensors")
    return {name: stored[name].float() for name in recipe.shape.parameters()}


def train(recipe: Recipe, data: Path, out: Path, *, rank: int, stop: int) -> None:
    """Train up to a step; only the first process writes."""
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    tokenizer = Tokenizer.from_file(str(out / "tokenizer.json"))
    feed = Feed(data, tokenizer, recipe.phases)
    learner = Learner(recipe, start_of(recipe))
    resume = out / "state.pt"
    if resume.is_file():
        learner.resume(torch.load(resume))
    size = sum(value.numel() for value in learner.kept.values())
    _say(rank, f"{size} parameters, steps {learner.step} to {stop}")
    losses: list[float] = []
    began, seen = time.monotonic(), 0
    while learner.step < stop:
        batch = feed.batch(learner.step, rank)
        losses.append(learner.learn(batch.tokens, batch.places, batch.labels))
        seen += batch.tokens.numel()
        step = learner.step
        if step % _SAY_EVERY == 0:
            seconds = time.monotonic() - began
            _say(
                rank,
                f"step {step}/{stop} loss {sum(losses) / len(losses):.4f} "
                f"{RANKS * seen / seconds:.0f} tokens/s {seconds / 60:.1f} min",
            )
            losses.clear()
        if rank == 0 and (step % _SAVE_EVERY == 0 or step == stop):
            _save(learner.state(), resume)
            if step == stop or step % (2 * _SAVE_EVERY) == 0:
                _save(learner.kept, out / f"step{step}.pt")


def _save(value: Mapping[str, Any], path: Path) -> None:
    part = path.with_suffix(".part")
    torch.save(value, part)
    part.replace(path)


def _say(rank: int, text: str) -> None:
    if rank == 0:
        print(text, file=sys.stderr, flush=True)


def main(arguments: Sequence[str]) -> int:
    """Start the processes and wait for them; each is this program with a RANK."""
    parser = argparse.ArgumentParser(prog="reflex_tiny.training", description=__doc__)
    parser.add_argument("recipe", choices=list(RECIPES))
    parser.add_argument("data", type=Path, help="folder with the shards")
    parser.add_argument("out", type=Path, help="folder for the tokenizer, the state, checkpoints")
    parser.add_argument("--stop", type=int, default=0, help="end after this step")
    given = parser.parse_args(arguments)
    recipe = RECIPES[given.recipe]
    stop = given.stop or recipe.steps()
    given.out.mkdir(parents=True, exist_ok=True)
    rank = os.environ.get("RANK")
    if rank is None:
        tokenizer_of(recipe, given.data).save(str(given.out / "tokenizer.json"))
        return _together(arguments, given.out)
    distributed.init_process_group(
        "gloo", init_method=f"file://{given.out / 'meeting'}", rank=int(rank), world_size=RANKS
    )
    train(recipe, given.data, given.out, rank=int(rank), stop=stop)
    distributed.barrier()
    distributed.destroy_process_group()
    return 0


def tokenizer_of(recipe: Recipe, data: Path) -> Tokenizer:
    """Return the tokenizer: that of the start with today's separators, or a new one."""
    if recipe.start:
        return respelt(ROOT / recipe.start / "tokenizer.json")
    first = sorted({name for phase in recipe.phases for name in phase.shards})[0]
    lines = (data / f"{first}.jsonl").read_text("utf-8").splitlines()
    return learn((json.loads(line)["prompt"] for line in lines), recipe.shape.vocab_size)


def _together(arguments: Sequence[str], out: Path) -> int:
    """Run one process a rank; when this one is ended, so are they."""
    (out / "meeting").unlink(missing_ok=True)
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "reflex_tiny.training", *arguments],
            env={**os.environ, **_ENVIRONMENT, "RANK": str(number)},
            # A kernel that shares its time by sessions gives all of one the share of one.
            start_new_session=True,
        )
        for number in range(RANKS)
    ]

    def end(*_: object) -> None:
        for process in processes:
            process.terminate()

    signal.signal(signal.SIGTERM, end)
    return max(abs(process.wait()) for process in processes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
