"""Tracks that sensors have recorded beside the recordings (heart rate, skin conductance, EEG), put on their clock."""

import csv
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator

from extractors.openface import contents_of
from schemas.errors import MeasurementError, SourceUnavailable, TooLong
from schemas.sample import MODALITIES, sample_schema
from schemas.step import Needs, Recording, Step
from schemas.track import Track

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,40}")
_ID: Final = "{id}"
_USUAL: Final = 2.0
"""Without `gap_s`, rows further apart than so many of the usual distances leave a gap between them."""
_ALONE_S: Final = 1.0
"""How long a single row stands, without `gap_s`."""
_MOST_BYTES: Final = 1 << 30
_MOST_S: Final = 1e7
"""115 days. Further from the recording's start is another clock, such as seconds since 1970, and never a match."""
_PUBLISHED: Final = ("faces", "source", "licence", "consent", "sha256")
_NULLS: Final = ("", "nan", "NaN", "NAN", "-nan", "NA", "N/A", "null", "NULL", "None", "-")


class Sensor(BaseModel):
    """One track: where its tables are, and which of their columns it has."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    table: Annotated[str, Field(min_length=1)]
    """Where the tables (.csv, .tsv) are, counted from the recipe's folder, with `{id}` for the recording."""
    columns: Annotated[tuple[str, ...], Field(min_length=1)]
    """Columns of numbers; the unit is best a part of the name (`heart_rate_bpm`)."""
    time: str = "time_s"
    """The column of time, in seconds, or in what `ticks_per_s` says."""
    ticks_per_s: Annotated[float, Field(gt=0)] = 1
    """1000 for milliseconds."""
    offset_s: float = 0
    """When the recording starts, in seconds on the sensor's clock."""
    gap_s: Annotated[float, Field(gt=0)] | None = None
    """A value stands until the next row, at most so long; by default twice the usual distance of rows."""

    @field_validator("table")
    @classmethod
    def _names_the_recording(cls, table: str) -> str:
        if _ID not in table:
            raise ValueError("needs {id} where the recording's id stands, such as heart/{id}.csv")
        return table

    @field_validator("columns")
    @classmethod
    def _apart(cls, columns: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(columns)) < len(columns) or "times" in columns or not all(columns):
            raise ValueError("each column once, and none called `times`")
        return columns


class Sensors(Step):
    """Tracks of sensors, from a table for each recording. A recording without a table has no such track."""

    key: ClassVar[str] = "sensors.table.v1"
    reads: ClassVar[tuple[str, ...]] = ("id",)

    tracks: Annotated[dict[str, Sensor], Field(min_length=1)]
    """Each track by its name, such as `heart`."""
    contents: str = ""
    """Filled in from the tables: a hash of all of them."""
    folder: str = Field(default="", exclude=True)
    """Filled in from the recipe: its folder."""

    @field_validator("tracks")
    @classmethod
    def _named(cls, tracks: dict[str, Sensor]) -> dict[str, Sensor]:
        taken = {*sample_schema({"faces": ("x",)}, "word", ("x",), ("x",), voices=True).names, *MODALITIES, *_PUBLISHED}
        for name in tracks:
            if not _NAME.fullmatch(name) or name in taken:
                raise ValueError(
                    f"{name!r} cannot name a track: small letters, digits and '_', and no name of another column"
                )
        return tracks

    @property
    def makes(self) -> tuple[str, ...]:
        """The tracks."""
        return tuple(self.tracks)

    @property
    def track_columns(self) -> dict[str, tuple[str, ...]]:
        """The same for all recordings."""
        return {name: sensor.columns for name, sensor in self.tracks.items()}

    @property
    def needs(self) -> Needs:
        """A table is read whole."""
        return Needs(memory_mb=2000)

    def identity(self) -> dict[str, object]:
        """What the tables hold counts, not where they are. One that changes has all of them read again."""
        told = {name: sensor.model_dump(mode="json", exclude={"table"}) for name, sensor in self.tracks.items()}
        return {**super().identity(), "fields": {"tracks": told, "contents": self.contents}}

    def run(self, recordings: Sequence[Recording], model: Any) -> None:
        """Read each recording's tables. Raises MeasurementError, TooLong or SourceUnavailable."""
        for recording in recordings:
            for name, sensor in self.tracks.items():
                path = Path(self.folder, sensor.table.replace(_ID, recording.id))
                if not path.is_file():
                    recording.absent(name, f"there is no table {path.name}")
                    continue
                try:
                    track = read_sensor(path, sensor)
                except OSError as error:
                    what = f"{path} cannot be read: {error.strerror}"
                    raise SourceUnavailable(what, do="give yourself the right to read it", retry=True) from error
                if len(track):
                    recording.write(name, track)
                else:
                    recording.absent(name, f"{path.name} has no row after the recording's start")


