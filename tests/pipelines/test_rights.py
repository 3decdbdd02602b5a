import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from pipelines import work
from pipelines.acquiring.rights import NotPermitted, named, share
from pipelines.acquiring.takedown import take_down, tombstone
from pipelines.cli import app
from pipelines.store import Store
from schemas.errors import StoreError, UsageError
from schemas.rights import Rights

DEMO = Path(__file__).parents[2] / "pipelines/demo/media"


@pytest.mark.parametrize(
    ("licence", "name"),
    [
        ("CC-BY-4.0", "cc-by-4.0"),
        ("https://creativecommons.org/licenses/by-nc-sa/3.0/deed.en", "cc-by-nc-sa-3.0"),
        ("http://creativecommons.org/publicdomain/zero/1.0/", "cc0-1.0"),
        ("Creative Commons Attribution license (reuse allowed)", "cc-by-3.0"),
        ("Standard  YouTube License", "youtube"),
        (None, "none"),
        ("", "none"),
    ],
)
def test_licences_have_one_name_each(licence: str | None, name: str):
    assert named(licence) == name


def test_without_a_block_of_rights_all_is_taken():
    assert share(None, None, Rights()) == "media"


def test_each_licence_is_published_as_the_recipe_says():
    rights = Rights(accept={"CC-BY-4.0": "media", "any": "features", "none": "ids"})
    assert [share(text, None, rights) for text in ("cc-by-4.0", "youtube", None)] == ["media", "features", "ids"]
    strict = Rights(accept={"cc-by-4.0": "media"}, consent=("signed",))
    assert share("cc-by-4.0", "signed", strict) == "media"
    for licence, consent, told in (
        ("youtube", "signed", "its licence is 'youtube'; the recipe accepts cc-by-4.0"),
        (None, "signed", "no licence is named"),
        ("cc-by-4.0", None, "no consent is named"),
        ("cc-by-4.0", "oral", "its consent is 'oral'"),
    ):
        with pytest.raises(NotPermitted, match=told) as caught:
            share(licence, consent, strict)
        assert caught.value.do
        assert not caught.value.retry


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    for number, name in enumerate(("v", "w", "x", "y")):  # the same sound, other bytes
        (tmp_path / f"{name}.flac").write_bytes((DEMO / "voice.flac").read_bytes() + bytes(number))
    (tmp_path / "s.csv").write_text(
        "id,path,text,licence,consent,speaker,basis\n"
        "whole,v.flac,,CC-BY-4.0,signed,ann,asked\n"
        "part,w.flac,,youtube,signed,bea,\n"
        "name,x.flac,,secret-terms,signed,cat,\n"
        "other,y.flac,,all-rights-reserved,signed,dan,\n"
        'words,,"Only a text.",CC-BY-4.0,,eve,\n'
    )
    (tmp_path / "r.yaml").write_text(
        "name: t\nsources: s.csv\nsegment: {by: window, window_s: 60}\nmeasure: {prosody: {}}\n"
        "rights: {accept: {cc-by-4.0: media, youtube: features, secret-terms: ids}, consent: [signed]}\n"
        "publish: {media: [audio], splits: {train: 1}, group_by: recording}\n"
    )
    return tmp_path / "r.yaml"


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    """Which file each shard is, and when it was written."""
    found = {file.name: file.stat() for file in (folder / "data").rglob("*.parquet")}
    return {name: (each.st_ino, each.st_mtime_ns) for name, each in found.items()}


def rows(folder: Path) -> dict[str, dict]:
    found = {}
    for file in sorted((folder / "data").rglob("*.parquet")):
        for row in pq.read_table(file).to_pylist():
            found[row["recording"]] = row
    return found


def test_the_gate_refuses_with_a_reason_and_what_is_published_follows_the_licence(recipe: Path, tmp_path: Path):
    store = tmp_path / "store"
    tally = work.build(recipe, str(store), workers=1)
    assert tally.failed == {"other", "words"}
    told = {failure.recording: failure for failure in work.failures(recipe, str(store))}
    assert told["other"].message.startswith("its licence is 'all-rights-reserved'")
    assert told["words"].message.startswith("no consent is named")
    assert {failure.error for failure in told.values()} == {"NotPermitted"}
    assert all(failure.expected for failure in told.values())
    assert "all-rights-reserved" in Path(tally.report).read_text()
    work.publish(recipe, str(store), tmp_path / "out")
    found = rows(tmp_path / "out")
    assert set(found) == {"whole", "part", "name"}
    assert found["whole"]["audio"] is not None
    assert found["part"]["audio"] is None
    assert found["name"]["audio"] is None
    assert found["whole"]["extra"]["basis"] == "asked"
    assert found["part"]["speaker"] == "bea"
    assert found["name"]["speaker"] is None
    assert found["part"]["start"] == 0
    assert (found["name"]["start"], found["name"]["end"]) == (found["part"]["start"], found["part"]["end"])
    assert found["name"]["licence"] == "secret-terms"


def test_where_terms_were_learnt_stands_with_the_source_and_in_the_card(recipe: Path, tmp_path: Path):
    (tmp_path / "owed.csv").write_text("id,attribution\nwhole,A. Nonymous\n")
    recipe.write_text(recipe.read_text() + "join: [owed.csv]\n")
    store = tmp_path / "store"
    work.build(recipe, str(store), workers=1)
    learnt = {name: work.open_store(str(store)).source(name).learnt for name in ("whole", "part")}
    assert learnt["whole"] == {"licence": "s.csv", "consent": "s.csv", "basis": "s.csv", "attribution": "owed.csv"}
    assert learnt["part"] == {"licence": "s.csv", "consent": "s.csv"}
    work.publish(recipe, str(store), tmp_path / "out")
    told = [line.split("|")[1:4] for line in (tmp_path / "out/README.md").read_text().splitlines()]
    counted = {tuple(cell.strip() for cell in cells) for cells in told if len(cells) == 3}
    assert {("`licence`", "s.csv", "3"), ("`basis`", "s.csv", "1"), ("`attribution`", "owed.csv", "1")} <= counted


