"""Who speaks, in which language, for how long, and how labels lie in the splits."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import median

from dataset_cards.markdown import share, table
from schemas.publication import Contents
from schemas.tally import Tally

_US_AN_HOUR = 3_600_000_000
_MOST_LANGUAGES = 30
_MOST_CLASSES = 40
_QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)


def whole(tallies: Mapping[str, Tally]) -> Tally:
    """All splits together."""
    found = Tally()
    for one in tallies.values():
        found.add(one)
    return found


def durations(found: Tally) -> str:
    """Quantiles of the lengths of samples, read from tenths of a second."""
    if not found.lengths:
        return "No sample has a length."
    values = [f"{_quantile(found.lengths, at) / 10:.1f} s" for at in _QUANTILES]
    timed = sum(found.lengths.values())
    without = f" {found.rows - timed:,} samples have no length (pictures, texts)." if timed < found.rows else ""
    names = ("shortest", "quarter", "median", "three quarters", "longest")
    return "Lengths of samples, rounded down to 0.1 s." + without + "\n\n" + table(names, [values])


def _quantile(lengths: Counter[int], at: float) -> int:
    """The smallest length that this share of the samples do not exceed."""
    wanted = max(1, math.ceil(at * sum(lengths.values())))
    for length in sorted(lengths):
        wanted -= lengths[length]
        if wanted <= 0:
            return length
    raise AssertionError("counts do not add up")  # pragma: no cover


def languages(found: Tally) -> str:
    """Samples, hours and speakers by language."""
    rows: Counter[str] = Counter()
    spoken: Counter[str] = Counter()
    speakers: dict[str, set[str]] = {}
    for (speaker, language), count in found.voices.items():
        rows[language] += count
        spoken[language] += found.spoken_us[speaker, language]
        speakers.setdefault(language, set()).update({speaker} - {""})
    order = sorted(rows, key=lambda name: (-rows[name], name))
    told = [
        (
            name or "not known",
            f"{rows[name]:,}",
            share(rows[name], found.rows),
            f"{spoken[name] / _US_AN_HOUR:.2f}",
            f"{len(speakers[name]):,}",
        )
        for name in order[:_MOST_LANGUAGES]
    ]
    more = f"\n\nAnd {len(order) - _MOST_LANGUAGES:,} languages more." if len(order) > _MOST_LANGUAGES else ""
    return table(("language", "samples", "share", "hours", "speakers named"), told) + more


def by_speaker(found: Tally) -> Counter[str]:
    """Samples of each named speaker."""
    rows: Counter[str] = Counter()
    for (speaker, _), count in found.voices.items():
        if speaker:
            rows[speaker] += count
    return rows


def speakers(found: Tally) -> str:
    """How evenly samples are spread over speakers, without naming one."""
    rows = by_speaker(found)
    if not rows:
        return "No speaker is named."
    named = sum(rows.values())
    without = f" Without a named speaker: {found.rows - named:,} samples." if named < found.rows else ""
    most = max(rows.values())
    return (
        f"Named speakers: {len(rows):,}. Samples of one speaker: median {median(rows.values()):,g}, "
        f"least {min(rows.values()):,}, most {most:,} ({share(most, found.rows)} of all).{without}"
    )


def labels_by_split(contents: Contents) -> str:
    """For each column of labels: how its classes, or its numbers, lie in each split."""
    splits = [split.name for split in contents.splits if split.rows and split.name in contents.tallies]
    tallies = [contents.tallies[name] for name in splits]
    parts = [
        f"**`{name}`** by split:\n\n" + _classes(name, splits, tallies, _order(contents, name))
        for name in dict.fromkeys(name for one in tallies for name in one.classes)
    ]
    for name in dict.fromkeys(name for one in tallies for name in one.numbers):
        rows = [(split, *_moments(one.numbers.get(name))) for split, one in zip(splits, tallies, strict=True)]
        head = ("split", "samples", "mean", "standard deviation")
        parts.append(f"**`{name}`** by split:\n\n" + table(head, rows))
    return "\n\n".join(parts)


def _order(contents: Contents, column: str) -> list[str]:
    feature = contents.features.get(column, {})
    inner = feature.get("feature", feature)
    return list(inner.get("names", ()))


def _classes(column: str, splits: Sequence[str], tallies: Sequence[Tally], order: Sequence[str]) -> str:
    counts = [one.classes.get(column, Counter()) for one in tallies]
    both: Counter[str] = sum(counts, Counter())
    names = list(order) or sorted(both, key=lambda name: (-both[name], name))
    totals = [sum(one.values()) for one in counts]
    rows = [
        (f"`{name}`", *(_of(one[name], total) for one, total in zip(counts, totals, strict=True)))
        for name in names[:_MOST_CLASSES]
    ]
    more = f"\n\nAnd {len(names) - _MOST_CLASSES:,} labels more." if len(names) > _MOST_CLASSES else ""
    return table(("label", *splits), rows) + more


def _of(count: int, total: int) -> str:
    return f"{count:,} ({count / total:.1%})" if total else "0"


def _moments(sums: tuple[int, float, float] | None) -> tuple[str, str, str]:
    """Number, mean and sample standard deviation."""
    if not sums or not sums[0]:
        return "0", "", ""
    count, total, squares = sums
    mean = total / count
    if count == 1:
        return "1", f"{mean:.3g}", ""
    return f"{count:,}", f"{mean:.3g}", f"{math.sqrt(max(0.0, squares - count * mean * mean) / (count - 1)):.3g}"
