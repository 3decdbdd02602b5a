"""From a build to an agreement figure: the sample dataset, a real Label Studio, five people."""

import json
import urllib.request
from collections import Counter
from fractions import Fraction

import pytest
from asking_for_tests import built
from label_studio_server import TOKEN, ask

from annotation.connection import Tries
from annotation.label_studio import LabelStudio
from annotation.media_server import MediaServer
from annotation.push import KEY
from pipelines.annotating.answer_table import read_answers
from pipelines.annotating.pull import import_file, pull_recipe
from pipelines.annotating.push import push_recipe
from schemas.errors import SourceTableError

QUICK = Tries(most=4, pause_s=0.01, longest_s=0.05)
NAMES = ("negative", "neutral", "positive")
COUNTS = {
    "talk#0000": (0, 0, 5),
    "duo#0000": (3, 0, 2),
    "reply#0000": (5, 0, 0),
    "noface#0000": (4, 1, 0),
    "voice#0000": (0, 4, 1),
    "memo#0000": (0, 0, 5),
    "note#0000": (0, 5, 0),
}
"""How many of five say each name. Worked out by hand: the share of agreeing pairs of each item is 1, 8/20, 1, 12/20,
12/20, 1, 1, together 5.6, in the mean 0.8. The names are given 12, 10 and 13 times, so that chance agrees in
(12² + 10² + 13²) / 35² = 413/1225 of cases. Fleiss' kappa is (0.8 - 413/1225) / (1 - 413/1225) = 81/116."""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return built(tmp_path_factory.mktemp("sample"), name="five")


@pytest.fixture(scope="module")
def people(label_studio):
    return [label_studio.sign_up(f"five{at}") for at in range(5)]


@pytest.fixture(scope="module")
def pushed(home, label_studio):
    return push_recipe(home, LabelStudio(label_studio.url, TOKEN, QUICK))


@pytest.fixture(scope="module")
def answered_tasks(home, label_studio, pushed, people):
    """Five people answer every task over the API, each with their own token."""
    server = LabelStudio(label_studio.url, TOKEN, QUICK)
    for where, one in pushed.projects:
        to = {"video": "video", "audio": "audio", "none": "transcript"}[where.media]
        for task in server.tasks(one.project, answers=False):
            said = [name for name, count in zip(NAMES, COUNTS[task["data"][KEY]], strict=True) for _ in range(count)]
            for (_, token), choice in zip(people, said, strict=True):
                value = {"choices": [choice]}
                result = [{"id": "a", "from_name": "sentiment", "to_name": to, "type": "choices", "value": value}]
                ask(label_studio.url, token, "POST", f"/api/tasks/{task['id']}/annotations/", {"result": result})


def fleiss(rows):
    """Fleiss (1971), in whole numbers, from the table alone."""
    by_item = {item: Counter(row["value"] for row in rows if row["item"] == item) for item in {r["item"] for r in rows}}
    raters = 5
    agreeing = [Fraction(sum(n * (n - 1) for n in votes.values()), raters * (raters - 1)) for votes in by_item.values()]
    totals = Counter(row["value"] for row in rows)
    chance = sum(Fraction(n, len(rows)) ** 2 for n in totals.values())
    return (sum(agreeing) / len(agreeing) - chance) / (1 - chance)


def test_each_kind_of_recording_has_its_screen_and_each_sample_its_task(pushed):
    assert [(where.media, one.made) for where, one in pushed.projects] == [("video", 4), ("audio", 1), ("none", 2)]
    assert pushed.problems == []


def test_pushing_the_dataset_again_makes_nothing(home, label_studio, pushed):
    again = push_recipe(home, LabelStudio(label_studio.url, TOKEN, QUICK))
    assert [(one.made, one.changed, one.kept) for _, one in again.projects] == [(0, 0, 4), (0, 0, 1), (0, 0, 2)]


