"""Columns that hold nothing, always the same, or what is no number."""

from collections.abc import Iterator, Sequence

from pipelines.auditing.check import Check, finding
from pipelines.auditing.samples import ColumnFacts, Samples
from schemas.audit import Finding, Severity

_NAME = "empty-columns"
_LEAST = 10
"""Values below which a column may well be constant by chance."""


def _find(samples: Samples) -> Iterator[Finding]:
    yield from judged(samples.columns)


def judged(columns: Sequence[ColumnFacts]) -> Iterator[Finding]:
    """Findings about columns, one for each kind of defect."""
    flags = {one.path for one in columns if one.path.startswith("present.")}
    # A file's path is null where its bytes are there; a modality that all have is as it should be.
    columns = [one for one in columns if not (one.path.endswith(".path") or (one.path in flags and one.only is True))]
    nan = [(one.path, f"{one.path}: {one.nan:,} of {one.values:,} values") for one in columns if one.nan]
    infinite = [(one.path, f"{one.path}: {one.infinite:,} values") for one in columns if one.infinite]
    empty = [(one.path, f"{one.path}: no value in {one.rows:,}") for one in columns if one.rows and not one.values]
    same = [
        (one.path, f"{one.path}: always {_short(one.only)}")
        for one in columns
        if one.values >= _LEAST and not one.varies and one.only is not None
    ]
    fill = "leave the column out, or fill it"
    yield from _told("error", "columns hold infinities", infinite, columns, "write null where nothing was measured")
    yield from _told(
        "warning",
        "columns hold NaN",
        nan,
        columns,
        "write null where nothing was measured: a NaN spreads into every mean",
    )
    inner = [one for one in empty if "." in one[0]]
    outer = [one for one in empty if "." not in one[0]]
    yield from _told("warning", "fields of measurements hold no value at all", inner, columns, fill)
    yield from _told("note", "columns hold no value at all", outer, columns, fill)
    yield from _told("note", "columns hold the same value in all rows", same, columns, "no model learns from them")


def _told(
    severity: Severity, what: str, found: Sequence[tuple[str, str]], columns: Sequence[ColumnFacts], do: str
) -> Iterator[Finding]:
    if found:
        examples = [text for _, text in found]
        yield finding(_NAME, severity, what, count=len(found), of=len(columns), examples=examples, do=do)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004


CHECK = Check(_NAME, _find, needs=("columns",))
