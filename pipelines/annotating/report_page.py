"""The report on annotation as one HTML page: it asks nobody for anything, and reads in light, in dark and on paper."""

import base64
import hashlib
from collections.abc import Iterable
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from annotation.asked_agreement import LOWER_IS_BETTER
from annotation.ratings import Undefined
from pipelines.annotating.report import ReportTold
from pipelines.annotating.report_cells import between, heat_style, number, table, text
from pipelines.annotating.report_hard import hard_items, progress
from pipelines.annotating.report_question import SHOWN, question
from pipelines.annotating.report_told import QuestionTold
from pipelines.reporting.charts import intervals_chart
from pipelines.reporting.page import style
from schemas.errors import UsageError

KRIPPENDORFF = (0.667, 0.8)
"""Below the first Krippendorff (2019, chapter 12) draws no conclusions, above the second he relies on labels."""


def write_page(path: Path, told: ReportTold) -> None:
    """Raises UsageError where the page cannot be written."""
    try:
        path.write_text(page(told), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}", do="name another file") from error


def page(told: ReportTold) -> str:
    """The page. The same answers give the same page."""
    here = files("pipelines.annotating")
    script = here.joinpath("report.js").read_text("utf-8")
    look = f"\n{style()}\n{here.joinpath('report.css').read_text('utf-8')}\n{heat_style()}\n"
    template = Template(here.joinpath("report.html").read_text("utf-8"))
    return template.substitute(
        title=escape(f"{told.name}: agreement of raters"),
        heading=text(told.name),
        subtitle=escape(_subtitle(told)),
        style=look,
        style_hash=_hash(look),
        script=script,
        script_hash=_hash(script),
        figures=_figures(told),
        contents=_contents(told),
        glance=_glance(told),
        notes="".join(f"<p>{text(note)}</p>" for note in told.notes),
        questions="".join(
            question(one, at, told.modalities.get(one.column, ())) for at, one in enumerate(told.questions, 1)
        ),
        hard=hard_items(told),
        progress=progress(told),
        samples=_samples(told),
    )


def _hash(inside: str) -> str:
    """What the page's policy lets through: this and nothing else."""
    return f"sha256-{base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()}"


def _subtitle(told: ReportTold) -> str:
    last = told.times[-1].replace("T", " ").partition(".")[0] if told.times else ""
    return f"What raters answered, how far they agree, and where they do not{f'; latest answer {last}' if last else ''}"


def _samples(told: ReportTold) -> str:
    if not told.samples:
        return "No intervals were asked for."
    return (
        f"Intervals are percentiles (95 %) of {told.samples:,} resamples of the items (Efron, Tibshirani 1993), always "
        "the same for the same answers; 200 for the unitizing alpha."
    )


def _figures(told: ReportTold) -> str:
    shown = [
        ("items answered", f"{told.answered:,}", f"of {told.items:,}"),
        ("raters", f"{told.raters:,}", "under pseudonyms" if told.progress else ""),
        ("answers", f"{told.answers:,}", f"to {len(told.questions):,} questions"),
    ]
    if told.contested is not None:
        shown.append(("in dispute", f"{told.contested:,}", "tasks that are tied, or with little agreement"))
    if told.problems is not None:
        shown.append(("do not fit", f"{told.problems:,}", "answers against their question"))
    return "".join(
        f"<div><dt>{escape(what)}</dt><dd>{value}<small>{escape(more)}</small></dd></div>"
        for what, value, more in shown
    )


def _contents(told: ReportTold) -> str:
    links = [("glance", "At a glance"), *((f"q{at}", one.heading) for at, one in enumerate(told.questions, 1))]
    links += [("hard", "Hard items"), ("progress", "Progress"), ("reading", "How to read this")]
    return "".join(f'<li><a href="#{where}">{text(name)}</a></li>' for where, name in links)


def _glance(told: ReportTold) -> str:
    drawn = [
        (name, one.main.value, None if isinstance(one.main.interval, Undefined) else one.main.interval)
        for name, one in zip(_names(told.questions), told.questions, strict=True)
        if not isinstance(one.main.value, Undefined) and one.main.statistic not in LOWER_IS_BETTER
    ]
    chart = intervals_chart("Agreement on each question", drawn, KRIPPENDORFF) if drawn else ""
    heads = (
        ("question", False), ("value", True), ("95 % interval", False), ("statistic", False), ("raters saw", False),
        ("items", True), ("raters", True),
    )  # fmt: skip
    rows = (
        [
            f'<a href="#q{at}">{text(one.heading)}</a>', number(one.main.value),
            between(one.main.interval, one.main.value), text(one.main.variant), SHOWN[one.show],
            f"{one.main.items:,}", f"{one.main.raters:,}",
        ]
        for at, one in enumerate(told.questions, 1)
    )  # fmt: skip
    return (f'<figure class="chart">{chart}</figure>' if chart else "") + table(
        "Each question by the statistic that it asks for; its section has the others.", heads, rows, sortable=True
    )


def _names(questions: Iterable[QuestionTold]) -> list[str]:
    return [one.column for one in questions]
