"""What the card says of the agreement between raters on one question."""

from collections.abc import Sequence

from schemas.answer import Agreed

HEAD = ("agreement", "value", "95 % interval", "samples", "raters")
READING = (
    "Intervals are percentiles of a bootstrap over samples. Alpha and kappa are 1 where raters agree fully and 0 where "
    "they agree as chance would have it; of error rates, less is better."
)


def agreement_rows(found: Sequence[Agreed]) -> list[tuple[str, ...]]:
    """A row for each statistic, under `HEAD`; where a value or an interval is missing, why."""
    return [
        (
            one.name,
            f"undefined: {one.why}" if one.value is None else _number(one.value),
            _between(one),
            f"{one.items:,}",
            f"{one.raters:,}",
        )
        for one in found
    ]


def _between(one: Agreed) -> str:
    if one.interval is None:
        return "" if one.value is None else f"none: {one.why}"
    return f"{_number(one.interval[0])} to {_number(one.interval[1])}"


def _number(value: float) -> str:
    return f"{round(value, 3) + 0.0:.3f}"
