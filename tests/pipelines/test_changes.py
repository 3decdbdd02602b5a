"""What is told of two versions of a dataset."""

import json
from pathlib import Path

import pytest
from dataset_making import spoken
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.publishing.changes import changes, lines_of
from pipelines.publishing.publish import publish
from schemas.errors import UsageError
from schemas.publication import About, Publication


def published(folder: Path, names: list[str], moods: dict[str, str], *, version: str = "0.1.0", seed: str = "") -> Path:
    made = [spoken(folder, name, [(0, 2.0), (2, 3.5)], seed=int(name[1:])) for name in names]
    answers = folder / "answers.csv"
    lines = [f"{name}#{at:04d},r1,mood,{moods.get(f'{name}#{at}', 'joy')}" for name in names for at in (0, 1)]
    answers.write_text("\n".join(["item,rater,question,value", *lines, f"{names[0]}#0000,r2,mood,anger"]))
    how = Publication(splits={"train": 0.5, "test": 0.5}, group_by="recording", audit="skip", seed=seed)
    about = About(name="things", version=version)
    publish(made, how, str(folder / "out"), about=about, labels=answers, salt="s" * 16)
    return folder / "out"


def test_rows_labels_and_splits_that_changed_are_told(tmp_path: Path):
    names = [f"r{number}" for number in range(6)]
    old = published(tmp_path / "old", names, {})
    new = published(tmp_path / "new", [*names[1:], "r7"], {"r2#0": "anger", "r3#1": "anger"}, version="0.2.0")
    told = changes(old, new)
    assert (told.old, told.new, told.rows) == ("things 0.1.0", "things 0.2.0", (12, 12))
    assert (told.added.rows, set(told.added.examples)) == (2, {"r7#0000", "r7#0001"})
    assert (told.removed.rows, set(told.removed.examples)) == (2, {"r0#0000", "r0#0001"})
    assert (told.moved.rows, told.content.rows) == (0, 0)
    assert told.labels["mood"].rows == 3, "two, and the one whose second rater ties it"
    assert "r2#0000: joy → anger" in told.labels["mood"].examples
    text = "\n".join(lines_of(told))
    assert text.startswith("## things 0.2.0, after things 0.1.0")
    assert "- 2 rows added: `r7#0000`, `r7#0001`" in text


def test_the_same_is_nothing(tmp_path: Path):
    names = ["r1", "r2", "r3"]
    old, new = published(tmp_path / "old", names, {}), published(tmp_path / "new", names, {})
    told = changes(old, new)
    assert told.is_none
    assert told.shards == {"kept": 2, "new": 0, "gone": 0} or told.shards["kept"] >= 1
    assert any("Nothing has changed: 6 rows" in line for line in lines_of(told))


def test_another_seed_moves_rows_and_another_cut_changes_them(tmp_path: Path):
    names = [f"r{number}" for number in range(8)]
    old = published(tmp_path / "old", names, {})
    new = published(tmp_path / "new", names, {}, seed="other")
    told = changes(old, new)
    assert told.moved.rows > 0
    assert told.moved.rows % 2 == 0, "both samples of a recording"
    assert told.added.rows == told.removed.rows == told.content.rows == 0


def test_the_command(tmp_path: Path):
    old = published(tmp_path / "old", ["r1"], {})
    new = published(tmp_path / "new", ["r1", "r2"], {})
    told = CliRunner().invoke(app, ["changes", str(old), str(new), "--json"])
    assert json.loads(told.output)["added"]["rows"] == 2
    assert "2 rows added" in CliRunner().invoke(app, ["changes", str(old), str(new)]).output
    with pytest.raises(UsageError, match="no published dataset"):
        changes(old, tmp_path)
