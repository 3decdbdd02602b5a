"""The charts of reports, as inline SVG that takes its colours from the page."""

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from itertools import count
from math import floor, log10
from types import MappingProxyType
from unicodedata import category, east_asian_width

from pipelines.amounts import duration
from schemas.run import Progress, StepTold

STATES = ("made", "kept", "absent", "failed", "blocked")
_WIDTH = 460
_LABELS = 132
_LABEL_LETTERS = 17
_JOINERS = "\u200c\u200d"
_ENDS = 84
_VALUES = 52
_ANCHORS = {0: "end", 1: "start"}
"""Of the words under two marks that may lie close together."""
_ROW = 26
_BAR = 15
_DAY = 86_400
_TIMES = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, _DAY, 2 * _DAY)
_CURVE = (960, 220)
_MARGINS = (52, 12, 30, 16)
"""Of the curve: left, right, below, above."""


def states_chart(steps: Sequence[StepTold]) -> str:
    """A bar a step, in parts for what became of it."""
    rows = [(short(step.step), {state: int(getattr(step, state)) for state in STATES}) for step in steps]
    return stacked_chart("What became of each step", rows, labels(steps))


def stacked_chart(
    title: str,
    rows: Sequence[tuple[str, Mapping[str, int]]],
    names: Sequence[str],
    words: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """A bar a row, in parts.

    Args:
        title: of the whole.
        rows: what is told of each, and each part's class in the style sheet and count.
        names: what stands before the bars.
        words: a class to what it means, where it is not called so.
    """
    most = max([1, *(sum(counts.values()) for _, counts in rows)])
    scale = (_WIDTH - _LABELS - _ENDS) / most
    drawn = []
    for at, (name, counts) in enumerate(rows):
        x = float(_LABELS)
        parts = []
        for part, number in counts.items():
            width = number * scale
            if width:
                # A gap tells parts apart for whoever does not tell their colours apart.
                parts.append(_bar(x, at, max(width - 1, 0.8), part, f"{name}: {number} {words.get(part, part)}"))
                x += width
        drawn.append(_row(at, names[at], "".join(parts), f"{sum(counts.values()):,}", x))
    told = "; ".join(
        f"{name}: " + ", ".join(f"{number} {words.get(part, part)}" for part, number in counts.items() if number)
        for name, counts in rows
    )
    return _svg(title, told, (_WIDTH, _ROW * len(rows) + 4), "".join(drawn))


def seconds_chart(steps: Sequence[StepTold]) -> str:
    """A bar a step, for the seconds of workers."""
    names = labels(steps)
    total = sum(step.seconds for step in steps)
    most = max((step.seconds for step in steps), default=0.0) or 1.0
    scale = (_WIDTH - _LABELS - _ENDS - 34) / most
    drawn = []
    for at, step in enumerate(steps):
        share = f" · {step.seconds / total:.0%}" if total else ""
        width = step.seconds * scale
        bar = _bar(_LABELS, at, max(width, 0.8), "made", f"{short(step.step)}: {duration(step.seconds)}{share}")
        drawn.append(_row(at, names[at], bar, f"{duration(step.seconds)}{share}", _LABELS + width))
    told = "; ".join(f"{short(step.step)}: {duration(step.seconds)}" for step in steps)
    return _svg("Seconds of workers by step", told, (_WIDTH, _ROW * len(steps) + 4), "".join(drawn))


def progress_chart(points: Sequence[Progress], title: str = "", told: str = "") -> str:
    """Two curves: recordings finished, and of those failed, over seconds; with a title, anything else that grows."""
    width, height = _CURVE
    left, right, below, above = _MARGINS
    last = points[-1]
    longest = max(last.seconds, 0.1)
    most = max(last.finished, 1)

    def x(seconds: float) -> float:
        return left + (width - left - right) * seconds / longest

    def y(number: float) -> float:
        return height - below - (height - below - above) * number / most

    lines = []
    for tick in ticks(most, 4, whole=True):
        lines.append(f'<line class="grid" x1="{left}" x2="{width - right}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>')
        lines.append(f'<text class="soft" x="{left - 8}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:,.0f}</text>')
    for tick in time_ticks(longest, 6):
        anchor = "start" if not tick else "end" if x(tick) > width - 60 else "middle"
        told = duration(tick) if tick else "0"
        lines.append(f'<text class="soft" x="{x(tick):.1f}" y="{height - 8}" text-anchor="{anchor}">{told}</text>')
    curve = " ".join(f"{x(point.seconds):.1f},{y(point.finished):.1f}" for point in points)
    failed = " ".join(f"{x(point.seconds):.1f},{y(point.failed):.1f}" for point in points)
    lines.append(f'<polygon class="area" points="{x(0):.1f},{y(0):.1f} {curve} {x(longest):.1f},{y(0):.1f}"/>')
    lines.append(f'<polyline class="curve" points="{curve}"/>')
    if last.failed:
        lines.append(f'<polyline class="curve worse" points="{failed}"/>')
    ran = f"{last.finished} recordings finished in {duration(last.seconds)}, {last.failed} of them with failures"
    return _svg(title or "Recordings finished over time", told or ran, _CURVE, "".join(lines))


def intervals_chart(
    title: str, rows: Sequence[tuple[str, float, tuple[float, float] | None]], marks: Sequence[float] = ()
) -> str:
    """A dot a row, and a line for its interval, from at most 0 to 1. marks: values that a dotted line shows."""
    least = min([0.0, *(value for _, value, _ in rows), *(pair[0] for _, _, pair in rows if pair)])
    low = floor(least * 5) / 5
    scale = (_WIDTH - _LABELS - _VALUES) / (1 - low)
    tall = _ROW * len(rows) + 4

    def x(value: float) -> float:
        return _LABELS + (min(value, 1) - low) * scale

    drawn = [
        f'<line class="{"axis" if at < 0 else "mark"}" x1="{x(mark):.1f}" x2="{x(mark):.1f}" y1="0" '
        f'y2="{tall}"/><text class="soft" x="{x(mark):.1f}" y="{tall + 13}" '
        f'text-anchor="{_ANCHORS.get(at, "middle")}">{mark:.3g}</text>'
        for at, mark in [(-1, 0.0), *enumerate(sorted(marks)), (-1, 1.0)]
    ]
    for at, (name, value, pair) in enumerate(rows):
        y = at * _ROW + _ROW / 2 - 2
        if pair:
            drawn.append(f'<line class="between" x1="{x(pair[0]):.1f}" x2="{x(pair[1]):.1f}" y1="{y}" y2="{y}"/>')
        drawn.append(f'<circle class="made" cx="{x(value):.1f}" cy="{y}" r="5"/>')
        drawn.append(_row(at, clipped(name), "", f"{value:.2f}".replace("-", "\N{MINUS SIGN}"), _WIDTH - _VALUES + 1))
    told = "; ".join(f"{name}: {value:.2f}" + (f", {p[0]:.2f} to {p[1]:.2f}" if p else "") for name, value, p in rows)
    return _svg(title, told, (_WIDTH, tall + 18), "".join(drawn))


def ticks(most: float, about: int, *, whole: bool = False) -> list[float]:
    """Round numbers from 0 to at most `most`, about so many. whole: no fractions."""
    rough = most / about
    power = 10.0 ** floor(log10(rough))
    step = next(power * by for by in (1, 2, 5, 10) if power * by >= rough)
    step = max(step, 1.0) if whole else step
    found: list[float] = []
    for number in count():
        if number * step > most * (1 + 1e-9):
            return found
        found.append(number * step)
    return found


def time_ticks(longest: float, about: int) -> list[float]:
    """Seconds from 0 to at most `longest`, about so many, that are round as people count time."""
    rough = longest / about
    if rough < 1:
        return ticks(longest, about)
    step = next((one for one in _TIMES if one >= rough), None)
    if step is None:
        return [one * _DAY for one in ticks(longest / _DAY, about)]
    return [float(one * step) for one in range(int(longest / step * (1 + 1e-9)) + 1)]


def short(step: str) -> str:
    """A step's key without its version."""
    stem, _, last = step.rpartition(".")
    return stem if stem and last[:1] == "v" and last[1:].isdigit() else step


def labels(steps: Sequence[StepTold]) -> list[str]:
    """What stands before the bars: the first part of a step's key, or where that is shared, as much of it as fits."""
    heads = Counter(step.step.split(".")[0] for step in steps)
    names = [head if heads[head := step.step.split(".")[0]] == 1 else short(step.step) for step in steps]
    return [clipped(name) for name in names]


def clipped(name: str) -> str:
    """As much of a name as fits before a bar, in whole letters with their marks."""
    wide = 0.0
    taken: list[str] = []
    for letter in letters(name):
        taken.append(letter)
        wide += _wide(letter)
        if wide > _LABEL_LETTERS:
            while taken and wide > _LABEL_LETTERS - 1:
                wide -= _wide(taken.pop())
            return f"{''.join(taken)}…"
    return name


def _wide(letter: str) -> float:
    """In Latin letters, about: Chinese ones are two, those of Indian scripts more, their spacing vowel signs too."""
    if east_asian_width(letter[0]) in "WF":
        return 2.0
    if "\u0900" <= letter[0] <= "\u0dff":
        return 1.5 + sum(category(sign) == "Mc" for sign in letter)
    return 1.0


def letters(text: str) -> list[str]:
    """A text in what a reader takes for letters: a vowel sign, an accent or a joiner stays with what it marks."""
    found: list[str] = []
    for sign in text:
        if found and (category(sign)[0] == "M" or sign in _JOINERS or found[-1][-1] in _JOINERS):
            found[-1] += sign
        else:
            found.append(sign)
    return found


def _row(at: int, name: str, bars: str, end: str, x: float) -> str:
    y = at * _ROW + _BAR
    return (
        f'<text x="{_LABELS - 8}" y="{y}" text-anchor="end">{escape(name)}</text>{bars}'
        f'<text class="soft" x="{x + 7:.1f}" y="{y}">{escape(end)}</text>'
    )


def _bar(x: float, at: int, width: float, state: str, told: str) -> str:
    y = at * _ROW + (_BAR - 12)
    return (
        f'<rect class="{state}" x="{x:.1f}" y="{y}" width="{width:.1f}" height="{_BAR}" rx="2">'
        f"<title>{escape(told)}</title></rect>"
    )


def _svg(title: str, told: str, shape: tuple[int, int], inside: str) -> str:
    width, height = shape
    return f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(f"{title}. {told}")}">{inside}</svg>'
