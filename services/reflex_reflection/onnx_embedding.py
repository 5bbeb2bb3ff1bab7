"""A real embedding: a small model that the user supplies, run on the CPU; see `embedding`.

A folder as sentence-transformers export it: `model.onnx` (or `onnx/model.onnx`) and
`tokenizer.json`; `1_Pooling/config.json` says, where it is, that the first token stands for all.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from reflex_reflection.errors import EmbeddingError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MAX_TOKENS: Final = 512
_INPUTS: Final = ("input_ids", "attention_mask", "token_type_ids")


@dataclass(frozen=True, kw_only=True)
class TextModel:
    """A model that was loaded."""

    name: str
    """Made of the files' hash, so that vectors of two versions are never compared."""
    embed: Callable[[str], tuple[float, ...]]
    """Returns the unit vector of a text; raises EmbeddingError."""


def load_model(folder: Path) -> TextModel:
    """Load a model and its tokenizer, and try them once.

    Raises:
        EmbeddingError: a file is missing or wrong, or the packages are not installed.
    """
    try:
        import onnxruntime
        from tokenizers import Tokenizer
    except ImportError as error:
        raise EmbeddingError("a real embedding needs reflexstack[reflection-onnx]") from error
    model, words = _file(folder, "model.onnx", "onnx/model.onnx"), _file(folder, "tokenizer.json")
    options = onnxruntime.SessionOptions()
    # One thread adds in one order, so the same text has the same bits on one machine.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        tokenizer = Tokenizer.from_file(str(words))
        tokenizer.enable_truncation(MAX_TOKENS)
        tokenizer.no_padding()
        session = onnxruntime.InferenceSession(
            str(model), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # the two libraries have no base of their own
        raise EmbeddingError(f"{folder}: no model: {_first_line(error)}") from error
    wanted = [one.name for one in session.get_inputs()]
    if "input_ids" not in wanted or not set(wanted) <= set(_INPUTS):
        raise EmbeddingError(f"{model}: its inputs are {wanted}, not some of {list(_INPUTS)}")
    run = _Run(session, tokenizer, wanted, first_token=_first_token(folder))
    run.embed("test")
    return TextModel(name=f"onnx-{_hash(model, words)[:16]}", embed=run.embed)


class _Session(Protocol):
    def run(self, names: None, feed: dict[str, np.ndarray]) -> Sequence[np.ndarray]: ...


class _Run:
    def __init__(
        self, session: _Session, tokenizer: "Tokenizer", wanted: list[str], *, first_token: bool
    ) -> None:
        self._session = session
        self._tokenizer = tokenizer
        self._wanted = wanted
        self._first = first_token

    def embed(self, said: str) -> tuple[float, ...]:
        """Return the unit vector; one text at a time, so that its neighbours change no bit."""
        try:
            coded = self._tokenizer.encode(said)
            given = {
                "input_ids": coded.ids,
                "attention_mask": coded.attention_mask,
                "token_type_ids": coded.type_ids,
            }
            feed = {name: np.array([given[name]], dtype=np.int64) for name in self._wanted}
            hidden = np.asarray(self._session.run(None, feed)[0], dtype=np.float64)
        except Exception as error:
            raise EmbeddingError(f"the model fails: {_first_line(error)}") from error
        if hidden.ndim == 3:
            hidden = hidden[:, 0] if self._first else hidden.mean(axis=1)
        if hidden.ndim != 2 or hidden.shape[0] != 1 or not np.isfinite(hidden).all():
            raise EmbeddingError(f"the model answers with numbers of the shape {hidden.shape}")
        length = float(np.sqrt((hidden * hidden).sum())) or 1.0
        return tuple(float(one) for one in (hidden[0] / length).astype(np.float32))


def _file(folder: Path, *names: str) -> Path:
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise EmbeddingError(f"{folder} has no {' and no '.join(names)}")


def _first_token(folder: Path) -> bool:
    try:
        told = json.loads((folder / "1_Pooling/config.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    except (OSError, ValueError) as error:
        raise EmbeddingError(f"{folder}/1_Pooling/config.json: {_first_line(error)}") from error
    return isinstance(told, dict) and told.get("pooling_mode_cls_token") is True


def _hash(model: Path, words: Path) -> str:
    digest = hashlib.sha256()
    for file in (model, model.with_name(model.name + "_data"), words):
        if file.is_file():
            with file.open("rb") as data:
                digest.update(hashlib.file_digest(data, "sha256").digest())
    return digest.hexdigest()


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]
