"""From the demo's clips to a dataset by the real command: what is made, kept, made anew, and never lost."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import ClassVar

import fsspec
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from pipelines import work
from pipelines.store import Store
from schemas.errors import StoreError

DEMO = Path(__file__).parents[2] / "pipelines" / "demo"
COMMAND = [sys.executable, "-c", "from pipelines.cli import main; main()"]
CHEAP = "name: cheap\nsources: s.csv\nsegment: {by: whole}\nmeasure: {prosody: {}}\npublish: {media: []}\n"
NOISE = ("WARNING", "W0000", "I0000", "E0000", "INFO:", "absl", "TensorFlow", "Warning:")


def affectloom(folder: Path, *arguments: str, code: int = 0, **more: str) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        [*COMMAND, *arguments], cwd=folder, capture_output=True, text=True, check=False, env=os.environ | more
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


def files(folder: Path) -> dict[str, int]:
    """Every file with when it was written, but for the one that tries whether the store can be written."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != ".writable")
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in found}


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in files(folder)}


def kinds(names: "set[str]") -> set[str]:
    """Which artifacts a set of new files are."""
    return {Path(name).name.split(".")[0] for name in names if name.startswith("recordings/")}


def rows(out: Path) -> dict[str, dict]:
    found = [row for path in sorted(out.glob("data/*.parquet")) for row in pq.read_table(path).to_pylist()]
    return {row["id"]: row for row in found}


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo with speech, faces and prosody, built and published."""
    folder = tmp_path_factory.mktemp("full")
    shutil.copytree(DEMO / "media", folder / "media")
    shutil.copy(DEMO / "sources.csv", folder)
    shutil.copy(DEMO / "answers.csv", folder)
    (folder / "recipe.yaml").write_text(
        "name: demo\nsources: sources.csv\nlabels: answers.csv\nsegment: {min_s: 1, context: 2}\n"
        "measure: {speech: {model: tiny.en}, faces: {fps: 4, max_faces: 2}, prosody: {}}\n"
        "publish: {media: [audio, image], splits: {train: 0.6, test: 0.4}}\n"
    )
    done = affectloom(folder, "build", "recipe.yaml", "--workers", "2")
    (folder / "told.err").write_text(done.stderr)
    affectloom(folder, "publish", "recipe.yaml", "--out", "out")
    return folder


@pytest.fixture(scope="module")
def _cheap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cheap")
    for name in ("voice.flac", "memo.jpg"):
        shutil.copy(DEMO / "media" / name, folder)
    (folder / "s.csv").write_text(
        "id,path,text,speaker\nvoice,voice.flac,,hana\nmemo,memo.jpg,A coffee.,dora\nnote,,Words alone.,finn\n"
    )
    (folder / "r.yaml").write_text(CHEAP)
    affectloom(folder, "build", "r.yaml", "--workers", "1", "--quiet")
    return folder


@pytest.fixture
def cheap(_cheap: Path, tmp_path: Path) -> Path:
    """A sound, a picture with text and a text, built; a copy for each test, files as old as they were."""
    # The media stays where it is: the table names it by its whole path, so that no copy is taken for a change.
    shutil.copytree(_cheap, tmp_path, dirs_exist_ok=True)
    table = (tmp_path / "s.csv").read_text()
    for name in ("voice.flac", "memo.jpg"):
        table = table.replace(f",{name},", f",{_cheap / name},")
    (tmp_path / "s.csv").write_text(table)
    return tmp_path


def test_what_is_said_seen_and_heard_stands_in_one_row(full: Path):
    found = rows(full / "out")
    talk = [row for row in found.values() if row["recording"] == "talk"]
    assert [row["text"].split()[0] for row in talk] == ["I", "They", "Nothing"]
    for row in talk:
        assert row["present"] == {
            "text": True,
            "audio": True,
            "video": True,
            "image": False,
            "speech": True,
            "face": True,
            "prosody": True,
        }
        words = row["words"]
        assert row["start"] <= words[0]["start"] < words[-1]["end"] <= row["end"]
        assert len(row["aligned"]["start"]) == len(row["aligned"]["prosody"]["f0_hz"]) == len(words)
        assert row["speaker"] == "clara"
    assert found["noface#0000"]["present"]["face"] is False
    assert found["noface#0000"]["present"]["prosody"] is True


def test_a_picture_with_text_and_a_text_alone_say_what_they_have(full: Path):
    found = rows(full / "out")
    memo, note = found["memo#0000"], found["note#0000"]
    assert {name for name, there in memo["present"].items() if there} <= {"text", "image", "face"}
    assert memo["present"]["image"]
    assert memo["image"]["bytes"]
    assert {name for name, there in note["present"].items() if there} == {"text"}
    for row in (memo, note):
        assert (row["start"], row["end"], row["words"], row["audio"], row["functionals"]) == (
            None,
            None,
            [],
            None,
            None,
        )
        assert row["aligned"]["prosody"] is None or not any(row["aligned"]["prosody"].values())
    assert note["text"].startswith("My train was cancelled")


def test_libraries_say_nothing_through_a_build(full: Path):
    lines = (full / "told.err").read_text().splitlines()
    assert [line for line in lines if any(sign in line for sign in NOISE)] == []
    assert [line for line in lines if "recordings finished" not in line] == []


def test_a_second_build_changes_no_file(full: Path):
    before = files(full)
    done = affectloom(full, "build", "recipe.yaml", "--json")
    told = json.loads(done.stdout)
    assert all(set(counts) <= {"kept", "absent", "seconds"} for counts in told["steps"].values())
    assert told["with_samples"] == 7
    assert files(full) == before


def test_publishing_again_gives_the_same_bytes(full: Path):
    before = contents(full / "out")
    affectloom(full, "publish", "recipe.yaml", "--out", "out")
    assert contents(full / "out") == before


def test_other_faces_leave_sound_and_words_alone(full: Path, tmp_path: Path):
    shutil.copytree(full / "store", tmp_path / "store")
    lines = (full / "sources.csv").read_text().replace("media/", f"{full}/media/").splitlines()
    (tmp_path / "sources.csv").write_text("\n".join(line for line in lines if line.startswith(("id,", "reply,"))))
    recipe = (full / "recipe.yaml").read_text().replace("labels: answers.csv\n", "")
    (tmp_path / "recipe.yaml").write_text(recipe)
    affectloom(tmp_path, "build", "recipe.yaml", "--workers", "1", "--quiet")
    before = files(tmp_path / "store")
    (tmp_path / "recipe.yaml").write_text(recipe.replace("fps: 4", "fps: 2"))
    affectloom(tmp_path, "build", "recipe.yaml", "--workers", "1", "--quiet")
    after = files(tmp_path / "store")
    assert {name: after[name] for name in before} == before
    assert kinds(set(after) - set(before)) == {"faces", "speaking", "samples"}


def test_another_speaker_makes_only_the_samples_anew(cheap: Path):
    affectloom(cheap, "build", "r.yaml", "--workers", "1", "--quiet")
    before = files(cheap / "store")
    table = (cheap / "s.csv").read_text()
    (cheap / "s.csv").write_text(table.replace("hana", "johanna"))
    affectloom(cheap, "build", "r.yaml", "--workers", "1", "--quiet")
    after = files(cheap / "store")
    written = {name for name in after if before.get(name) != after[name] and name.startswith("recordings/")}
    assert {name.split("/")[1] for name in written} == {"voice"}
    assert kinds(written) == {"source", "samples"}
    affectloom(cheap, "publish", "r.yaml", "--out", "out", "--quiet")
    assert rows(cheap / "out")["voice#0000"]["speaker"] == "johanna"


def test_a_source_taken_out_of_the_table_leaves_the_dataset(cheap: Path):
    affectloom(cheap, "publish", "r.yaml", "--out", "out", "--quiet")
    assert set(rows(cheap / "out")) == {"voice#0000", "memo#0000", "note#0000"}
    table = (cheap / "s.csv").read_text().splitlines()
    (cheap / "s.csv").write_text("\n".join(line for line in table if not line.startswith("memo")) + "\n")
    affectloom(cheap, "build", "r.yaml", "--quiet")
    affectloom(cheap, "publish", "r.yaml", "--out", "out", "--quiet")
    assert set(rows(cheap / "out")) == {"voice#0000", "note#0000"}


def test_quiet_says_nothing(cheap: Path):
    done = affectloom(cheap, "build", "r.yaml", "--quiet")
    assert (done.stdout, done.stderr) == ("", "")
    done = affectloom(cheap, "publish", "r.yaml", "--out", "out", "--quiet")
    assert (done.stdout, done.stderr) == ("", "")


def test_a_store_in_memory_is_that_on_disk(cheap: Path):
    work.build(cheap / "r.yaml", str(cheap / "disk"), workers=1)
    work.build(cheap / "r.yaml", "memory://end-to-end")
    memory = fsspec.filesystem("memory")
    held = {
        path.removeprefix("/end-to-end/"): memory.cat_file(path)
        for path in memory.find("/end-to-end")
        if ".writable" not in path and ".report." not in path
    }
    disk = {name: data for name, data in contents(cheap / "disk").items() if ".report." not in name}
    assert len([name for name in disk if name.startswith("recordings/voice/")]) >= 6
    assert held == disk


class Full(MemoryFileSystem):
    """A disk with room for so many more files."""

    protocol = "memory"
    cachable = False
    store: ClassVar[dict] = {}
    pseudo_dirs: ClassVar[list] = [""]
    room = 0

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return super()._strip_protocol(path.replace("full://", "memory://", 1))

    def put_file(self, lpath: str, rpath: str, *more: object, **options: object) -> None:
        if Full.room <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        Full.room -= 1
        super().put_file(lpath, rpath, *more, **options)


@pytest.mark.parametrize("room", [0, 1, 2, 4, 7, 10])
def test_a_full_disk_ends_the_run_and_loses_nothing(cheap: Path, room: int):
    fsspec.register_implementation("full", Full, clobber=True)
    Full.store.clear()
    Full.room = room
    with pytest.raises(StoreError, match="No space left on device") as told:
        work.build(cheap / "r.yaml", "full://x")
    assert "make room and run the same command again" in str(told.value)
    before = dict(Full.store)
    bytes_before = {name: file.getvalue() for name, file in before.items()}
    assert not any("failed" in name for name in before)
    Full.room = 1000
    tally = work.build(cheap / "r.yaml", "full://x")
    assert (tally.exit_code, tally.with_samples) == (0, 3)
    kept = {name for name in before if name.startswith("/x/recordings/") and not name.endswith(".writable")}
    assert all(Full.store[name] is before[name] for name in kept)
    assert all(Full.store[name].getvalue() == bytes_before[name] for name in kept)
    names = {
        name.removeprefix("/x/") for name in Full.store if "/recordings/" in name and not name.endswith(".writable")
    }
    assert names == {name for name in files(cheap / "store") if name.startswith("recordings/")}


def test_ctrl_c_in_the_middle_then_the_same_command_finishes(tmp_path: Path):
    names = [f"v{number}" for number in range(4)]
    for name in names:
        shutil.copy(DEMO / "media" / "reply.mp4", tmp_path / f"{name}.mp4")
    (tmp_path / "r.yaml").write_text(
        CHEAP.replace("s.csv", "'*.mp4'").replace("{prosody: {}}", "{prosody: {}, faces: {fps: 2}}")
    )
    build = subprocess.Popen(
        [*COMMAND, "build", "r.yaml", "--workers", "2"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C in a terminal goes to the whole group
    )
    store = tmp_path / "store"
    until = time.monotonic() + 120
    while not list(store.glob("recordings/*/faces.*")):
        assert build.poll() is None, build.communicate()
        assert time.monotonic() < until
        time.sleep(0.02)
    os.killpg(build.pid, signal.SIGINT)
    _, err = build.communicate(timeout=60)
    assert build.returncode == 130
    assert "stopped; what is made is kept" in err
    assert "Traceback" not in err
    before = {name: when for name, when in files(store).items() if "/.part-" not in name}
    assert before
    assert not any("failed" in name for name in before)
    assert any(not list(store.glob(f"recordings/{name}/samples.*")) for name in names)
    affectloom(tmp_path, "build", "r.yaml", "--workers", "2", "--quiet")
    after = files(store)
    assert {name: when for name, when in before.items() if not name.startswith("runs/")}.items() <= after.items()
    each = [
        {path.name: path.read_bytes() for path in (store / "recordings" / name).iterdir() if "faces" in path.name}
        for name in names
    ]
    assert all(one == each[0] for one in each)  # the same film: one cut short would differ
    assert len(list(store.glob("recordings/*/samples.*.parquet"))) == len(names)


STRUCK = """
import os, signal, subprocess, time
from pipelines.watching.ffmpeg import Limits, find, start, stop
signal.signal(signal.SIGINT, signal.SIG_IGN)
child = start([str(find()), "-v", "error", "-re", "-f", "lavfi", "-i", "testsrc=d=60", "-f", "null", "-"], [], Limits())
time.sleep(0.5)
os.killpg(0, signal.SIGINT)
try:
    child.wait(1)
