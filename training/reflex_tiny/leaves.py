"""Values that need nothing else: literals, and the usual wrong ways to write them."""

from random import Random
from typing import Final

_LITERALS: Final = (1, 2, 3, 4, 5, 6, 7, 9, 10, 12, 20, 25, 40, 60, 75)


def literals(rng: Random) -> tuple[int, int]:
    """Return two numbers."""
    return rng.choice(_LITERALS), rng.choice(_LITERALS)


def leaf(
    rng: Random, kind: str, numbers: tuple[int, int], words: tuple[str, str]
) -> tuple[str, tuple[str, ...]]:
    """Return a value of a kind and wrong ways to write it."""
    number, other = numbers
    word, second = words
    text, wrongs = {
        "int": (f"{number}", (f'"{number}"', f"{number}.5", f"Some({number})")),
        "size": (f"{number}", (f"{number}.0", f'"{number}"', f"{number}i32")),
        "real": (f"{number}.5", (f"{number}", f'"{number}.5"', f"{number}i32")),
        "flag": rng.choice([("true", ("True", "1")), ("false", ("0", "False"))]),
        "ch": (f"'{word[0]}'", (f'"{word[0]}"', f"'{word}'", word[0])),
        "str": (f'"{word}"', (f"'{word}'", f'"{word}".to_string()', word)),
        "string": rng.choice(
            [
                (f'"{word}".to_string()', (f'"{word}"', f"'{word}'.to_string()")),
                (f'String::from("{word}")', (f'"{word}"', f'String::new("{word}")')),
                ("String::new()", ('""', "String::new", "string::new()")),
            ]
        ),
        "ints": rng.choice(
            [
                (f"vec![{number}, {other}]", (f"[{number}, {other}]", f'vec!["{number}"]')),
                ("Vec::new()", ("Vec::new", "[]", "Vec.new()")),
            ]
        ),
        "reals": (f"vec![{number}.5, {other}.0]", (f"vec![{number}, {other}]",)),
        "names": (
            f'vec!["{word}".to_string(), "{second}".to_string()]',
            (f'vec!["{word}", "{second}"]', f'["{word}".to_string(), "{second}".to_string()]'),
        ),
        "optint": rng.choice(
            [(f"Some({number})", (f"{number}", f"Ok({number})")), ("None", ("null", "0"))]
        ),
        "optname": (f'Some("{word}".to_string())', (f'Some("{word}")', f'"{word}"')),
        "map": ("HashMap::new()", ("HashMap::new", "{}", "Map::new()")),
        "pair": (f"({number}, {other})", (f"({number})", f"[{number}, {other}]")),
        "pairs": (
            f'vec![("{word}".to_string(), {number})]',
            (f'vec![("{word}", {number})]', f'vec!["{word}".to_string(), {number}]'),
        ),
        "resint": (f"Ok({number})", (f"{number}", f"Some({number})")),
        "chars": (
            f"vec!['{word[0]}', '{second[0]}']",
            (f"vec!['{word[0]}', \"{second[0]}\"]",),
        ),
        "set": ("HashSet::new()", ("HashSet::new", "Set::new()")),
        "grid": (f"vec![vec![{number}], vec![{other}]]", (f"vec![{number}, {other}]",)),
    }[kind]
    return text, tuple(wrongs)
