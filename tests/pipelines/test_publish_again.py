"""Publishing in parallel, and publishing again: what changed is written, what was there stays, what broke is mended."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dataset_making import SCHEMA, spoken
from fsspec.implementations.memory import MemoryFileSystem
from recordings import FolderRecording

from pipelines import work
from pipelines.engines.spread import spread
from pipelines.publishing.place import Place
from pipelines.publishing.publish import publish
from schemas.errors import StoreError, UsageError
from schemas.publication import About, Publication
from schemas.sample import SampleRows

ABOUT = About(name="tones", licence="CC BY 4.0")
SALT = "a secret that is long enough"
HOW = Publication(shard_mb=1, splits={"train": 0.7, "test": 0.3}, group_by="recording")
"""Shards of a megabyte are cut from half a megabyte on: two or three of the recordings below."""
two_processes = partial(spread, 2)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Recordings of a quarter of a megabyte each, so that a megabyte holds a few."""
    folder = tmp_path_factory.mktemp("made")
    return [spoken(folder, f"rec{number:02d}", [(0, 2.5), (2.5, 9.5)], seed=number) for number in range(16)]


@pytest.fixture
def answers(tmp_path):
    """A table in which each first sample has an answer."""
    path = tmp_path / "answers.csv"
    lines = [f"rec{number:02d}#0000,ann,mood,{'sad' if number % 2 else 'happy'}" for number in range(16)]
    path.write_text("\n".join(["item,rater,question,value", *lines, ""]))
    return path


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()
    }


def inodes(folder):
    return {path.stat().st_ino for path in Path(folder, "data").iterdir()}


def leftovers(folder):
    return [path.name for path in folder.glob(".*")]


def test_one_process_and_two_write_the_same_bytes(tmp_path, made, answers):
    given = {"about": ABOUT, "labels": answers, "salt": SALT}
    one = publish(made, HOW, str(tmp_path / "one"), **given)
    two = publish(made[::-1], HOW, str(tmp_path / "two"), **given, spread=two_processes)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert one.written == two.written == len(one.shards) > 5
    assert two.model_copy(update={"out": one.out}) == one


def test_publishing_again_writes_nothing_when_nothing_changed(tmp_path, made):
    publish(made, HOW, str(tmp_path / "out"), about=ABOUT)
    before, files = contents(tmp_path / "out"), inodes(tmp_path / "out")
    report = publish(made, HOW, str(tmp_path / "out"), about=ABOUT, spread=two_processes)
    assert (report.written, report.kept) == (0, len(report.shards))
    assert contents(tmp_path / "out") == before
    assert inodes(tmp_path / "out") == files
    assert leftovers(tmp_path) == []


def test_another_answer_rewrites_the_one_shard_it_is_in(tmp_path, made, answers):
    given = {"about": ABOUT, "labels": answers, "salt": SALT}
    publish(made, HOW, str(tmp_path / "out"), **given)
    before, files = contents(tmp_path / "out"), inodes(tmp_path / "out")
    answers.write_text(answers.read_text().replace("rec05#0000,ann,mood,sad", "rec05#0000,ann,mood,happy"))
    report = publish(made, HOW, str(tmp_path / "out"), **given)
    assert (report.written, report.kept) == (1, len(report.shards) - 1)
    assert len(inodes(tmp_path / "out") - files) == 1
    after = contents(tmp_path / "out")
    (changed,) = [name for name in report.shards if after[name] != before[name]]
    moods = pq.read_table(pa.BufferReader(after[changed]), columns=["id", "mood"]).to_pylist()
    assert {"id": "rec05#0000", "mood": 0} in moods
    publish(made, HOW, str(tmp_path / "fresh"), **given)
    assert contents(tmp_path / "fresh") == after


def test_a_measurement_made_anew_rewrites_the_one_shard_it_is_in(tmp_path):
    made = [spoken(tmp_path, f"rec{number:02d}", [(0, 9.5)], seed=number) for number in range(8)]
    publish(made, HOW, str(tmp_path / "out"), about=ABOUT)
    table = pq.read_table(made[3].folder / "samples.rows.parquet")
    place = table.column_names.index("text")
    made[3].write("samples", SampleRows(table.set_column(place, table.field("text"), pa.array(["other words"]))))
    report = publish(made, HOW, str(tmp_path / "out"), about=ABOUT)
    assert (report.written, report.kept) == (1, len(report.shards) - 1)
    spoken(tmp_path, "rec04", [(0, 9.5)], seed=99)  # other sound, the same rows
    report = publish(made, HOW, str(tmp_path / "out"), about=ABOUT)
    assert (report.written, report.kept) == (1, len(report.shards) - 1)
    publish(made, HOW, str(tmp_path / "fresh"), about=ABOUT)
    assert contents(tmp_path / "fresh") == contents(tmp_path / "out")


