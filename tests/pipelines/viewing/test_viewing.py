"""What the page is told: figures, samples in time, votes; and what the server answers."""

import http.client
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from published_making import HOSTILE, TALK, publish_by_hand
from typer.testing import CliRunner

from dataset_cards.viewer.page import element
from pipelines.cli import app
from pipelines.viewing.detail import agreement, detail, medium_type, peaks
from pipelines.viewing.index import Index
from pipelines.viewing.overview import histogram, label_figure, overview
from pipelines.viewing.serve import ViewServer
from schemas.errors import UsageError


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    return Index(publish_by_hand(tmp_path_factory.mktemp("published") / "dataset"))


@pytest.fixture
def served(index: Index) -> Iterator[http.client.HTTPConnection]:
    with ViewServer(index) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=20)
        yield connection
        connection.close()
        server.shutdown()
        thread.join()


def test_the_figures_count_what_is_there(index: Index):
    told = overview(index)
    assert (told.name, told.version, told.licence) == ("by-hand", "1.2.0", "cc0-1.0")
    assert (told.samples, told.recordings, told.seconds, told.speakers) == (3, 2, 3.0, 2)
    bars = {one.title: dict(one.bars) for one in told.figures}
    assert bars["Splits"] == {"train": 2, "test": 1}
    assert bars["emotion"] == {"anger": 1, "joy": 1}
    assert bars["themes"] == {"home": 3, "work": 3}
    assert told.choices["themes"] == ("work, home",)
    assert bars["Speakers"] == {"clara": 1, "<i>ben</i>": 1, "not known": 1}
    assert bars["What samples lack"] == {"text": 0, "video": 2}
    assert told.choices["split"] == ("train", "test")
    assert told.choices["sentiment"] == ("-2", "-0.5", "1.5")


def test_a_sample_is_told_on_its_own_clock(index: Index):
    told = detail(index, 0)
    assert [(word.text, word.start, word.end) for word in told.words] == [
        ("I", 0.1, 0.4), ("opened", 0.4, 0.9), ("morning", 1.2, 2.0)
    ]  # fmt: skip
    assert told.media == {"video": "video/mp4", "audio": "audio/flac"}
    pitch, intensity = told.curves
    assert (pitch.times, pitch.values) == ((0, 0.5, 1, 1.5), (100, None, 200, 150))
    assert intensity.values == (60, 61, 62, 63)
    assert told.units is not None
    assert told.units.rows == {"AU12": (0, 1, None, 0.5)}
    assert told.boxes is not None
    assert told.boxes.places == ((0.25, 0.25, 0.5, 0.5), (0.5, 0.25, 0.5, 0.5), None, (0.5, 0.25, 0.5, 0.5))
    assert told.likeness is not None
    assert told.likeness.values == (1, 0.6)  # (3, 0) and (3, 4): 9 / (3 * 5)
    emotion = next(one for one in told.votes if one.question == "emotion")
    assert (emotion.label, emotion.counts) == ("joy", (("anger", 1), ("joy", 2)))
    assert emotion.agreement == pytest.approx(1 / 3, abs=1e-3)
    assert max(told.waveform[:200]) == pytest.approx(0.25, abs=0.01)
    assert min(told.waveform[280:]) == pytest.approx(0.5, abs=0.01)


def test_questions_whose_answers_are_all_kept_are_told_too(index: Index):
    told = {one.question: one for one in detail(index, 0).votes}
    assert list(told) == ["emotion", "sentiment", "themes", "why", "moments"]
    assert told["why"].kept
    assert told["why"].answers == (("rater-1", "because of <b>the letter</b>"),)
    assert told["moments"].answers == (("rater-1", "laugh: 0.50 to 1.25 s; cause: “opened”"),)
    assert not told["emotion"].kept


def test_a_text_has_no_clock_and_no_curves(index: Index):
    told = detail(index, 2)
    assert (told.brief.seconds, told.words, told.media, told.curves, told.waveform) == (None, (), {}, (), ())
    assert told.absent == ("video",)
    assert told.text == "Nobody came. " + "a long way. " * 60
    assert told.text.startswith(told.brief.text)
    assert len(told.brief.text) == 400


def test_samples_are_found_by_text_and_columns(index: Index):
    def found(**asked) -> list[int]:
        return [one.at for one in index.find(**asked)]

    assert found() == [0, 1, 2]
    assert found(text="NOBODY") == [2]
    assert found(fits={"split": "train", "emotion": "joy"}) == [0]
    assert found(sort="sentiment") == [1, 2, 0]
    assert found(sort="sentiment", down=True) == [0, 2, 1]
    assert found(sort="seconds") == [1, 0, 2]
    assert found(sort="seconds", down=True) == [0, 1, 2], "who has none is last either way"
    with pytest.raises(IndexError):
        index.place(3)


