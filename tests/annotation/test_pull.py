"""Pulling from a real Label Studio: all that raters did, nothing twice, nothing lost."""

import json
import threading

import pytest
from label_studio_server import TOKEN, ask

from annotation.connection import ServerAway, Tries
from annotation.label_studio import LabelStudio
from annotation.ledger import Entry, Ledger, TaskSeen
from annotation.pseudonyms import pseudonym
from annotation.pull import pull, take_export
from annotation.push import Project, Task, push
from schemas.errors import SourceTableError, StoreError, UsageError

CONFIG = """<View>
  <Text name="text" value="$text"/>
  <Choices name="emotion" toName="text"><Choice value="joy"/><Choice value="anger"/></Choices>
</View>"""
SALT = b"a salt of more than sixteen bytes"
QUICK = Tries(most=4, pause_s=0.01, longest_s=0.05)


@pytest.fixture(scope="module")
def raters(label_studio):
    return [label_studio.sign_up(f"puller{at}") for at in range(2)]


@pytest.fixture
def server(label_studio):
    return LabelStudio(label_studio.url, TOKEN, QUICK)


@pytest.fixture
def pushed(server, request):
    """Number of a project with three tasks, and the numbers of the tasks."""
    project = Project(f"pull/{request.node.name}", request.node.name, CONFIG, raters=3)
    number = push(server, project, [Task(f"clip#{at}", {"text": f"text {at}"}) for at in range(3)]).project
    return number, [task["id"] for task in server.tasks(number, answers=False)]


def result(choice):
    return [{"id": "r", "from_name": "emotion", "to_name": "text", "type": "choices", "value": {"choices": [choice]}}]


def answer(label_studio, task, choice="joy", token=TOKEN, **more):
    body = {"result": result(choice), "lead_time": 3.25, **more}
    return ask(label_studio.url, token, "POST", f"/api/tasks/{task}/annotations/", body)["id"]


def naming(server):
    users = server.users()

    def named(user):
        name = user if isinstance(user, str) else users.get(user, str(user))
        return pseudonym(name, SALT)

    return named


def states(ledger):
    """What the ledger holds, short: task key, state, choice, and whether it is gone."""
    return sorted(
        (
            ledger.tasks[entry.project, entry.task].key,
            entry.state,
            entry.result[0]["value"]["choices"][0] if entry.result else "",
            entry.gone,
        )
        for entries in ledger.entries.values()
        for entry in entries
    )


def test_everything_that_raters_do_is_kept(label_studio, server, pushed, raters):
    number, (first, second, third) = pushed
    (email, ann), (_, ben) = raters
    ledger, named = Ledger(), naming(server)
    assert pull(server, number, "all", ledger, named).asked == 3

    given = answer(label_studio, first, "joy", ann)
    answer(label_studio, first, "anger", ben)
    ask(
        label_studio.url,
        ben,
        "POST",
        f"/api/tasks/{second}/annotations/?was_cancelled=1",
        {"result": [], "was_cancelled": True},
    )
    draft = ask(label_studio.url, ann, "POST", f"/api/tasks/{third}/drafts", {"result": result("joy"), "lead_time": 1})
    done = pull(server, number, "all", ledger, named)
    assert (done.asked, done.news) == (2, 4)
    assert states(ledger) == [
        ("clip#0", "submitted", "anger", False),
        ("clip#0", "submitted", "joy", False),
        ("clip#1", "skipped", "", False),
        ("clip#2", "draft", "joy", False),
    ]
    entry = ledger.entries[number, "annotation", given][0]
    assert (entry.rater, entry.lead_time_s) == (pseudonym(email, SALT), 3.25)

    ask(label_studio.url, ann, "PATCH", f"/api/annotations/{given}/", {"result": result("anger")})
    ask(label_studio.url, ann, "PATCH", f"/api/drafts/{draft['id']}/", {"result": result("anger")})
    assert pull(server, number, "all", ledger, named).news == 2
    ask(label_studio.url, ann, "PATCH", f"/api/annotations/{given}/", {"result": result("joy")})
    assert pull(server, number, "all", ledger, named).news == 1
    ask(label_studio.url, ann, "DELETE", f"/api/annotations/{given}/")
    ask(label_studio.url, ann, "DELETE", f"/api/drafts/{draft['id']}/")
    assert pull(server, number, "all", ledger, named).news == 2
    history = ledger.entries[number, "annotation", given]
    assert [one.result[0]["value"]["choices"][0] for one in history] == ["joy", "anger", "joy"]
    assert [one.gone for one in history] == [False, False, True]
    assert ("clip#2", "draft", "anger", True) in states(ledger)


def test_pulling_again_reads_nothing_and_changes_nothing(label_studio, server, pushed):
    number, tasks = pushed
    ledger, named = Ledger(), naming(server)
    answer(label_studio, tasks[1])
    pull(server, number, "text", ledger, named)
    before = ledger.to_bytes()
    done = pull(server, number, "text", ledger, named)
    assert (done.tasks, done.asked, done.news) == (3, 0, 0)
    assert ledger.to_bytes() == before
    whole = Ledger()
    pull(server, number, "text", whole, named)
    assert whole.to_bytes() == before


def test_no_address_of_a_rater_passes_the_border(label_studio, server, pushed, raters):
    number, tasks = pushed
    answer(label_studio, tasks[0], token=raters[0][1])
    ask(label_studio.url, raters[1][1], "POST", f"/api/tasks/{tasks[1]}/drafts", {"result": [], "lead_time": 1})
    ledger = Ledger()
    pull(server, number, "all", ledger, naming(server))
    assert b"example.com" not in ledger.to_bytes()
    assert len(ledger.entries) == 2


