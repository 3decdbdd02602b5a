"""Assignment, suggestions of a model, disputes and experts, once around with a real Label Studio."""

import json
import urllib.parse

import chromium
import pytest
from asking_for_tests import SPEC, built
from label_studio_server import PASSWORD, TOKEN, ask

from annotation.connection import Tries
from annotation.interface import OWN_TASKS
from annotation.label_studio import LabelStudio
from annotation.push import KEY
from pipelines.annotating.answer_table import read_decisions
from pipelines.annotating.pull import pull_recipe
from pipelines.annotating.push import push_recipe
from pipelines.annotating.rounds import adjudicate_recipe, assign_recipe, status_recipe

ARROW = """() => {
    const all = [...document.querySelectorAll('button')];
    const one = all.findIndex(one => one.innerText.trim() === 'Label All Tasks');
    if (one < 0) return false;
    all[one + 1].id = 'arrow';
    return true;
}"""
"""Names the button beside the large one."""
QUICK = Tries(most=4, pause_s=0.01, longest_s=0.05)
OBJECT = {"video": "video", "audio": "audio", "none": "transcript"}
ITEMS = ["talk#0000", "duo#0000", "reply#0000", "noface#0000", "voice#0000", "memo#0000", "note#0000"]


@pytest.fixture(scope="module")
def people(label_studio):
    return dict(label_studio.sign_up(f"round{at}") for at in range(3))


@pytest.fixture(scope="module")
def server(label_studio):
    return LabelStudio(label_studio.url, TOKEN, QUICK)


@pytest.fixture(scope="module")
def home(tmp_path_factory, people, server):
    """Two raters an item, and a model that says how strong each item is, and what (which is blind)."""
    folder = tmp_path_factory.mktemp("rounds")
    folder.mkdir(exist_ok=True)
    said = [
        {"item": item, "question": question, "value": value, "model": "guess-1"}
        for item in ITEMS
        for question, value in (("intensity", "weak"), ("sentiment", "neutral"))
    ]
    (folder / "model.jsonl").write_text("".join(json.dumps(row) + "\n" for row in said))
    home = built(folder, spec=SPEC, annotate="{raters: 2, prelabel: {file: model.jsonl}}", name="rounds")
    assign_recipe(home, list(people))
    push_recipe(home, server)
    return home


def tasks(home, server):
    """Key to the task, with the project's medium."""
    return {
        task["data"][KEY]: (one.media, task)
        for one in home.projects()[1]
        if not one.expert
        for task in server.tasks(one.number, answers=True)
    }


def choice(question, name, media):
    value = {"choices": [name]}
    return {"id": question, "from_name": question, "to_name": OBJECT[media], "type": "choices", "value": value}


@pytest.fixture(scope="module")
def answered(home, server, people, label_studio):
    """The assigned two say the same of all items but one; all leave the model's `intensity` but one."""
    names = {home.pseudonym(email): token for email, token in people.items()}
    for key, (media, task) in tasks(home, server).items():
        for place, rater in enumerate(task["data"]["raters"].split()):
            mood = "negative" if place and key == "duo#0000" else "positive"
            strength = "strong" if place and key == "talk#0000" else "weak"
            result = [choice("sentiment", mood, media), choice("intensity", strength, media)]
            ask(label_studio.url, names[rater], "POST", f"/api/tasks/{task['id']}/annotations/", {"result": result})
    return pull_recipe(home, server)


def test_every_task_bears_its_raters_and_every_rater_has_a_tab(home, server, people):
    assigned = {one.key: one.raters for one in home.assigned()}
    found = tasks(home, server)
    assert {key: tuple(task["data"]["raters"].split()) for key, (_, task) in found.items()} == assigned
    project = home.projects()[1][0].number
    titles = [view["data"].get("title") for view in server.ask("GET", f"/api/dm/views/?project={project}")]
    assert sorted(titles) == [email.split("@")[0] for email in sorted(people)]
    push_recipe(home, server)
    assert len(server.ask("GET", f"/api/dm/views/?project={project}")) == 3


def test_a_tab_shows_a_raters_tasks_alone(home, server, people):
    project = home.projects()[1][0].number
    for view in server.ask("GET", f"/api/dm/views/?project={project}"):
        query = urllib.parse.urlencode({"project": project, "view": view["id"], "page_size": 100})
        shown = server.ask("GET", f"/api/tasks?{query}")["tasks"]
        rater = view["data"]["affectloom_rater"]
        assert shown
        mine = {one.key for one in home.assigned() if rater in one.raters}
        everything = {task["data"][KEY] for task in server.tasks(project, answers=False)}
        assert {task["data"][KEY] for task in shown} == mine & everything


def test_the_queue_of_a_tab_serves_a_raters_tasks_alone(home, server, people, label_studio):
    """What `Label Tasks As Displayed` does."""
    project = home.projects()[1][0].number
    for view in server.ask("GET", f"/api/dm/views/?project={project}"):
        rater = view["data"]["affectloom_rater"]
        token = next(token for email, token in people.items() if home.pseudonym(email) == rater)
        path = f"/api/dm/actions?id=next_task&project={project}"
        body = {"project": project, "filters": view["data"]["filters"], "ordering": view["data"]["ordering"]}
        served = ask(label_studio.url, token, "POST", path, body)
        assert rater in served["data"]["raters"].split()


