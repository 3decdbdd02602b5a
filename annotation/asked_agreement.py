"""Agreement on a question of a spec: the statistics that fit its kind, the one it asks for first."""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import get_args

import numpy as np

from annotation import bootstrap
from annotation.agreement import STATISTICS, Agreement, StatisticName, agreement, main_icc
from annotation.alpha import krippendorff_alpha, set_distance
from annotation.bootstrap import Statistic
from annotation.kappa import fleiss_kappa
from annotation.rated import Rated, spans_of
from annotation.ratings import Level, Ratings, Undefined
from annotation.spans import Span, link_f1, span_f1, transcripts_apart
from annotation.unitizing import joined, unitizing_alpha
from schemas import asked
from schemas.question_kinds import Span as Stretches

MEASURED: tuple[Level, ...] = get_args(Level)
_SETS: frozenset[asked.Statistic] = frozenset({"masi", "jaccard"})
_HUNDREDTHS = 100
_MOST_UNITIZED = 50_000
"""Stretches beyond which the unitizing alpha has no interval."""
_UNITIZING_SAMPLES = 200
_NAMES: Mapping[asked.Statistic, str] = {
    "masi": "Krippendorff's alpha, distance MASI", "jaccard": "Krippendorff's alpha, distance Jaccard",
    "link-f1": "F1 of links, mean over items", "span-f1": "F1 of stretches by length, mean over items",
    "wer": "WER between raters, mean over items", "cer": "CER between raters, mean over items",
    "unitizing": "Krippendorff's unitizing alpha",
}  # fmt: skip
MOST_VALUES = 12
"""Numbers of more values are no categories."""
LOWER_IS_BETTER: frozenset[asked.Statistic] = frozenset({"wer", "cer"})
NOBODY = Undefined("nobody has answered")


def statistics_of(question: asked.Asked) -> tuple[asked.Statistic, ...]:
    """Those that fit a kind of question, the one that its spec asks for first.

    An ICC takes distances that mean something: on an ordinal scale it is there only where it is asked for. Of single
    names, distances between sets say what the nominal alpha says, and are there only where they are asked for.
    """
    main = question.used_statistic
    left_out = _SETS if question.level == "nominal" else {"icc"} if question.level == "ordinal" else set()
    return (main, *(name for name in question.allowed_statistics if name != main and name not in left_out))


Extent = tuple[float | None, float | None, str]
"""Where a sample starts and ends, in seconds (None for a text), and its transcript."""


def lengths(question: asked.Asked, extents: Mapping[str, Extent]) -> Mapping[str, int] | None:
    """How long samples are as stretches count: code points, or hundredths of a second. None for other questions."""
    if not isinstance(question, Stretches):
        return None
    if question.along == "transcript":
        return {item: len(text) for item, (_, _, text) in extents.items()}
    return {
        item: round((end - start) * _HUNDREDTHS)
        for item, (start, end, _) in extents.items()
        if start is not None and end is not None
    }


def question_agreement(
    rated: Rated,
    statistic: asked.Statistic | None = None,
    *,
    samples: int = 1000,
    seed: int = 0,
    lengths: Mapping[str, int] | None = None,
) -> list[Agreement]:
    """One statistic, by default the one that the question asks for; an ICC in its six forms, `main_icc` first.

    Args:
        rated: the answers.
        statistic: of those that fit (`statistics_of`).
        samples: of the bootstrap over items; 0 for no interval. The unitizing alpha takes 200 at most.
        seed: of the bootstrap.
        lengths: of items, for the unitizing alpha: code points of the transcript, or hundredths of a second.
    """
    name = statistic or rated.question.used_statistic
    if not rated.keyed:
        return [_told(rated, name, NOBODY, NOBODY)]
    level = _measured(rated.level)
    if name == "percent" or (level is not None and name not in _SETS):
        return _of_table(rated, level or "nominal", _of_tables(name), samples, seed)
    if name == "krippendorff":
        (found,) = agreement(rated.table, "nominal", name, samples=samples, seed=seed)
        return [_told(rated, name, found.value, found.interval, "Krippendorff's alpha of whole sets")]
    if name == "unitizing":
        return [_unitizing(rated, lengths, samples, seed)]
    value, between = bootstrap.with_interval(_made(rated, name), samples, seed)
    return [_told(rated, name, value, between)]


