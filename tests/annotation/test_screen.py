"""The labelling screen as raters have it: a real Chromium, the real Label Studio, clips from our own server."""

import json
import threading
import time
from pathlib import Path

import chromium
import pytest
from asking_for_tests import built
from label_studio_server import PASSWORD, TOKEN, ask

from annotation.label_studio import LabelStudio
from annotation.media_server import MediaServer, link
from annotation.push import KEY, LINKS_UNTIL
from pipelines.annotating.pull import pull_recipe
from pipelines.annotating.push import push_recipe

pytestmark = pytest.mark.skipif(chromium.program() is None, reason="no chromium here")
HOSTILE = "<img src=x onerror='window.hurt=1'><script>window.hurt=1</script> $text &amp; </Text>"
SUBMIT = "() => [...document.querySelectorAll('button')].some(one => one.innerText.trim() === 'Submit')"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("screen")
    return built(folder, name="screen")


@pytest.fixture(scope="module")
def media(home, label_studio):
    folder = Path(home.folder) / "media"
    folder.mkdir(parents=True, exist_ok=True)
    with MediaServer(folder, home.media_secret, origin=label_studio.url) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def pushed(home, media, label_studio):
    """Medium to its project."""
    report = push_recipe(home, LabelStudio(label_studio.url, TOKEN), media_url=media.base)
    return {where.media: one.project for where, one in report.projects}


@pytest.fixture(scope="module")
def rater(label_studio):
    return label_studio.sign_up("eva")


@pytest.fixture(scope="module")
def page(label_studio, rater):
    with chromium.chromium() as page:
        page.open(f"{label_studio.url}/user/login/")
        page.fill("input[name=email]", rater[0])
        page.fill("input[name=password]", PASSWORD)
        page.click("button[type=submit]")
        page.until("() => !location.pathname.includes('login') && document.readyState === 'complete'")
        yield page


def first_task(label_studio, project):
    return next(LabelStudio(label_studio.url, TOKEN).tasks(project, answers=False))


def open_task(page, label_studio, project, task):
    page.said.clear()
    page.open(f"{label_studio.url}/projects/{project}/data?task={task}")
    page.until(SUBMIT)


def given(label_studio, task, rater):
    """What a rater answered, by control."""
    made = ask(label_studio.url, TOKEN, "GET", f"/api/tasks/{task}/annotations/")
    mine = [one for one in made if rater[0] in one["created_username"]]
    return [{item["from_name"]: item["value"]["choices"] for item in one["result"]} for one in mine]


def test_a_clip_plays_and_hotkeys_answer(  # noqa: PLR0917 - fixtures
    page, label_studio, home, pushed, rater, tmp_path
):
    task = first_task(label_studio, pushed["video"])
    open_task(page, label_studio, pushed["video"], task["id"])
    page.until("() => { const one = document.querySelector('video'); return one && one.readyState >= 3 }")
    played = page.run(
        """async () => {
            const one = document.querySelector('video');
            one.muted = true;
            await one.play();
            await new Promise(done => setTimeout(done, 1000));
            one.pause();
            one.currentTime = 3;
            await new Promise(done => one.addEventListener('seeked', done, {once: true}));
            return [one.currentTime, one.videoWidth, one.duration];
        }"""
    )
    assert played[0] == pytest.approx(3, abs=0.05)
    assert played[1] > 0
    for key in "d3":
        page.press(key)
        time.sleep(1)
    page.picture(tmp_path / "answered.png")  # for whoever wants to look
    page.click("button", "Submit")
    page.until("() => [...document.querySelectorAll('button')].some(one => one.innerText.trim() === 'Update')")
    assert given(label_studio, task["id"], rater) == [{"sentiment": ["positive"], "intensity": ["strong"]}]
    pull_recipe(home, LabelStudio(label_studio.url, TOKEN))
    rows = [json.loads(line) for line in home.store.read_or_none(f"{home.folder}/answers.jsonl").splitlines()]
    said = {row["question"]: row["value"] for row in rows if row["item"] == task["data"][KEY]}
    assert said == {"sentiment": "positive", "intensity": 3.0}
    assert all(row["lead_time_s"] > 1 for row in rows)


def test_a_link_that_has_expired_plays_again_after_a_push(page, label_studio, home, pushed, media):
    server = LabelStudio(label_studio.url, TOKEN)
    task = list(server.tasks(pushed["video"], answers=False))[1]
    until = int(time.time()) - 1
    expired = link(media.base, task["data"]["video"].rpartition("/")[2], home.media_secret, until)
    server.change_task(task["id"], {**task["data"], "video": expired, LINKS_UNTIL: until})
    open_task(page, label_studio, pushed["video"], task["id"])
    time.sleep(4)
    assert not page.run("() => (document.querySelector('video')?.readyState ?? 0) > 0")
    push_recipe(home, server, media_url=media.base)
    open_task(page, label_studio, pushed["video"], task["id"])
    page.until("() => { const one = document.querySelector('video'); return one && one.readyState >= 3 }")


def test_sound_is_heard(page, label_studio, pushed):
    task = first_task(label_studio, pushed["audio"])
    open_task(page, label_studio, pushed["audio"], task["id"])
    length = page.until(
        "() => { const one = document.querySelector('audio'); return one && one.readyState >= 2 && one.duration }"
    )
    assert length == pytest.approx(4.92, abs=0.1)


def test_what_is_required_is_asked_for(page, label_studio, pushed, rater):
    task = [one["id"] for one in LabelStudio(label_studio.url, TOKEN).tasks(pushed["video"], answers=False)][1]
    open_task(page, label_studio, pushed["video"], task)
    page.click("button", "Submit")
    time.sleep(2)
    assert page.run(SUBMIT)
    assert given(label_studio, task, rater) == []


def test_a_transcript_is_text_whatever_it_holds(page, label_studio, home, pushed):
    server = LabelStudio(label_studio.url, TOKEN)
    task = first_task(label_studio, pushed["none"])
    hostile = {**task["data"], "text": HOSTILE, "context": [{"speaker": HOSTILE, "text": HOSTILE}]}
    server.change_task(task["id"], hostile)
    try:
        open_task(page, label_studio, pushed["none"], task["id"])
        page.until("text => document.body.innerText.includes(text)", HOSTILE)
        assert page.run("() => window.hurt === undefined")
    finally:
        server.change_task(task["id"], task["data"])
