"""Pushing to a real Label Studio: every task once, whatever happens meanwhile."""

import threading
import time

import pytest
from label_studio_server import TOKEN, ask

from annotation.connection import Refused, ServerAway, Tries
from annotation.label_studio import LabelStudio
from annotation.push import KEY, Project, Task, find_projects, push
from schemas.errors import UsageError

CONFIG = """<View>
  <Text name="text" value="$text"/>
  <Choices name="emotion" toName="text"><Choice value="joy"/><Choice value="anger"/></Choices>
</View>"""
QUICK = Tries(most=4, pause_s=0.01, longest_s=0.05)
PATIENT = Tries(most=60, pause_s=0.2, longest_s=0.5)


@pytest.fixture
def server(label_studio):
    return LabelStudio(label_studio.url, TOKEN, QUICK)


@pytest.fixture
def project(request):
    return Project(f"test/{request.node.name}", request.node.name, CONFIG, raters=3)


def some(count, **more):
    return [Task(f"clip#{at:04d}", {"text": f"text {at}", **more}) for at in range(count)]


def keys_of(server, number):
    return sorted(task["data"][KEY] for task in server.tasks(number, answers=False))


def answer(label_studio, task, choice="joy", token=TOKEN):
    result = [{"id": "r", "from_name": "emotion", "to_name": "text", "type": "choices", "value": {"choices": [choice]}}]
    return ask(label_studio.url, token, "POST", f"/api/tasks/{task}/annotations/", {"result": result})


def test_pushing_twice_makes_no_second_copy(server, project):
    first = push(server, project, some(30))
    again = push(server, project, some(30))
    assert (first.made, first.kept) == (30, 0)
    assert (again.made, again.kept, again.changed, again.removed_copies) == (0, 30, 0, 0)
    assert first.project == again.project
    assert keys_of(server, first.project) == [task.key for task in some(30)]


def test_what_was_pushed_can_be_extended_and_changed(server, project):
    number = push(server, project, some(5)).project
    changed = push(server, project, [Task("clip#0002", {"text": "mended"}), *some(7)[5:]])
    assert (changed.made, changed.changed, changed.not_ours) == (2, 1, 4)
    texts = {task["data"][KEY]: task["data"]["text"] for task in server.tasks(number, answers=False)}
    assert texts["clip#0002"] == "mended"
    assert len(texts) == 7


def test_a_change_to_an_answered_task_is_told(server, project, label_studio):
    number = push(server, project, some(2)).project
    answer(label_studio, next(server.tasks(number, answers=False))["id"])
    changed = push(server, project, [Task("clip#0000", {"text": "other"}), *some(2)[1:]])
    assert changed.changed_though_answered == ["clip#0000"]


def test_links_are_renewed_when_they_will_expire_and_only_then(server, project):
    def task(signature, until):
        return Task("clip#0000", {"text": "t"}, {"video": f"http://h/m/{until}/{signature * 43}/a.mp4"}, until)

    push(server, project, [task("A", 100)])
    assert push(server, project, [task("B", 100)]).kept == 1
    renewed = push(server, project, [task("C", 200)])
    assert renewed.changed == 1
    shown = next(server.tasks(renewed.project, answers=False))["data"]
    assert shown["video"] == f"http://h/m/200/{'C' * 43}/a.mp4"


def test_a_task_deleted_by_hand_comes_back_once(server, project):
    number = push(server, project, some(4)).project
    server.delete_task(next(server.tasks(number, answers=False))["id"])
    assert push(server, project, some(4)).made == 1
    assert keys_of(server, number) == [task.key for task in some(4)]


def test_two_pushes_at_once_leave_one_project_and_each_task_once(server, project, label_studio):
    done, failed = [], []
    together = threading.Barrier(2)

    def one():
        try:
            mine = LabelStudio(label_studio.url, TOKEN, PATIENT)
            together.wait()
            done.append(push(mine, project, some(400)))
        except Exception as error:  # noqa: BLE001 - shown below
            failed.append(error)

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert len(find_projects(server, project.mark)) == 1
    assert keys_of(server, done[0].project) == [task.key for task in some(400)]


def test_a_copy_with_answers_is_kept_and_told(server, project, label_studio):
    number = push(server, project, some(2)).project
    server.add_tasks(number, [some(2)[0].as_json(), some(2)[1].as_json()])
    first, _, copy_of_first, copy_of_second = (task["id"] for task in server.tasks(number, answers=False))
    for task in (first, copy_of_first, copy_of_second):
        answer(label_studio, task)
    told = push(server, project, some(2))
    assert told.copies_with_answers == ["clip#0000"]
    assert told.removed_copies == 1
    left = {task["id"] for task in server.tasks(number, answers=False)}
    assert left == {first, copy_of_first, copy_of_second}


