"""Tables that OpenFace 2 has written, brought onto the recording's clock.

OpenFace (Baltrusaitis et al. 2018, FG, 59-66) estimates action unit intensities, gaze and head pose. Its licence is for
academic use, so it is run by its user; here only its tables are read.
"""

import csv
import hashlib
import math
from collections.abc import Iterator, Sequence
from io import TextIOBase
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final

import numpy as np
from pydantic import Field, field_validator

from schemas.errors import MeasurementError, SourceUnavailable
from schemas.step import Needs, Recording, Step
from schemas.track import Track

_UNITS: Final = ("01", "02", "04", "05", "06", "07", "09", "10", "12", "14", "15", "17", "20", "23", "25", "26", "45")
_ANGLES: Final = ("gaze_angle_x", "gaze_angle_y", "pose_Rx", "pose_Ry", "pose_Rz")
_READ: Final = (
    "confidence",
    *_ANGLES,
    *(f"AU{unit}_r" for unit in _UNITS),
    *(f"AU{unit}_c" for unit in sorted((*_UNITS, "28"))),
)
COLUMNS: Final = tuple(
    f"{name}_deg" if name in _ANGLES else name.replace("AU", "au", 1) if name.startswith("AU") else name
    for name in _READ
)
"""OpenFace's own names and signs; angles in degrees; `au01_r` an intensity from 0 to 5, `au01_c` 0 or 1: present."""

_FRAMES_HELD: Final = 2.0
"""A frame stands until the next one, at most for so many of the usual distances between frames."""
_ALONE_S: Final = 0.1
"""How long a single frame stands."""
_ID: Final = "{id}"


class OpenFace(Step):
    """Action unit intensities, gaze and head pose from tables that OpenFace 2 has written for the recordings."""

    key: ClassVar[str] = "openface.table.v1"
    reads: ClassVar[tuple[str, ...]] = ("id",)

    table: Annotated[str, Field(min_length=1)]
    """Where the tables are, counted from the recipe's folder, with `{id}` for the recording: `openface/{id}.csv`."""
    contents: str = ""
    """Filled in from the tables: a hash of all of them."""
    folder: str = Field(default="", exclude=True)
    """Filled in from the recipe: its folder. Not told on: it is nobody's business where somebody keeps files."""

    @field_validator("table")
    @classmethod
    def _names_the_recording(cls, table: str) -> str:
        if _ID not in table:
            raise ValueError("needs {id} where the recording's id stands, such as openface/{id}.csv")
        return table

    @property
    def makes(self) -> tuple[str, ...]:
        """The `openface` track."""
        return ("openface",)

    @property
    def columns(self) -> tuple[str, ...]:
        """The same for all tables; what one lacks is not valid."""
        return COLUMNS

    @property
    def needs(self) -> Needs:
        """One core."""
        return Needs(memory_mb=400)

    def identity(self) -> dict[str, object]:
        """What the tables hold counts, not where they are. One that changes has all of them read again."""
        return {**super().identity(), "fields": {"contents": self.contents}}

    def run(self, recordings: Sequence[Recording], model: Any) -> None:
        """Read each recording's table. Raises MeasurementError or SourceUnavailable."""
        for recording in recordings:
            path = Path(self.folder, self.table.replace(_ID, recording.id))
            if not path.is_file():
                recording.absent("openface", f"there is no table {path.name}")
                continue
            try:
                with path.open(encoding="utf-8-sig", newline="") as file:
                    track = read_table(file, path.name)
            except OSError as error:
                what = f"{path} cannot be read: {error.strerror}"
                raise SourceUnavailable(what, do="give yourself the right to read it", retry=True) from error
            except UnicodeDecodeError as error:
                raise MeasurementError(f"{path.name} is not text", do="name OpenFace's own CSV") from error
            if len(track):
                recording.write("openface", track)
            else:
                recording.absent("openface", f"{path.name} has no frames")


