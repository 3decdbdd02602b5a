"""What raters said as one page: its figures by a second way, what stands on it, and what it never does."""

import json
import re
from html.parser import HTMLParser
from itertools import combinations

import chromium
import krippendorff
import numpy as np
import pytest
from report_making import HOSTILE, RATERS, TRUTH, made
from typer.testing import CliRunner

from annotation.assign import Assigned
from annotation.ledger import Ledger
from annotation.ratings import Undefined
from pipelines.annotating.asked import asked
from pipelines.annotating.pull import read_all
from pipelines.annotating.report import report
from pipelines.annotating.report_page import page
from pipelines.annotating.report_told import Known, question_told
from pipelines.annotating.rounds import status_recipe
from pipelines.cli import app
from schemas.errors import UsageError

BUDGET = 20_000_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("reported")


@pytest.fixture(scope="module")
def home(folder):
    return made(folder)


@pytest.fixture(scope="module")
def told(home, tmp_path_factory):
    out = tmp_path_factory.mktemp("page") / "report.html"
    return report(home, out, by="recording", most=5, budget=BUDGET, samples=200)


@pytest.fixture(scope="module")
def html(told):
    return page(told)


def answers(home, question):
    """Item to what its five raters said, as the ledger has it, read without our own reader."""
    found = {item: {} for item in TRUTH}
    for entry in (states[-1] for states in home.ledger().entries.values()):
        task = home.ledger().tasks[entry.project, entry.task]
        if task.show == "all" and task.key in TRUTH:
            for item in entry.result:
                if item["from_name"] == question:
                    found[task.key][entry.rater] = item["value"]["choices"][0]
    return found


def question(told, column):
    return next(one for one in told.questions if one.column == column)


def test_agreement_is_that_of_another_program(home, told):
    said = answers(home, "sentiment")
    codes = {"negative": 0, "neutral": 1, "positive": 2}
    raters = sorted(said["talk#0000"])
    table = [[codes[of[rater]] for of in said.values()] for rater in raters]
    main = question(told, "sentiment").main
    assert main.value == pytest.approx(krippendorff.alpha(table, level_of_measurement="nominal"))
    assert main.interval[0] < main.value < main.interval[1]
    without = {one.rater: one.without for one in question(told, "sentiment").raters}
    for at, rater in enumerate(raters):
        rest = [row for place, row in enumerate(table) if place != at]
        assert without[rater] == pytest.approx(krippendorff.alpha(rest, level_of_measurement="nominal"))


def test_confusion_counts_pairs_of_raters(home, told):
    said = answers(home, "sentiment")
    names = ("negative", "neutral", "positive")
    pairs = np.zeros((3, 3))
    for of in said.values():
        for one, other in combinations(of.values(), 2):
            pairs[names.index(one), names.index(other)] += 1 / 4
            pairs[names.index(other), names.index(one)] += 1 / 4
    found = question(told, "sentiment").confusion
    assert found.labels == names
    assert found.pairs == pytest.approx(pairs)
    assert found.share == pytest.approx(pairs / pairs.sum(axis=1, keepdims=True))


def test_raters_have_their_pace_gold_repeats_and_accepted_suggestions(told):
    of = {one.rater: one for one in question(told, "sentiment").raters}
    assert of["kim"].median_s == 2
    assert (of["kim"].most_used, of["kim"].longest_run) == (1, 7)
    # Known: talk is positive, note is negative. `kim` always says positive.
    assert (of["ann"].gold, of["kim"].gold) == ((1.0, 2), (0.5, 2))
    assert (of["ann"].again, of["ben"].again) == ((1.0, 1), (0.0, 1))
    assert isinstance(of["eva"].again, Undefined)
    assert of["ann"].accepted is None  # it is a blind question
    taken = {one.rater: one.accepted for one in question(told, "intensity").raters}
    assert taken["kim"] == (7, 7)  # always weak, as the model


def test_that_few_answers_are_not_judged_is_told(html):
    assert "Judged by pace and sameness from 10 answers on: 5 have fewer." in html