def contents_of_all(tracks: dict[str, Sensor], folder: Path) -> tuple[str, list[str]]:
    """A hash of all tables, and the names of the tracks that have none. Raises OSError: one cannot be read."""
    marks = {name: contents_of(str(folder / sensor.table)) for name, sensor in tracks.items()}
    mark = hashlib.sha256(repr(sorted(marks.items())).encode()).hexdigest()[:16]
    return mark, [name for name, found in marks.items() if not found]


def read_sensor(path: Path, sensor: Sensor) -> Track:
    """The track in a table. Empty cells and infinities are not valid; rows may be in any order.

    Rows before the recording's start are left out. Raises MeasurementError: a column is missing, a value is no number;
    TooLong: the file is too large; OSError.
    """
    if path.stat().st_size > _MOST_BYTES:
        raise TooLong(f"{path.name} has {path.stat().st_size / 1e6:,.0f} MB, allowed are {_MOST_BYTES / 1e6:,.0f}")
    numbers = _numbers(path, (sensor.time, *sensor.columns))
    clock = numbers[:, 0] / sensor.ticks_per_s - sensor.offset_s
    if not np.isfinite(clock).all():
        raise MeasurementError(f"{path.name}: {sensor.time} is empty in some rows", do="each row needs its time")
    if len(clock) and float(np.abs(clock).max()) > _MOST_S:
        what = f"{path.name}: {sensor.time} reaches {np.abs(clock).max():,.0f} s from the recording's start"
        raise MeasurementError(what, do="`offset_s` says when it started on the table's clock, `ticks_per_s` its unit")
    order = np.argsort(clock, kind="stable")
    order = order[clock[order] >= 0]
    times = clock[order]
    with np.errstate(over="ignore"):
        values = numbers[order, 1:].astype(np.float32)
    values[np.isinf(values)] = np.nan
    longest_s = sensor.gap_s
    if longest_s is None:
        steps = np.diff(times)
        longest_s = _USUAL * float(np.median(steps[steps > 0])) if (steps > 0).any() else _ALONE_S
    return Track.held(times, longest_s, values, sensor.columns)


def _numbers(path: Path, wanted: Sequence[str]) -> NDArray[np.float64]:
    """float64[rows, len(wanted)]: some columns of a table, NaN where a cell is empty."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    sign = "\t" if path.suffix.lower() == ".tsv" else ","
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            names = [name.strip() for name in next(csv.reader([file.readline(1_000_000)], delimiter=sign), [])]
    except (UnicodeDecodeError, csv.Error) as error:
        raise MeasurementError(f"{path.name} is not a table", do="save it as UTF-8 CSV") from error
    for name in wanted:
        if names.count(name) != 1:
            how = "no column" if name not in names else "several columns"
            raise MeasurementError(f"{path.name}: {how} {name!r} among {', '.join(names)[:300] or 'nothing'}")
    try:
        table = arrow_csv.read_csv(
            path,
            read_options=arrow_csv.ReadOptions(
                column_names=[str(at) for at in range(len(names))], skip_rows=1, use_threads=False
            ),
            parse_options=arrow_csv.ParseOptions(delimiter=sign),
            convert_options=arrow_csv.ConvertOptions(
                include_columns=[str(names.index(name)) for name in wanted],
                column_types={str(names.index(name)): pa.float64() for name in wanted},
                null_values=list(_NULLS),
            ),
        )
    except pa.ArrowInvalid as error:
        if "Empty CSV" in str(error):
            return np.zeros((0, len(wanted)))
        told = re.sub(r"column #(\d+)", lambda found: f"column {names[int(found[1])]!r}", str(error))
        raise MeasurementError(f"{path.name}: {told[:300]}", do="every value is a number, or empty") from error
    columns = [column.to_numpy().astype(np.float64) for column in table.columns]
    return np.stack(columns, axis=1) if columns else np.zeros((0, len(wanted)))
