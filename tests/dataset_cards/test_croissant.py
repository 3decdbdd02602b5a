"""Croissant: valid by the consortium's own reader, which reads the rows that were published."""

import json
from pathlib import Path

import datasets
import pytest
from dataset_making import spoken, written

from pipelines.publishing.publish import publish
from schemas.card import CardFacts
from schemas.publication import About, Publication


@pytest.mark.filterwarnings("ignore")
def test_mlcroissant_finds_nothing_wrong_and_reads_the_rows(tmp_path: Path):
    import mlcroissant

    made = [spoken(tmp_path, f"r{number}", [(0, 2.0), (2, 3.5)], seed=number) for number in range(6)]
    made.append(written(tmp_path, "note", "a text", licence="CC0-1.0"))
    answers = tmp_path / "answers.csv"
    answers.write_text("item,rater,question,value\nr1#0000,a,mood,joy\nr2#0001,b,mood,anger\n")
    how = Publication(splits={"train": 0.5, "test_2": 0.5}, group_by="recording", audit="skip", shard_mb=1)
    facts = CardFacts(
        creators="Ann", contact="ann@example.org", purpose="to try", collection="made", raters="two",
        consent="none needed", limits="few", citation="Ann (2026).",
    )  # fmt: skip
    about = About(name="things: all", version="1.2.3", licence="CC0-1.0", description="Made.", card=facts)
    publish(made, how, str(tmp_path / "out"), about=about, labels=answers, salt="s" * 16)
    found = mlcroissant.Dataset(tmp_path / "out" / "croissant.json")
    assert not found.metadata.issues.errors
    assert (found.metadata.name, str(found.metadata.version)) == ("things: all", "1.2.3")
    assert found.metadata.cite_as == "Ann (2026)."
    assert [one.name for one in found.metadata.creators] == ["Ann"]
    assert (found.metadata.data_collection, found.metadata.data_limitations) == ("made", ["few"])
    rows = {one["default/id"].decode(): one for one in found.records("default")}
    loaded = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    told = {row["id"]: (split, row) for split in loaded for row in loaded[split].remove_columns("audio")}
    assert set(rows) == set(told)
    assert len({split for split, _ in told.values()}) == 2
    for name, (split, row) in told.items():
        one = rows[name]
        assert one["default/split"].decode() == split
        assert one["default/text"].decode() == row["text"]
        assert one["default/mood"] == row["mood"] or row["mood"] is None
        track = one["default/prosody"]
        if row["prosody"]:
            assert list(track["default/prosody/f0_hz"])[:1] == row["prosody"]["f0_hz"][:1]


def test_the_same_dataset_has_the_same_croissant_and_no_licence_is_made_up(tmp_path: Path):
    texts = []
    for name in ("one", "other"):
        made = [spoken(tmp_path / name, "r1", [(0, 2.0)], seed=1)]
        how = Publication(audit="skip")
        publish(made, how, str(tmp_path / name / "out"), about=About(name="x"))
        texts.append((tmp_path / name / "out" / "croissant.json").read_text())
    assert texts[0] == texts[1]
    assert "license" not in json.loads(texts[0])