def test_a_task_deleted_by_hand_takes_its_answers_off_the_count_but_not_off_the_ledger(label_studio, server, pushed):
    number, tasks = pushed
    answer(label_studio, tasks[0])
    ledger, named = Ledger(), naming(server)
    pull(server, number, "all", ledger, named)
    server.delete_task(tasks[0])
    assert pull(server, number, "all", ledger, named).deleted_tasks == 1
    assert states(ledger) == [("clip#0", "submitted", "joy", True)]
    assert pull(server, number, "all", ledger, named).deleted_tasks == 0


def test_a_server_killed_amid_a_pull_leaves_the_ledger_as_it_was(label_studio, pushed):
    number, tasks = pushed
    server = LabelStudio(label_studio.url, TOKEN, QUICK)
    for task in tasks:
        answer(label_studio, task)
    ledger, named = Ledger(), naming(server)

    def killing(_):
        if server.killed is False:
            server.killed = True
            label_studio.kill()

    server.killed = False
    pages = LabelStudio.tasks

    class Interrupted(LabelStudio):
        def tasks(self, project, *, answers, since=None):
            if answers:
                killing(None)
            return pages(self, project, answers=answers, since=since)

    try:
        with pytest.raises(ServerAway):
            pull(Interrupted(label_studio.url, TOKEN, QUICK), number, "all", ledger, named)
        assert ledger == Ledger()
    finally:
        label_studio.start()
    assert pull(server, number, "all", ledger, named).news == 3


def test_a_pull_outlasts_a_restart_of_the_server(label_studio, pushed):
    number, tasks = pushed
    answer(label_studio, tasks[0])
    label_studio.kill()
    starting = threading.Thread(target=label_studio.start)
    starting.start()
    patient = LabelStudio(label_studio.url, TOKEN, Tries(most=100, pause_s=0.2, longest_s=0.5))
    ledger = Ledger()
    assert pull(patient, number, "all", ledger, naming(patient)).news == 1
    starting.join()


def test_an_export_gives_what_a_pull_gives(label_studio, server, pushed, raters):
    number, tasks = pushed
    for task, (_, token) in zip(tasks, raters * 2, strict=False):
        answer(label_studio, task, token=token)
    ask(
        label_studio.url,
        raters[0][1],
        "POST",
        f"/api/tasks/{tasks[1]}/annotations/?was_cancelled=1",
        {"result": [], "was_cancelled": True},
    )
    export = json.dumps(ask(label_studio.url, TOKEN, "GET", f"/api/projects/{number}/export?exportType=JSON")).encode()
    exported, pulled, named = Ledger(), Ledger(), naming(server)
    take_export(export, "export.json", {number: "all"}, exported, named)
    pull(server, number, "all", pulled, named)
    assert len(pulled.entries) == 4
    assert exported.entries == pulled.entries
    # An export taken before does not hide later answers from a pull, nor does an old one undo a pull.
    answer(label_studio, tasks[2], "anger")
    pull(server, number, "all", exported, named)
    pull(server, number, "all", pulled, named)
    assert exported.to_bytes() == pulled.to_bytes()
    take_export(export, "export.json", {number: "all"}, pulled, named)
    assert exported.to_bytes() == pulled.to_bytes()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"{", "not JSON"),
        (b"{}", "no list of tasks"),
        (b'[{"id": 1, "text": "x", "choice": "joy"}]', "no `id`, `data` and `annotations`"),
        (b'[{"id": 1, "project": 99, "data": {"affectloom_id": "a"}, "annotations": []}]', "another project: 99"),
        (b'[{"id": 1, "project": 7, "data": {"text": "a"}, "annotations": []}]', "no task of it was made by a push"),
        (b'[{"id": 1, "project": 7, "data": {"affectloom_id": "a~again"}, "annotations": []}]', "no sample 'a' here"),
    ],
)
def test_an_export_that_is_none_is_refused_with_its_name(data, said):
    ledger = Ledger()
    with pytest.raises(SourceTableError, match=r"export\.json") as told:
        take_export(data, "export.json", {7: "all"}, ledger, str, ["clip#0000"])
    assert said in str(told.value)
    assert ledger == Ledger()


def test_a_project_that_is_gone_is_told(server):
    with pytest.raises(UsageError, match="no project 999999"):
        pull(server, 999999, "all", Ledger(), str)


def test_a_task_made_by_hand_is_left_alone(server, pushed):
    number, _ = pushed
    server.add_tasks(number, [{"data": {"text": "by hand"}}])
    done = pull(server, number, "all", Ledger(), str)
    assert (done.tasks, done.strangers) == (3, 1)


def test_a_ledger_goes_through_its_file_unchanged():
    ledger = Ledger()
    task = TaskSeen(1, "audio", 2, "clip#0", "2026", {"text": "a\u2028b"})
    entry = Entry(1, 2, "annotation", 3, "rater-x", "submitted", "2026", "2026", 1.5, result("joy"))
    ledger.see(task, [entry], whole=True)
    assert Ledger.from_bytes(ledger.to_bytes()) == ledger


def test_a_damaged_ledger_names_the_line():
    with pytest.raises(StoreError, match=r"answers/ledger.jsonl, line 2"):
        Ledger.from_bytes(b'\n{"entry": {}}\n', "answers/ledger.jsonl")