@given(st.lists(st.floats(-1e6, 1e6, allow_nan=False), min_size=1, max_size=60))
def test_a_histogram_loses_no_value_and_has_few_bins(values: list[float]):
    bars = histogram(values)
    assert sum(count for _, count in bars) == len(values)
    assert len(bars) <= 14
    edges = [float(name) for name, _ in bars]
    assert edges == sorted(edges)


def test_edges_of_a_histogram_belong_to_the_bin_above():
    assert histogram([0.0, 0.1, 0.3, 1.0]) == (
        ("0", 1), ("0.1", 1), ("0.2", 0), ("0.3", 1), ("0.4", 0), ("0.5", 0), ("0.6", 0), ("0.7", 0), ("0.8", 0),
        ("0.9", 0), ("1", 1),
    )  # fmt: skip
    assert histogram([7.0, 7.0]) == (("7", 2),)


def test_several_labels_of_a_sample_are_counted_each():
    assert dict(label_figure("seen", [["joy", "fear"], ["joy"], None]).bars) == {"joy": 2, "fear": 1}


def test_a_number_that_is_none_is_no_label():
    figure = label_figure("sentiment", [1.0, float("nan"), None, 1.0])
    assert (dict(figure.bars), figure.note) == ({"1": 2}, "2 of 4 without a label")


@given(st.lists(st.sampled_from("abc"), min_size=2, max_size=8))
def test_agreement_is_that_of_fleiss(answers: list[str]):
    n = len(answers)
    by_counts = (sum(answers.count(one) ** 2 for one in "abc") - n) / (n * (n - 1))
    assert agreement(answers) == pytest.approx(by_counts, abs=1e-3)
    assert agreement(answers[:1]) is None


@given(st.integers(1, 3000))
def test_the_loudest_value_is_in_the_waveform(n: int):
    loud = np.random.default_rng(n).random(n).astype(np.float32)
    drawn = peaks(loud)
    assert len(drawn) == min(n, 480)
    assert max(drawn) == pytest.approx(float(loud.max()), abs=1e-3)


def test_an_image_is_never_called_something_that_runs():
    assert medium_type("image", b"<svg onload=alert(1)>") == "application/octet-stream"
    assert medium_type("image", b"\x89PNG\r\n") == "image/png"


@given(st.text())
def test_no_text_leaves_its_element(text: str):
    made = element("x", {"text": text})
    inner = made.removeprefix('<script type="application/json" id="x">').removesuffix("</script>")
    assert not set("<>&") & set(inner)
    assert json.loads(inner) == {"text": text}


def test_the_server_gives_ranges_of_a_clip(served: http.client.HTTPConnection):
    whole = TALK.read_bytes()
    served.request("GET", "/media/0/video", headers={"Range": "bytes=100-199"})
    answer = served.getresponse()
    assert (answer.status, answer.read()) == (206, whole[100:200])
    assert answer.headers["Content-Range"] == f"bytes 100-199/{len(whole)}"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    for path, status in (("/media/2/video", 404), ("/media/9/video", 404), ("/sample/9", 404), ("/../etc", 404)):
        served.request("GET", path)
        answer = served.getresponse()
        answer.read()
        assert answer.status == status, path
    served.request("GET", "/sample/1")
    assert json.loads(served.getresponse().read())["brief"]["text"] == HOSTILE
    served.request("GET", "/samples?text=nobody&f.split=test&sort=id&down=1&first=0")
    assert [one["at"] for one in json.loads(served.getresponse().read())["samples"]] == [2]


def test_the_server_answers_to_no_other_name(served: http.client.HTTPConnection):
    served.request("GET", "/sample/0", headers={"Host": "rebound.example"})
    assert served.getresponse().status == 403


def test_the_command_writes_the_page_beside_the_dataset(index: Index, tmp_path: Path):
    folder = publish_by_hand(tmp_path / "mine")
    done = CliRunner().invoke(app, ["view", str(folder)])
    assert done.exit_code == 0, done.output
    assert done.stdout.strip() == f"{tmp_path / 'mine.html'}: 3 samples, 3 of them with media and measurements"
    assert (tmp_path / "mine.html").is_file()
    refused = CliRunner().invoke(app, ["view", str(tmp_path)])
    assert isinstance(refused.exception, UsageError)
