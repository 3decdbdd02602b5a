"""The figures of a dataset's card: files of SVG, drawn from what was counted."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from dataset_cards.balance import by_speaker, whole
from pipelines.reporting.charts import clipped, intervals_chart, stacked_chart, ticks
from pipelines.reporting.pictures import histogram, picture
from schemas.publication import Contents

_BINS = 20
_MOST_BARS = 15
_TENTHS = 10


class Figure(NamedTuple):
    """A file of the dataset. told: what it shows, for who does not see it."""

    path: str
    told: str
    svg: str


NAMES = tuple(f"figures/{name}.svg" for name in ("labels", "agreement", "durations", "balance"))
"""The paths of all figures that there can be."""


def figures_of(contents: Contents) -> tuple[Figure, ...]:
    """Those that there is something to show in."""
    drawn = {"labels": _labels, "agreement": _agreement, "durations": _durations, "balance": _balance}
    told = {
        "labels": "How often each label was given, for each question",
        "agreement": "Agreement between raters with 95 % intervals",
        "durations": "Histogram of the lengths of samples",
        "balance": "Samples by language, by speaker and by split",
    }
    found = []
    for path in NAMES:
        name = path.removeprefix("figures/").removesuffix(".svg")
        if panels := list(drawn[name](contents)):
            found.append(Figure(path, told[name], picture(panels)))
    return tuple(found)


def _labels(contents: Contents) -> Iterator[tuple[str, str]]:
    for question in contents.questions:
        rows = list(question.aggregates)
        if not question.is_number and not question.names:
            rows.sort(key=lambda one: (-one[1], one[0]))
        if any(count for _, count in rows):
            yield question.name, _bars(question.name, rows)


def _agreement(contents: Contents) -> Iterator[tuple[str, str]]:
    rows = {
        f"{question.name}": (one.name, one.value, one.interval)
        for question in contents.questions
        for one in question.agreement[:1]
        if one.value is not None
    }
    by_statistic: dict[str, list[tuple[str, float, tuple[float, float] | None]]] = {}
    for column, (statistic, value, interval) in rows.items():
        by_statistic.setdefault(statistic, []).append((column, value, interval))
    for statistic, mine in by_statistic.items():
        yield statistic, intervals_chart(statistic, mine)


def _durations(contents: Contents) -> Iterator[tuple[str, str]]:
    lengths = whole(contents.tallies).lengths
    if lengths:
        yield "Lengths of samples", histogram("Lengths of samples", bins_of(lengths), "seconds")


def bins_of(lengths: Counter[int]) -> list[tuple[float, float, int]]:
    """Some twenty bins of a round width from 0 to the longest. lengths: tenths of a second to samples."""
    longest = max(lengths) + 1
    steps = ticks(longest / _TENTHS, _BINS)
    width = max(1, round((steps[1] if len(steps) > 1 else longest / _TENTHS) * _TENTHS))
    counts: Counter[int] = Counter()
    for length, count in lengths.items():
        counts[length // width] += count
    last = max(counts)
    return [(at * width / _TENTHS, (at + 1) * width / _TENTHS, counts[at]) for at in range(last + 1)]


def _balance(contents: Contents) -> Iterator[tuple[str, str]]:
    found = whole(contents.tallies)
    languages: Counter[str] = Counter()
    for (_, language), count in found.voices.items():
        languages[language or "not known"] += count
    if languages:
        yield "Samples by language", _bars("Samples by language", _largest(languages))
    speakers = by_speaker(found)
    if speakers:
        yield "Samples by speaker", _bars("Samples by speaker", _largest(speakers))
    splits = [(split.name, split.rows) for split in contents.splits if split.rows]
    if splits:
        yield "Samples by split", _bars("Samples by split", splits)


def _largest(counts: Counter[str]) -> list[tuple[str, int]]:
    """The largest, and the sum of the others in a row of its own."""
    order = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    if len(order) <= _MOST_BARS:
        return order
    rest = order[_MOST_BARS - 1 :]
    return [*order[: _MOST_BARS - 1], (f"{len(rest):,} others", sum(count for _, count in rest))]


def _bars(title: str, rows: Sequence[tuple[str, int]]) -> str:
    parts = [(name, {"made": count}) for name, count in rows]
    return stacked_chart(title, parts, [clipped(name) for name, _ in rows], {"made": "samples"})
