import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from copied_media import copy, film
from loopback_site import Reply, Site, site
from steps_for_tests import Length
from typer.testing import CliRunner

from pipelines import work
from pipelines.acquiring.acquire import acquire
from pipelines.acquiring.rights import TakenDown
from pipelines.acquiring.takedown import marks_left, take_down, tombstone
from pipelines.cli import app
from pipelines.lineage import Lineage
from pipelines.store import Store
from schemas.acquire import Acquire
from schemas.source import SourceRow

VOICE = (Path(__file__).parents[2] / "pipelines/demo/media/voice.flac").read_bytes()
TALK = (Path(__file__).parents[2] / "pipelines/demo/media/talk.mp4").read_bytes()
HOW = Acquire(private_addresses=("127.0.0.1",), delay_s=0, tries=1)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store"))


@pytest.fixture
def web() -> Iterator[Site]:
    with site() as made:
        yield made


def had(store: Store, row: SourceRow) -> bool:
    return acquire(row, store.open(row.id, Lineage([Length()])), HOW)


def test_removed_media_are_refused_under_another_id_path_and_address(store: Store, web: Site, tmp_path: Path):
    (tmp_path / "a.mp4").write_bytes(TALK)
    (tmp_path / "renamed.mp4").write_bytes(TALK)
    (tmp_path / "other.flac").write_bytes(VOICE)
    had(store, SourceRow(id="a", uri=str(tmp_path / "a.mp4")))
    take_down(store, ["a"], "asked by mail")
    again = web.serve("/again.mp4", Reply(TALK, type="video/mp4"))
    for number, uri in enumerate((str(tmp_path / "renamed.mp4"), again, f"yt-dlp:{again}")):
        with pytest.raises(TakenDown, match=r"the same bytes as those of a, .* asked by mail") as caught:
            had(store, SourceRow(id=f"b{number}", uri=uri))
        assert not caught.value.retry
    assert TALK not in [file.read_bytes() for file in tmp_path.glob("store/**/*") if file.is_file()]
    assert had(store, SourceRow(id="c", uri=str(tmp_path / "other.flac")))


def test_the_same_media_under_other_ids_go_too_and_that_is_told(store: Store, tmp_path: Path):
    for name, data in (("a.mp4", TALK), ("b.mp4", TALK), ("c.flac", VOICE)):
        (tmp_path / name).write_bytes(data)
        had(store, SourceRow(id=name[0], uri=str(tmp_path / name)))
    told = CliRunner().invoke(app, ["takedown", "a", "--store", store.url])
    assert "b: 1 files removed (the same bytes as a)" in told.stdout
    assert told.exit_code == 0
    assert [tombstone(store, name) is not None for name in "abc"] == [True, True, False]
    assert store.source("c") is not None
    assert (tmp_path / "b.mp4").exists()  # outside the store


def test_the_words_of_a_text_are_not_taken_from_others(store: Store):
    had(store, SourceRow(id="a", text="Good morning."))
    had(store, SourceRow(id="b", text="Good morning."))
    take_down(store, ["a"])
    assert tombstone(store, "b") is None
    assert had(store, SourceRow(id="c", text="Good morning."))


def test_a_tombstone_from_before_learns_to_refuse_copies_when_it_is_set_again(store: Store, tmp_path: Path):
    (tmp_path / "a.mp4").write_bytes(TALK)
    had(store, SourceRow(id="a", uri=str(tmp_path / "a.mp4")))
    take_down(store, ["a"])
    shutil.rmtree(tmp_path / "store/taken_down")
    take_down(store, ["a"])
    with pytest.raises(TakenDown):
        had(store, SourceRow(id="b", uri=str(tmp_path / "a.mp4")))


RECIPE = """
name: t
sources: s.csv
duplicates: {find: near}
segment: {by: whole}
publish: {media: [], group_by: recording, splits: {train: 1}}
"""


def build(folder: Path, names: list[str]) -> work.Tally:
    (folder / "s.csv").write_text("id,path\n" + "".join(f"{name.partition('.')[0]},{name}\n" for name in names))
    (folder / "r.yaml").write_text(RECIPE)
    return work.build(folder / "r.yaml", str(folder / "store"), workers=1)


def test_a_re_encoded_copy_of_what_was_taken_down_is_neither_measured_nor_published(tmp_path: Path):
    film(tmp_path / "one.mp4", 1)
    film(tmp_path / "other.mp4", 2)
    copy(tmp_path / "one.mp4", tmp_path / "again.mp4", "re-encoded")
    copy(tmp_path / "one.mp4", tmp_path / "faster.mp4", "sped-up")
    assert not build(tmp_path, ["one.mp4", "other.mp4"]).failed
    store = Store(str(tmp_path / "store"))
    take_down(store, ["one"])
    (left,) = marks_left(store)
    assert left[0].id == "one"
    assert left[0].length_s > 3
    tally = build(tmp_path, ["again.mp4", "faster.mp4", "other.mp4"])
    assert tally.failed == {"again", "faster"}
    assert tally.copies == 0
    assert tally.with_samples == 1
    assert "is a copy of one, which was taken down" in Path(tally.report).read_text()
    assert not list((tmp_path / "store/recordings/again").glob("segments.*"))
    told = CliRunner().invoke(app, ["duplicates", str(tmp_path / "r.yaml"), "--store", store.url])
    assert "again is left out: it is a copy of one, which was taken down" in told.stdout
    out = work.publish(tmp_path / "r.yaml", store.url, tmp_path / "out")
    assert out.rows == 1
    shutil.rmtree(tmp_path / "store/taken_down")  # somebody thought better of it
    assert not build(tmp_path, ["again.mp4", "other.mp4"]).failed


def test_a_build_names_the_copy_that_was_refused_and_keeps_nothing_of_it(tmp_path: Path):
    (tmp_path / "a.flac").write_bytes(VOICE)
    (tmp_path / "b.flac").write_bytes(VOICE)
    (tmp_path / "c.mp4").write_bytes(TALK)
    build(tmp_path, ["a.flac", "c.mp4"])
    take_down(Store(str(tmp_path / "store")), ["a"])
    tally = build(tmp_path, ["b.flac", "c.mp4"])
    assert tally.failed == {"b"}
    assert [file.name for file in (tmp_path / "store/recordings/b").iterdir()] == ["source.failed.json"]
    failure = json.loads((tmp_path / "store/recordings/b/source.failed.json").read_text())
    assert (failure["error"], failure["retry"]) == ("TakenDown", False)