def test_a_recipe_that_accepts_less_or_more_later_is_followed(recipe: Path, tmp_path: Path):
    store = tmp_path / "store"
    work.build(recipe, str(store), workers=1)
    work.publish(recipe, str(store), tmp_path / "out")
    text = recipe.read_text()
    recipe.write_text(text.replace("youtube: features, ", ""))
    assert "part" in work.build(recipe, str(store), workers=1).failed
    work.publish(recipe, str(store), tmp_path / "out")
    assert set(rows(tmp_path / "out")) == {"whole", "name"}
    recipe.write_text(text.replace("youtube: features", "youtube: media"))
    assert "part" not in work.build(recipe, str(store), workers=1).failed
    assert "part" not in {failure.recording for failure in work.failures(recipe, str(store))}
    work.publish(recipe, str(store), tmp_path / "out")
    assert rows(tmp_path / "out")["part"]["audio"] is not None


def test_what_is_taken_down_is_gone_stays_gone_and_leaves_the_dataset(recipe: Path, tmp_path: Path):
    store = tmp_path / "store"
    work.build(recipe, str(store), workers=1)
    work.publish(recipe, str(store), tmp_path / "out")
    sha256 = work.open_store(str(store)).source("part").sha256
    done = CliRunner().invoke(app, ["takedown", "part", "--store", str(store), "--reason", "asked by mail"])
    assert done.exit_code == 0, done.output
    assert [file.name for file in (store / "recordings/part").iterdir()] == ["taken_down.json"]
    mark = tombstone(Store(str(store)), "part")
    assert (mark.reason, mark.sha256) == ("asked by mail", sha256)
    tally = work.build(recipe, str(store), workers=1)
    assert "part" in tally.failed
    (failure,) = [one for one in work.failures(recipe, str(store)) if one.recording == "part"]
    assert (failure.error, failure.message.split(": ")[1]) == ("TakenDown", "asked by mail")
    report = work.publish(recipe, str(store), tmp_path / "out")
    assert set(rows(tmp_path / "out")) == {"whole", "name"}
    assert report.rows == 2
    assert take_down(Store(str(store)), ["part"])[0].known
    assert tombstone(Store(str(store)), "part").reason == "asked by mail"


def test_a_takedown_rewrites_only_the_shards_that_held_it(tmp_path: Path):
    """Recordings that fill several shards: those without the one taken down stay as they are, file by file."""
    lines = "".join(f'r{number:03d},"{"word " * 20}{number}."\n' for number in range(60))
    (tmp_path / "s.csv").write_text("id,text\n" + lines)
    (tmp_path / "r.yaml").write_text(
        "name: t\nsources: s.csv\nsegment: {by: whole}\nmeasure: {}\n"
        "publish: {media: [], splits: {a: 0.5, b: 0.5}, group_by: recording}\n"
    )
    store = tmp_path / "store"
    work.build(tmp_path / "r.yaml", str(store), workers=1)
    first = work.publish(tmp_path / "r.yaml", str(store), tmp_path / "out")
    before = {file.name: file.read_bytes() for file in (tmp_path / "out/data").rglob("*.parquet")}
    written = stamps(tmp_path / "out")
    take_down(Store(str(store)), ["r007"])
    second = work.publish(tmp_path / "r.yaml", str(store), tmp_path / "out")
    after = {file.name: file.read_bytes() for file in (tmp_path / "out/data").rglob("*.parquet")}
    assert (first.rows, second.rows) == (60, 59)
    assert "r007" not in rows(tmp_path / "out")
    assert (second.written, second.kept) == (1, len(first.shards) - 1)
    assert sum(before.get(name) == data for name, data in after.items()) == len(first.shards) - 1
    touched = {name for name, stamp in stamps(tmp_path / "out").items() if written.get(name) != stamp}
    assert len(touched) <= 1  # the others are the very same files: neither written again nor put in place again


@pytest.mark.parametrize("name", ["../x", "/etc", "", "a/b", "a\0b"])
def test_no_takedown_leaves_the_store(tmp_path: Path, name: str):
    with pytest.raises(StoreError):
        take_down(Store(str(tmp_path / "store")), [name])


def test_a_takedown_removes_a_link_and_not_what_it_points_to(tmp_path: Path):
    folder = tmp_path / "store/recordings/a"
    folder.mkdir(parents=True)
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept/file").write_text("x")
    (folder / "link").symlink_to(tmp_path / "kept")
    take_down(Store(str(tmp_path / "store")), ["a"])
    assert (tmp_path / "kept/file").exists()
    assert not (folder / "link").exists()


def test_ids_come_from_a_file_too_and_unknown_ones_are_told(tmp_path: Path):
    (tmp_path / "ids").write_text("a\n\nb\n")
    done = CliRunner().invoke(app, ["takedown", f"@{tmp_path / 'ids'}", "--store", str(tmp_path / "s"), "--json"])
    assert [one["id"] for one in json.loads(done.stdout)] == ["a", "b"]
    assert done.exit_code == 1
    with pytest.raises(UsageError):
        CliRunner().invoke(app, ["takedown", "@/nowhere", "--store", str(tmp_path)], catch_exceptions=False)
