"""Hard items and progress on the report page."""

import base64
import statistics
from collections.abc import Sequence
from datetime import datetime
from html import escape
from urllib.parse import quote

from pipelines.amounts import duration
from pipelines.annotating.report import ReportTold
from pipelines.annotating.report_cells import NONE, number, step, table, text
from pipelines.annotating.report_items import Hard, Medium, Votes
from pipelines.annotating.rounds import RaterStatus
from pipelines.reporting.charts import clipped, progress_chart, stacked_chart
from schemas.run import Progress

_SNIPPET = 110
_MOST_POINTS = 400


def hard_items(told: ReportTold) -> str:
    """The list, the hardest first, with a filter by question."""
    if not told.hard:
        return "<p>None: wherever two people answered, they agree.</p>"
    headings = {votes.column: votes.heading for one in told.hard for votes in one.votes if votes.agreement is not None}
    options = "".join(f'<option value="{escape(column)}">{escape(name)}</option>' for column, name in headings.items())
    inside = sum(one.medium is not None and one.medium.data is not None for one in told.hard)
    clips = [f"{inside:,} clips are in this file" if inside else ""]
    if told.beside:
        clips.append(f"{told.beside:,} lie in the folder beside it, which has to go where the page goes")
    said = "; ".join(one for one in clips if one)
    said = f"{said}." if said else ""
    return (
        f"<p class=soft>{len(told.hard):,} items, those on which raters agree least first. {said} "
        "<span class=keys><kbd>j</kbd> <kbd>k</kbd> next, previous; <kbd>Enter</kbd> opens; "
        "<kbd>p</kbd> plays</span></p>"
        f'<p class="filter"><label for="only">Hard by</label> <select id="only"><option value="">any question</option>'
        f'{options}</select> <button type="button" id="open-all">Open all</button> '
        '<span id="shown" class="soft" aria-live="polite"></span></p>'
        f'<ol class="items">{"".join(_item(one, at) for at, one in enumerate(told.hard, 1))}</ol>'
    )


def _item(one: Hard, at: int) -> str:
    columns = " ".join(votes.column for votes in one.votes if votes.agreement is not None and votes.agreement < 1)
    snippet = one.text if len(one.text) <= _SNIPPET else f"{one.text[:_SNIPPET].rstrip()}…"
    worst = min((votes for votes in one.votes if votes.agreement is not None), key=lambda votes: votes.agreement or 0)
    counts = ", ".join(f"{text(_short(value))} {many}" for value, many in worst.counts[:4])
    facts = [("source", one.source), ("speaker", one.speaker)]
    told = "".join(f"<dt>{name}</dt><dd>{text(value)}</dd>" for name, value in facts if value)
    body = (
        f"{_medium(one)}<blockquote dir=auto>{escape(one.text) or '<span class=soft>no transcript</span>'}</blockquote>"
        f"{f'<dl class=plain>{told}</dl>' if told else ''}{''.join(map(_votes, one.votes))}"
    )
    return (
        f'<li data-questions="{escape(columns)}"><details><summary><span class="rank">{at}</span> '
        f'<span class="score {step(one.agreement)}" title="agreement on the item">{one.agreement:.2f}</span> '
        f'<code>{text(one.item)}</code> <span class="snippet" dir="auto">{escape(snippet)}</span> '
        f'<span class="soft counts">{text(worst.heading)}: {counts}</span></summary>'
        f'<div class="body">{body}</div></details></li>'
    )


def _short(value: str) -> str:
    most = 40
    return value if len(value) <= most else f"{value[: most - 1]}…"


def _medium(one: Hard) -> str:
    medium = one.medium
    if medium is None:
        return f"<p class=soft>{text(one.why)}</p>" if one.why else ""
    where = _address(medium)
    player = (
        f'<{medium.kind} controls preload="none" src="{where}" aria-label="{escape(f"clip of {one.item}")}">'
        f"</{medium.kind}>"
    )
    if medium.path is None:
        return player
    link = f'<a href="{where}"><code>{escape(medium.path)}</code></a>'
    return f"{player}<p class=soft>The clip lies beside this page: {link}</p>"


