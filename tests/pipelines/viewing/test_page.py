"""The page in a real browser: clicks and keys, sound and picture, and text that wants to be markup."""

import json
import re
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from chromium import chromium, program
from published_making import HOSTILE, publish_by_hand

from pipelines.viewing.index import Index
from pipelines.viewing.serve import ViewServer
from pipelines.viewing.write import write_page

pytestmark = pytest.mark.skipif(program() is None, reason="needs Chromium: apt-get install chromium")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return publish_by_hand(tmp_path_factory.mktemp("published") / "dataset")


@contextmanager
def shown(where: str, dataset: Path, **budget):
    """A page on the dataset, from a file or a server, and the addresses that it asks for."""
    with chromium() as page:
        asked: list[str] = []
        note = page._note

        def noting(told):
            if told.get("method") == "Network.requestWillBeSent":
                asked.append(told["params"]["request"]["url"])
            note(told)

        page._note = noting
        page.ask("Network.enable")
        if where == "file":
            out = dataset.parent / "page.html"
            write_page(dataset, out, **budget)
            yield opened(page, out.as_uri()), asked
            return
        with ViewServer(Index(dataset)) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                yield opened(page, server.base), asked
            finally:
                server.shutdown()
                thread.join()


def opened(page, url: str):
    page.open(url)
    page.until("() => document.querySelectorAll('#samples tbody tr').length > 0", seconds=30)
    return page


def ids(page) -> list[str]:
    return page.run("() => [...document.querySelectorAll('#samples tbody td:first-child')].map(one => one.innerText)")


def select(page, css: str, value: str):
    page.run(
        "(css, value) => { const one = document.querySelector(css); one.value = value;"
        " one.dispatchEvent(new Event('change', {bubbles: true})) }",
        css,
        value,
    )


def playing(page) -> str:
    return "() => { const one = document.querySelector('video'); return !!one && one.readyState >= 2 }"


