"""Renames what a program declares, so that no name of a base is ever learned by heart."""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random
from typing import Final

from reflex_tiny.bases import Line

_WORDS: Final = Path(__file__).parent / "words.txt"
_KEYWORDS: Final = """
as break const continue crate dyn else enum extern false fn for if impl in let loop match mod move
mut pub ref return self Self static struct super trait true type unsafe use where while async await
abstract become box do final gen macro override priv try typeof unsized virtual yield union raw
"""
KEYWORDS: Final = frozenset(_KEYWORDS.split())
_STANDARD: Final = """
Add AddAssign Arc AsMut AsRef AtomicBool AtomicUsize BTreeMap BTreeSet BinaryHeap Borrow Borrowed
Box BuildHasher Cell Chars Clone Copy Cow Debug Default DefaultHasher Deref DerefMut Display Div
Drop Duration EPSILON Entry Eq Equal Err Error Extend Fn FnMut FnOnce Formatter From FromIterator
FromStr Greater Hash HashMap HashSet Hasher Index IndexMut Instant Into IntoIterator Item Iterator
Less MAX MIN Mul MulAssign Mutex Neg None Not Occupied Ok Option Ord Ordering Output Owned PI
ParseFloatError ParseIntError PartialEq PartialOrd Path PathBuf Peekable PhantomData Product Range
Rc Read RefCell Relaxed Rem Result Reverse RwLock Send SeqCst Sized Some String Sub SubAssign Sum
Sync Target ToOwned ToString TryFrom TryInto Utf8Error Vacant Vec VecDeque Weak Wrapping Write a abs
abs_diff add add_assign all alloc and and_modify and_then any append as_bytes as_deref as_deref_mut
as_millis as_mut as_ref as_secs as_secs_f64 as_slice as_str assert assert_eq atomic b binary_search
bool borrow borrow_mut boxed by_ref bytes capacity ceil cell cfg chain channel char char_count
char_indices chars checked_add checked_div checked_mul checked_sub chunks chunks_exact clamp clear
clone clone_from cloned cmp collect collections concat consts contains contains_key convert copied
copy_from_slice core cos count count_ones cycle dbg debug_struct dedup dedup_by_key default deref
deref_mut derive description difference div div_euclid downgrade drain drop elapsed empty ends_with
entry enumerate env eprintln eq eq_ignore_ascii_case err error exp expect extend extend_from_slice
f32 f64 fetch_add field fill filter filter_map find find_map finish first first_mut flat_map flatten
floor fmt fold format from from_be_bytes from_digit from_fn from_millis from_secs from_str
from_str_radix from_utf8 from_utf8_lossy fs ge get get_mut get_or_insert get_or_insert_with gt hash
hypot i128 i16 i32 i64 i8 index index_mut inline insert insert_str inspect intersection into
into_boxed_slice into_bytes into_inner into_iter into_keys into_values io is_alphabetic
is_alphanumeric is_ascii is_ascii_alphabetic is_ascii_alphanumeric is_ascii_digit is_ascii_lowercase
is_ascii_punctuation is_ascii_uppercase is_char_boundary is_control is_digit is_empty is_err
is_lowercase is_nan is_none is_numeric is_ok is_ok_and is_power_of_two is_some is_some_and is_subset
is_superset is_uppercase is_whitespace isize iter iter_mut join key keys last last_mut le
leading_zeros len lines ln load lock lt main map map_err map_or map_or_else map_while marker matches
max max_by max_by_key mem min min_by min_by_key mpsc mul mul_assign must_use ne neg new next
next_back non_exhaustive not now nth num ok ok_or ok_or_else once ops option or or_default or_else
or_insert or_insert_with overflowing_add panic parse partial_cmp partition path peek peekable pop
pop_back pop_front position pow powf powi print println product ptr_eq push push_back push_front
push_str range rc rchunks read recv rem rem_euclid remove repeat repeat_n replace replacen repr
reserve resize result retain rev reverse rfind rotate_left rotate_right round rposition rsplit
rsplit_once saturating_add saturating_sub scan send set signum sin size_of skip skip_while sort
sort_by sort_by_key sort_unstable sort_unstable_by sort_unstable_by_key source spawn split split_at
split_at_mut split_first split_last split_off split_once split_terminator split_whitespace splitn
sqrt starts_with std step_by store str string strip_prefix strip_suffix strong_count sub sub_assign
successors sum swap sync take take_while test then then_some then_with thread time
to_ascii_lowercase to_ascii_uppercase to_be_bytes to_digit to_lowercase to_owned to_radians
to_string to_uppercase to_vec total_cmp trailing_zeros trim trim_end trim_matches trim_start trunc
truncate try_fold try_from try_into u128 u16 u32 u64 u8 unreachable unwrap unwrap_err unwrap_or
unwrap_or_default unwrap_or_else unzip upgrade usize value values values_mut vec windows
with_capacity wrapping_add wrapping_mul write write_fmt write_str writeln xor zip
"""
STANDARD: Final = frozenset(_STANDARD.split()) | KEYWORDS | {"_"}
_TOKEN: Final = re.compile(
    r"""(?P<string>b?"(?:\\.|[^"\\])*")|(?P<char>b?'(?:\\.|[^'\\])')|(?P<lifetime>'[A-Za-z_]\w*)"""
    r"""|(?P<name>(?<![\w.])[A-Za-z_]\w*|(?<=\.)[A-Za-z_]\w*)|(?P<number>(?<![\w.])\d[\d_]*(?![\w.]))""",
    re.VERBOSE,
)
_BRACES: Final = re.compile(r"\{([a-z_]\w*)(:[^}]*)?\}")
_SYLLABLES_TEXT: Final = """
ba be bi bo da de di do fa fi ga go ka ke ki ko la le li lo ma me mi mo na ne no pa pe po ra re ri
ro sa se si so ta te ti to va vi wa ze zo qu xi ny
"""
_SYLLABLES: Final = _SYLLABLES_TEXT.split()
_INTEGERS: Final = ("i32", "i64", "u32", "u64", "i32", "usize")
_SMALL: Final = 2
_TRIES: Final = 200


