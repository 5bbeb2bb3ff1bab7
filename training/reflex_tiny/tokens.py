"""The tokenizer: byte BPE whose words never merge with blanks, and single tokens for the frame."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

PAD, END, ANSWER = "<|pad|>", "<|endoftext|>", "<|target|>"
CHAT_TEMPLATE: Final = "{% for m in messages %}{{ m['content'] }}{% endfor %}" + ANSWER
# As `json.dumps` writes them, which is what the engine's grammar allows in both of its modes.
FRAME: Final = (
    '{"edits": [{"path": "src/main.rs", "search": ["',
    '{"edits": [{"path": "src/lib.rs", "search": ["',
    '{"edits": [{"path": "', '", "search": ["', '"], "replace": ["', '"]}]}',
    '"], "replace": []}]}',
    '", "', ' "', '"\n', "fix rust\n", "\nhelp ", "\nnote ", '\nat "', "\ncode\n",
    "src/main.rs", "src/lib.rs", '+"', '-"',
)  # fmt: skip
# What rustc says most often, so that a question is short.
PHRASES: Final = (
    "mismatched types", "cannot find ", " in this scope", "not found in this scope", ", found ",
    "expected ", "expected because of this", " implicitly returns `()` as its body has no ",
    "consider ", " borrowing here", "does not implement", "the trait `",
    " with a similar name exists",
    "` is not implemented for `", "similarly named ", " defined here", "no method named `",
    "` found for ", "unexpected ", "this function takes ", " were supplied", "doesn't ",
    " because of ", " occurs here", " this ", " the ", " adding a ", " has type ", " which is not ",
    " here", " is not ", " to be ", " have ", " takes ", " for ", " as ", " of ", " is ", " in ",
    " to ", "pub fn ", "    let mut ", "    let ", "    pub fn ", ".iter()", ".clone()",
    ".to_string()", ".collect()", "Vec<", "String", "&str", "Option<", "Some(", "&mut ", "return ",
    "self.", " -> ", " => ", " = ", "();", "println!(", "format!(",
)  # fmt: skip
_SPLIT: Final = (
    r"(?:[iuf](?:8|16|32|64)\b)|E0\d{3}|[A-Za-z]+|[0-9]| {2,}|\n[+>-]?|_"
    r"|[^A-Za-z0-9\n_]+?(?=[A-Za-z0-9\n_]|$| {2,})"
)


def learn(texts: Iterable[str], vocabulary: int) -> Tokenizer:
    """Return a tokenizer for some prompts; the same texts give the same one."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    made.decoder = decoders.ByteLevel()
    made.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=vocabulary - len(FRAME) - len(PHRASES),
            special_tokens=[PAD, END, ANSWER],
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
            min_frequency=4,
        ),
    )
    made.add_tokens(
        [AddedToken(text, normalized=False, special=False) for text in (*FRAME, *PHRASES)]
    )
    return made


def respelt(path: Path) -> Tokenizer:
    """Return an earlier tokenizer whose frame has today's separators under the same numbers.

    It was made for `","` and `":"`; what a number means to the model stays the same.
    """
    value = json.loads(path.read_text("utf-8"))
    for token in value["added_tokens"]:
        if not token["special"] and token["content"].startswith(("{", '"')):
            # Not inside of words: these tokens hold nothing but the frame.
            token["content"] = re.sub(r'([":\]])([,:])(?=["\[{])', r"\1\2 ", token["content"])
    return Tokenizer.from_str(json.dumps(value))


def write(tokenizer: Tokenizer, folder: Path) -> None:
    """Write tokenizer.json and its configuration, as transformers and SGLang read them."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    configuration = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": END,
        "pad_token": PAD,
        "chat_template": CHAT_TEMPLATE,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(configuration, indent=1) + "\n")


class Kinds:
    """Which tokens may be exchanged for each other.

    Args:
        tokenizer: of the model.
        counts: in how many of `total` items each token is.
    """

    def __init__(self, tokenizer: Tokenizer, counts: dict[int, int], total: int) -> None:
        words = {number: text for text, number in tokenizer.get_vocab().items()}
        # Rust's own words and rustc's stay; so does what frames a reply.
        self.frame = frozenset(tokenizer.get_added_tokens_decoder())
        plain = sorted(number for number in words if number not in self.frame)
        self.words = [n for n in plain if not re.fullmatch(r"[0-9]|\u0120+", words[n])][256:]
        # Pieces of names: letters only, and not so frequent that they must be Rust's own words.
        self.names = [
            n
            for n in self.words
            if re.fullmatch(r"[A-Za-z]{2,}", words[n]) and 0 < counts.get(n, 0) < 0.02 * total
        ]
