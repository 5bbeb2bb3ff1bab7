"""Made-up crates with marked errors, and a compiler that takes no time.

The compiler is simulated: it finds the marks and writes what cargo would write, so that all that is
left to measure is the loop. Reading its output is the loop's work and is measured.
"""

import itertools
import json
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from reflex_loop.protocols import CheckReport, Form, Intent, Prompt, Reply, TestReport, Usage
from reflex_loop.rustc_json import read

_MARK: Final = re.compile(rb"^(?P<indent> *)let (?P<name>\w+): u32 = \"(?P<number>\d+)\";$", re.M)
_PLACE: Final = re.compile(r"--> (src/\w+\.rs)")
_FUNCTION: Final = """\
pub fn work_{n}(given: &[u32]) -> u32 {{
    let mut sum = 0;
    for one in given {{
        sum += one * {n};
    }}
{error}    sum
}}

"""
_LINES_EACH: Final = 8


@dataclass(frozen=True, kw_only=True)
class Size:
    """Of a crate: `errors` of its functions do not compile, at most one in each file."""

    name: str
    files: int
    functions: int
    errors: int

    @property
    def lines(self) -> int:
        """Return about how many lines it has."""
        return self.files * self.functions * _LINES_EACH


SMALL: Final = Size(name="small", files=1, functions=8, errors=1)
LARGE: Final = Size(name="large", files=100, functions=25, errors=12)


def write(root: Path, size: Size) -> None:
    """Write the crate."""
    (root / "src").mkdir(parents=True)
    (root / "Cargo.toml").write_text('[package]\nname = "made"\nversion = "0.1.0"\n')
    for number in range(size.files):
        broken = number < size.errors
        text = "".join(
            _FUNCTION.format(
                n=n, error=f'    let wrong: u32 = "{n}";\n' if broken and n == 3 else ""
            )
            for n in range(size.functions)
        )
        (root / f"src/part_{number:03d}.rs").write_text(text)


def output(root: Path) -> bytes:
    """Return what cargo would say of the crate."""
    lines = [
        json.dumps(_line(path.relative_to(root).as_posix(), data, match))
        for path in sorted(root.glob("src/*.rs"))
        for data in [path.read_bytes()]
        for match in _MARK.finditer(data)
    ]
    ended = {"reason": "build-finished", "success": not lines}
    return "".join(f"{line}\n" for line in [*lines, json.dumps(ended)]).encode()


@dataclass(frozen=True, kw_only=True)
class Times:
    """Seconds by the clock, and of this process's CPU: those hold on a busy machine too."""

    wall: float
    cpu: float

    @classmethod
    def now(cls) -> Self:
        """Return the moment."""
        return cls(wall=time.perf_counter(), cpu=time.process_time())

    def __add__(self, other: "Times") -> "Times":
        return Times(wall=self.wall + other.wall, cpu=self.cpu + other.cpu)

    def __sub__(self, other: "Times") -> "Times":
        return Times(wall=self.wall - other.wall, cpu=self.cpu - other.cpu)


@dataclass
class SimulatedCompiler:
    """A Checker over the marks.

    Attributes:
        spent: wall and CPU seconds in the compiler's place, which are none of the loop's.
    """

    spent: "Times" = field(default_factory=lambda: Times(wall=0.0, cpu=0.0))

    async def check(self, root: Path, *, seconds: float) -> CheckReport:
        """Return what cargo would say, read as the runner's output is read."""
        began = Times.now()
        said = output(root)
        self.spent += Times.now() - began
        stream = read(said, root=str(root))
        return CheckReport(stream=stream, ok=bool(stream.success))

    async def test(self, root: Path, *, seconds: float) -> TestReport:
        """Return that they pass."""
        return TestReport(ok=True)


class PlainProposer:
    """What a Proposer may leave to the settings."""

    async def form(self, intent: Intent) -> Form | None:
        """Leave the form to the settings."""
        return None

    def unusable(self, reply: Reply, kind: str) -> None:
        """Take no notice."""


@dataclass
class SimulatedModel(PlainProposer):
    """A Proposer without a wait: right and useless patches in turn.

    Attributes:
        begun: when each question came, less what the compiler had spent until then.
    """

    compiler: SimulatedCompiler
    begun: list[Times] = field(default_factory=list)
    _number: "itertools.count[int]" = field(default_factory=itertools.count)

    async def propose(self, prompt: Prompt) -> Reply:
        """Return the next reply."""
        self.begun.append(Times.now() - self.compiler.spent)
        number = next(self._number)
        path = _PLACE.findall(prompt.text())[-1]  # the last of the errors as they are now
        if number % 2:
            edit = {"search": ['    let wrong: u32 = "3";'], "replace": ["    let wrong: u32 = 3;"]}
        else:
            head = "pub fn work_0(given: &[u32]) -> u32 {"
            edit = {"search": [head], "replace": [f"// {number}", head]}
        text = json.dumps({"edits": [{"path": path, **edit}]})
        return Reply(text=text, usage=Usage(prompt=1000, completion=50))


def _line(path: str, data: bytes, match: re.Match[bytes]) -> dict[str, Any]:
    """Return cargo's line for an error, in the shape and size of rustc 1.95's for E0308."""
    row = data.count(b"\n", 0, match.start()) + 1
    text = match[0].decode()
    value = match.start("number") - match.start()
    span = {
        "file_name": path, "byte_start": match.start() + value - 1,
        "byte_end": match.end() - 1, "line_start": row, "line_end": row,
        "column_start": value, "column_end": len(text), "is_primary": True,
        "label": "expected `u32`, found `&str`", "suggested_replacement": None,
        "suggestion_applicability": None, "expansion": None,
        "text": [{"text": text, "highlight_start": value, "highlight_end": len(text)}],
    }  # fmt: skip
    kind = {**span, "is_primary": False, "label": "expected due to this"}
    rendered = (
        f"error[E0308]: mismatched types\n --> {path}:{row}:{value}\n  |\n{row} | {text}\n"
        "  |                ---   ^^^ expected `u32`, found `&str`\n  |                |\n"
        "  |                expected due to this\n\n"
    )
    message = {
        "$message_type": "diagnostic", "message": "mismatched types", "level": "error",
        "code": {"code": "E0308", "explanation": _EXPLANATION}, "spans": [span, kind],
        "children": [], "rendered": rendered,
    }  # fmt: skip
    target = {
        "kind": ["lib"], "crate_types": ["lib"], "name": "made", "src_path": "src/lib.rs",
        "edition": "2021", "doc": True, "doctest": True, "test": True,
    }  # fmt: skip
    return {
        "reason": "compiler-message", "package_id": "path+file:///made#0.1.0",
        "manifest_path": "Cargo.toml", "target": target, "message": message,
    }  # fmt: skip


_EXPLANATION: Final = (
    "Expected type did not match the received type.\n\nErroneous code examples:\n\n```\n"
    'fn plus_one(x: i32) -> i32 {\n    x + 1\n}\n\nplus_one("Not a number");\n'
    "//       ^^^^^^^^^^^^^^ expected `i32`, found `&str`\n```\n"
) * 2
"""rustc sends the whole text of `--explain` with each error; this is about as long."""
