"""How a model is made, in numbers: the shards it learns from, its shape, the phases of training.

Everything that decides the weights is here. Steps are counted, never minutes, so that a slower
machine makes the same weights later.
"""

from dataclasses import dataclass
from typing import Final

from reflex_tiny.network import Shape

SEED: Final = 20
RANKS: Final = 2
"""Processes of one thread each that train together; another number gives other weights."""
BATCH_TOKENS: Final = 3072
"""Tokens of a step in each process, padding included."""
MAX_LENGTH: Final = 640
"""Tokens of an item, question and reply; longer ones are left out."""
WARM_UP: Final = 30


@dataclass(frozen=True, kw_only=True)
class Phase:
    """A stretch of training.

    Attributes:
        order: the seed of the order in which the items come.
        shards: names of the files of items.
        shortest: which part of the items is used, from the shortest on.
        drill: which part of the steps copies random tokens instead.
        scramble: for items whose repair is in the prompt: how often all words are exchanged.
        rename: how often the names are exchanged.
        end: the learning rates' factor at the end of the phase; it falls in a straight line.
    """

    steps: int
    order: int
    shards: tuple[str, ...] = ()
    shortest: float = 1.0
    drill: float = 0.125
    scramble: float = 0.3
    rename: float = 0.3
    end: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One way to make a model.

    Attributes:
        start: folder of the checkpoint to go on from, relative to the repository; empty: none.
        muon: learning rate of the matrices.
        adam: learning rate of everything else.
    """

    shape: Shape
    phases: tuple[Phase, ...]
    start: str = ""
    muon: float = 0.02
    adam: float = 0.004

    def steps(self) -> int:
        """Return the number of steps."""
        return sum(phase.steps for phase in self.phases)


_ALL: Final = ("train1", "train2", "train3")
_MORE: Final = (*_ALL, "train4")
_AGAIN: Final = tuple(f"{name}b" for name in _MORE)

_WIDER: Final = (*_AGAIN, "train5")
_MADE: Final = ("train5", "train6", "train7", "train8", "train9", "train10")
_ALL_MADE: Final = (*_MADE, "train11", "train12", "train13")

RECIPES: Final = {
    # Goes on from the first model of this kind (one megaparameter, 8.6 million tokens).
    "continued": Recipe(
        shape=Shape(
            vocab_size=1536,
            hidden_size=128,
            num_hidden_layers=4,
            num_attention_heads=4,
            num_key_value_heads=4,
            head_dim=32,
            intermediate_size=384,
        ),
        start="images/engine-cpu/models/reflex-tiny",
        muon=0.012,
        adam=0.0025,
        phases=(
            Phase(steps=100, order=0, shards=("train1",)),
            Phase(steps=100, order=1, shards=("train1",)),
            Phase(steps=200, order=1, shards=_ALL),
            Phase(steps=100, order=2, shards=_ALL, scramble=0.2, rename=0.3, end=0.72),
            Phase(steps=50, order=3, shards=_ALL, scramble=0.2, rename=0.3, end=0.72 - 0.2 / 3),
            # Half of the drills change nothing, and so did half of the wrong replies by now.
            Phase(steps=100, order=4, shards=_ALL, drill=0.0, scramble=0.2, rename=0.3, end=0.52),
            Phase(steps=100, order=5, shards=_ALL, drill=0.0, scramble=0.2, rename=0.3, end=0.52),
            Phase(
                steps=400,
                order=6,
                shards=_MORE,
                drill=0.0,
                scramble=0.2,
                rename=0.2,
                end=0.52 - 0.5 * 400 / 750,
            ),
            Phase(steps=600, order=7, shards=_MORE, drill=0.0, scramble=0.2, rename=0.2, end=0.02),
            # With labels that the policy allows.
            Phase(steps=10, order=8, shards=_AGAIN, drill=0.0, end=0.4),
            Phase(steps=290, order=9, shards=_AGAIN, drill=0.0, end=0.02),
            # More programs: the learning rate rises again.
            Phase(steps=50, order=10, shards=_WIDER, drill=0.0, end=0.6),
            Phase(
                steps=100,
                order=11,
                shards=("train5",),
                drill=0.0,
                scramble=0.2,
                rename=0.2,
                end=0.6,
            ),
            Phase(
                steps=300,
                order=12,
                shards=("train5", "train6"),
                drill=0.0,
                scramble=0.2,
                rename=0.2,
                end=0.6,
            ),
            Phase(steps=600, order=13, shards=_MADE, drill=0.0, scramble=0.2, rename=0.2, end=0.6),
            # What is left to learn is copying: other words more often, higher rates again.
            Phase(steps=50, order=14, shards=_MADE, drill=0.05, scramble=0.4, end=1.0),
            Phase(steps=650, order=15, shards=_MADE, drill=0.05, scramble=0.4),
            Phase(steps=1200, order=16, shards=_ALL_MADE, drill=0.02, scramble=0.3, end=0.02),
            # Once more with the mistakes that were written by hand, which the others hardly have.
            Phase(steps=30, order=17, shards=_ALL_MADE, drill=0.0, end=0.35),
            Phase(
                steps=470,
                order=18,
                shards=(*_AGAIN, *_ALL_MADE),
                drill=0.0,
                scramble=0.2,
                rename=0.2,
                end=0.02,
            ),
        ),
    ),
    # From nothing, with a tokenizer of its own and twice the parameters.
    "scratch": Recipe(
        shape=Shape(
            vocab_size=1536,
            hidden_size=192,
            num_hidden_layers=4,
            num_attention_heads=3,
            num_key_value_heads=3,
            head_dim=64,
            intermediate_size=512,
        ),
        phases=(
            Phase(steps=200, order=0, drill=1.0),
            Phase(steps=300, order=1, shards=_ALL, shortest=0.4, scramble=0.4, rename=0.2),
            Phase(steps=1500, order=2, shards=_ALL),
            Phase(steps=1500, order=3, shards=_ALL, scramble=0.15, rename=0.4, end=0.02),
        ),
    ),
}
