"""A tiny ONNX model, written by hand: each word has a vector, and their mean is the text's."""

import json
import struct
from pathlib import Path

WORDS = ["[UNK]", "borrow", "ownership", "moved", "lifetime", "import", "unused", "crate"]
VECTORS = [
    (0.0, 0.0, 0.1), (1.0, 0.0, 0.0), (0.9, 0.1, 0.0), (0.8, 0.2, 0.0), (0.7, 0.3, 0.0),
    (0.0, 1.0, 0.0), (0.1, 0.9, 0.0), (0.0, 0.8, 0.2),
]  # fmt: skip


def write_model(folder: Path, *, scale: float = 1.0, output: str = "last_hidden_state") -> Path:
    """Write model.onnx and tokenizer.json: `output = Gather(table, input_ids)`."""
    folder.mkdir(parents=True, exist_ok=True)
    flat = [number * scale for row in VECTORS for number in row]
    table = b"".join([
        _number(1, len(VECTORS)), _number(1, 3), _number(2, 1), _text(8, "table"),
        _bytes(9, struct.pack(f"<{len(flat)}f", *flat)),
    ])  # fmt: skip
    node = _text(1, "table") + _text(1, "input_ids") + _text(2, output) + _text(4, "Gather")
    graph = b"".join([
        _bytes(1, node), _text(2, "words"), _bytes(5, table),
        _bytes(11, _tensor("input_ids", 7, ["batch", "length"])),
        _bytes(11, _tensor("attention_mask", 7, ["batch", "length"])),
        _bytes(12, _tensor(output, 1, ["batch", "length", 3])),
    ])  # fmt: skip
    opset = _number(2, 13)
    (folder / "model.onnx").write_bytes(_number(1, 8) + _bytes(7, graph) + _bytes(8, opset))
    tokenizer: dict[str, object] = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [],
        "normalizer": {"type": "Lowercase"}, "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": None, "decoder": None,
        "model": {
            "type": "WordLevel", "vocab": {word: n for n, word in enumerate(WORDS)},
            "unk_token": "[UNK]",
        },
    }  # fmt: skip
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    return folder


def _tensor(name: str, kind: int, shape: list[str | int]) -> bytes:
    places = b"".join(
        _bytes(1, _number(1, one) if isinstance(one, int) else _text(2, one)) for one in shape
    )
    return _text(1, name) + _bytes(2, _bytes(1, _number(1, kind) + _bytes(2, places)))


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())
