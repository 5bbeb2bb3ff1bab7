"""The tiny models' training and export in the environment they run in: PyTorch and transformers."""

import json
from pathlib import Path
from typing import Any

import pytest

from reflex_tiny.engine_room import EngineRoom
from reflex_tiny.shards import HELD_OUT_FILE

pytestmark = pytest.mark.contract

PROGRAM = r"""
import hashlib, json, sys
from dataclasses import replace
from pathlib import Path
import torch
from reflex_tiny import export, recipe, training
from reflex_tiny.feeding import Feed
from reflex_tiny.network import Rotation, Shape, hidden_states
from reflex_tiny.recipe import Phase, Recipe
from reflex_tiny.tokens import ANSWER, learn

out = Path("/out")
small = Recipe(
    shape=Shape(vocab_size=512, hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
                num_key_value_heads=2, head_dim=16, intermediate_size=48),
    phases=(Phase(steps=2, order=0, drill=1.0),
            Phase(steps=2, order=1, shards=("few",), drill=0.0, end=0.1)),
)
recipe.RECIPES["small"] = small
torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)
tokenizer = training.tokenizer_of(small, out)
tokenizer.save(str(out / "tokenizer.json"))

def digest(weights):
    state = hashlib.sha256()
    for name in sorted(weights):
        state.update(weights[name].detach().numpy().tobytes())
    return state.hexdigest()

def trained(pause):
    learner = training.Learner(small, training.start_of(small))
    feed = Feed(out, tokenizer, small.phases)
    losses = []
    for step in range(4):
        if step == pause:
            torch.save(learner.state(), out / "state.pt")
            learner = training.Learner(small, training.start_of(small))
            learner.resume(torch.load(out / "state.pt"))
        batch = feed.batch(step, 0)
        losses.append(learner.learn(batch.tokens, batch.places, batch.labels))
    return learner, losses

first, losses = trained(pause=-1)
second, _ = trained(pause=-1)
resumed, _ = trained(pause=3)
torch.save(first.kept, out / "step4.pt")
export.main(["small", str(out), "4", str(out / "model")])

from transformers import AutoModelForCausalLM, AutoTokenizer
loaded = AutoModelForCausalLM.from_pretrained(out / "model", dtype=torch.float32)
words = AutoTokenizer.from_pretrained(out / "model")
prompt = json.loads((out / "few.jsonl").read_text().splitlines()[0])["prompt"]
chat = words.apply_chat_template(
    [{"role": "user", "content": prompt}], tokenize=False, add_generation_prompt=True)
ids = words(chat, return_tensors="pt")["input_ids"]
weights = {k: v.bfloat16() for k, v in first.kept.items()}
ours = hidden_states(small.shape, weights, Rotation(small.shape), ids)[0, -1].float()
theirs = loaded.model(ids, output_hidden_states=True).last_hidden_state[0, -1].detach()
ours = torch.nn.functional.rms_norm(ours, (32,), first.kept["model.norm.weight"], 1e-6)
print("ANSWER" + json.dumps({
    "digests": [digest(each.kept) for each in (first, second, resumed)],
    "untouched": digest(training.start_of(small)),
    "losses": losses,
    "template": chat == prompt + ANSWER and ids[0].tolist()[-1] == tokenizer.token_to_id(ANSWER),
    "round_trip": words.decode(tokenizer.encode(prompt).ids) == prompt,
    "difference": float((ours - theirs).abs().max() / theirs.abs().max()),
}))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder: Path = tmp_path_factory.mktemp("tiny")
    lines = HELD_OUT_FILE.read_text("utf-8").splitlines()[:24]
    (folder / "few.jsonl").write_text("\n".join(lines) + "\n")
    log = folder / "log"
    with EngineRoom({folder: "/out"}) as room:
        code = room.start(["python3", "-c", PROGRAM], log=log).wait(timeout=300)
    text = log.read_text("utf-8", "replace")
    assert code == 0, text[-2000:]
    (line,) = [line for line in text.splitlines() if line.startswith("ANSWER")]
    found: dict[str, Any] = json.loads(line.removeprefix("ANSWER"))
    return found


def test_the_same_steps_give_the_same_weights_resumed_or_not(told: dict[str, Any]) -> None:
    first, second, resumed = told["digests"]
    assert first == second == resumed != told["untouched"]


def test_the_losses_are_numbers_of_an_untrained_model(told: dict[str, Any]) -> None:
    assert all(3 < loss < 12 for loss in told["losses"])


def test_transformers_computes_what_was_trained(told: dict[str, Any]) -> None:
    assert told["difference"] < 0.05  # bfloat16 against float32


def test_the_exported_chat_template_puts_the_answer_mark_after_the_prompt(
    told: dict[str, Any],
) -> None:
    assert told["template"] is True
    assert told["round_trip"] is True
