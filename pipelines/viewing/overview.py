"""The figures that open the page, counted over all samples."""

import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from dataset_cards.viewer.told import Figure, Overview
from pipelines.viewing.index import Index

_BINS = 12
_MOST_BARS = 12
_MOST_CHOICES = 500


def overview(index: Index) -> Overview:
    """What the dataset is."""
    seconds = [one.seconds for one in index.samples if one.seconds is not None]
    speakers = {one.speaker for one in index.samples if one.speaker}
    manifest = _manifest(index)
    return Overview(
        name=str(manifest.get("name") or index.published.folder.resolve().name),
        version=str(manifest.get("version") or ""),
        licence=", ".join(sorted(one for one in index.licences if one)),
        samples=len(index.samples),
        recordings=len(index.recordings),
        seconds=round(math.fsum(seconds), 3),
        speakers=len(speakers),
        figures=tuple(_figures(index, seconds)),
        choices=_choices(index),
    )


def _manifest(index: Index) -> dict[str, Any]:
    try:
        told = json.loads((index.published.folder / "manifest.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _figures(index: Index, seconds: Sequence[float]) -> Iterator[Figure]:
    for name, values in index.values.items():
        yield label_figure(name, values, index.classes.get(name))
    untimed = len(index.samples) - len(seconds)
    if seconds:
        note = f"{untimed} without a clock (pictures, texts)" if untimed else ""
        yield Figure("Length, s", histogram(seconds), note, ordered=True)
    yield Figure("Splits", tuple((name, count) for name, count in Counter(one.split for one in index.samples).items()))
    for title, name in (("Speakers", "speaker"), ("Languages", "language")):
        counts = Counter(getattr(one, name) for one in index.samples)
        yield Figure(title, *_most(counts))
    if index.missing:
        bars = tuple(sorted(index.missing.items(), key=lambda one: (-one[1], one[0])))
        yield Figure("What samples lack", bars, "samples without it, and their share of all", of=len(index.samples))


def label_figure(name: str, values: Sequence[Any], classes: Sequence[str] | None = None) -> Figure:
    """How often each label was given; numbers in bins, several labels of one sample each for itself."""
    given = [one for one in values if one is not None and not (isinstance(one, float) and not math.isfinite(one))]
    note = f"{len(values) - len(given)} of {len(values)} without a label" if len(given) < len(values) else ""
    if classes is None and given and all(isinstance(value, int | float) for value in given):
        return Figure(name, histogram([float(value) for value in given]), note, ordered=True)
    counts: Counter[str] = Counter(dict.fromkeys(classes or (), 0))
    for value in given:
        counts.update(map(_name, value) if isinstance(value, list) else (_name(value),))
    bars, more = _most(counts)
    return Figure(name, bars, "; ".join(part for part in (note, more) if part))


def _name(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def histogram(values: Sequence[float]) -> tuple[tuple[str, int], ...]:
    """Counts in bins of one width that people count in (1, 2, 5 times a power of ten), at most 12 or so.

    A bin is named by its lower edge, and holds it.
    """
    low, high = min(values), max(values)
    rough = max((high - low) / _BINS, 1e-9 * max(1.0, abs(low), abs(high))) if high > low else 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    width = next(step * power for step in (1, 2, 5, 10) if step * power >= rough * (1 - 1e-9))
    # Half an ulp under an edge is the edge: 0.3 belongs to the bin from 0.3.
    places = Counter(math.floor(value / width + 1e-9) for value in values)
    return tuple((f"{place * width:.6g}", places[place]) for place in range(min(places), max(places) + 1))


def _most(counts: Counter[str]) -> tuple[tuple[tuple[str, int], ...], str]:
    """The most frequent ones, and how many are left out."""
    ranked = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    bars = tuple((name or "not known", count) for name, count in ranked[:_MOST_BARS])
    rest = ranked[_MOST_BARS:]
    return bars, f"and {len(rest)} more with {sum(count for _, count in rest)} samples" if rest else ""


def _choices(index: Index) -> dict[str, tuple[str, ...]]:
    """Values of each filter: splits in their order, others by name; questions with few answers only."""
    found = {
        "split": tuple(dict.fromkeys(one.split for one in index.samples)),
        "speaker": tuple(sorted({one.speaker for one in index.samples if one.speaker})[:_MOST_CHOICES]),
    }
    for name in index.published.labels:
        given = {one.labels[name] for one in index.samples if one.labels[name]}
        found[name] = tuple(sorted(given, key=_by_size)[:_MOST_CHOICES])
    return found


def _by_size(value: str) -> tuple[float, str]:
    try:
        return float(value), ""
    except ValueError:
        return math.inf, value
