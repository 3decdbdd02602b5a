"""Charts as pictures of their own: one SVG file with its colours, legible on any background, without a script."""

import re
from collections.abc import Sequence
from html import escape

from pipelines.reporting.charts import ticks

_PANEL = 460
_PAD = 20
_TITLE = 26
_BINS = (460, 190)
_EDGES = (44, 12, 34, 8)
"""Of a histogram: left, right, below, above."""
_SHAPE = re.compile(r'<svg viewBox="0 0 (\d+) (\d+)"')
_STYLE = (
    "text{font:12.5px system-ui,'Segoe UI',Roboto,'Noto Sans','Noto Sans Tamil','Noto Sans CJK SC',sans-serif;"
    "fill:#1b1f24}.soft{fill:#57606a}.title{font-weight:600;font-size:14px}"
    ".made,.area{fill:#0072b2}.grid,.axis{stroke:#d8dee4;stroke-width:1}"
    ".mark{stroke:#57606a;stroke-width:1;stroke-dasharray:2 3}"
    ".between{stroke:#0072b2;stroke-width:2.5;stroke-linecap:round;opacity:.55}"
)
"""One blue (Okabe and Ito 2008, Color Universal Design), so that nothing is told by hue alone."""


def picture(panels: Sequence[tuple[str, str]]) -> str:
    """One SVG of several charts, two beside each other.

    Args:
        panels: title and inline SVG, as `pipelines.reporting.charts` draws it.
    """
    drawn = []
    tops = [float(_PAD), float(_PAD)]
    columns = 1 if len(panels) == 1 else 2
    for title, svg in panels:
        found = _SHAPE.match(svg)
        if found is None:
            raise ValueError(f"{title} is no chart")
        wide, tall = int(found[1]), int(found[2])
        scaled = tall * _PANEL / wide
        at = 0 if columns == 1 or tops[0] <= tops[1] else 1
        x, y = _PAD + at * (_PANEL + 2 * _PAD), tops[at]
        drawn.append(f'<text class="title" x="{x}" y="{y + 14:.1f}">{escape(title)}</text>')
        place = f'<svg x="{x}" y="{y + _TITLE:.1f}" width="{_PANEL}" height="{scaled:.1f}" viewBox="0 0 {wide} {tall}"'
        drawn.append(place + svg[found.end() :])
        tops[at] += _TITLE + scaled + _PAD
    width, height = columns * _PANEL + (columns + 1) * _PAD + (columns - 1) * 0, max(tops)
    told = escape("; ".join(title for title, _ in panels))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height:.0f}" width="{width}" '
        f'height="{height:.0f}" role="img" aria-label="{told}"><style>{_STYLE}</style>'
        f'<rect width="{width}" height="{height:.0f}" rx="8" fill="#ffffff"/>{"".join(drawn)}</svg>\n'
    )


def histogram(title: str, bins: Sequence[tuple[float, float, int]], unit: str) -> str:
    """Bars that touch, over numbers.

    Args:
        title: of the whole.
        bins: from, to and count of each, side by side, at least one.
        unit: of the numbers.
    """
    width, height = _BINS
    left, right, below, above = _EDGES
    low, high = bins[0][0], bins[-1][1]
    most = max(1, *(count for _, _, count in bins))

    def x(at: float) -> float:
        return left + (width - left - right) * (at - low) / (high - low)

    def y(count: float) -> float:
        return height - below - (height - below - above) * count / most

    drawn = []
    for tick in ticks(most, 4, whole=True):
        drawn.append(f'<line class="grid" x1="{left}" x2="{width - right}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>')
        drawn.append(f'<text class="soft" x="{left - 6}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:,.0f}</text>')
    for begins, ends, count in bins:
        if count:
            told = f"{begins:g} to {ends:g} {unit}: {count:,}"
            drawn.append(
                f'<rect class="made" x="{x(begins) + 0.5:.1f}" y="{y(count):.1f}" '
                f'width="{max(x(ends) - x(begins) - 1, 0.8):.1f}" height="{height - below - y(count):.1f}">'
                f"<title>{escape(told)}</title></rect>"
            )
    drawn += [
        f'<text class="soft" x="{x(low + tick):.1f}" y="{height - below + 16}" text-anchor="middle">'
        f"{low + tick:g}</text>"
        for tick in ticks(high - low, 6)
    ]
    drawn.append(f'<text class="soft" x="{(left + width - right) / 2}" y="{height - 4}" text-anchor="middle">')
    drawn.append(f"{escape(unit)}</text>")
    said = "; ".join(f"{begins:g} to {ends:g} {unit}: {count}" for begins, ends, count in bins if count)
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(f"{title}. {said}")}">'
        f"{''.join(drawn)}</svg>"
    )