def test_a_pushed_link_plays_from_the_media_server(home, label_studio, pushed):
    import threading
    from pathlib import Path

    server = LabelStudio(label_studio.url, TOKEN, QUICK)
    task = next(server.tasks(pushed.projects[0][1].project, answers=False))
    with MediaServer(Path(home.folder) / "media", home.media_secret, origin=label_studio.url) as media:
        thread = threading.Thread(target=media.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        link = task["data"]["video"].replace("http://127.0.0.1:8095", media.base)
        request = urllib.request.Request(link, headers={"Range": "bytes=4-7"})  # noqa: S310 - loopback
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - loopback
            assert (answer.status, answer.read()) == (206, b"ftyp")
        media.shutdown()
        thread.join()


def test_five_raters_agree_as_worked_out_by_hand(home, label_studio, people, answered_tasks):
    report = pull_recipe(home, LabelStudio(label_studio.url, TOKEN, QUICK))
    assert (report.answers, report.raters, report.items, report.problems) == (35, 5, 7, 0)
    rows = [json.loads(line) for line in home.store.read_or_none(report.table).splitlines()]
    assert {row["question"] for row in rows} == {"sentiment"}
    votes = {item: Counter(row["value"] for row in rows if row["item"] == item) for item in COUNTS}
    assert {item: tuple(vote[name] for name in NAMES) for item, vote in votes.items()} == COUNTS
    assert fleiss(rows) == Fraction(81, 116)
    assert {row["rater"] for row in rows} == {home.pseudonym(email) for email, _ in people}


def test_the_table_can_be_published(home, answered_tasks, label_studio):
    report = pull_recipe(home, LabelStudio(label_studio.url, TOKEN, QUICK))
    answers = read_answers(report.table)
    assert len(answers) == 35
    assert {answer.item for answer in answers} == set(COUNTS)


def test_no_name_of_a_rater_is_in_the_store(home, label_studio, people, answered_tasks):
    pull_recipe(home, LabelStudio(label_studio.url, TOKEN, QUICK))
    names = [name for name in home.store.listing(home.folder) if name.endswith((".json", ".jsonl"))]
    kept = b"".join(home.store.read_or_none(f"{home.folder}/{name}") or b"" for name in names)
    assert b"rater-" in kept
    assert b"five0" not in kept
    assert TOKEN.encode() not in kept


def test_answers_from_elsewhere_join_the_others(home, label_studio, answered_tasks, tmp_path):
    pull_recipe(home, LabelStudio(label_studio.url, TOKEN, QUICK))
    table = tmp_path / "more.csv"
    table.write_text("item,rater,question,value\ntalk#0000,Ann,sentiment,positive\ntalk#0000,Ann,intensity,strong\n")
    report = import_file(home, table)
    assert (report.answers, report.raters) == (37, 6)
    assert import_file(home, table).answers == 37
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("item,rater,question,value\nnone#1,Ann,sentiment,positive\ntalk#0000,Ann,sentiment,happy\n")
    with pytest.raises(SourceTableError, match="2 answers do not fit") as told:
        import_file(home, wrong)
    assert "none#1" in str(told.value)
    assert "happy" in str(told.value)
    home.store.fs.rm(f"{home.folder}/elsewhere.jsonl")


def test_a_bad_answer_is_told_with_its_task(home, label_studio, pushed, people, answered_tasks):
    where, one = pushed.projects[0]
    server = LabelStudio(label_studio.url, TOKEN, QUICK)
    task = next(server.tasks(one.project, answers=False))["id"]
    value = {"choices": ["delighted"]}
    result = [{"id": "a", "from_name": "sentiment", "to_name": "video", "type": "choices", "value": value}]
    made = ask(label_studio.url, TOKEN, "POST", f"/api/tasks/{task}/annotations/", {"result": result})
    try:
        report = pull_recipe(home, server)
        assert (report.answers, report.problems) == (35, 1)
        told = json.loads(home.store.read_or_none(f"{home.folder}/problems.jsonl"))
        assert "delighted" in told["why"]
        assert told["link"] == f"{label_studio.url}/projects/{where.number}/data?task={task}"
    finally:
        ask(label_studio.url, TOKEN, "DELETE", f"/api/annotations/{made['id']}/")
