"""A text file as lines, so that whatever no edit touches keeps its bytes.

Line ends are kept per line, as are the byte order mark, the missing last newline, and bytes that
are no UTF-8. Only LF ends a line: `str.splitlines` would also split at form feeds and U+2028,
which Rust does not.
"""

import codecs
from collections import Counter
from dataclasses import dataclass
from typing import Self

from reflex_loop.errors import EditTargetError


@dataclass(frozen=True, kw_only=True)
class SourceText:
    """The lines of a file without their ends, and the ends.

    Attributes:
        lines: text; bytes that are no UTF-8 are lone surrogates.
        ends: "\\n", "\\r\\n", or "" for a last line without a newline; as many as lines.
        bom: whether the file begins with UTF-8's byte order mark.
    """

    lines: tuple[str, ...]
    ends: tuple[str, ...]
    bom: bool = False

    @classmethod
    def parse(cls, data: bytes, path: str = "file") -> Self:
        """Return the file's lines.

        Raises:
            EditTargetError: it is binary or UTF-16, which rustc reads no more than we do.
        """
        if b"\0" in data or data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise EditTargetError(f"{path} is not UTF-8 text, so it cannot be edited by lines")
        bom = data.startswith(codecs.BOM_UTF8)
        text = (data[3:] if bom else data).decode("utf-8", "surrogateescape")
        lines: list[str] = []
        ends: list[str] = []
        parts = text.split("\n")
        last = parts.pop()
        if "\r" in text:
            for part in parts:
                ends.append("\r\n" if part.endswith("\r") else "\n")
                lines.append(part[:-1] if part.endswith("\r") else part)
        else:
            lines, ends = parts, ["\n"] * len(parts)
        if last:
            lines.append(last)
            ends.append("")
        return cls(lines=tuple(lines), ends=tuple(ends), bom=bom)

    def data(self) -> bytes:
        """Return the bytes of the file: those it was parsed from, unless lines were replaced."""
        text = "".join(line + end for line, end in zip(self.lines, self.ends, strict=True))
        mark = codecs.BOM_UTF8 if self.bom else b""
        return mark + text.encode("utf-8", "surrogateescape")

    @property
    def newline(self) -> str:
        """Return the line end that most lines have."""
        counted = Counter(end for end in self.ends if end)
        return counted.most_common(1)[0][0] if counted else "\n"

    def replaced(self, start: int, stop: int, new: tuple[str, ...]) -> Self:
        """Return the text with the lines from `start` to before `stop` (0-based) replaced."""
        if list(new) == list(self.lines[start:stop]):
            return self
        around = [end for end in self.ends[start:stop] if end]
        newline = around[0] if around else self.newline
        ends = [newline] * len(new)
        # Lines that stay the same keep their own ends, in a file that mixes both kinds.
        for index in range(min(len(new), stop - start)):
            if new[index] == self.lines[start + index] and self.ends[start + index]:
                ends[index] = self.ends[start + index]
        head, tail = list(self.ends[:start]), list(self.ends[stop:])
        at_end = stop == len(self.lines)
        if at_end and self.ends and self.ends[-1] == "":
            # The file had no newline at its end: neither has it now.
            if ends:
                ends[-1] = ""
            elif head:
                head[-1] = ""
        lines = (*self.lines[:start], *new, *self.lines[stop:])
        return type(self)(lines=lines, ends=(*head, *ends, *tail), bom=self.bom)
