"""Small items of a suite for tests, with replies that repair, cheat and fail."""

from typing import Any

from reflex_bakeoff.suite.item import Item, Origin
from reflex_bakeoff.suite.suite import Suite
from scripted_model import patch

BAD, GOOD = '    let twice: u32 = "2";', "    let twice: u32 = 2;"


def doubling(number: int = 1, **changes: Any) -> Item:
    """A function that does not compile, and a test that the model does not see."""
    name = f"doubled_{number}"
    broken = f"pub fn {name}(count: u32) -> u32 {{\n{BAD}\n    count * twice\n}}\n"
    known: dict[str, Any] = {
        "id": f"doubling-{number:03}",
        "stratum": "E0308",
        "codes": ("E0308",),
        "files": {"lib.rs": broken},
        "entry": "lib.rs",
        "tests": {
            "check.rs": '#[path = "lib.rs"]\nmod subject;\n\n#[test]\nfn doubles() {\n'
            f"    assert_eq!(subject::{name}(4), 8);\n}}\n"
        },
        "solution": {"lib.rs": broken.replace(BAD, GOOD)},
        "retained": (name,),
        "licence": "Apache-2.0",
        "origin": Origin(kind="written", family="doubling"),
    }
    return Item(**{**known, **changes})


def suite(count: int, name: str = "test-suite") -> Suite:
    """So many of them."""
    items = tuple(doubling(number) for number in range(1, count + 1))
    return Suite(name=name, version=1, seed=7, licence="Apache-2.0", items=items)


def replaced(old: str, new: str) -> str:
    """The reply that replaces one line."""
    return patch({"path": "lib.rs", "search": [old], "replace": new.split("\n")})


RIGHT = replaced(BAD, GOOD)
WRONG_VALUE = replaced(BAD, "    let twice: u32 = 3;")
USELESS = replaced(BAD, "    let twice: u32 = '2';")
PLACEHOLDER = replaced(BAD, "    let twice: u32 = todo!();")
EXITS = replaced(BAD, "    let twice: u32 = 2;\n    std::process::exit(0);")
OTHER_SIGNATURE = patch(
    {"path": "lib.rs", "search": ["pub fn doubled_1(count: u32) -> u32 {", BAD],
     "replace": ["pub fn doubled_1(count: u32) -> u32 where u32: Copy {", GOOD]},
)  # fmt: skip
NO_PATCH = '{"answer": 42}'
