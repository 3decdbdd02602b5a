"""Steps made for tests: trivial, failing, slow and killing ones. Importable by worker processes."""

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from pipelines.watching.probe import Probe
from schemas.errors import MeasurementError, MissingPart
from schemas.record import Record
from schemas.step import Needs, Recording, Step


class Note(Record):
    """A text and which recordings were in the batch."""

    text: str


class Length(Step):
    """How many bytes the media has."""

    key: ClassVar[str] = "test.length.v1"
    reads: ClassVar[tuple[str, ...]] = ("media",)
    factor: int = 1

    @property
    def makes(self) -> tuple[str, ...]:
        return ("length",)

    def run(self, recordings: Sequence[Recording], model: Any) -> None:
        for recording in recordings:
            with recording.local("media") as path:
                size = path.stat().st_size
            recording.write("length", Note(text=str(size * self.factor)))


class Placed(Step):
    """Takes a GPU if there is any. Tells which one it sees, its process, and how many recordings it was given."""

    key: ClassVar[str] = "test.placed.v1"
    reads: ClassVar[tuple[str, ...]] = ("length",)
    kills: str = ""
    """A file; while it is there, the process that runs this removes it and dies."""

    @property
    def makes(self) -> tuple[str, ...]:
        return ("placed",)

    @property
    def needs(self) -> Needs:
        return Needs(gpu_if_any=1, gpu_batch=3)

    def run(self, recordings: Sequence[Recording], model: Any) -> None:
        if self.kills and Path(self.kills).exists():
            Path(self.kills).unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.2)
        for recording in recordings:
            seen = os.environ.get("CUDA_VISIBLE_DEVICES", "all")
            recording.write("placed", Note(text=f"{seen} {os.getpid()} {len(recordings)}"))


class Waits(Step):
    """Waits until a file is there, a minute at most."""

    key: ClassVar[str] = "test.waits.v1"
    reads: ClassVar[tuple[str, ...]] = ("length",)
    go: str

    @property
    def makes(self) -> tuple[str, ...]:
        return ("waited",)

    def run(self, recordings: Sequence[Recording], model: Any) -> None:
        until = time.monotonic() + 60
        while not Path(self.go).exists():
            if time.monotonic() > until:
                raise MeasurementError("nobody let it go on")
            time.sleep(0.05)
        for recording in recordings:
            recording.write("waited", Note(text="yes"))


class Moody(Step):
    """Does what the media says: `raise`, `defect`, `kill`, `slow`, `absent`, `nothing`; else makes `mood`."""

    key: ClassVar[str] = "test.moody.v1"
    reads: ClassVar[tuple[str, ...]] = ("media", "length")
    batch: int = 1
    loads: str = ""
    """A folder in which each model load leaves a file."""
    load_fails: bool = False

    @property
    def makes(self) -> tuple[str, ...]:
        return ("mood",)

    @property
    def needs(self) -> Needs:
        return Needs(batch=self.batch)

    def identity(self) -> dict[str, object]:
        return {"key": self.key}

    def load(self) -> str:
        if self.load_fails:
            raise MissingPart("the test model is missing", do="put it there")
        if self.loads:
            with open(f"{self.loads}/{os.getpid()}-{time.monotonic_ns()}", "w"):  # noqa: PTH123
                pass
        return "model"

    def run(self, recordings: Sequence[Recording], model: Any) -> None:
        assert model == "model"
        words = []
        for recording in recordings:
            with recording.local("media") as path:
                words.append(path.read_text())
        for recording, word in zip(recordings, words, strict=True):
            if word == "raise":
                raise MeasurementError("the mood is bad", do="smile")
            if word == "defect":
                raise ZeroDivisionError("by design")
            if word == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if word == "slow":
                time.sleep(1)
            if word == "absent":
                recording.absent("mood", "it has none")
            elif word != "nothing":
                recording.write("mood", Note(text=f"{word} {recording.read('length', Note).text}"))


class After(Step):
    """Reads `mood`."""

    key: ClassVar[str] = "test.after.v1"
    reads: ClassVar[tuple[str, ...]] = ("mood",)

    @property
    def makes(self) -> tuple[str, ...]:
        return ("after",)

    def run(self, recordings: Sequence[Recording], model: Any) -> None:
        for recording in recordings:
            recording.write("after", Note(text=recording.read("mood", Note).text + "!"))


class Uses(Step):
    """Uses `mood` where it is there."""

    key: ClassVar[str] = "test.uses.v1"
    reads: ClassVar[tuple[str, ...]] = ("length",)
    uses: ClassVar[tuple[str, ...]] = ("mood",)

    @property
    def makes(self) -> tuple[str, ...]:
        return ("used",)

    def run(self, recordings: Sequence[Recording], model: Any) -> None:
        for recording in recordings:
            recording.write("used", Note(text=str(recording.has("mood"))))


class Fated(Probe):
    """Reads facts as ever, unless the last word of the id tells it to raise, sleep, write nothing, or kill its process.

    A killer goes first: its neighbours in the batch are all unfinished.
    """

    marks: str
    """A folder in which each load and each death leaves a file."""

    @property
    def needs(self) -> Needs:
        return Needs(batch=3)

    def load(self) -> str:
        self._mark("load")
        return "model"

    def _mark(self, what: str) -> None:
        Path(self.marks, f"{what}-{os.getpid()}-{time.monotonic_ns()}").touch()

    def run(self, recordings: Sequence[Recording], model: Any) -> None:
        assert model == "model"
        for recording in sorted(recordings, key=lambda one: not one.id.endswith("kill")):
            word = recording.id.rpartition("-")[2]
            if word == "raise":
                raise MeasurementError("the mood is bad", do="smile")
            if word == "defect":
                raise ZeroDivisionError("by design")
            if word == "kill":
                self._mark(f"kill-{len(recordings)}")
                os.kill(os.getpid(), signal.SIGKILL)
            if word == "slow":
                time.sleep(1)
            if word != "nothing":
                super().run([recording], model)
