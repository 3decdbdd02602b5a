"""What a build leaves when it ends: numbers that agree with what happened, on a page that anybody can read."""

import fnmatch
import re
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from steps_for_tests import After, Length, Moody, Uses

from pipelines.amounts import duration, size
from pipelines.engines.local import LocalEngine
from pipelines.plan import Plan
from pipelines.reporting.beat import Run, beats
from pipelines.reporting.charts import labels, progress_chart, seconds_chart, states_chart, ticks
from pipelines.reporting.page import page
from pipelines.reporting.progress import Tally, follow
from pipelines.reporting.report import recorded, reports
from pipelines.store import Store
from schemas.errors import StoreError
from schemas.outcome import Outcome
from schemas.recipe import Recipe
from schemas.run import Machine, Progress, Reason, RunReport, RunTold, StepTold
from schemas.source import SourceRow

ROOT = Path(__file__).parents[2]
PLAN = Plan(Recipe(name="t", sources="x"), (Length(), Moody(), After(), Uses()))
LAST = "test.uses.v1"
HERE = Machine(host="h", system="s", processor="p", cores=2, memory_gb=None, gpu=False, python="3")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store"))


def run_of(store: Store, workers: int | None = 2) -> Run:
    return Run(PLAN, store, "0" * 16, "local", workers)


def make_rows(folder: Path, moods: list[str]) -> list[SourceRow]:
    folder.mkdir(exist_ok=True)
    for index, mood in enumerate(moods):
        (folder / f"{index}.txt").write_text(mood)
    return [SourceRow(id=f"r{index}-{mood}", uri=str(folder / f"{index}.txt")) for index, mood in enumerate(moods)]


def build(rows: list[SourceRow], store: Store, *, retry: bool = False) -> Tally:
    tally = Tally()
    with recorded(run_of(store), tally):
        return follow(LocalEngine(2, retry=retry).run(PLAN, rows, store), LAST, quiet=True, tally=tally)


def the_run(store: Store) -> RunTold:
    (report,) = reports(store)
    return report.runs[0]


def told(**changes: Any) -> RunTold:
    values: dict[str, Any] = {
        "end": "finished",
        "started": "2026-01-01T00:00:00Z",
        "ended": "2026-01-01T00:00:10Z",
        "wall_s": 10.0,
        "engine": "local",
        "workers": 2,
        "recordings": 4,
        "finished": 4,
        "worked": 4,
        "with_samples": 4,
        "failed": 0,
        "steps": (
            StepTold(step="acquire", identity="", made=4, seconds=1.0),
            StepTold(step="x.v1", identity="", made=2, kept=1, absent=1, seconds=11.0),
        ),
        "absent": {},
        "reasons": (),
        "other_failures": 0,
        "progress": (Progress(seconds=0, finished=0, failed=0), Progress(seconds=10, finished=4, failed=0)),
        "machine": HERE,
        "versions": {"affectloom": "1"},
    }
    return RunTold.model_validate(values | changes)


# What is counted.


def test_the_report_tells_what_the_build_did(tmp_path: Path, store: Store):
    rows = [*make_rows(tmp_path / "in", ["calm", "raise", "slow", "raise", "absent"]), SourceRow(id="g", uri="/no/g")]
    tally = build(rows, store)
    run = the_run(store)
    assert (run.end, run.recordings, run.finished, run.worked, run.with_samples, run.failed) == (
        "finished", 6, 6, 6, 5, 3,
    )  # fmt: skip
    for step in run.steps:
        counts = {state: getattr(step, state) for state in tally.steps[step.step]}
        assert counts == dict(tally.steps[step.step])
    assert [step.step for step in run.steps] == ["acquire", "test.length.v1", "test.moody.v1", "test.after.v1", LAST]
    moody = next(step for step in run.steps if step.step == "test.moody.v1")
    assert 1.0 < moody.seconds < 5.0  # one is slow, by a second
    assert run.wall_s > 1.0
    assert run.utilisation == pytest.approx(run.busy_s / run.wall_s / 2)
    assert 0 < run.utilisation < 1
    assert (run.progress[0].finished, run.progress[-1].finished, run.progress[-1].failed) == (0, 6, 3)
    assert [(one.count, one.step, one.do) for one in run.reasons] == [
        (2, "test.moody.v1", "smile"),
        (1, "acquire", run.reasons[1].do),
    ]
    assert run.reasons[1].do
    assert run.versions["affectloom"]
    assert beats(store) == []


def test_utilisation_is_busy_seconds_over_wall_time_times_workers():
    assert told().utilisation == pytest.approx(12 / 20)
    assert told(workers=None).utilisation is None
    assert told(wall_s=0.0).utilisation is None


def outcomes(*, fault: BaseException) -> Iterator[Outcome]:
    yield Outcome("a", "acquire", "made", 0.1)
    yield Outcome("a", "test.length.v1", "made", 0.2)
    raise fault