def test_hard_items_come_first_with_their_clips(told):
    assert len(told.hard) == 5
    assert [one.agreement for one in told.hard] == sorted(one.agreement for one in told.hard)
    for one in told.hard:
        assert min(votes.agreement for votes in one.votes if votes.agreement is not None) == one.agreement
        assert (one.medium is None) == (one.item in {"memo#0000", "note#0000"})
    clips = {one.item: one.medium.data[4:8] for one in told.hard if one.medium and one.medium.kind == "video"}
    assert set(clips.values()) == {b"ftyp"}


def test_clips_without_room_lie_beside_the_page(home, tmp_path):
    told = report(home, tmp_path / "few.html", by="recording", most=7, budget=0, samples=0)
    paths = [one.medium.path for one in told.hard if one.medium]
    assert told.beside == len(paths) > 0
    assert all((tmp_path / path).stat().st_size for path in paths)
    assert all(f'src="{path}"' in page(told) for path in paths)


def test_progress_and_modalities_are_told(told):
    done = {(one.question, one.rater): one.done for one in told.progress}
    assert done["sentiment", "ann"] == 7
    assert done["said", "ann"] == 5
    assert (told.items, told.answered, told.raters) == (7, 7, 5)
    assert list(told.times) == sorted(told.times)
    (alone,) = told.modalities["sentiment"]
    assert (alone.show, alone.importance) == ("text", 1)


def test_agreement_by_source(home, tmp_path):
    said = answers(home, "sentiment")
    (part,) = next(
        one.parts for one in asked(home.spec, read_all(home, home.ledger()).answers, home.group)
        if one.column == "sentiment"
    )  # fmt: skip
    place = {item: "inside" if item in {"duo#0000", "voice#0000", "memo#0000"} else "outside" for item in said}
    found = question_told(part, (), Known(sources=place, by="place"), show="all", samples=0).sources
    codes = {"negative": 0, "neutral": 1, "positive": 2}
    for name, one in found.rows:
        table = [[codes[said[item][rater]] for item in sorted(said) if place[item] == name] for rater in RATERS]
        assert one.items == len(table[0])
        assert one.value == pytest.approx(krippendorff.alpha(table, level_of_measurement="nominal"))
    assert [name for name, _ in found.rows] == ["outside", "inside"]  # the most items first
    told = report(home, tmp_path / "by.html", by="speaker", most=0, budget=0, samples=0)
    assert "Every speaker has one item" in question(told, "sentiment").sources.why
    with pytest.raises(UsageError, match="no recording has 'speeker'"):
        report(home, tmp_path / "by.html", by="speeker", most=0, budget=0, samples=0)


def test_a_rater_without_answers_is_told_with_what_is_left(home, tmp_path, monkeypatch):
    plan = [Assigned(item, item, ("ann", "nobody")) for item in TRUTH]
    monkeypatch.setattr(type(home), "assigned", lambda _: plan)
    status = status_recipe(home)
    of = {(one.question, one.rater): one for one in status.raters}
    assert (of["sentiment", "nobody"].done, of["sentiment", "nobody"].left) == (0, 7)
    assert of["sentiment", "nobody"].seconds is None
    assert (of["sentiment", "ann"].left, of["sentiment", "eva"].left) == (0, 0)
    told = report(home, tmp_path / "r.html", by="recording", most=0, budget=0, samples=0)
    assert "nobody" not in {one.rater for one in question(told, "sentiment").raters}
    assert "nobody" in page(told)  # in the table of progress
    assert status.agreement["sentiment"].value == question(told, "sentiment").main.value