def contents_of(table: str) -> str:
    """A hash of all tables that a path with `{id}` names: of their names and bytes. Empty where there are none.

    Raises OSError: one cannot be read.
    """
    before, _, after = table.partition(_ID)
    folder = Path(before) if before.endswith("/") else Path(before).parent
    start = "" if before.endswith("/") else Path(before).name
    found = sorted(folder.glob(f"{_literal(start)}*{_literal(after.replace(_ID, '*'))}"))
    marks = hashlib.sha256()
    for path in found:
        with path.open("rb") as file:
            mark = hashlib.file_digest(file, "sha256").hexdigest()
        marks.update(f"{path.relative_to(folder)}\n{mark}\n".encode())
    return marks.hexdigest()[:16] if found else ""


def _literal(text: str) -> str:
    """A part of a path in which only a star stands for anything."""
    return "".join(f"[{sign}]" if sign in "?[" else sign for sign in text)


def read_table(file: TextIOBase, name: str) -> Track:
    """The face of an OpenFace table with the highest mean confidence, on the times of all its frames.

    The mean is over all frames of the table, frames in which the face is not found counting 0; of equal ones the lowest
    id. Frames where OpenFace names no success for it, and columns that the table lacks, are not valid.
    Raises MeasurementError: not such a table, or a value that is no number (OpenFace's `nan` is one).
    """
    faces: dict[float, dict[float, list[float]]] = {}
    times: set[float] = set()
    for face, time, row in _rows(file, name):
        times.add(time)
        if row:
            faces.setdefault(face, {})[time] = row
    clock = np.array(sorted(times), np.float64)
    best: dict[float, list[float]] = {}
    if faces:
        best = faces[min(faces, key=lambda face: (-math.fsum(row[0] for row in faces[face].values()), face))]
    values = np.full((len(clock), len(COLUMNS)), np.nan)
    for at, time in enumerate(clock.tolist()):
        if time in best:
            values[at] = best[time]
    turns = [COLUMNS.index(f"{angle}_deg") for angle in _ANGLES]
    values[:, turns] = np.degrees(values[:, turns])
    longest_s = _FRAMES_HELD * float(np.median(np.diff(clock))) if len(clock) > 1 else _ALONE_S
    return Track.held(clock, longest_s, values, COLUMNS)


def _rows(file: TextIOBase, name: str) -> Iterator[tuple[float, float, list[float]]]:
    """For each row the face, the time in seconds and the values of `_READ`: none where there is no success."""
    reader = csv.reader(file, skipinitialspace=True)
    try:
        heads = [head.strip() for head in next(reader, [])]
        lacking = [head for head in ("timestamp", "confidence", "success") if head not in heads]
        if lacking:
            what = f"{name} is no table of OpenFace's FeatureExtraction: it has no column {', '.join(lacking)}"
            raise MeasurementError(what, do="write it with FeatureExtraction or FaceLandmarkVidMulti")
        place = {head: at for at, head in enumerate(heads)}
        wanted = [place.get(head) for head in _READ]
        for row in reader:
            if not row:
                continue
            if len(row) < len(heads):
                raise MeasurementError(f"{name}:{reader.line_num}: {len(row)} values for {len(heads)} columns")
            where = f"{name}:{reader.line_num}"
            face = _number(row[place["face_id"]], where) if "face_id" in place else 0.0
            time = _number(row[place["timestamp"]], where)
            if math.isnan(time) or time < 0:
                raise MeasurementError(f"{where}: {row[place['timestamp']]!r} is no time")
            confidence = _number(row[place["confidence"]], where)
            found = _number(row[place["success"]], where) == 1 and not math.isnan(confidence)
            yield face, time, [math.nan if at is None else _number(row[at], where) for at in wanted] if found else []
    except csv.Error as error:
        raise MeasurementError(f"{name}:{reader.line_num}: not valid CSV: {error}") from error


def _number(text: str, where: str) -> float:
    """NaN for what is not finite; C++ on Windows writes `-nan(ind)`."""
    plain = text.strip().lower()
    if plain.lstrip("+-").startswith("nan"):
        return math.nan
    try:
        value = float(plain)
    except ValueError as error:
        raise MeasurementError(f"{where}: {text.strip()!r} is no number", do="write the table anew") from error
    return value if math.isfinite(value) else math.nan