@pytest.mark.parametrize(
    ("fault", "end", "message"),
    [
        (KeyboardInterrupt(), "stopped", ""),
        (StoreError("no space", do="make room"), "broken off", "no space"),
        (ZeroDivisionError("ouch"), "broken off", "ZeroDivisionError: ouch"),
    ],
)
def test_a_run_that_ends_early_is_reported_too(store: Store, fault: BaseException, end: str, message: str):
    tally = Tally()
    with pytest.raises(type(fault)), recorded(run_of(store), tally):
        follow(outcomes(fault=fault), LAST, quiet=True, tally=tally)
    run = the_run(store)
    assert (run.end, run.message, run.recordings, run.finished) == (end, message, 1, 0)
    assert sum(step.made for step in run.steps) == 2
    assert beats(store) == []
    html = next(Path(store.root).glob("runs/*.html")).read_text()
    assert f">{end}</span>" in html
    assert message in html


def test_a_store_that_fills_up_hides_no_other_error(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    store = Store(str(tmp_path / "store"))
    tally = Tally()
    with pytest.raises(ZeroDivisionError), recorded(run_of(store), tally):
        for path in Path(store.root).glob("runs/*"):
            path.unlink()
        (Path(store.root) / "runs").rmdir()
        (Path(store.root) / "runs").write_text("in the way")
        raise ZeroDivisionError
    assert "there is no report of this run" in caplog.text


def test_a_build_with_nothing_to_do_leaves_the_report_alone(tmp_path: Path, store: Store):
    rows = make_rows(tmp_path / "in", ["calm", "raise"])
    build(rows, store)
    before = {path: path.stat().st_mtime_ns for path in Path(store.root).rglob("*") if path.is_file()}
    build(rows, store)
    assert {path: path.stat().st_mtime_ns for path in Path(store.root).rglob("*") if path.is_file()} == before
    build(rows, store, retry=True)
    assert len(reports(store)[0].runs) == 2
    build(rows[:1], store)  # nothing to do, but another number of recordings
    runs = reports(store)[0].runs
    assert [(run.recordings, run.worked) for run in runs] == [(1, 0), (2, 1), (2, 2)]
    build([*rows, *make_rows(tmp_path / "more", ["sad"] * 3)[2:]], store)
    runs = reports(store)[0].runs
    assert [(run.recordings, run.worked) for run in runs] == [(3, 1), (2, 1), (2, 2)]
    assert [bool(run.progress) for run in runs] == [True, False, False]


def test_at_most_twenty_runs_are_kept_the_latest_first(store: Store):
    for number in range(23):
        tally = Tally()
        with recorded(run_of(store), tally):
            told_ = [Outcome(f"r{number}", "acquire", "made", 0.1), Outcome(f"r{number}", LAST, "made", 0.1)]
            follow(iter([*told_] * (number + 1)), LAST, quiet=True, tally=tally)
    assert [run.recordings for run in reports(store)[0].runs] == list(range(23, 3, -1))


def test_reports_of_other_recipes_are_told_apart(store: Store):
    with recorded(run_of(store), Tally()):
        pass
    assert [len(reports(store, name)) for name in ("t", "t.0", "s", None)] == [1, 0, 0, 1]


# The page.


class Page(HTMLParser):
    """What a browser would make of it: every element closed, in order."""

    void = frozenset({"meta", "br", "hr", "img", "line", "rect", "link", "input"})

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.said: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.void or tag == "rect":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not (self.open and self.open[-1] == "style"):
            self.said.append(data)


BAD = '<script>alert("x")</script> & $figures </td>'


@pytest.fixture
def html() -> str:
    reason = Reason(step="x.v1", error="E", message=BAD, do=BAD, count=3, example=BAD, expected=False)
    run = told(failed=3, reasons=(reason,), message=BAD, end="broken off", absent={"faces": 2}, versions={BAD: BAD})
    return page(RunReport(recipe="t", version="1", runs=(run, told(), told(end="stopped"))))


def test_the_page_is_whole_and_says_what_was_said_as_text(html: str):
    found = Page(html)
    assert "script" not in {tag for tag, _ in found.elements}
    assert "".join(found.said).count(BAD) == 6  # message, what to do, example, end, version and its name
    assert {"h1", "h2", "table", "svg", "main"} <= {tag for tag, _ in found.elements}


def test_the_page_needs_nothing_from_elsewhere(html: str):
    found = Page(html)
    assert not [attrs for _, attrs in found.elements if {"src", "href", "srcset", "xlink:href", "onload"} & set(attrs)]
    assert not re.search(r"url\(|@import|https?:", html)
    policy = next(attrs["content"] for _, attrs in found.elements if attrs.get("http-equiv"))
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"
    assert len(html) < 60_000


def test_the_page_can_be_heard(html: str):
    elements = Page(html).elements
    assert ("html", {"lang": "en"}) in elements
    pictures = [attrs for tag, attrs in elements if tag == "svg"]
    assert len(pictures) == 3
    assert all(attrs["role"] == "img" and len(str(attrs["aria-label"])) > 30 for attrs in pictures)
    assert "x: 2 made, 1 kept, 1 absent" in str(pictures[0]["aria-label"])
    ids = [attrs["id"] for _, attrs in elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert {attrs["aria-labelledby"] for _, attrs in elements if "aria-labelledby" in attrs} <= set(ids)
    assert all(attrs.get("scope") in ("col", "row") for tag, attrs in elements if tag == "th")
    levels = [int(tag[1]) for tag, _ in elements if re.fullmatch("h[1-6]", tag)]
    assert (levels[0], set(levels[1:])) == (1, {2})


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, contrast ratio."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_bars_stand_out_in_light_and_in_dark(html: str, scheme: str):
    blocks = re.findall(r":root \{(.*?)\}", html, re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#\w{6})", blocks[0 if scheme == "light" else 1]))
    assert len(colours) == 15
    for back in ("page", "card"):
        assert contrast(colours["ink"], colours[back]) > 7
        assert contrast(colours["soft"], colours[back]) > 4.5
    for text, back in (("good", "good-back"), ("failed", "bad-back"), ("blocked", "warn-back")):
        assert contrast(colours[text], colours[back]) > 3.5, text
    for bar in ("made", "failed", "blocked"):
        assert contrast(colours[bar], colours["card"]) > 3


def test_the_page_comes_with_the_package():
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["*"]
    assert any(fnmatch.fnmatch("report.html", one) for one in patterns)


# The charts.

STEPS = st.lists(
    st.builds(
        StepTold,
        step=st.sampled_from(["acquire", "a.v1", "b.c.v1", "b.d.v2", "speaking-face.mouth-movement.v1"]),
        identity=st.just(""),
        made=st.integers(0, 10**6),
        kept=st.integers(0, 10**6),
        failed=st.integers(0, 100),
        seconds=st.floats(0, 1e7).map(lambda seconds: round(seconds, 3)),
    ),
    min_size=1,
    max_size=9,
)


def bars(svg: str) -> list[tuple[str, float, float]]:
    """Class, x and width of each."""
    found = re.findall(r'<rect class="(\w+)" x="([\d.]+)" y="\d+" width="([\d.]+)"', svg)
    return [(state, float(x), float(width)) for state, x, width in found]


@given(STEPS)
def test_bars_are_as_long_as_their_numbers(steps: list[StepTold]):
    widths = [width for _, _, width in bars(seconds_chart(steps))]
    longest, most = max(widths), max(step.seconds for step in steps)
    if most:
        for step, width in zip(steps, widths, strict=True):
            assert width == pytest.approx(max(longest * step.seconds / most, 0.8), abs=0.11)
    parts = bars(states_chart(steps))
    assert len(parts) == sum(bool(getattr(step, state)) for step in steps for state in ("made", "kept", "failed"))
    assert all(x + width <= 460 - 80 for _, x, width in parts)
    Page(states_chart(steps))
    Page(seconds_chart(steps))


def test_labels_are_short_where_that_is_enough():
    names = ["acquire", "prosody.praat.v1", "test.a.v1", "test.b.v1", "x.a-very-long-name-indeed.v1", "x.b.v2"]
    assert labels([StepTold(step=name, identity="") for name in names]) == [
        "acquire", "prosody", "test.a", "test.b", "x.a-very-long-na…", "x.b",
    ]  # fmt: skip


@given(st.floats(0.01, 1e9), st.integers(2, 8))
def test_ticks_are_round_and_not_too_many(most: float, about: int):
    found = ticks(most, about)
    assert found[0] == 0
    assert found[-1] <= most * (1 + 1e-6)
    assert 1 <= len(found) <= about + 1
    if len(found) > 1:
        mantissa = f"{found[1]:e}".split("e")[0].rstrip("0").rstrip(".")
        assert mantissa in ("1", "2", "5")
    assert all(tick == int(tick) for tick in ticks(most, about, whole=True))


@given(st.lists(st.tuples(st.floats(0, 100), st.integers(0, 50)), max_size=30), st.integers(0, 3))
def test_the_curve_ends_where_the_run_ended(steps: list[tuple[float, int]], failed: int):
    points, seconds, finished = [Progress(seconds=0, finished=0, failed=0)], 0.0, 0
    for took, more in steps:
        seconds, finished = seconds + took, finished + more
        points.append(Progress(seconds=seconds, finished=finished, failed=min(failed, finished)))
    svg = progress_chart(points)
    curve = re.findall(r'class="curve" points="([^"]*)"', svg)[0].split()
    assert len(curve) == len(points)
    x, y = map(float, curve[-1].split(","))
    if seconds >= 0.1:
        assert x == pytest.approx(948)
    assert y == pytest.approx(16 if finished else 190)
    assert ("worse" in svg) == bool(points[-1].failed)


# Amounts.


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.6, "1 min 00 s"),
        (200, "3 min 20 s"),
        (3599.7, "1 h 00 min"),
        (18_120, "5 h 02 min"),
        (86_399.9, "1 d 0 h"),
        (12 * 86_400 + 4 * 3600, "12 d 4 h"),
    ],
)
def test_lengths_of_time(seconds: float, text: str):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1234, "1.23 kB"),
        (45_600_000_000, "45.6 GB"),
        (999_600, "1.00 MB"),
        (2.5e15, "2.50 PB"),
        (3.2e18, "3,200 PB"),
    ],
)
def test_sizes(count: float, text: str):
    assert size(count) == text
