"""Tables and cells of the report page. Whatever comes from raters or from the web goes through `text`."""

from collections.abc import Iterable, Sequence
from html import escape

from annotation.ratings import Undefined

CIVIDIS = ((0, 32, 77), (65, 77, 107), (124, 123, 120), (187, 175, 113), (255, 234, 70))
"""Places of a scale of colours that looks the same to those who cannot tell red from green (Nuñez et al. 2018)."""
STEPS = 20
_DARK = 0.55
NONE = '<span class="none">·</span>'
"""There is nothing to tell."""
Head = tuple[str, bool]
"""A name, and whether the column holds figures."""


def text(given: str) -> str:
    """Escaped, and shut off from its surroundings, so that text from right to left turns nothing else around."""
    return f"<bdi>{escape(given)}</bdi>"


def number(value: float | Undefined, digits: int = 3) -> str:
    """A figure, or in words why there is none."""
    if isinstance(value, Undefined):
        return f'<span class="undefined">{escape(str(value))}</span>'
    return f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}")


def between(interval: tuple[float, float] | Undefined, value: float | Undefined) -> str:
    """An interval; nothing where already the value says why there is none."""
    if isinstance(interval, Undefined):
        return "" if isinstance(value, Undefined) else f'<span class="undefined">none: {escape(interval.reason)}</span>'
    return f"<span class=whole>{number(interval[0])} to {number(interval[1])}</span>"


def percent(share: float | Undefined, of: int | None = None) -> str:
    """A share, and of how many."""
    if isinstance(share, Undefined):
        return NONE
    return f"{share:.0%}" + (f" <small>of {of:,}</small>" if of is not None else "")


def step(share: float) -> str:
    """The class of a cell of a heat map, for a share from 0 to 1."""
    return f"h{round(min(max(share, 0), 1) * STEPS)}"


def heat_style() -> str:
    """What the classes of `step` look like: each with the ink that can be read on it."""
    lines = []
    for at in range(STEPS + 1):
        place = at / STEPS * (len(CIVIDIS) - 1)
        low = min(int(place), len(CIVIDIS) - 2)
        mixed = [round(a + (b - a) * (place - low)) for a, b in zip(CIVIDIS[low], CIVIDIS[low + 1], strict=True)]
        ink = "#fff" if at / STEPS < _DARK else "#111"
        lines.append(f".h{at} {{ background: rgb({', '.join(map(str, mixed))}); color: {ink}; }}")
    return "\n".join(lines)


def table(caption: str, heads: Sequence[Head], rows: Iterable[Sequence[str]], *, sortable: bool = False) -> str:
    """A table that scrolls by itself where it is wide.

    Args:
        caption: escaped here; what it shows.
        heads: their names are escaped here.
        rows: cells that are HTML already; the first heads its row.
        sortable: whether the script lets a reader sort it.
    """
    head = "".join(
        f'<th scope="col"{" class=n" if figures else ""}>{_head(name, sortable=sortable)}</th>'
        for name, figures in heads
    )
    body = "".join(
        "<tr>"
        + "".join(
            f'<th scope="row">{cell}</th>' if not at else f"<td{' class=n' if heads[at][1] else ''}>{cell}</td>"
            for at, cell in enumerate(row)
        )
        + "</tr>"
        for row in rows
    )
    kind = ' class="sortable"' if sortable else ""
    return (
        f'<p class="caption">{escape(caption)}</p>'
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}">'
        f'<table{kind} aria-label="{escape(caption)}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _head(name: str, *, sortable: bool) -> str:
    return f'<button type="button">{escape(name)}</button>' if sortable else escape(name)