def test_shards_keep_their_bytes_when_their_number_changes(tmp_path, made):
    how = HOW.model_copy(update={"splits": {"train": 1.0}})
    first = publish(made[1:], how, str(tmp_path / "out"), about=ABOUT)
    files = inodes(tmp_path / "out")
    some = [spoken(tmp_path, f"rec{number:02d}x", [(0, 9.5)], seed=number + 50) for number in (3, 7, 11)]
    report = publish([*made, *some], how, str(tmp_path / "out"), about=ABOUT)
    assert len(report.shards) > len(first.shards)
    assert report.kept == len(files & inodes(tmp_path / "out")) > 0
    publish([*made, *some], how, str(tmp_path / "fresh"), about=ABOUT)
    assert contents(tmp_path / "fresh") == contents(tmp_path / "out")


@pytest.mark.parametrize("damage", ["cut", "turned", "gone"])
def test_a_damaged_shard_is_found_and_made_anew(tmp_path, made, damage):
    report = publish(made, HOW, str(tmp_path / "out"), about=ABOUT)
    before = contents(tmp_path / "out")
    path = tmp_path / "out" / report.shards[1]
    data = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        middle = len(data) // 2
        path.write_bytes(data[:middle] + (b"" if damage == "cut" else bytes([data[middle] ^ 1]) + data[middle + 1 :]))
    again = publish(made, HOW, str(tmp_path / "out"), about=ABOUT)
    assert (again.written, again.kept) == (1, len(report.shards) - 1)
    assert contents(tmp_path / "out") == before


def test_a_recording_whose_samples_are_in_several_splits(tmp_path):
    made = []
    for number in range(6):
        recording = spoken(tmp_path, f"r{number}", [(at / 2, at / 2 + 0.5) for at in range(12)], seed=number)
        rows = pq.read_table(recording.folder / "samples.rows.parquet").to_pylist()
        for at, row in enumerate(rows):
            row["speaker"] = f"speaker {number}.{at % 4}"
        recording.write("samples", SampleRows(pa.Table.from_pylist(rows, SCHEMA)))
        made.append(recording)
    how = Publication(splits={"train": 0.6, "test": 0.4})
    report = publish(made, how, str(tmp_path / "out"), about=ABOUT, spread=two_processes)
    found = {
        path.name.split("-")[0]: pq.read_table(path, columns=["id", "recording", "speaker"]).to_pylist()
        for path in (tmp_path / "out" / "data").iterdir()
    }
    ids = [row["id"] for rows in found.values() for row in rows]
    assert sorted(ids) == sorted(f"r{number}#{at:04d}" for number in range(6) for at in range(12))
    speakers = [{row["speaker"] for row in rows} for rows in found.values()]
    assert not speakers[0] & speakers[1]
    shared = [{row["recording"] for row in rows} for rows in found.values()]
    assert shared[0] & shared[1]
    assert {split.name: (split.rows, split.groups) for split in report.splits} == {
        name: (len(rows), len({row["speaker"] for row in rows})) for name, rows in found.items()
    }


