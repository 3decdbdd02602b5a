"""An audit as one HTML page: it fetches nothing and runs nothing."""

from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from pipelines.auditing.show import summary
from pipelines.reporting.page import style
from schemas.audit import AuditReport, Finding
from schemas.errors import UsageError

_TONES = {"error": "bad", "warning": "warn", "note": "good"}


def write_page(path: Path, report: AuditReport) -> None:
    """Raises UsageError where the page cannot be written."""
    try:
        path.write_text(page(report), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}", do="name another file") from error


def page(report: AuditReport) -> str:
    """The page, in the look of a run's report."""
    counts = report.counts
    tone = "bad" if counts["error"] else "warn" if counts["warning"] else "good"
    word = "errors" if counts["error"] else "warnings" if counts["warning"] else "no errors, no warnings"
    template = Template(files("pipelines.auditing").joinpath("audit.html").read_text("utf-8"))
    return template.substitute(
        style=style(),
        title=escape(f"Audit of {report.dataset}"),
        heading=escape(report.dataset),
        tone=tone,
        end=word,
        subtitle=escape(summary(report)),
        figures=_figures(report),
        findings="".join(_finding(one) for one in report.findings) or '<tr><td colspan="3">None.</td></tr>',
        columns=_plain(report.columns),
        unchecked=_plain({one.check: f"for want of {one.lacks}" for one in report.unchecked})
        or "<dt>none</dt><dd></dd>",
        checked=escape(", ".join(report.checked)),
    )


def _figures(report: AuditReport) -> str:
    shown = [("samples", report.rows), *report.splits.items()]
    shown += [(f"{name}s", count) for name, count in report.counts.items()]
    return "".join(f"<div><dt>{escape(what)}</dt><dd>{value:,}</dd></div>" for what, value in shown)


def _finding(one: Finding) -> str:
    of = f"<br><span class=soft>of {one.of:,}</span>" if one.of is not None else ""
    examples = "".join(f"<p><code>{escape(example)}</code></p>" for example in one.examples)
    return (
        f'<tr><td><span class="end {_TONES[one.severity]}">{one.severity}</span><br>'
        f"<code>{escape(one.check)}</code></td>"
        f'<td class="n">{one.count:,}{of}</td>'
        f'<td class="what"><p>{escape(one.what)}</p>{examples}<p class="soft">{escape(one.do)}</p></td></tr>'
    )


def _plain(told: dict[str, str]) -> str:
    return "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in told.items())