def _measured(level: asked.Level) -> Level | None:
    return next((one for one in MEASURED if one == level), None)


def _of_tables(name: asked.Statistic) -> StatisticName:
    return next(one for one in STATISTICS if one == name)


def _of_table(rated: Rated, level: Level, name: StatisticName, samples: int, seed: int) -> list[Agreement]:
    # Weights go by the places of levels, and Gwet's chance agreement by how many values there could have been.
    table = rated.table_of_offered if name in {"gwet", "cohen"} else rated.table
    found = agreement(table, level, name, samples=samples, seed=seed)
    main = main_icc(found) if name == "icc" else found[0]
    return [main, *(one for one in found if one is not main)]


def _told(
    rated: Rated,
    name: asked.Statistic,
    value: float | Undefined,
    between: tuple[float, float] | Undefined,
    variant: str = "",
) -> Agreement:
    items, raters = {item for item, _, _ in rated.keyed}, {rater for _, rater, _ in rated.keyed}
    called = variant or _NAMES.get(name, name)
    return Agreement(name, called, rated.level, value, between, len(items), len(raters), len(rated.keyed))


def _made(rated: Rated, name: asked.Statistic) -> Statistic | Undefined:
    """Statistics of sets, and means over items."""
    if name in _SETS:
        order = [one if isinstance(one, frozenset) else frozenset({str(one)}) for one in rated.table.values]
        return krippendorff_alpha(rated.table, distance=set_distance(order, masi=name == "masi"))
    of = _OF_ITEM[name]
    by_item: dict[str, list[Hashable]] = defaultdict(list)
    for item, _, key in rated.keyed:
        by_item[item].append(key)
    if len({rater for _, rater, _ in rated.keyed}) < 2:  # noqa: PLR2004 - agreement takes two
        return Undefined("only one rater")
    shared = [keys for _, keys in sorted(by_item.items()) if len(keys) > 1]
    if not shared:
        return Undefined("no item was rated by two raters")
    known = [value for keys in shared if not isinstance(value := of(keys), Undefined)]
    if not known:
        return Undefined("nobody marked or wrote anything")
    rows = np.column_stack([np.array(known), np.ones(len(known))])
    return Statistic(rows, np.arange(len(known)), lambda sums: sums[:, 0] / np.maximum(sums[:, 1], 1))


def _mean(keys: Sequence[Hashable], f1: Callable[[Hashable, Hashable], float | Undefined]) -> float | Undefined:
    found = [value for a, b in combinations(keys, 2) if not isinstance(value := f1(a, b), Undefined)]
    return float(np.mean(found)) if found else Undefined("nobody marked anything")


def _links(a: Hashable, b: Hashable) -> float | Undefined:
    return link_f1(*(one if isinstance(one, frozenset) else frozenset() for one in (a, b)))


_OF_ITEM: Mapping[asked.Statistic, Callable[[Sequence[Hashable]], float | Undefined]] = {
    "link-f1": lambda keys: _mean(keys, _links),
    "span-f1": lambda keys: _mean(keys, lambda a, b: span_f1(spans_of(a), spans_of(b))),
    "wer": lambda keys: transcripts_apart([str(one) for one in keys]),
    "cer": lambda keys: transcripts_apart([str(one) for one in keys], words=False),
}