def test_answers_given_at_the_last_moment_are_not_deleted(server, project, label_studio):
    number = push(server, project, some(4)).project
    answered, skipped, begun, empty = (task["id"] for task in server.tasks(number, answers=False))
    answer(label_studio, answered)
    ask(
        label_studio.url,
        TOKEN,
        "POST",
        f"/api/tasks/{skipped}/annotations/?was_cancelled=1",
        {"result": [], "was_cancelled": True},
    )
    ask(label_studio.url, TOKEN, "POST", f"/api/tasks/{begun}/drafts", {"result": [], "lead_time": 1})
    assert server.delete_unanswered(number, [answered, skipped, begun, empty]) == 1
    assert {task["id"] for task in server.tasks(number, answers=False)} == {answered, skipped, begun}


def test_a_server_killed_amid_a_push_and_started_again_loses_nothing(label_studio, project):
    patient = LabelStudio(label_studio.url, TOKEN, PATIENT)
    killed = threading.Event()

    def kill():
        if not killed.is_set():
            killed.set()
            label_studio.kill()
            threading.Thread(target=label_studio.start).start()

    def slowly():
        for at, task in enumerate(some(1200)):
            if at == 600:
                threading.Timer(0.15, kill).start()
            yield task

    done = push(patient, project, slowly())
    assert killed.is_set()
    assert keys_of(patient, done.project) == [task.key for task in some(1200)]
    assert push(patient, project, some(1200)).kept == 1200


def test_a_push_that_gives_up_is_gone_on_with(label_studio, server, project):
    def until_killed():
        yield from some(700)[:600]
        label_studio.kill()
        yield from some(700)[600:]

    try:
        with pytest.raises(ServerAway, match="tried 4 times"):
            push(server, project, until_killed())
    finally:
        label_studio.start()
    again = push(server, project, some(700))
    assert again.made >= 100
    assert again.made + again.kept == 700
    assert keys_of(server, again.project) == [task.key for task in some(700)]


@pytest.mark.parametrize("token", ["0" * 40, "a.b.c"])
def test_a_wrong_token_names_the_variable_and_is_not_shown(label_studio, project, token):
    with pytest.raises(UsageError, match="LABEL_STUDIO_TOKEN") as told:
        push(LabelStudio(label_studio.url, token, QUICK), project, some(1))
    assert token not in str(told.value)


def test_an_access_token_that_expires_is_renewed(label_studio, project):
    personal = LabelStudio(label_studio.url, label_studio.personal_token(TOKEN), QUICK)
    number = push(personal, project, some(3)).project
    tokens = personal._sdk.wrapper._tokens_client
    head, body, signature = tokens._access_token.split(".")
    tokens._access_token = f"{head}.{body}.{signature[::-1]}"
    assert keys_of(personal, number) == [task.key for task in some(3)]
    assert personal._sdk.wrapper._tokens_client is not tokens


def test_a_personal_token_that_was_revoked_is_told(label_studio, project):
    _, legacy = label_studio.sign_up(f"revoker{time.monotonic_ns()}")
    token = label_studio.personal_token(legacy)
    personal = LabelStudio(label_studio.url, token, QUICK)
    personal.whoami()
    ask(label_studio.url, legacy, "POST", "/api/token/blacklist/", {"refresh": token})
    personal._sdk.wrapper._tokens_client._access_token = None
    with pytest.raises(UsageError, match="expired or was revoked"):
        personal.whoami()


def test_the_servers_reason_is_told(server, project):
    broken = Project(project.key, "broken", "<View><Choices name='a'/></View>")
    with pytest.raises(Refused, match="HTTP 400"):
        push(server, broken, some(1))
    with pytest.raises(Refused, match="text"):
        push(server, project, [Task("a", {"other": "no text"})])


def test_a_key_that_comes_twice_is_refused(server, project):
    with pytest.raises(UsageError, match="two tasks have the key 'clip#0000'"):
        push(server, project, some(1) * 2)


def test_an_address_that_is_none_is_refused():
    with pytest.raises(UsageError, match="LABEL_STUDIO_URL"):
        LabelStudio("file:///etc/passwd", TOKEN)


def test_nobody_listening_is_told_after_some_tries():
    with pytest.raises(ServerAway, match="Connection refused"):
        LabelStudio("http://127.0.0.1:9", TOKEN, QUICK).whoami()


@pytest.mark.parametrize("name", ["LABEL_STUDIO_URL", "LABEL_STUDIO_TOKEN"])
def test_what_is_not_set_is_named(monkeypatch, name):
    monkeypatch.setenv("LABEL_STUDIO_URL", "http://localhost:8080")
    monkeypatch.setenv("LABEL_STUDIO_TOKEN", "secret")
    monkeypatch.delenv(name)
    with pytest.raises(UsageError, match=f"{name} is not set"):
        LabelStudio.from_environment()