def test_a_run_that_is_killed_in_the_middle_is_gone_on_with(tmp_path, made):
    publish(made, HOW, str(tmp_path / "fresh"), about=ABOUT)
    publish(made[:2], HOW, str(tmp_path / "out"), about=ABOUT)
    before = contents(tmp_path / "out")
    script = f"""
import sys
sys.path[:0] = {[str(Path.cwd()), str(Path.cwd() / "tests")]!r}
from functools import partial
from pathlib import Path
from recordings import FolderRecording
from pipelines import work
from pipelines.engines.spread import spread
from pipelines.publishing.publish import publish
from pipelines.publishing import place
from schemas.publication import About, Publication
how = Publication.model_validate_json({HOW.model_dump_json()!r})
def slow(noted=place.Place.note):
    def note(*given):
        noted(*given)
        import time; time.sleep(0.3)
    return note
place.Place.note = slow()
made = [FolderRecording(Path({str(made[0].folder.parent)!r}) / f"rec{{n:02d}}") for n in range(16)]
if __name__ == "__main__":
    from dataset_making import Source, sha256_of
    for n, one in enumerate(made):
        one._source = Source(id=one.id, uri=f"/home/somebody/{{one.id}}.wav", sha256=sha256_of(one.id))
    publish(made, how, {str(tmp_path / "out")!r}, about=About.model_validate_json({ABOUT.model_dump_json()!r}),
            spread=partial(spread, 2))
"""
    (tmp_path / "run.py").write_text(script)
    running = subprocess.Popen([sys.executable, str(tmp_path / "run.py")], start_new_session=True)
    waiting = tmp_path / ".out.part"
    deadline = time.monotonic() + 60
    while len(list(waiting.glob("*.json"))) < 2 and time.monotonic() < deadline and running.poll() is None:
        time.sleep(0.01)
    assert running.poll() is None, "it was over before it could be killed"
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert contents(tmp_path / "out") == before
    report = publish(made, HOW, str(tmp_path / "out"), about=ABOUT)
    assert report.found >= 2
    assert report.written > 0
    assert contents(tmp_path / "out") == contents(tmp_path / "fresh")
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EROFS])
def test_a_disk_that_is_full_for_a_while(tmp_path, made, monkeypatch, error):
    publish(made, HOW, str(tmp_path / "fresh"), about=ABOUT)
    publish(made[:2], HOW, str(tmp_path / "out"), about=ABOUT)
    before = contents(tmp_path / "out")
    take, room = Place.take, [5]

    def full(place, path, name):
        if not room[0]:
            raise OSError(error, os.strerror(error))
        room[0] -= 1
        take(place, path, name)

    monkeypatch.setattr(Place, "take", full)
    with pytest.raises(StoreError, match=rf"out cannot be written: {os.strerror(error)}") as told:
        publish(made, HOW, str(tmp_path / "out"), about=ABOUT)
    assert "unchanged" in told.value.do
    assert contents(tmp_path / "out") == before
    monkeypatch.setattr(Place, "take", take)
    report = publish(made, HOW, str(tmp_path / "out"), about=ABOUT)
    assert report.found == 2  # each shard and its note is a file
    assert contents(tmp_path / "out") == contents(tmp_path / "fresh")
    assert leftovers(tmp_path) == []


@pytest.fixture
def small_disk(tmp_path):
    """A disk of three megabytes, and how to change it."""
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("needs the right to mount a disk")
    yield disk, lambda how: subprocess.run(["mount", "-o", f"remount,{how}", str(disk)], check=True)
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_real_disk_that_is_full_then_read_only_then_well(tmp_path, made, small_disk):
    disk, remount = small_disk
    publish(made, HOW, str(tmp_path / "fresh"), about=ABOUT)
    publish(made[:2], HOW, str(disk / "out"), about=ABOUT)
    before = contents(disk / "out")
    for how, said in (("rw", "No space left on device"), ("ro", "Read-only file system")):
        remount(how)
        with pytest.raises(StoreError, match=f"out cannot be written: {said}"):
            publish(made, HOW, str(disk / "out"), about=ABOUT, spread=two_processes)
        assert contents(disk / "out") == before
    remount("rw,size=20m")
    report = publish(made, HOW, str(disk / "out"), about=ABOUT, spread=two_processes)
    assert report.found > 0
    assert contents(disk / "out") == contents(tmp_path / "fresh")
    assert leftovers(disk) == []


class FullStore(MemoryFileSystem):
    """An object store without room for a while."""

    protocol = "full"
    store: dict = {}  # noqa: RUF012 - as in its parent
    pseudo_dirs = [""]  # noqa: RUF012 - as in its parent
    cachable = False
    room = 10**9

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.replace("full://", "memory://"))

    def _take(self):
        if FullStore.room <= 0:
            raise OSError(errno.ENOSPC, "no room in the bucket")
        FullStore.room -= 1

    def put_file(self, *given, **named):
        self._take()
        super().put_file(*given, **named)

    def cp_file(self, *given, **named):
        self._take()
        super().cp_file(*given, **named)


def test_an_object_store_that_is_full_for_a_while_keeps_the_former_dataset(tmp_path, made):
    fsspec.register_implementation("full", FullStore, clobber=True)
    how = HOW.model_copy(update={"splits": {"train": 1.0}})
    files = FullStore()

    def there():
        return {name.removeprefix("/b/set/"): files.cat_file(name) for name in files.find("/b/set")}

    few, all_ = tmp_path / "few", tmp_path / "all"
    publish(made[:6], how, str(few), about=ABOUT)
    report = publish(made, how, str(all_), about=ABOUT)
    publish(made[:6], how, "full://b/set", about=ABOUT)
    assert there() == contents(few)
    shards = len(report.shards)
    for room in (3, 2 * shards, 2 * shards - 6):  # no room for a shard; then for its copy under its last name
        FullStore.room = room
        with pytest.raises(StoreError, match="no room in the bucket"):
            publish(made, how, "full://b/set", about=ABOUT)
        assert there() == contents(few)
    FullStore.room = 10**9
    report = publish(made, how, "full://b/set", about=ABOUT)
    assert (report.written, report.kept + report.found) == (0, shards)
    assert there() == contents(all_)
    assert files.find("/b") == files.find("/b/set")
    publish(made[:6], how, "full://b/set", about=ABOUT)
    assert there() == contents(few)