except subprocess.TimeoutExpired:
    print("goes on")
stop(child)
"""


def test_ctrl_c_does_not_reach_ffmpeg():
    """It would end as if the film ended there, and half a film would be taken for the whole."""
    done = subprocess.run(
        [sys.executable, "-c", STRUCK], capture_output=True, text=True, check=False, start_new_session=True
    )
    assert done.stdout == "goes on\n", done.stderr


TOY = '''
"""A measurement from another package."""
from typing import ClassVar

import numpy as np

from extractors import sound
from schemas.clock import to_us_array
from schemas.step import Step
from schemas.track import Track


class Peak(Step):
    """The largest amplitude in each cell."""

    key: ClassVar[str] = "toy.peak.v1"
    reads: ClassVar[tuple[str, ...]] = ("audio",)
    columns: ClassVar[tuple[str, ...]] = ("peak",)
    cell_s: float = 0.5

    @property
    def makes(self):
        return ("peaks",)

    def requires(self):
        return (sound.SoundTrack(),)

    def run(self, recordings, model):
        for recording in recordings:
            with recording.local("audio") as path:
                samples = sound.samples(path)
            size = round(self.cell_s * sound.RATE_HZ)
            cells = samples[: len(samples) // size * size].reshape(-1, size)
            edges = np.arange(len(cells) + 1) * self.cell_s
            spans = np.stack([to_us_array(edges[:-1]), to_us_array(edges[1:])], axis=1)
            values = np.abs(cells).max(axis=1, keepdims=True)
            times = (edges[:-1] + edges[1:]) / 2
            recording.write("peaks", Track(times, spans, values.astype(np.float32), self.columns))
'''


def test_another_package_adds_a_measurement_by_an_entry_point(tmp_path: Path):
    info = tmp_path / "site" / "toy_measure-1.0.dist-info"
    info.mkdir(parents=True)
    (tmp_path / "site" / "toy_measure.py").write_text(TOY)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-measure\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[affectloom.measures]\npeak = toy_measure:Peak\n")
    shutil.copy(DEMO / "media" / "voice.flac", tmp_path)
    recipe = (
        CHEAP.replace("s.csv", "voice.flac").replace("{prosody: {}}", "{peak: {cell_s: 0.25}}")
        + "align: {to: segment}\n"
    )
    (tmp_path / "r.yaml").write_text(recipe)
    path = os.pathsep.join(part for part in (str(tmp_path / "site"), os.environ.get("PYTHONPATH", "")) if part)
    missing = affectloom(tmp_path, "plan", "r.yaml", code=2)
    assert "measure.peak: unknown measurement 'peak'" in missing.stderr
    affectloom(tmp_path, "build", "r.yaml", "--workers", "1", "--quiet", PYTHONPATH=path)
    affectloom(tmp_path, "publish", "r.yaml", "--out", "out", "--quiet", PYTHONPATH=path)
    (row,) = rows(tmp_path / "out").values()
    peaks = row["peaks"]["peak"]
    assert row["present"]["peaks"] is True
    assert len(peaks) == len(row["peaks"]["times"]) > 10
    assert 0.1 < max(peaks) <= 1
    assert row["aligned"]["peaks"]["peak"] == pytest.approx(sum(peaks) / len(peaks), rel=0.05)
    wrong = recipe.replace("cell_s", "cells")
    (tmp_path / "r.yaml").write_text(wrong)
    told = affectloom(tmp_path, "plan", "r.yaml", code=2, PYTHONPATH=path).stderr
    assert "Did you mean cell_s?" in told


def test_a_store_that_is_there_is_seen_by_another_recipe(cheap: Path):
    """Two recipes over one store share what they have in common."""
    before = files(cheap / "store")
    (cheap / "r.yaml").write_text(CHEAP.replace("{by: whole}", "{by: window, window_s: 2}"))
    affectloom(cheap, "build", "r.yaml", "--workers", "1", "--quiet")
    new = set(files(cheap / "store")) - set(before)
    assert kinds(new) == {"segments", "samples"}
    assert Store(str(cheap / "store")).source("voice") is not None