@pytest.mark.parametrize("where", ["file", "server"])
def test_a_reader_finds_a_sample_plays_it_and_seeks(dataset: Path, where: str):
    with shown(where, dataset) as (page, asked):
        assert ids(page) == ["talk#0000", "talk#0001", "letter#0000"]
        select(page, "#filter-split", "test")
        page.until("() => document.querySelectorAll('#samples tbody tr').length === 1")
        assert ids(page) == ["letter#0000"]
        select(page, "#filter-split", "")
        page.until("() => document.querySelectorAll('#samples tbody tr').length === 3")
        page.click("th button[data-sort=sentiment]")
        page.until("() => document.querySelector('#samples td a').innerText === 'talk#0001'")
        assert ids(page) == ["talk#0001", "letter#0000", "talk#0000"]  # by size: -2, -0.5, 1.5
        page.click("th button[data-sort=sentiment]")
        page.until("() => document.querySelector('#samples td a').innerText === 'talk#0000'")

        page.click("#samples td a", "talk#0000")
        page.until(playing(page), seconds=30)
        assert page.run("() => [...document.querySelectorAll('.lane')].length") == 7
        answers = page.run("() => document.querySelector('.votes').innerText")
        assert "because of <b>the letter</b>" in answers  # of a question without an aggregate, open at once
        assert "laugh: 0.50 to 1.25 s" in answers
        names = page.run("() => [...document.querySelectorAll('.lane > div:first-child')].map(one => one.innerText)")
        assert names[3:5] == ["voice 3\nvoice 4", "on screen"]
        page.click(".words button", "morning")
        page.until("() => document.querySelector('.words .now')?.innerText === 'morning'")
        assert page.run("() => document.querySelector('video').currentTime") == pytest.approx(1.2, abs=0.01)
        assert "voice 4 (two may speak) · <u>Live</u>" in page.run("() => document.querySelector('.reading').innerText")
        shades = page.run(
            "() => { const one = document.querySelectorAll('.lane canvas')[3], pen = one.getContext('2d');"
            " const at = (x, y) => pen.getImageData(x * one.width, y * one.height, 1, 1).data.slice(0, 3).join();"
            " return [at(.2, .25), at(.2, .9), at(.9, .9), at(.55, .25)] }"
        )
        assert shades[0] != shades[2]  # a colour for each voice,
        assert shades[1] == shades[3]  # and none where it does not speak
        assert shades[1] not in (shades[0], shades[2])

        place = page.run(
            "() => { const one = document.querySelector('.lane canvas'); one.scrollIntoView({block: 'center'});"
            " const box = one.getBoundingClientRect(); return [box.x, box.y, box.width, box.height] }"
        )
        for kind in ("mousePressed", "mouseReleased"):
            at = {"x": place[0] + place[2] * 0.1, "y": place[1] + place[3] / 2}
            page.ask("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **at)
        page.until("() => document.querySelector('.words .now')?.innerText === 'I'")
        assert page.run("() => document.querySelector('video').currentTime") == pytest.approx(0.2, abs=0.01)

        page.press(" ")
        page.until(
            "() => document.querySelector('.words .now')?.innerText === 'opened'"
        )  # it plays, and words light up
        page.press(" ")
        page.until("() => document.querySelector('video').paused")
        assert page.said == []
        own = ("file:", "blob:", "data:") if where == "file" else ("http://127.0.0.1:", "data:")
        assert asked
        assert [url for url in asked if not url.startswith(own)] == []
        if where == "server":
            assert {url.partition("?")[0].split("/", 3)[3] for url in asked if url.startswith("http")} == {
                "", "samples", "sample/0", "media/0/video"
            }  # fmt: skip


def test_keys_alone_are_enough(dataset: Path):
    with shown("file", dataset) as (page, _):
        page.press("/")
        page.until("() => document.activeElement.id === 'search'")
        page.fill("#search", "nobody")
        page.until("() => document.querySelectorAll('#samples tbody tr').length === 1")
        page.run("() => { const one = document.querySelector('#search'); one.value = '';"
                 " one.dispatchEvent(new Event('input')); one.blur() }")  # fmt: skip
        page.press("j")
        page.press("j")
        page.press("k")
        page.press("Enter")
        page.until("() => document.querySelector('#sample-view h1')?.innerText === 'talk#0000'")
        page.until(playing(page), seconds=30)
        page.press("ArrowRight")
        page.until("() => Math.abs(document.querySelector('video').currentTime - 0.5) < 0.01")
        page.press("ArrowLeft")
        page.until("() => document.querySelector('video').currentTime === 0")
        page.press("j")
        page.until("() => document.querySelector('#sample-view h1')?.innerText === 'talk#0001'")
        page.press("Escape")
        page.until("() => !document.querySelector('#list-view').hidden")
        assert page.said == []


def test_text_from_the_data_stays_text(dataset: Path):
    with shown("file", dataset) as (page, _):
        assert page.run("() => document.querySelectorAll('#samples td.text')[1].innerText") == HOSTILE
        page.click("#samples td a", "talk#0001")
        page.until("() => document.querySelector('#sample-view .words')?.innerText.includes('<img')")
        assert page.run("() => window.broken === undefined")
        assert page.run("() => document.querySelectorAll('#sample-view img, b.mark').length") == 0
        assert page.said == []
    text = (dataset.parent / "page.html").read_text("utf-8")
    assert "<img" not in text
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)
    held = re.search(r'<script type="application/json" id="sample-1">(.*?)</script>', text, re.DOTALL)
    assert held
    assert json.loads(held[1])["brief"]["text"] == HOSTILE


@pytest.mark.parametrize("where", ["#", "#sample-0", "#sample-1"])
def test_a_phone_shows_it_without_scrolling_sideways(dataset: Path, where: str):
    with shown("file", dataset) as (page, _):
        page.ask("Emulation.setDeviceMetricsOverride", width=375, height=800, deviceScaleFactor=2, mobile=True)
        page.run("where => { location.hash = where }", where)
        if where != "#":
            page.until("() => !!document.querySelector('#sample-view h1')")
        assert page.run("() => [innerWidth, document.documentElement.scrollWidth]") == [375, 375]
        wider = (
            "() => [...document.querySelectorAll('main *')].filter(one => one.getClientRects().length"
            " && one.getBoundingClientRect().right > 376).map(one => one.outerHTML.slice(0, 80))"
        )
        assert page.run(wider) == []


def test_what_does_not_fit_is_said_to_be_missing(dataset: Path):
    with shown("file", dataset, budget=1000) as (page, _):
        assert "first 0 of 3 samples" in page.run("() => document.querySelector('.note').innerText")
        page.click("#samples td a", "talk#0000")
        page.until("() => document.querySelector('#sample-view')?.innerText.includes('does not hold')")
        assert page.said == []
