"""Every statistic of agreement that applies to a table of ratings, with its interval, or why it has none."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from annotation import bootstrap
from annotation.alpha import krippendorff_alpha
from annotation.icc import FORMS, Form, counted, icc
from annotation.kappa import Weights, cohen_kappa, fleiss_kappa, gwet, percent_agreement
from annotation.ratings import Level, Ratings, Undefined, tally
from schemas import asked
from schemas.asked import Statistic

StatisticName = Literal["percent", "cohen", "fleiss", "krippendorff", "gwet", "icc"]
STATISTICS: tuple[StatisticName, ...] = ("percent", "cohen", "fleiss", "krippendorff", "gwet", "icc")
_WEIGHTS: Mapping[Level, Weights] = {
    "nominal": "none",
    "ordinal": "linear",
    "interval": "quadratic",
    "ratio": "quadratic",
}


_FORM: Mapping[str, Form] = {f"ICC({form})": form for form in FORMS}


@dataclass(frozen=True)
class Agreement:
    """One statistic of one table. interval: of 95 %, percentiles of a bootstrap over items.

    items, raters, ratings: of the table; of an ICC, those items that its form takes.
    """

    statistic: Statistic
    variant: str
    """What it is called in full, such as `Cohen's kappa, linear weights`."""
    level: asked.Level
    value: float | Undefined
    interval: tuple[float, float] | Undefined
    items: int
    raters: int
    ratings: int


def in_words(one: Agreement) -> str:
    """On one line, such as `Fleiss' kappa 0.43 (95 % interval 0.38 to 0.49), 30 items, 6 raters`."""
    value = str(one.value) if isinstance(one.value, Undefined) else f"{one.value:.2f}"
    low_high = "" if isinstance(one.interval, Undefined) else f"{one.interval[0]:.2f} to {one.interval[1]:.2f}"
    between = f" (95 % interval {low_high})" if low_high else ""
    return f"{one.variant} {value}{between}, {one.items:,} items, {one.raters:,} raters"


def agreement(
    table: Ratings,
    level: Level = "nominal",
    statistic: StatisticName | None = None,
    *,
    samples: int = 1000,
    seed: int = 0,
) -> list[Agreement]:
    """All statistics that apply at a level, or one; an ICC in its six forms.

    Args:
        table: the ratings; `ordinal` goes by the order of its values.
        level: `nominal` is without weights, `ordinal` with linear, `interval` and `ratio` with quadratic ones.
        statistic: without it, all; `percent` and `fleiss` at the nominal level only, `icc`
            from interval on; asked for by name, they are computed at these whatever `level` says.
        samples: of the bootstrap; 0 for none.
        seed: of the bootstrap.

    Raises:
        SourceTableError: the level needs numbers, and values are none.
    """
    chosen = (statistic,) if statistic else tuple(name for name in STATISTICS if _applies(name, level))
    found = []
    for name in chosen:
        for variant, make in _variants(name, level):
            value, between = bootstrap.with_interval(make(table), samples, seed)
            at: Level = "nominal" if name in {"percent", "fleiss"} else level
            if name == "icc" and level in {"nominal", "ordinal"}:
                at = "interval"
            of = counted(table, _FORM[variant]) if name == "icc" else table
            given = int((of.codes >= 0).sum())
            found.append(Agreement(name, variant, at, value, between, len(of.items), len(of.raters), given))
    return found


def main_icc(found: Sequence[Agreement]) -> Agreement:
    """Of the six forms ICC(2,1); ICC(1,1) where fewer than half of the items that raters share were rated by all."""
    of = {one.variant: one for one in found}
    own, all_ = of["ICC(1,1)"], of["ICC(2,1)"]
    return all_ if all_.items * 2 >= own.items else own


def _applies(name: StatisticName, level: Level) -> bool:
    if name in {"percent", "fleiss"}:
        return level == "nominal"
    return level in {"interval", "ratio"} if name == "icc" else True


Make = Callable[[Ratings], bootstrap.Statistic | Undefined]


def _variants(name: StatisticName, level: Level) -> list[tuple[str, Make]]:
    weights = _WEIGHTS[level]
    weighted = "" if weights == "none" else f", {weights} weights"
    if name == "icc":

        def of(variant: str, form: Form) -> tuple[str, Make]:
            return variant, lambda table: icc(table, form)

        return [of(variant, form) for variant, form in _FORM.items()]
    made: dict[str, tuple[str, Make]] = {
        "percent": ("percent agreement", percent_agreement),
        "fleiss": ("Fleiss' kappa", fleiss_kappa),
        "cohen": (f"Cohen's kappa, mean over pairs{weighted}", lambda table: cohen_kappa(table, weights)),
        "krippendorff": (f"Krippendorff's alpha, {level}", lambda table: krippendorff_alpha(table, level)),
        "gwet": (f"Gwet's {'AC2' if weighted else 'AC1'}{weighted}", lambda table: gwet(table, weights)),
    }
    return [made[name]]


def leave_one_rater_out(table: Ratings, level: Level = "nominal") -> dict[str, float | Undefined]:
    """Krippendorff's alpha without each rater: much above that of all raters, and this one differs from the rest."""
    return {name: _alpha(table.without_rater(name), level) for name in table.raters}


def by_source(table: Ratings, source: Mapping[str, str], level: Level = "nominal") -> dict[str, float | Undefined]:
    """Krippendorff's alpha of the items of each source; `source` says which an item is of."""
    names = np.array([source.get(item, "") for item in table.items])
    return {str(name): _alpha(table.of_items(names == name), level) for name in np.unique(names)}


def hard_items(table: Ratings) -> list[tuple[str, float]]:
    """Items that two raters or more rated, and the share of pairs that agree; least agreement first.

    Source: Fleiss (1971), the extent of agreement on an item.
    """
    many = tally(table)
    pairs = np.maximum(many.total * (many.total - 1), 1)
    alike = (many.sums(many.count * (many.count - 1)) / pairs)[many.pattern]
    rated = many.total[many.pattern]
    at = [int(one) for one in np.argsort(alike, kind="stable") if rated[one] > 1]
    return [(table.items[one], float(alike[one])) for one in at]


def _alpha(table: Ratings, level: Level) -> float | Undefined:
    one = krippendorff_alpha(table, level)
    return one if isinstance(one, Undefined) else one.value()