@cache
def words(split: str) -> tuple[str, ...]:
    """Return the words of a split; those of "held_out" and "suite" are in no training program."""
    every = _WORDS.read_text().split()
    return tuple(word for at, word in enumerate(every) if (at % 5 == 0) == (split != "train"))


def fresh(rng: Random, split: str) -> str:
    """Return a word, or sometimes one that is none."""
    if rng.random() < 0.8:
        return rng.choice(words(split))
    syllables = _SYLLABLES[::2] if split != "train" else _SYLLABLES[1::2]
    return "".join(rng.choice(syllables) for _ in range(rng.randint(2, 4)))


class Names:
    """One program's names: what was renamed to what."""

    def __init__(self, rng: Random, split: str) -> None:
        self._rng = rng
        self._split = split
        self._used: set[str] = set()

    def renamer(self, *, integers: bool = True) -> Callable[[str], str]:
        """Return a function that renames one base; equal names get equal names.

        Args:
            integers: whether `i64` may become another type of integer.
        """
        known: dict[str, str] = {}
        if integers:
            known["i64"] = self._rng.choice(_INTEGERS)

        def name(old: str) -> str:
            if old not in known:
                known[old] = old if old in STANDARD else self.like(old)
            return known[old]

        def text(match: re.Match[str]) -> str:
            inner = match[0]
            if re.fullmatch(r'"[a-z]+"', inner):
                key = f"{inner} text"
                known.setdefault(key, f'"{fresh(self._rng, self._split)}"')
                return known[key]
            return _BRACES.sub(lambda m: "{" + name(m[1]) + (m[2] or "") + "}", inner)

        def number(match: re.Match[str]) -> str:
            if int(match[0].replace("_", "")) <= _SMALL or match[0] in (
                "10",
                "26",
                "60",
                "8",
                "64",
            ):
                return match[0]
            key = f"{match[0]} number"
            known.setdefault(key, str(self._rng.choice([3, 4, 5, 6, 7, 9, 12, 20, 25, 40, 50, 75])))
            return known[key]

        def one(match: re.Match[str]) -> str:
            if match["string"]:
                return text(match)
            if match["name"]:
                return name(match[0])
            return number(match) if match["number"] else match[0]

        return lambda line: _TOKEN.sub(one, line)

    def like(self, old: str) -> str:
        """Return an unused name written as `old` is: snake, Camel or UPPER."""
        for _ in range(_TRIES):
            parts = [fresh(self._rng, self._split)]
            if self._rng.random() < 0.3:
                parts.append(fresh(self._rng, self._split))
            if old.isupper() and len(old) > 1:
                new = "_".join(parts).upper()
            elif old[0].isupper():
                if len(old) == 1:
                    return old
                new = "".join(part.capitalize() for part in parts)
            else:
                new = "_".join(parts)
                if len(old) == 1 and self._rng.random() < 0.5:
                    new = old
            if new not in self._used and new not in STANDARD:
                self._used.add(new)
                return new
        return old


def renamed(lines: tuple[Line, ...], rename: Callable[[str], str]) -> tuple[Line, ...]:
    """Return the lines and their breaks under other names."""
    return tuple(
        Line(
            text=rename(line.text),
            breaks=tuple(
                replace(each, lines=tuple(rename(text) for text in each.lines))
                for each in line.breaks
            ),
        )
        for line in lines
    )
