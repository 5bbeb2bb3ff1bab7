"""What is trained on at each step: a pure function of the recipe, the step and the process."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

import numpy
import torch
from tokenizers import Tokenizer
from torch import Tensor

from reflex_tiny.recipe import BATCH_TOKENS, MAX_LENGTH, RANKS, SEED, Phase
from reflex_tiny.tokens import ANSWER, END, Kinds

_EXCHANGED: Final = 0.7
_NOISE: Final = 24.0
_DRILLS: Final = 16
_ROUND: Final = 8


@dataclass(frozen=True)
class Example:
    """Tokens of a question and of its reply; `shown`: every new line is in the question."""

    question: list[int]
    reply: list[int]
    shown: bool

    def length(self) -> int:
        """Return the tokens of both."""
        return len(self.question) + len(self.reply)


@dataclass(frozen=True)
class Batch:
    """One step of one process: `labels` are wanted at `places` of the flattened tokens."""

    tokens: Tensor
    places: Tensor
    labels: Tensor


class Feed:
    """The examples of all shards and the steps made of them."""

    def __init__(self, folder: Path, tokenizer: Tokenizer, phases: Sequence[Phase]) -> None:
        self._phases = phases
        self._tokenizer = tokenizer
        self._answer, self._end = tokenizer.token_to_id(ANSWER), tokenizer.token_to_id(END)
        self._folder = folder
        self._shards: dict[str, list[Example]] = {}
        names = sorted({name for phase in phases for name in phase.shards})
        # Of the first shard only: a shard that is added to a later phase changes no earlier step.
        first = self._shard(names[0]) if names else []
        counts: Counter[int] = Counter()
        for each in first:
            counts.update(set(each.question))
        self._kinds = Kinds(tokenizer, dict(counts), len(first))
        self._size = tokenizer.get_vocab_size()
        self._epochs: dict[tuple[int, int], list[list[int]]] = {}

    def batch(self, step: int, rank: int) -> Batch:
        """Return what a process learns from at a step, counted from 0."""
        number, at = self._phase(step)
        phase = self._phases[number]
        rng = Random(f"{SEED} {step} {rank}")
        if not phase.shards or rng.random() < phase.drill:
            return self._batch([self._drill(rng) for _ in range(_DRILLS)])
        pool, chosen = self._chosen(number, at * RANKS + rank)
        dice = numpy.random.default_rng([SEED, step, rank])
        return self._batch([self._exchanged(phase, rng, dice, pool[each]) for each in chosen])

    def _shard(self, name: str) -> list[Example]:
        """Return a shard's examples; it is read when a step needs it."""
        if name not in self._shards:
            self._shards[name] = self._read(self._folder / f"{name}.jsonl")
        return self._shards[name]

    def _read(self, path: Path) -> list[Example]:
        values = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        questions = self._tokenizer.encode_batch([value["prompt"] for value in values])
        replies = self._tokenizer.encode_batch([value["reply"] for value in values])
        examples = [
            Example([*question.ids, self._answer], [*reply.ids, self._end], value["gold_is_shown"])
            for value, question, reply in zip(values, questions, replies, strict=True)
        ]
        return [each for each in examples if each.length() <= MAX_LENGTH]

    def _phase(self, step: int) -> tuple[int, int]:
        for number, phase in enumerate(self._phases):
            if step < phase.steps:
                return number, step
            step -= phase.steps
        raise IndexError(f"step {step} is beyond the recipe")

    def _chosen(self, number: int, at: int) -> tuple[list[Example], list[int]]:
        phase = self._phases[number]
        pool = [each for name in phase.shards for each in self._shard(name)]
        epoch = 0
        while True:
            batches = self._epoch(number, epoch, pool, phase)
            if at < len(batches):
                return pool, batches[at]
            at -= len(batches)
            epoch += 1

    def _epoch(self, number: int, epoch: int, pool: list[Example], phase: Phase) -> list[list[int]]:
        """Return the batches of one pass: examples of like length together, in random order."""
        known = self._epochs.get((number, epoch))
        if known is not None:
            return known
        rng = Random(f"{SEED} {phase.order} {epoch}")
        order = sorted(range(len(pool)), key=lambda each: pool[each].length())
        order = order[: max(64, int(len(order) * phase.shortest))]
        order.sort(key=lambda each: pool[each].length() + rng.random() * _NOISE)
        batches: list[list[int]] = []
        longest = 0
        for each in order:
            longest = max(longest, pool[each].length())
            if not batches or longest * (len(batches[-1]) + 1) > BATCH_TOKENS:
                batches.append([])
                longest = pool[each].length()
            batches[-1].append(each)
        rng.shuffle(batches)
        self._epochs[number, epoch] = batches
        return batches

    def _exchanged(
        self, phase: Phase, rng: Random, dice: numpy.random.Generator, example: Example
    ) -> Example:
        """Return the example with other words: it must be copied, it cannot be remembered."""
        luck = rng.random()
        if example.shown and luck < phase.scramble:
            kinds = self._kinds.words
        elif luck > 1 - phase.rename:
            kinds = self._kinds.names
        else:
            return example
        mapping = numpy.arange(self._size)
        wanted = numpy.array(kinds, dtype=numpy.int64)
        chosen = wanted[dice.random(len(wanted)) < _EXCHANGED]
        mapping[chosen] = dice.permutation(chosen)
        return Example(
            mapping[example.question].tolist(), mapping[example.reply].tolist(), example.shown
        )

    def _drill(self, rng: Random) -> Example:
        """Return random lines in the frame of a question, one of them to be copied and changed."""
        encode = self._tokenizer.encode
        alphabet = [rng.choice(self._kinds.words) for _ in range(rng.randint(5, 14))]
        lines = [
            [rng.choice(alphabet) for _ in range(rng.randint(4, 22))]
            for _ in range(rng.randint(1, 4))
        ]
        marked = rng.randrange(len(lines))
        quote, close = encode(' "').ids, encode('"\n').ids
        question: list[int] = []
        for at, line in enumerate(lines):
            mark = encode(">").ids if at == marked else []
            question += [*mark, *encode(str(rng.randint(1, 40))).ids, *quote, *line, *close]
        new = list(lines[marked])
        if rng.random() < 0.5:
            new[rng.randrange(len(new))] = rng.choice(self._kinds.words)
            hint = [*encode('+"').ids, *new, *close]
            question = hint + question if rng.random() < 0.5 else question + hint
        reply = [
            *encode('{"edits": [{"path": "src/main.rs", "search": ["').ids, *lines[marked],
            *encode('"], "replace": ["').ids, *new, *encode('"]}]}').ids,
        ]  # fmt: skip
        return Example([*question, self._answer], [*reply, self._end], True)

    def _batch(self, examples: list[Example]) -> Batch:
        width = max(each.length() for each in examples) - 1
        width = -(-width // _ROUND) * _ROUND
        tokens = torch.zeros(len(examples), width, dtype=torch.long)
        places: list[int] = []
        labels: list[int] = []
        for row, each in enumerate(examples):
            text = [*each.question, *each.reply]
            tokens[row, : len(text) - 1] = torch.tensor(text[:-1])
            start = row * width + len(each.question) - 1
            places += range(start, start + len(each.reply))
            labels += each.reply
        return Batch(tokens, torch.tensor(places), torch.tensor(labels))
