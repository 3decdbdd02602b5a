"""One question on the report page: statistics, labels, sources, confusion, raters."""

import math
from collections.abc import Mapping, Sequence

from annotation.agreement import Agreement
from annotation.confusion import Confusion
from annotation.raters import FEWEST
from annotation.ratings import Undefined
from pipelines.annotating.report import Modality
from pipelines.annotating.report_cells import NONE, between, number, percent, step, table, text
from pipelines.annotating.report_told import QuestionTold, RaterTold, SourcesTold
from pipelines.reporting.charts import intervals_chart
from schemas.question import Show

SHOWN: Mapping[Show, str] = {
    "all": "everything", "text": "the text alone", "audio": "the sound alone", "silent-video": "the silent video",
}  # fmt: skip
TOLD = (("statistic", False), ("value", True), ("95 % interval", False), ("items", True), ("raters", True))


def question(told: QuestionTold, at: int, modalities: Sequence[Modality]) -> str:
    """The section of a question. at: its number on the page."""
    parts = [
        _statistics(told),
        _labels(told),
        _sources(told.sources),
        _confusion(told.confusion),
        _modalities(modalities),
        _raters(told),
    ]
    inside = "".join(f"<div class=part>{part}</div>" for part in parts if part)
    return (
        f'<section id="q{at}" aria-labelledby="q{at}-title"><h2 id="q{at}-title">{text(told.heading)} '
        f"<small><code>{text(told.column)}</code> {told.kind}, raters saw {SHOWN[told.show]}</small></h2>"
        f"{inside}</section>"
    )


def row(one: Agreement) -> list[str]:
    """A statistic's cells, as `TOLD` heads them."""
    return [text(one.variant), number(one.value), between(one.interval, one.value), f"{one.items:,}", f"{one.raters:,}"]


def _statistics(told: QuestionTold) -> str:
    caption = "The first statistic is the one that the question asks for."
    return "<h3>Agreement</h3>" + table(caption, TOLD, map(row, told.statistics))


def _labels(told: QuestionTold) -> str:
    if not told.categories:
        return ""
    drawn = [
        (label, one.value, None if isinstance(one.interval, Undefined) else one.interval)
        for label, one in told.categories.items()
        if not isinstance(one.value, Undefined)
    ]
    chart = f'<figure class="chart">{intervals_chart("Agreement by label", drawn)}</figure>' if drawn else ""
    heads = (("label", False), ("given", True), ("kappa", True), ("95 % interval", False))
    rows = (
        [text(label), f"{one.ratings:,}", number(one.value), between(one.interval, one.value)]
        for label, one in told.categories.items()
    )
    caption = "Fleiss' kappa of each label against all others, and how often it was given."
    return f"<h3>By label</h3><div class=side>{chart}<div>{table(caption, heads, rows)}</div></div>"


def _sources(told: SourcesTold) -> str:
    heading = f"<h3>By {text(told.by)}</h3>"
    if told.why:
        return f"{heading}<p class=caption>{text(told.why)}</p>"
    statistic = next((one.variant for _, one in told.rows), "")
    rows = (
        [text(name), number(one.value), between(one.interval, one.value), f"{one.items:,}", f"{one.ratings:,}"]
        for name, one in told.rows
    )
    heads = ((told.by, False), ("value", True), ("95 % interval", False), ("items", True), ("answers", True))
    more = f"<p class=soft>{told.left_out:,} more have fewer items.</p>" if told.left_out else ""
    return f"{heading}{table(f'{statistic}; the most items first.', heads, rows, sortable=True)}{more}"


def _confusion(told: Confusion | None) -> str:
    if told is None:
        return ""
    head = "".join(f'<th scope="col">{text(label)}</th>' for label in told.labels)
    rows = "".join(
        f'<tr><th scope="row">{text(label)}</th>'
        + "".join(_cell(told, at, to) for to in range(len(told.labels)))
        + "</tr>"
        for at, label in enumerate(told.labels)
    )
    caption = "Where one rater gave the row's label, so often another rater of the same item gave the column's."
    return (
        "<h3>Confusion between labels</h3>"
        f"<p class=caption>{caption} The small figures count ratings, each once.</p>"
        '<div class="scroll" tabindex="0" role="region" aria-label="Confusion between labels"><table class="heat">'
        f"<thead><tr><td></td>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _cell(told: Confusion, at: int, to: int) -> str:
    share, many = float(told.share[at, to]), float(told.pairs[at, to])
    if math.isnan(share):
        return f"<td>{NONE}</td>"
    counted = f"{many:,.1f}".removesuffix(".0")
    same = " same" if at == to else ""
    return f'<td class="{step(share)}{same}">{share:.0%}<small>{counted}</small></td>'


def _modalities(told: Sequence[Modality]) -> str:
    if not told:
        return ""
    heads = (
        ("raters saw", False), ("Cohen's kappa with the whole", True), ("95 % interval", False), ("importance", True),
    )  # fmt: skip
    rows = (
        [SHOWN[one.show], number(one.agreement), between(one.interval, one.agreement), number(one.importance)]
        for one in told
    )
    caption = "What one modality alone tells of the label given to everything, majority against majority."
    return f"<h3>Modalities</h3>{table(caption, heads, rows)}"


def _raters(told: QuestionTold) -> str:
    if not told.raters:
        return ""
    accepted = any(one.accepted is not None for one in told.raters)
    flagged = any(one.flags for one in told.raters)
    heads = [
        ("rater", False), ("answers", True), ("median time", True), ("with others", True), ("without", True),
        ("gold right", True), ("repeats", True), ("one answer", True), ("longest run", True),
        *([("accepted", True)] if accepted else []), *([("to look at", False)] if flagged else []),
    ]  # fmt: skip
    caption = f"“without”: {told.main.variant} of the others; with everybody it is {_plainly(told.main)}."
    rows = (_rater(one, accepted=accepted, flagged=flagged) for one in told.raters)
    few = sum(one.answers < FEWEST for one in told.raters)
    unjudged = f"Judged by pace and sameness from {FEWEST} answers on: {few} have fewer." if few else ""
    quiet = "".join(
        f"<p class=soft>{line}</p>" for line in ("" if flagged else "Nothing stands out.", unjudged) if line
    )
    more = '<p class=soft><a href="#reading">What the columns mean</a></p>'
    return f"<h3>Raters</h3>{table(caption, heads, rows, sortable=True)}{quiet}{more}"


def _plainly(one: Agreement) -> str:
    return str(one.value) if isinstance(one.value, Undefined) else f"{one.value:.3f}".replace("-", "\N{MINUS SIGN}")


def _rater(one: RaterTold, *, accepted: bool, flagged: bool) -> list[str]:
    time = percent(one.median_s) if isinstance(one.median_s, Undefined) else f"{one.median_s:.1f} s"
    gold = percent(one.gold) if isinstance(one.gold, Undefined) else percent(*one.gold)
    again = percent(one.again) if isinstance(one.again, Undefined) else percent(*one.again)
    took = [] if not accepted else [percent(one.accepted[0] / max(one.accepted[1], 1)) if one.accepted else NONE]
    flags = "; ".join(f"<strong class=flag>{text(flag)}</strong>" for flag in one.flags)
    last = [f"<div class=flags>{flags}</div>"] if flagged else []
    return [
        f"<code>{text(one.rater)}</code>", f"{one.answers:,}", time, percent(one.others), number(one.without), gold,
        again, percent(one.most_used), f"{one.longest_run:,}", *took, *last,
    ]  # fmt: skip
