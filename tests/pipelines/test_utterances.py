"""Recordings cut at the times of a table, and clips that are one utterance each with what was said before."""

import csv
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from recordings import FolderRecording

from pipelines import work
from pipelines.acquiring.utterances import (
    further_columns,
    read_utterances,
    samples_named,
    seconds,
    with_context,
    with_utterances,
)
from pipelines.segmenting.given_times import by_table
from pipelines.segmenting.segment import Segment
from schemas.errors import RecipeError, SourceTableError
from schemas.facts import Facts, Watched
from schemas.segment import Segments
from schemas.source import Source, SourceRow, Utterance
from schemas.transcript import Transcript, Word

RATE = 16_000
TABLE = """recording,utterance,start,end,text,speaker,dialogue,turn,emotion
talk,talk_1,1.5,2.5,I am so happy,Ann,d1,1,happiness
talk,talk_0,0:00:00.250,"0:00:01,5",Hello,Ben,d1,0,
-odd id_,odd_0,0,0.5,Alone,,,,fear
talk,talk_2,2.0,9.0,No,Ben,d2,0,anger
"""


def table(folder: Path, text: str, name: str = "utterances.csv") -> Path:
    (folder / name).write_text(text, "utf-8")
    return folder / name


def noise(path: Path, length_s: float, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.random.default_rng(seed).uniform(-0.3, 0.3, round(length_s * RATE)), RATE)


def published(out: Path) -> dict[str, dict]:
    found = [row for path in sorted(out.glob("data/*.parquet")) for row in pq.read_table(path).to_pylist()]
    return {row["id"]: row for row in found}


def test_a_table_is_read_by_recording_in_the_order_of_time(tmp_path: Path):
    path = table(tmp_path, TABLE)
    found = read_utterances(path)
    assert [one.name for one in found["talk"]] == ["talk_0", "talk_1", "talk_2"]
    first = found["talk"][0]
    assert (first.start, first.end, first.speaker, first.turn, first.extra) == (0.25, 1.5, "Ben", 0, {})
    assert found["talk"][1].extra == {"emotion": "happiness"}
    assert further_columns(path) == ("emotion",)


def test_json_lines_may_have_further_columns_in_any_row(tmp_path: Path):
    first, second = '{"video_id": "a", "start": 0, "end": 1, "b": 2}', '{"video": "a", "start": 1, "end": 2, "a": true}'
    path = table(tmp_path, f"{first}\n{second}\n", "u.jsonl")
    assert further_columns(path) == ("a", "b")
    assert [one.extra for one in read_utterances(path)["a"]] == [{"b": "2"}, {"a": "true"}]


@given(st.integers(0, 35_999_999))
def test_a_clock_says_the_same_as_seconds(milliseconds: int):
    minutes, ms = divmod(milliseconds, 60_000)
    clock = f"{minutes // 60:02d}:{minutes % 60:02d}:{ms // 1000:02d},{ms % 1000:03d}"
    assert seconds(clock, "") == pytest.approx(milliseconds / 1000, abs=1e-9)
    assert seconds(repr(milliseconds / 1000), "") == milliseconds / 1000


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "1_0", "soon", "1:75", "1:2:3:4", "1e400"])
def test_what_is_no_time_is_told_with_its_place(text: str):
    with pytest.raises(SourceTableError, match=r"u\.csv:3"):
        seconds(text, "u.csv:3")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("recording,start,stop\na,0,1\n", "no column 'end'"),
        ("recording,video,start,end\na,a,0,1\n", "several columns mean 'recording'"),
        ("recording,start,end\na,,1\n", r"\.csv:2: start is empty"),
        ("recording,start,end,turn\na,0,1,x\n", r"\.csv:2: turn: found 'x'"),
        ("recording,utterance,start,end\na,u,0,1\nb,u,0,1\n", r"\.csv:3: the utterance 'u' is there already, in .*:2"),
        ("", "empty"),
    ],
)
def test_a_wrong_table_is_told_with_file_and_line(tmp_path: Path, text: str, said: str):
    with pytest.raises(SourceTableError, match=said):
        read_utterances(table(tmp_path, text))


def test_sources_are_found_by_id_or_file_name(tmp_path: Path):
    path = table(tmp_path, TABLE)
    rows = [SourceRow(id="talk"), SourceRow(id="odd-id-1234", uri="/x/-odd id_.mp4"), SourceRow(id="other")]
    given = list(with_utterances(rows, path))
    assert [len(row.utterances) for row in given] == [3, 1, 0]
    assert samples_named(given) == {
        "talk_0": "talk#0000", "talk_1": "talk#0001", "talk_2": "talk#0002", "odd_0": "odd-id-1234#0000",
    }  # fmt: skip
    with pytest.raises(SourceTableError, match="no row of any source"):
        list(with_utterances([SourceRow(id="nobody")], path))