def _unitizing(rated: Rated, lengths: Mapping[str, int] | None, samples: int, seed: int) -> Agreement:
    """Of the items with the most usual number of raters.

    Alpha takes raters as interchangeable: the first of each item are one column of marks, the second another.
    """
    by_item: dict[str, list[list[Span]]] = defaultdict(list)
    for item, _, key in sorted(rated.keyed, key=lambda one: one[:2]):
        most = (lengths or {}).get(item, 0)
        by_item[item].append([(a, min(b, most), label) for a, b, label in spans_of(key) if a < most])
    many = Counter(len(some) for some in by_item.values() if len(some) > 1)
    if lengths is None:
        why = Undefined("the lengths of the samples are not known here")
    elif len({rater for _, rater, _ in rated.keyed}) < 2:  # noqa: PLR2004 - agreement takes two
        why = Undefined("only one rater")
    elif not many:
        why = Undefined("no item was rated by two raters")
    else:
        known, usual = lengths, max(many, key=lambda size: (many[size], size))
        columns = [str(at) for at in range(usual)]
        whole = [
            (item, dict(zip(columns, some, strict=True)))
            for item, some in sorted(by_item.items())
            if len(some) == usual
        ]

        def of(chosen: Sequence[int]) -> float | Undefined:
            length, marks = joined(((known.get(whole[at][0], 0), whole[at][1]) for at in chosen), columns)
            return unitizing_alpha(length, marks)

        value = of(range(len(whole)))
        told = _told(rated, "unitizing", value, _resampled(of, value, whole, samples, seed))
        return replace(told, items=len(whole), ratings=usual * len(whole))
    return _told(rated, "unitizing", why, why)


def _resampled(
    of: Callable[[Sequence[int]], float | Undefined],
    value: float | Undefined,
    whole: Sequence[tuple[str, Mapping[str, Sequence[object]]]],
    samples: int,
    seed: int,
) -> tuple[float, float] | Undefined:
    """The percentile interval where a statistic is no function of sums over items."""
    if isinstance(value, Undefined) or not samples:
        return value if isinstance(value, Undefined) else Undefined("not asked for")
    if len(whole) < 2:  # noqa: PLR2004 - every resample would be the same
        return Undefined("only one item")
    if sum(len(spans) for _, some in whole for spans in some.values()) > _MOST_UNITIZED:
        return Undefined(f"more than {_MOST_UNITIZED:,} stretches, which takes too long")
    many = min(samples, _UNITIZING_SAMPLES)
    source = bootstrap.draws(len(whole), many, seed)
    drawn = [of([int(at) for at in source.integers(len(whole), size=len(whole))]) for _ in range(many)]
    known = [one for one in drawn if not isinstance(one, Undefined)]
    if len(known) * 2 < many:
        return Undefined("most resamples have no value")
    low, high = np.quantile(known, [0.025, 0.975])
    return float(low), float(high)


def by_category(rated: Rated, *, samples: int = 1000, seed: int = 0) -> dict[str, Agreement]:
    """Fleiss' kappa of each label against all others, or of a label of several: chosen, or not; with intervals.

    There are none for numbers of more than twelve values, texts, stretches and links. `ratings` is how often the
    label was given.
    """
    if not rated.keyed or rated.level in {"text", "spans"} or rated.question.kind == "link":
        return {}
    table = rated.table
    if rated.level == "set":
        labels = sorted(
            {label for one in table.values if isinstance(one, frozenset) for label in one}, key=_place(rated)
        )
        holds = {
            label: np.array([label in one for one in table.values if isinstance(one, frozenset)]) for label in labels
        }
    elif len(table.values) <= MOST_VALUES:
        holds = {rated.label(value): np.arange(len(table.values)) == at for at, value in enumerate(table.values)}
    else:
        return {}
    found = {}
    for label, has in holds.items():
        codes = np.where(table.codes < 0, -1, has[table.codes].astype(np.int64))
        one = fleiss_kappa(Ratings(codes, (0, 1), table.items, table.raters))
        value, between = bootstrap.with_interval(one, samples, seed)
        many = int((codes == 1).sum())
        found[label] = Agreement(
            "fleiss", f"Fleiss' kappa, {label}", "nominal", value, between, len(table.items), len(table.raters), many
        )
    return found


def _place(rated: Rated) -> Callable[[str], tuple[int, str]]:
    places = {option.name: at for at, option in enumerate(rated.question.options)}
    return lambda label: (places.get(label, len(places)), label)
