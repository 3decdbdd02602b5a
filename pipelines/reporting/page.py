"""The report of a run as one page: it fetches nothing and runs nothing, and reads in light, in dark and by ear."""

from collections.abc import Iterable, Mapping
from html import escape
from importlib.resources import files
from string import Template

from pipelines.amounts import duration
from pipelines.reporting.charts import STATES, progress_chart, seconds_chart, short, states_chart
from schemas.run import Reason, RunReport, RunTold

_TONES = {"finished": "good", "stopped": "warn", "broken off": "bad"}
_TEMPLATE = "report.html"
_CURVES = (
    '<ul class="legend" aria-hidden="true"><li><i class="made"></i>finished</li>'
    '<li><i class="failed"></i>of those, with failures (dashed)</li></ul>'
)


def page(report: RunReport) -> str:
    """HTML of the latest run, with the earlier ones in a table."""
    run = report.runs[0]
    tone = "warn" if run.end == "finished" and run.failed else _TONES[run.end]
    template = Template(files("pipelines.reporting").joinpath(_TEMPLATE).read_text("utf-8"))
    return template.substitute(
        style=style(),
        title=escape(f"{report.recipe}: run of {run.started}"),
        heading=escape(f"{report.recipe} {report.version}"),
        end=escape("finished, with failures" if tone == "warn" and run.end == "finished" else run.end),
        tone=tone,
        subtitle=escape(f"{_when(run.started)} to {_when(run.ended)} UTC, engine {run.engine}, {_workers(run)}"),
        message=f"<p>{escape(run.message)}</p>" if run.message else "",
        figures=_figures(run),
        legend="".join(f'<li><i class="{state}"></i>{state}</li>' for state in STATES),
        states=states_chart(run.steps),
        seconds=seconds_chart(run.steps),
        progress=progress_chart(run.progress),
        curves=_CURVES if run.failed else "",
        table=_steps(run),
        absent=_absent(run),
        failures=_failures(run),
        machine=_plain(_machine(run)),
        versions=_plain(run.versions),
        earlier=_earlier(report.runs[1:]),
    )


def style() -> str:
    """The look that all reports share, for a style element: those of runs, of audits and of annotation."""
    return files("pipelines.reporting").joinpath("page.css").read_text("utf-8")


def _when(time: str) -> str:
    return time.replace("T", " ").removesuffix("Z")


def _workers(run: RunTold) -> str:
    if run.workers is None:
        return "as many workers as the cluster has room for"
    return f"{run.workers} workers" if run.workers != 1 else "1 worker"


def _figures(run: RunTold) -> str:
    rate = run.worked / run.wall_s if run.wall_s else 0.0
    busy = "not known" if run.utilisation is None else f"{run.utilisation:.0%}"
    shown = [
        ("recordings", f"{run.recordings:,}", f"{run.worked:,} had something to do"),
        ("with samples", f"{run.with_samples:,}", _share(run.with_samples, run.recordings)),
        *([("copies", f"{run.copies:,}", "left out for others that they are copies of")] if run.copies else []),
        ("failed", f"{run.failed:,}", _share(run.failed, run.recordings)),
        ("wall time", duration(run.wall_s), f"{rate * 60:,.1f} recordings a minute"),
        ("utilisation", busy, f"of {_workers(run)}: {duration(run.busy_s)} of work"),
    ]
    return "".join(
        f"<div><dt>{escape(what)}</dt><dd>{escape(value)}<small>{escape(more)}</small></dd></div>"
        for what, value, more in shown
    )


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%} of the recordings" if whole else "there were none"


def _steps(run: RunTold) -> str:
    total = sum(step.seconds for step in run.steps)
    rows = []
    for step in run.steps:
        counts = [f'<td class="n">{getattr(step, state) or "·"}</td>' for state in STATES]
        each = f"{step.seconds / step.made:.3f}" if step.made and step.seconds else "·"
        share = f"{step.seconds / total:.1%}" if total else "·"
        rows.append(
            f'<tr><th scope="row"><code>{escape(step.step)}</code></th>{"".join(counts)}'
            f'<td class="n">{step.seconds:,.1f}</td><td class="n">{share}</td><td class="n">{each}</td></tr>'
        )
    heads = "".join(f'<th scope="col" class="n">{name}</th>' for name in (*STATES, "seconds", "share", "s each"))
    return (
        "<table><caption>Recordings by what became of the step, and seconds of all workers together; "
        "“s each” is for those made.</caption>"
        f'<thead><tr><th scope="col">step</th>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
    )


def _absent(run: RunTold) -> str:
    if not run.absent:
        return ""
    told = ", ".join(f"{escape(kind)} {number:,}" for kind, number in run.absent.items())
    return f'<p class="soft">Recordings that lack something, which is no failure: {told}.</p>'


def _failures(run: RunTold) -> str:
    if not run.reasons:
        return "<p>None.</p>"
    rows = "".join(_failure(reason) for reason in run.reasons)
    others = f'<p class="soft">{run.other_failures:,} more, of rarer reasons.</p>' if run.other_failures else ""
    return (
        '<div class="scroll" tabindex="0" role="region" aria-labelledby="failures">'
        "<table><caption>Failures that are alike but for names, paths and numbers are counted together; one of them "
        "is quoted.</caption>"
        '<thead><tr><th scope="col" class="n">count</th><th scope="col">step</th><th scope="col">what, and what to do'
        '</th><th scope="col">such as</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>{others}"
    )


def _failure(reason: Reason) -> str:
    defect = '<span class="defect">unexpected:</span> ' if not reason.expected else ""
    do = f'<p class="soft">{escape(reason.do)}</p>' if reason.do else ""
    return (
        f'<tr><td class="n">{reason.count:,}</td><td class="step"><code>{escape(short(reason.step))}</code></td>'
        f'<td class="what"><p>{defect}{escape(reason.message)}</p>{do}</td>'
        f"<td><code>{escape(reason.example)}</code></td></tr>"
    )


def _machine(run: RunTold) -> dict[str, str]:
    here = run.machine
    return {
        "host": here.host,
        "processor": f"{here.processor}, {here.cores} cores",
        "memory": f"{here.memory_gb:g} GiB" if here.memory_gb is not None else "not known",
        "GPU": "there is one" if here.gpu else "none",
        "system": f"{here.system}, Python {here.python}",
        "engine": f"{run.engine}, {_workers(run)}",
    }


def _plain(told: Mapping[str, str]) -> str:
    return "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in told.items())


def _earlier(runs: Iterable[RunTold]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(_when(run.started))}</th><td>{escape(run.end)}</td>'
        f'<td>{escape(run.engine)}, {escape(_workers(run))}</td><td class="n">{run.worked:,}</td>'
        f'<td class="n">{run.failed:,}</td><td class="n">{duration(run.wall_s)}</td></tr>'
        for run in runs
    )
    if not rows:
        return ""
    heads = "".join(f'<th scope="col"{" class=n" if n else ""}>{name}</th>' for name, n in _EARLIER)
    return (
        '<section aria-labelledby="earlier"><h2 id="earlier">Earlier runs with the same settings and versions</h2>'
        '<div class="scroll" tabindex="0" role="region" aria-labelledby="earlier">'
        f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div></section>"
    )


_EARLIER = (
    ("begun (UTC)", False),
    ("end", False),
    ("engine", False),
    ("worked on", True),
    ("failed", True),
    ("wall time", True),
)
