"""The few marks that the plots are made of. Colours come from the page's classes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape


@dataclass(frozen=True, kw_only=True)
class Scale:
    """A linear axis: values to pixels."""

    low: float
    high: float
    begin: float
    end: float

    def at(self, value: float) -> float:
        """Return the pixel of a value, kept inside the axis."""
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.0
        return self.begin + min(max(share, 0.0), 1.0) * (self.end - self.begin)

    def ticks(self, wanted: int = 5) -> list[float]:
        """Return round values along the axis."""
        span = self.high - self.low
        if span <= 0:
            return [self.low]
        rough = span / wanted
        unit = 10.0 ** math.floor(math.log10(rough))
        step = next(size * unit for size in (1, 2, 2.5, 5, 10) if size * unit >= rough * 0.999)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [index * step for index in range(first, last + 1)]


@dataclass
class Drawing:
    """An SVG picture with a spoken description."""

    width: int
    height: int
    label: str
    _parts: list[str] = field(default_factory=list)

    def line(self, x1: float, y1: float, x2: float, y2: float, kind: str) -> None:
        """Draw a line."""
        self._parts.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'
        )

    def dot(self, x: float, y: float, kind: str, says: str = "", radius: float = 4.5) -> None:
        """Draw a dot; `says` is shown when it is pointed at."""
        inner = f"<title>{escape(says)}</title>" if says else ""
        self._parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" class="{kind}">{inner}</circle>'
        )

    def box(
        self, x: float, y: float, width: float, height: float, kind: str, says: str = ""
    ) -> None:
        """Draw a filled box."""
        inner = f"<title>{escape(says)}</title>" if says else ""
        self._parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{height:.1f}"'
            f' class="{kind}">{inner}</rect>'
        )

    def path(self, points: Sequence[tuple[float, float]], kind: str, says: str = "") -> None:
        """Draw a line through points."""
        inner = f"<title>{escape(says)}</title>" if says else ""
        route = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._parts.append(f'<polyline points="{route}" class="{kind}">{inner}</polyline>')

    def text(
        self, x: float, y: float, text: str, kind: str = "label", anchor: str = "start"
    ) -> None:
        """Write a text; `anchor` is start, middle or end."""
        self._parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">'
            f"{escape(text)}</text>"
        )

    def render(self) -> str:
        """Return the element; it scales with the page."""
        return (
            f'<svg viewBox="0 0 {self.width} {self.height}" role="img"'
            f' aria-label="{escape(self.label, quote=True)}">{"".join(self._parts)}</svg>'
        )
