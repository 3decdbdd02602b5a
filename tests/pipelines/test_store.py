import errno
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from steps_for_tests import After, Length, Moody, Note, Uses

from pipelines.lineage import Lineage
from pipelines.store import Store, is_id
from schemas.errors import RecipeError, StoreError
from schemas.failure import Failure
from schemas.source import Source
from schemas.track import Track
from schemas.track_file import TrackFile

LINEAGE = Lineage([Uses(), After(), Moody(), Length()])


def source(name: str = "a", media: str = "cheerful", **more: object) -> Source:
    return Source(id=name, uri="/nowhere", sha256=media * 8, **more)


@pytest.fixture(params=["local", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return Store(str(tmp_path) if request.param == "local" else f"memory://{tmp_path}")


def test_steps_come_after_what_they_read():
    assert [step.key for step in LINEAGE.steps].index("test.length.v1") == 0
    assert LINEAGE.steps[-1].key in ("test.after.v1", "test.uses.v1")


def test_a_step_that_reads_what_nobody_makes_is_refused():
    with pytest.raises(RecipeError, match=r"test\.after\.v1 reads mood, which no step"):
        Lineage([After()])


def test_two_makers_of_one_artifact_are_refused():
    with pytest.raises(RecipeError, match="makes 'length'"):
        Lineage([Length(), Length(factor=2)])


def test_an_artifact_is_read_back_and_seen_by_another_view(store: Store):
    recording = store.open("a", LINEAGE)
    recording.write_source(source())
    assert recording.state("length") == "todo"
    recording.write("length", Note(text="8"))
    again = store.open("a", LINEAGE)
    assert again.has("length")
    assert again.read("length", Note) == Note(text="8")
    assert again.state("mood") == "todo"
    assert not again.has("mood")


def test_other_media_or_settings_are_another_artifact_and_the_old_one_stays(store: Store):
    recording = store.open("a", LINEAGE)
    recording.write_source(source())
    recording.write("length", Note(text="8"))
    other = Lineage([Uses(), After(), Moody(), Length(factor=2)])
    assert store.open("a", other).state("length") == "todo"
    recording.write_source(source(media="otherone"))
    assert store.open("a", LINEAGE).state("length") == "todo"
    recording.write_source(source())
    assert store.open("a", LINEAGE).state("length") == "made"


def test_what_no_step_reads_changes_no_fingerprint(store: Store):
    recording = store.open("a", LINEAGE)
    recording.write_source(source())
    before = recording.fingerprint("length")
    recording.write_source(source(licence="cc0-1.0", speaker="s"))
    assert recording.fingerprint("length") == before


def test_absence_passes_on_and_a_failure_blocks_but_may_be_done_without(store: Store):
    recording = store.open("a", LINEAGE)
    recording.write_source(source())
    recording.write("length", Note(text="8"))
    recording.absent("mood", "it has none")
    assert recording.state("after") == "absent"
    assert "needs mood" in recording.reason("after")
    assert recording.reason("mood") == "it has none"
    assert recording.state("used") == "todo"
    other = store.open("b", LINEAGE)
    other.write_source(source("b"))
    other.write("length", Note(text="8"))
    other.fail("mood", Failure(recording="b", step="s", kind="mood", error="E", expected=True, message="bad"))
    assert (other.state("mood"), other.state("after"), other.state("used")) == ("failed", "blocked", "todo")
    with_failure = other.fingerprint("used")
    other.retry("mood")
    assert other.state("mood") == "todo"
    other.write("mood", Note(text="x"))
    assert store.open("b", LINEAGE).fingerprint("used") != with_failure


def test_nothing_is_seen_of_a_block_that_raised(store: Store):
    recording = store.open("a", LINEAGE)
    recording.write_source(source())
    with pytest.raises(RuntimeError), recording.create("length", "json") as part:
        part.write_text("half")
        raise RuntimeError
    assert store.open("a", LINEAGE).state("length") == "todo"
    assert all("part" not in name for name in store.listing(store.folder("a")))


def test_a_disk_that_became_read_only_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    store = Store(str(tmp_path / "s"))
    recording = store.open("a", LINEAGE)
    recording.write_source(source())

    def refuse(*_arguments: object, **_named: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(StoreError, match="Read-only file system"):
        recording.write("length", Note(text="1"))
    (tmp_path / "s" / "recordings" / "a" / f".part-{socket.gethostname()}-999999999-1.x").touch()
    store.sweep("a")


def test_a_damaged_artifact_is_removed_and_said(store: Store):
    recording = store.open("a", LINEAGE)
    recording.write_source(source())
    with recording.create("length", "json") as part:
        part.write_text("{broken")
    with pytest.raises(StoreError, match=r"is damaged"):
        recording.read("length", Note)
    assert store.open("a", LINEAGE).state("length") == "todo"


def test_a_damaged_artifact_that_is_read_in_parts_is_removed_and_said(store: Store):
    recording = store.open("a", LINEAGE)
    recording.write_source(source())
    with recording.create("length", "json") as part:
        part.write_text("no track")
    with pytest.raises(StoreError, match=r"is damaged"), recording.open("length", TrackFile):
        pass
    assert store.open("a", LINEAGE).state("length") == "todo"


def test_an_artifact_found_damaged_while_it_is_read_is_removed_and_said(store: Store):
    recording = store.open("a", LINEAGE)
    recording.write_source(source())
    track = Track.centred(np.arange(9000) * 0.01, 0.01, np.random.default_rng(0).normal(size=(9000, 2)), ("a", "b"))
    data = bytearray(track.to_bytes())
    data[1000:1100] = bytes(100)
    with recording.create("length", "json") as part:
        part.write_bytes(data)
    with pytest.raises(StoreError, match=r"is damaged"), recording.open("length", TrackFile) as file:
        file.between(0, 10)
    assert store.open("a", LINEAGE).state("length") == "todo"


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".", "..", "-a", "a" * 121, "ä", "a\n"])
def test_what_could_leave_the_store_is_no_id(name: str, tmp_path: Path):
    assert not is_id(name)
    with pytest.raises(StoreError):
        Store(str(tmp_path)).folder(name)


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        Store(str(tmp_path / "file")).prepare()


def test_an_unknown_kind_of_store_is_said():
    with pytest.raises(StoreError, match="nosuch"):
        Store("nosuch://bucket/x")


def test_leftovers_of_a_killed_process_are_swept_and_those_of_a_living_one_kept(tmp_path: Path):
    store = Store(str(tmp_path))
    recording = store.open("a", LINEAGE)
    recording.write_source(source())
    child = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    host = os.uname().nodename
    folder = Path(store.folder("a"))
    dead = folder / f".part-{host}-{int(child.stdout)}-0.x"
    mine = folder / f".part-{host}-{os.getpid()}-0.x"
    dead.write_text("")
    mine.write_text("")
    store.sweep("a")
    assert not dead.exists()
    assert mine.exists()


def test_a_download_that_was_killed_leaves_no_folder_behind(tmp_path: Path):
    store = Store(str(tmp_path))
    store.open("a", LINEAGE).write_source(source())
    download = (
        "import os, signal\n"
        "from pipelines.store import Store\n"
        f"store = Store({str(tmp_path)!r})\n"
        "with store.workspace(store.folder('a')) as folder:\n"
        "    (folder / 'media').write_bytes(bytes(1000))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", download], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert list(Path(store.folder("a")).rglob("media"))
    with store.workspace(store.folder("a")) as mine:
        store.sweep("a")
        assert not list(Path(store.folder("a")).rglob("media"))
        assert mine.is_dir()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_leftovers_of_a_process_that_nobody_has_buried_yet_are_swept(tmp_path: Path):
    store = Store(str(tmp_path))
    recording = store.open("a", LINEAGE)
    recording.write_source(source())
    child = subprocess.Popen([sys.executable, "-c", ""])
    left = Path(store.folder("a"), f".part-{os.uname().nodename}-{child.pid}-0.x")
    left.write_text("")
    assert store.open("a", LINEAGE).has_leftovers
    deadline = time.monotonic() + 20
    while ") Z " not in Path(f"/proc/{child.pid}/stat").read_text() and time.monotonic() < deadline:
        time.sleep(0.01)
    store.sweep("a")
    assert not left.exists()
    child.wait()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_said_with_what_to_do(tmp_path: Path):
    store = Store(str(tmp_path))
    with pytest.raises(StoreError, match="No space left") as caught, store.placing(f"{tmp_path}/x/y") as part:
        part.symlink_to("/dev/full")
        with part.open("wb", buffering=0) as file:
            file.write(b"x")
    assert "make room" in caught.value.do
    assert not (tmp_path / "x" / "y").exists()