def test_two_runs_do_not_publish_to_one_folder_at_a_time(tmp_path, made):
    def meanwhile(function, items):
        if leftovers(tmp_path):
            with pytest.raises(UsageError, match="another run is publishing"):
                publish(made[:1], HOW, str(tmp_path / "out"), about=ABOUT)
        return map(function, items)

    report = publish(made[:2], HOW, str(tmp_path / "out"), about=ABOUT, spread=meanwhile)
    assert report.recordings == 2
    assert leftovers(tmp_path) == []


def test_a_run_that_was_killed_at_its_very_end_is_tidied_up(tmp_path, made):
    publish(made[:2], HOW, str(tmp_path / "out"), about=ABOUT)
    (tmp_path / ".out.old" / "data").mkdir(parents=True)
    (tmp_path / ".out.part" / "whole").mkdir(parents=True)
    report = publish(made[:3], HOW, str(tmp_path / "out"), about=ABOUT)
    assert report.recordings == 3
    assert leftovers(tmp_path) == []


def test_media_that_was_gone_is_looked_for_again(tmp_path):
    made = [spoken(tmp_path, f"r{number}", [(0, 0.5)], seed=number) for number in range(2)]
    gone = made[0]
    facts = json.loads((gone.folder / "facts.json").read_text()) | {"form": "image"}
    (gone.folder / "facts.json").write_text(json.dumps(facts))
    gone.media = tmp_path / "late.png"
    how = Publication(group_by="recording", splits={"train": 1.0})
    for _ in range(2):
        report = publish(made, how, str(tmp_path / "out"), about=ABOUT)
        assert [problem.sample for problem in report.problems] == ["r0#0000"]
        assert report.written == 1
    import zlib

    def chunk(kind, data):
        return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)

    head = chunk(b"IHDR", bytes([0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0]))
    gone.media.write_bytes(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b""))
    report = publish(made, how, str(tmp_path / "out"), about=ABOUT)
    assert report.problems == ()
    assert publish(made, how, str(tmp_path / "out"), about=ABOUT).kept == 1


def test_a_recording_that_changes_while_it_is_published_is_said(tmp_path):
    made = [spoken(tmp_path, "r0", [(0, 0.5)])]
    calls = []

    def meanwhile(function, items):
        if calls:
            spoken(tmp_path, "r0", [(0, 0.25)])
        calls.append(function)
        return map(function, items)

    with pytest.raises(StoreError, match="r0 has changed"):
        publish(made, HOW, str(tmp_path / "out"), about=ABOUT, spread=meanwhile)
    assert not (tmp_path / "out").exists()
    assert isinstance(made[0], FolderRecording)


def test_a_store_is_published_by_worker_processes(tmp_path, monkeypatch):
    monkeypatch.setenv("AFFECTLOOM_SALT", SALT)
    rows = [
        {"id": f"t{number:02d}", "text": f"It rains {number}.", "speaker": f"s{number % 5}"} for number in range(90)
    ]
    rows.append({"id": "gone", "uri": str(tmp_path / "gone.wav")})
    (tmp_path / "sources.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "answers.csv").write_text("item,rater,question,value\nt03,ann,mood,3\ngone,ann,mood,2\n")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("name: texts\nsources: sources.jsonl\nlabels: answers.csv\n")
    store = str(tmp_path / "store")
    assert len(work.build(recipe, store, workers=1).failed) == 1
    seen = []
    for name, workers in (("one", 1), ("two", 2)):
        report = work.publish(
            recipe, store, tmp_path / name, workers=workers, progress=lambda *counts: seen.append(counts)
        )
        assert (report.rows, report.written, report.recordings) == (90, len(report.shards), 90)
        assert seen[-1] == (90, 90)
        assert any("left out: 1" in note for note in report.notes)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert "(`gone`)" in contents(tmp_path / "one")["README.md"].decode()
    (tmp_path / "answers.csv").write_text("item,rater,question,value\nt03,ann,mood,4\n")
    report = work.publish(recipe, store, tmp_path / "two", workers=2)
    assert (report.written, report.kept) == (1, len(report.shards) - 1)