class Looked(HTMLParser):
    """Every address that the page would ask for, every handler, and whether tags close."""

    def __init__(self):
        super().__init__()
        self.asked, self.handlers, self.open = [], [], []

    def handle_starttag(self, tag, attrs):
        self.asked += [value for name, value in attrs if name in {"src", "href", "action", "poster", "srcset"}]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        if tag not in {"meta", "link", "br", "img", "input", "hr", "source"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_needs_nothing_from_elsewhere_and_runs_nothing_of_raters(html):
    looked = Looked()
    looked.feed(html)
    looked.close()
    assert looked.open == []
    assert looked.handlers == []
    assert all(one.startswith(("#", "data:")) for one in looked.asked), looked.asked
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org)[^<]*\.(js|css)", html)
    assert "default-src 'none'" in html
    assert HOSTILE not in html
    assert "&lt;img src=x onerror=" in html
    assert "<u>zed</u>" not in html
    assert "${title}" in html  # it is what the title says, and no field of the template


def test_the_same_answers_give_the_same_page(home, html, tmp_path):
    again = page(report(home, tmp_path / "report.html", by="recording", most=5, budget=BUDGET, samples=200))
    assert again == html


@pytest.mark.skipif(chromium.program() is None, reason="no chromium here")
@pytest.mark.parametrize(("width", "mobile"), [(1400, False), (390, True)], ids=["desk", "phone"])
def test_the_page_in_a_browser(html, tmp_path, width, mobile):
    path = tmp_path / "report.html"
    path.write_text(html, encoding="utf-8")
    with chromium.chromium() as browser:
        browser.ask("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=mobile)
        browser.open(path.as_uri())
        browser.until("() => document.readyState === 'complete' && document.querySelectorAll('section').length > 5")
        assert browser.run("() => window.broken === undefined")
        assert browser.said == []
        asked = browser.run("() => performance.getEntriesByType('resource').map(one => one.name)")
        assert all(one.startswith("data:") for one in asked)
        assert browser.run("() => document.documentElement.scrollWidth") <= width
        # A press on the head of a column sorts by it.
        sorted_ = browser.run(
            """() => {
                const table = document.querySelector('table.sortable');
                const at = [...table.querySelectorAll('th button')].findIndex(one => one.innerText === 'value');
                table.querySelectorAll('th button')[at].click();
                return [...table.tBodies[0].rows].map(row => row.cells[at].innerText.replace('\u2212', '-'));
            }"""
        )
        found = [float(one) for one in sorted_]
        assert found in (sorted(found), sorted(found, reverse=True))
        played = browser.run(
            """async () => {
                document.querySelectorAll('details').forEach(one => one.open = true);
                const one = document.querySelector('video');
                one.muted = true;
                await one.play();
                return one.videoWidth;
            }"""
        )
        assert played > 0
        browser.picture(tmp_path / "report.png")  # for whoever wants to look


def test_the_command(folder, home, tmp_path):
    out = tmp_path / "page.html"
    store = ["--store", home.store.url, "--samples", "20", "--hard", "2"]
    ran = CliRunner().invoke(
        app, ["annotate", "report", str(folder / "recipe.yaml"), "--out", str(out), *store, "--json"]
    )
    assert ran.exit_code == 0, ran.output
    told = json.loads(ran.stdout)
    assert out.read_text().startswith("<!doctype html>")
    assert len(told["hard"]) == 2
    assert {one["question"] for one in told["agreement"]} >= {"sentiment", "sentiment_text", "vad_valence", "cue"}


def test_where_nobody_has_answered_that_is_told(home, tmp_path, monkeypatch):
    monkeypatch.setattr(type(home), "ledger", lambda _: Ledger())
    with pytest.raises(UsageError, match="nobody has answered"):
        report(home, tmp_path / "r.html", by="recording", most=1, budget=0, samples=0)


def test_a_page_that_cannot_be_written_is_told(folder, home, tmp_path):
    out = str(tmp_path / "no" / "p.html")
    none = ["--store", home.store.url, "--samples", "0", "--hard", "0"]
    ran = CliRunner().invoke(app, ["annotate", "report", str(folder / "recipe.yaml"), "--out", out, *none])
    assert isinstance(ran.exception, UsageError)
    assert "cannot be written" in str(ran.exception)