words_of_length = st.integers(0, 6000).flatmap(lambda at: st.tuples(st.just(at), st.integers(at, at + 900)))
utterances = st.lists(st.tuples(st.integers(0, 7000), st.integers(0, 7000)), max_size=8)


@given(utterances, st.lists(words_of_length, max_size=12).map(sorted))
def test_a_piece_has_its_times_and_the_words_whose_middle_it_holds(rows, spoken):
    words = [Word(start=start / 1000, end=end / 1000, text=f" {at}") for at, (start, end) in enumerate(spoken)]
    given_rows = [Utterance(start=start / 1000, end=end / 1000) for start, end in sorted(rows)]
    pieces, notes = by_table(given_rows, words, 6_000_000)
    wanted = [at for at, one in enumerate(given_rows) if one.end > one.start and one.start < 6]
    assert [piece.index for piece in pieces] == wanted
    cut_off = sum(given_rows[at].end > 6 for at in wanted)
    assert len(notes) == len(rows) - len(wanted) + cut_off
    middles = np.maximum.accumulate([(start * 1000 + end * 1000) // 2 for start, end in spoken] or [0])
    for piece in pieces:
        row = given_rows[piece.index]
        assert (piece.start, piece.end) == (row.start, min(row.end, 6.0))
        inside = [at for at in range(len(words)) if piece.start * 1e6 <= middles[at] < piece.end * 1e6]
        assert (piece.text or "") == " ".join(str(at) for at in inside)


def test_given_text_goes_before_what_was_recognised(tmp_path: Path):
    def recording(name: str, **told) -> FolderRecording:
        made = FolderRecording(tmp_path / name, source=Source(id=name, sha256="0" * 64, **told))
        made.write("facts", Facts(form="audio", duration_s=3))
        made.write("watched", Watched(duration_s=3))
        heard = (Word(start=0.2, end=0.6, text=" Hallo"), Word(start=0.7, end=1, text=" you."))
        made.write("words", Transcript(language="en", language_probability=None, words=heard))
        return made

    cut = recording("cut", utterances=(Utterance(start=0, end=1, text="Hello, you!"), Utterance(start=1, end=2)))
    Segment(by="table", table="u.csv").run([cut], None)
    found = cut.read("segments", Segments).segments
    assert [(one.text, one.first_word, one.last_word) for one in found] == [("Hello, you!", 0, 1), (None, None, None)]
    whole, told = recording("whole"), recording("told", text="Hello, you!")
    Segment(by="whole").run([whole, told], None)
    texts = [one.read("segments", Segments).segments[0].text for one in (whole, told)]
    assert texts == ["Hallo you.", "Hello, you!"]
    nothing = recording("nothing")
    Segment(by="table", table="u.csv").run([nothing], None)
    assert nothing.absences == {"segments": "cannot be cut by table: the table of utterances has no row of it"}


def test_table_and_its_file_go_together():
    with pytest.raises(ValidationError, match="go together"):
        Segment(by="table")
    with pytest.raises(ValidationError, match="go together"):
        Segment(table="u.csv")


def test_where_the_table_lies_changes_nothing():
    one, other = Segment(by="table", table="a.csv"), Segment(by="table", table="b/c.csv")
    assert one.identity() == other.identity()
    assert "a.csv" not in str(one.identity())


def test_clips_know_what_was_said_before_in_their_dialogue():
    told = [("a2", "a", 2), ("b0", "b", 0), ("a0", "a", 0), ("none", None, None), ("a5", "a", 5), ("alast", "a", None)]
    rows = [SourceRow(id=name, dialogue=dialogue, turn=turn) for name, dialogue, turn in told]
    found = {row.id: row.before for row in with_context(lambda: rows, 2)}
    assert found == {
        "a0": (), "a2": ("a0",), "a5": ("a0", "a2"), "alast": ("a2", "a5"), "b0": (), "none": (),
    }  # fmt: skip


def test_a_corpus_of_long_recordings_from_table_to_dataset(tmp_path: Path):
    noise(tmp_path / "media" / "talk.wav", 3, 1)
    noise(tmp_path / "media" / "-odd id_.wav", 1, 2)
    table(tmp_path, TABLE)
    labels = "item,rater,question,value\ntalk_1,a,emotion,happiness\nodd_0,a,emotion,fear\nlost,a,emotion,fear\n"
    (tmp_path / "labels.csv").write_text(labels)
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "name: corpus\nsources: media\nsegment: {by: table, table: utterances.csv, context: 5}\nlabels: labels.csv\n"
        "measure: {prosody: {}}\nalign: {to: segment}\npublish: {group_by: emotion, splits: {train: 1}, audit: skip}\n"
    )
    store = str(tmp_path / "store")
    assert work.plan(recipe, store).notes == ()
    assert work.build(recipe, store).failed == set()
    with pytest.raises(SourceTableError, match="lost"):
        work.publish(recipe, store, tmp_path / "out")
    table(tmp_path, TABLE + "talk,lost,50,60,,,,,\n")  # begins after the recording's end
    assert work.build(recipe, store).failed == set()
    work.publish(recipe, store, tmp_path / "out")
    rows = published(tmp_path / "out")
    odd = next(name for name in rows if not name.startswith("talk"))
    columns = ("utterance", "text", "speaker", "dialogue", "turn", "start", "end")
    told = {name: tuple(row[column] for column in columns) for name, row in rows.items()}
    assert told == {
        "talk#0000": ("talk_0", "Hello", "Ben", "d1", 0, 0.25, 1.5),
        "talk#0001": ("talk_1", "I am so happy", "Ann", "d1", 1, 1.5, 2.5),
        "talk#0002": ("talk_2", "No", "Ben", "d2", 0, 2.0, 3.0),
        odd: ("odd_0", "Alone", None, None, None, 0.0, 0.5),
    }
    assert [rows[f"talk#000{at}"]["context"] for at in range(3)] == [[], ["talk#0000"], []]
    assert rows["talk#0001"]["extra"] == {"emotion": "happiness"}
    assert rows["talk#0000"]["extra"] == {"emotion": None}
    assert all(row["present"]["prosody"] and row["audio"]["bytes"] for row in rows.values())
    votes = {name: [vote["label"] for vote in row["emotion_votes"] or ()] for name, row in rows.items()}
    assert votes == {"talk#0000": [], "talk#0001": ["happiness"], "talk#0002": [], odd: ["fear"]}


def test_only_the_recording_whose_rows_change_is_cut_anew(tmp_path: Path):
    for at, name in enumerate(("one", "two")):
        noise(tmp_path / f"{name}.wav", 2, at)
    rows = "recording,start,end\none,0,1\ntwo,0,1\n"
    table(tmp_path, rows)
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("name: c\nsources: '*.wav'\nsegment: {by: table, table: utterances.csv}\n")
    store = tmp_path / "store"
    work.build(recipe, str(store))
    before = {path.name: path.stat().st_mtime_ns for path in store.glob("recordings/**/segments.*")}
    assert len(before) == 2
    table(tmp_path, rows.replace("two,0,1", "two,0,1.5\nthree,0,1"))
    (note,) = work.plan(recipe, str(store)).notes
    assert note == "utterances.csv names 1 recordings that are not among the sources: three"
    work.build(recipe, str(store))
    after = {path.name: path.stat().st_mtime_ns for path in store.glob("recordings/**/segments.*")}
    assert len(after.items() - before.items()) == 1


def test_a_table_that_is_not_there_is_told_with_its_line(tmp_path: Path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("name: c\nsources: x.wav\nsegment: {by: table, table: gone.csv}\n")
    with pytest.raises(RecipeError, match=r"recipe\.yaml:3: segment\.table: there is no file"):
        work.load(recipe)


def test_a_corpus_of_clips_from_table_to_dataset(tmp_path: Path):
    rows = [("tr_d0_u0", 0, "Hi", "train"), ("tr_d0_u1", 1, "You!", "train"), ("tr_d0_u2", 2, "Me?", "train")]
    with (tmp_path / "sources.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "path", "text", "speaker", "dialogue", "turn", "split"])
        for at, (name, turn, text, split) in enumerate(reversed(rows)):
            noise(tmp_path / f"{name}.wav", 0.5, at)
            writer.writerow([name, f"{name}.wav", text, "Ann", "tr_d0", turn, split])
        writer.writerow(["de_d0_u0", "", "A text", "Ben", "de_d0", 0, "dev"])
        writer.writerow(["de_d0_u1", "", "Another", "Ben", "de_d0", 1, "dev"])
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "name: clips\nsources: sources.csv\nsegment: {by: whole, context: 5}\npublish: {splits: split, audit: skip}\n"
    )
    assert work.build(recipe, str(tmp_path / "store")).failed == set()
    work.publish(recipe, str(tmp_path / "store"), tmp_path / "out")
    found = published(tmp_path / "out")
    assert {name: (row["text"], row["context"]) for name, row in found.items()} == {
        "tr_d0_u0#0000": ("Hi", []),
        "tr_d0_u1#0000": ("You!", ["tr_d0_u0#0000"]),
        "tr_d0_u2#0000": ("Me?", ["tr_d0_u0#0000", "tr_d0_u1#0000"]),
        "de_d0_u0#0000": ("A text", []),
        "de_d0_u1#0000": ("Another", ["de_d0_u0#0000"]),
    }
    assert len(pq.read_table(tmp_path / "out" / "data").column("id")) == 5