@pytest.mark.skipif(chromium.program() is None, reason="no chromium here")
def test_a_rater_finds_their_tasks_as_the_project_tells_them(home, server, people, label_studio, tmp_path):
    project = home.projects()[1][0].number
    email = min(people)
    (view,) = [
        one for one in server.ask("GET", f"/api/dm/views/?project={project}")
        if one["data"]["affectloom_rater"] == home.pseudonym(email)
    ]  # fmt: skip
    mine = {task["id"] for task in server.tasks(project, answers=False)
            if home.pseudonym(email) in task["data"]["raters"].split()}  # fmt: skip
    with chromium.chromium() as page:
        page.open(f"{label_studio.url}/user/login/")
        page.fill("input[name=email]", email)
        page.fill("input[name=password]", PASSWORD)
        page.click("button[type=submit]")
        page.until("() => !location.pathname.includes('login') && document.readyState === 'complete'")
        page.open(f"{label_studio.url}/projects/")
        page.until("text => document.body.innerText.includes(text)", OWN_TASKS)
        page.open(f"{label_studio.url}/projects/{project}/data?tab={view['id']}")
        page.until(ARROW)
        page.click("#arrow")
        page.until(
            """() => {
                const one = [...document.querySelectorAll('*')].find(
                    one => !one.children.length && one.innerText?.trim() === 'Label Tasks As Displayed');
                if (one) one.click();
                return !!one;
            }"""
        )
        page.until("text => document.body.innerText.includes(text)", OWN_TASKS)
        page.picture(tmp_path / "queue.png")  # for whoever wants to look
        served = int(page.until("() => document.body.innerText.match(/(\\d+)\\s+1 of 1/)?.[1]"))
    assert served in mine


def test_blind_questions_get_no_suggestion(home, server):
    for _, task in tasks(home, server).values():
        (prediction,) = task["predictions"]
        assert prediction["model_version"] == "guess-1"
        assert {item["from_name"] for item in prediction["result"]} == {"intensity"}


def test_what_was_left_as_the_model_said_is_told(home, answered):
    assert answered.accepted == {"intensity": (13, 14)}
    rows = [json.loads(line) for line in home.store.read_or_none(answered.table).splitlines()]
    assert {row["accepted"] for row in rows if row["question"] == "sentiment"} == {False}
    assert sum(row["accepted"] for row in rows) == 13
    models = [json.loads(line) for line in home.store.read_or_none(f"{home.folder}/models.jsonl").splitlines()]
    assert {(row["rater"], row["origin"], row["question"]) for row in models} == {("guess-1", "guess-1", "intensity")}


def test_status_counts_what_is_done_and_left(home, answered, people):
    told = status_recipe(home)
    mine = [one for one in told.raters if one.question == "sentiment"]
    assert sum(one.done for one in mine) == 14
    assert {one.left for one in mine} == {0}
    assert {one.rater for one in mine} == {home.pseudonym(email) for email in people}
    # 13 positive, 1 negative: 2 of 14 coincidences differ, chance gives 2 * 13 of 13 * 14.
    assert (told.agreement["sentiment"].value, told.agreement["sentiment"].items) == (pytest.approx(0), 7)
    assert (told.contested, told.beyond, told.items) == (2, 0, 7)


def test_a_dispute_goes_to_experts_with_its_votes_and_comes_back(home, server, answered, label_studio):
    new, left = adjudicate_recipe(home)
    assert {one.item: one.why for one in new} == {
        "duo#0000": {"sentiment": "tied"},
        "talk#0000": {"intensity": "agreement 0.00"},
    }
    assert left == []
    assert adjudicate_recipe(home) == ([], [])
    report = push_recipe(home, server)
    ((where, one),) = [(where, one) for where, one in report.projects if where.expert]
    assert one.made == 2
    found = {task["data"][KEY]: task for task in server.tasks(one.project, answers=False)}
    assert found["duo#0000~round2"]["data"]["votes"] == "sentiment: negative (1), positive (1)"
    task = found["duo#0000~round2"]["id"]
    result = [choice("sentiment", "negative", "video")]
    ask(label_studio.url, TOKEN, "POST", f"/api/tasks/{task}/annotations/", {"result": result})
    again = pull_recipe(home, server)
    assert again.answers == answered.answers  # the expert saw the votes: this is no independent answer
    (row,) = [json.loads(line) for line in home.store.read_or_none(f"{home.folder}/adjudicated.jsonl").splitlines()]
    assert row["expert"] is True
    path = home.store.fs.unstrip_protocol(f"{home.folder}/adjudicated.jsonl")
    assert [(number, one.question) for number, one in read_decisions(path)] == [(2, row["question"])]
    assert (row["item"], row["question"], row["value"], row["round"]) == (
        "duo#0000",
        "sentiment",
        "negative",
        "duo#0000~round2",
    )
    assert row["votes"] == {"negative": 1, "positive": 1}
    assert where.media == "video"