def _address(medium: Medium) -> str:
    if medium.data is not None:
        return f"data:{medium.type};base64,{base64.b64encode(medium.data).decode()}"
    return escape(quote(medium.path or ""))


def _votes(votes: Votes) -> str:
    most = max((many for _, many in votes.counts), default=1)
    bars = "".join(
        f'<li><meter min="0" max="{most}" value="{many}"></meter> {many} <span dir=auto>{text(value)}</span></li>'
        for value, many in votes.counts
    )
    agreed = "" if votes.agreement is None else f" <small>agreement {number(votes.agreement, 2)}</small>"
    who = "".join(
        f"<dt><code>{text(rater)}</code></dt><dd dir=auto>{text(value)}</dd>" for rater, value in votes.answers
    )
    experts = "".join(
        f"<p>Decided in round {number_of} by <code>{text(rater)}</code>: <strong dir=auto>{text(value)}</strong></p>"
        for rater, number_of, value in votes.decided
    )
    return (
        f"<div class=votes><h4>{text(votes.heading)}{agreed}</h4><ul>{bars}</ul>{experts}"
        f"<details><summary>who said what</summary><dl class=plain>{who}</dl></details></div>"
    )


def progress(told: ReportTold) -> str:
    """How far people are: by question, over time, and each rater."""
    if not told.progress:
        return "<p class=soft>Nothing is known of who was to answer what.</p>"
    columns = list(dict.fromkeys(one.question for one in told.progress))
    rows = []
    for column in columns:
        mine = [one for one in told.progress if one.question == column]
        rows.append((column, {"made": sum(one.done for one in mine), "absent": sum(one.left or 0 for one in mine)}))
    words = {"made": "answered", "absent": "left"}
    chart = stacked_chart("Answers by question", rows, [clipped(name) for name, _ in rows], words)
    legend = "".join(f'<li><i class="{kind}"></i>{word}</li>' for kind, word in words.items())
    heads = (
        ("question", False), ("rater", False), ("done", True), ("left", True), ("skipped", True), ("median time", True),
        ("work left", True),
    )  # fmt: skip
    planned = any(one.left is not None for one in told.progress)
    note = "" if planned else "<p class=soft>Nobody is assigned to anything: what is left is not known.</p>"
    caption = "“work left”: tasks left times the median time; “skipped” counts tasks, whatever the question."
    return (
        f'<ul class="legend" aria-hidden="true">{legend}</ul><figure class="chart">{chart}</figure>'
        + _curve(told.times)
        + note
        + table(caption, heads, (_progress(one) for one in told.progress), sortable=True)
    )


def _progress(one: RaterStatus) -> list[str]:
    left = NONE if one.left is None else f"{one.left:,}"
    time = NONE if one.seconds is None else f"{one.seconds:.1f} s"
    work = NONE
    if one.left is not None and one.seconds is not None:
        work = duration(one.left * one.seconds) if one.left else "none"
    return [f"<code>{text(one.question)}</code>", f"<code>{text(one.rater)}</code>", f"{one.done:,}", left,
            f"{one.skipped:,}", time, work]  # fmt: skip


def _curve(times: Sequence[str]) -> str:
    """Answers given, over the time since the first; and how many an active day."""
    given = [datetime.fromisoformat(one) for one in times]
    if len(given) < 2 or given[0] == given[-1]:  # noqa: PLR2004 - one moment is no time
        return ""
    since = [(one - given[0]).total_seconds() for one in given]
    every = max(1, len(since) // _MOST_POINTS)
    kept = sorted({*range(0, len(since), every), len(since) - 1})
    points = [Progress(seconds=0, finished=0, failed=0)]
    points += [Progress(seconds=round(since[at], 1), finished=at + 1, failed=0) for at in kept]
    days = [one.date() for one in given]
    usual = statistics.median(days.count(day) for day in set(days))
    pace = f"{len(times):,} answers in {duration(since[-1])}; {usual:,.0f} on the median day with any."
    chart = progress_chart(points, "Answers given over time", pace)
    first = f"{given[0]:%Y-%m-%d %H:%M}"
    return f'<figure class="chart wide">{chart}</figure><p class=soft>Answers since the first, {first}. {pace}</p>'
