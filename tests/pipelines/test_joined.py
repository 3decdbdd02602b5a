"""Facts from other tables come to the recordings, speakers and utterances that they are about."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile

from pipelines import work
from pipelines.acquiring.joined import join, read_facts
from schemas.errors import RecipeError, SourceTableError
from schemas.source import SourceRow, Utterance


def table(folder: Path, text: str, name: str = "facts.csv") -> Path:
    (folder / name).write_text(text, "utf-8")
    return folder / name


def test_columns_of_numbers_are_numbers_and_names_are_not(tmp_path: Path):
    path = table(tmp_path, "speaker,age,score,code,big,mixed,none\na,34,0.5,007,1e400,1,\nb,-2,3,12,2,x,\nc,,,,,,\n")
    facts = read_facts(path)
    assert facts.of["a"] == {"age": 34, "score": 0.5, "code": "007", "big": "1e400", "mixed": "1"}
    assert facts.of["b"] == {"age": -2, "score": 3.0, "code": "12", "big": "2", "mixed": "x"}
    assert isinstance(facts.of["b"]["score"], float)
    assert facts.of["c"] == {}
    assert facts.columns == ("age", "score", "code", "big", "mixed", "none")


@pytest.mark.parametrize(
    ("key", "row"),
    [
        ("id", SourceRow(id="x")),
        ("recording", SourceRow(id="x-123", uri="/media/x.mp4")),
        ("speaker", SourceRow(id="r", speaker="x")),
        ("dialogue", SourceRow(id="r", dialogue="x")),
        ("show", SourceRow(id="r", extra={"show": "x"})),
    ],
)
def test_a_source_is_found_by_its_id_or_what_it_says(tmp_path: Path, key: str, row: SourceRow):
    facts = read_facts(table(tmp_path, f"{key},age\nx,3\ny,4\n"))
    (found,) = join([row], facts)
    assert found.extra == {**row.extra, "age": 3}


@pytest.mark.parametrize("key", ["speaker", "dialogue", "utterance", "take"])
def test_an_utterance_is_found_by_what_it_says(tmp_path: Path, key: str):
    facts = read_facts(table(tmp_path, f"{key},age\nx,3\n"))
    told = {"speaker": "speaker", "dialogue": "dialogue", "utterance": "name"}
    one = Utterance(
        start=0, end=1, extra={"take": "x"} if key == "take" else {}, **({told[key]: "x"} if key in told else {})
    )
    other = Utterance(start=1, end=2, extra={"kept": "1"})
    (found,) = join([SourceRow(id="r", utterances=(one, other))], facts)
    assert [part.extra for part in found.utterances] == [{**one.extra, "age": "3"}, {"kept": "1"}]
    assert found.extra == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("speaker\na\n", "a column to join by and one more"),
        ("speaker,age\na,1\na,2\n", r"facts\.csv:3: 'a' is there already"),
        ("speaker,age\n,1\n", r"facts\.csv:2: speaker is empty"),
        ("", "empty"),
    ],
)
def test_a_wrong_table_is_told(tmp_path: Path, text: str, said: str):
    with pytest.raises(SourceTableError, match=said):
        read_facts(table(tmp_path, text))


def test_a_table_about_nobody_and_a_column_twice_are_mistakes(tmp_path: Path):
    facts = read_facts(table(tmp_path, "speakr,age\nx,3\n"))
    with pytest.raises(SourceTableError, match=r"none of the sources has a 'speakr'.*\n.*is 'speaker' meant"):
        list(join([SourceRow(id="r", speaker="x")], facts))
    facts = read_facts(table(tmp_path, "speaker,age\nx,3\n"))
    with pytest.raises(SourceTableError, match="the column 'age' is there already"):
        list(join([SourceRow(id="r", speaker="x", extra={"age": 4})], facts))


def test_facts_of_speakers_reach_the_dataset_of_clips_and_of_long_recordings(tmp_path: Path):
    soundfile.write(tmp_path / "talk.wav", np.random.default_rng(1).uniform(-0.2, 0.2, 3 * 16_000), 16_000)
    table(tmp_path, "speaker,age\nAnn,34\nBen,61\n", "people.csv")
    table(tmp_path, "recording,humidity\ntalk,0.25\n", "scores.csv")
    table(tmp_path, "recording,start,end,speaker,take\ntalk,0,1,Ann,1\ntalk,1,2,Ben,1\ntalk,2,3,,2\n", "u.csv")
    recipe = table(
        tmp_path,
        "name: n\nsources: talk.wav\njoin: [people.csv, scores.csv]\nsegment: {by: table, table: u.csv}\n"
        "publish: {group_by: age, splits: {train: 1}, audit: skip}\n",
        "recipe.yaml",
    )
    assert work.build(recipe, str(tmp_path / "store")).failed == set()
    work.publish(recipe, str(tmp_path / "store"), tmp_path / "out")
    rows = [row for path in (tmp_path / "out").glob("data/*.parquet") for row in pq.read_table(path).to_pylist()]
    assert [row["extra"] for row in sorted(rows, key=lambda row: row["index"])] == [
        {"age": "34", "humidity": 0.25, "take": "1"},
        {"age": "61", "humidity": 0.25, "take": "1"},
        {"age": None, "humidity": 0.25, "take": "2"},
    ]
    table(tmp_path, "id,path,speaker\nclip,talk.wav,Ben\n", "s.csv")
    whole = table(
        tmp_path,
        "name: n\nsources: s.csv\njoin: people.csv\nsegment: {by: whole}\npublish: {splits: {train: 1}, audit: skip}\n",
        "whole.yaml",
    )
    work.build(whole, str(tmp_path / "store"))
    work.publish(whole, str(tmp_path / "store"), tmp_path / "whole")
    (row,) = pq.read_table(tmp_path / "whole" / "data").to_pylist()
    assert row["extra"] == {"age": 61}


def test_a_table_that_is_not_there_is_told_with_its_line(tmp_path: Path):
    recipe = table(tmp_path, "name: n\nsources: x.wav\njoin: gone.csv\n", "recipe.yaml")
    with pytest.raises(RecipeError, match=r"recipe\.yaml:3: join: there is no file"):
        work.load(recipe)
