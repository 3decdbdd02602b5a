"""Splits that the sources name: MELD's train, dev and test stay what they are."""

from pathlib import Path

import pytest
from dataset_making import spoken
from pydantic import ValidationError

from pipelines.exporting.published import open_published
from pipelines.publishing.publish import publish
from schemas.errors import UsageError
from schemas.publication import About, Publication

HOW = Publication(splits="set", audit="skip")


def made(folder: Path, sets: list[str | None]) -> list:
    return [
        spoken(folder, f"r{at}", [(0, 2.0), (2, 3.5)], seed=at, speaker="all the same", extra={"set": name})
        for at, name in enumerate(sets)
    ]


def test_each_recording_is_in_the_split_that_its_source_names(tmp_path: Path):
    sets: list[str | None] = ["dev", "train", "test", "train", "extra_1", "train"]
    report = publish(
        made(tmp_path, sets)[::-1], HOW, str(tmp_path / "out"), about=About(name="x"), links={"r0": "a", "r1": "a"}
    )
    assert [(one.name, one.rows, one.groups, one.asked) for one in report.splits] == [
        ("train", 6, 3, None), ("dev", 2, 1, None), ("test", 2, 1, None), ("extra_1", 2, 1, None)
    ]  # fmt: skip
    told = {row["recording"]: row["split"] for row in open_published(tmp_path / "out").rows()}
    assert told == {f"r{at}": name for at, name in enumerate(sets)}
    card = (tmp_path / "out" / "README.md").read_text()
    assert "name their split in the column `set`" in card
    assert "| train | given |" in card


def test_a_recording_without_a_split_or_with_one_that_cannot_be_is_refused(tmp_path: Path):
    with pytest.raises(UsageError, match=r"2 recordings have no value in 'set', .*: r1, r2"):
        publish(made(tmp_path / "a", ["train", None, ""]), HOW, str(tmp_path / "out"), about=About(name="x"))
    with pytest.raises(UsageError, match=r"'test set' in 'set' cannot name a split"):
        publish(made(tmp_path / "b", ["train", "test set"]), HOW, str(tmp_path / "out"), about=About(name="x"))
    with pytest.raises(UsageError, match=r"publish.splits names 'sets', which is no column") as told:
        how = Publication(splits="sets", audit="skip")
        publish(made(tmp_path / "c", ["train"]), how, str(tmp_path / "out"), about=About(name="x"))
    assert "is 'set' meant?" in told.value.do
    assert not (tmp_path / "out").exists()


def test_there_is_nothing_left_to_deal_out():
    with pytest.raises(ValidationError, match="group_by, stratify and seed have nothing to deal out"):
        Publication(splits="set", group_by="speaker")
