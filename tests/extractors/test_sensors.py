"""Tables of sensors become tracks on the recording's clock, gaps and all."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from recordings import FolderRecording

from extractors import sensors
from extractors.sensors import Sensor, Sensors, contents_of_all, read_sensor
from pipelines import work
from schemas.errors import MeasurementError, RecipeError, TooLong
from schemas.track import Track

HEART = Sensor(table="{id}.csv", columns=("heart_bpm",))


def table(folder: Path, text: str, name: str = "talk.csv") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def test_values_stand_until_the_next_row_and_gaps_are_not_valid(tmp_path: Path):
    path = table(tmp_path, "time_s,heart_bpm\n0,60\n1,61\n2,\n3,nan\n4,64\n9,70\n10,inf\n")
    track = read_sensor(path, HEART)
    assert track.times.tolist() == [0, 1, 2, 3, 4, 9, 10]
    stretches = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 6), (9, 10), (10, 12)]
    assert track.spans.tolist() == [[at * 1_000_000, to * 1_000_000] for at, to in stretches]
    assert track.valid[:, 0].tolist() == [True, True, False, False, True, True, False]
    short = read_sensor(path, HEART.model_copy(update={"gap_s": 0.25}))
    assert (short.spans[:, 1] - short.spans[:, 0]).tolist() == [250_000] * 7


def test_the_sensors_own_clock_is_put_on_the_recordings(tmp_path: Path):
    text = "\ufeffnote, stamp ,b_uv,a_uv\nhello,13000,2.5,1\n,11500,7,8\nx,12500,-1e-3,4\n"
    how = Sensor(table="{id}.csv", columns=("a_uv", "b_uv"), time="stamp", ticks_per_s=1000, offset_s=12)
    track = read_sensor(table(tmp_path, text), how)
    assert track.times.tolist() == [0.5, 1.0]
    np.testing.assert_array_equal(track.values, np.array([[4, -1e-3], [1, 2.5]], np.float32))
    assert track.columns == ("a_uv", "b_uv")


@given(
    st.lists(st.tuples(st.integers(0, 10_000), st.none() | st.floats(-1e6, 1e6, width=32)), max_size=30),
    st.randoms(use_true_random=False),
)
@settings(max_examples=60, deadline=None)
def test_the_order_of_the_rows_does_not_matter(tmp_path_factory, rows, random):
    rows = list({time: (time, value) for time, value in rows}.values())
    shuffled = random.sample(rows, len(rows))
    folder = tmp_path_factory.mktemp("rows")

    def read(some, name) -> Track:
        lines = "".join(f"{time / 1000},{'' if value is None else repr(value)}\n" for time, value in some)
        return read_sensor(table(folder, f"time_s,heart_bpm\n{lines}", name), HEART)

    one, other = read(sorted(rows, key=lambda row: row[0]), "a.csv"), read(shuffled, "b.csv")
    assert one.to_bytes() == other.to_bytes()
    assert one.times.tolist() == [time / 1000 for time, _ in sorted(rows, key=lambda row: row[0])]
    expected = [np.nan if value is None else value for _, value in sorted(rows, key=lambda row: row[0])]
    np.testing.assert_array_equal(one.values[:, 0], np.array(expected, np.float32))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("time,heart_bpm\n0,1\n", r"talk\.csv: no column 'time_s' among time, heart_bpm"),
        ("time_s,heart_bpm,heart_bpm\n0,1,2\n", "several columns 'heart_bpm'"),
        ("time_s,heart_bpm\n0,1\n1,fast\n", "column 'heart_bpm'.*fast"),
        ("time_s,heart_bpm\n0,1\n,2\n", "time_s is empty in some rows"),
        ("time_s,heart_bpm\n0,1\n1764000000,2\n", r"reaches 1,764,000,000 s from the recording's start"),
        ("time_s,heart_bpm\n0,1\n0" + "2" * 25 + ",2\n", "from the recording's start"),
        ("time_s,heart_bpm\n0,1\n1\n", r"Expected 2 columns, got 1"),
        ("", "no column 'time_s' among nothing"),
        ("time_s," + "x" * 200_000 + "\n", "is not a table"),
    ],
)
def test_what_is_no_such_table_is_told(tmp_path: Path, text: str, said: str):
    with pytest.raises(MeasurementError, match=said):
        read_sensor(table(tmp_path, text), HEART)


def test_a_table_that_is_no_text_or_too_large_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "talk.csv"
    path.write_bytes(b"\xff\xfe\x00time_s\n")
    with pytest.raises(MeasurementError, match="is not a table"):
        read_sensor(path, HEART)
    monkeypatch.setattr(sensors, "_MOST_BYTES", 3)
    with pytest.raises(TooLong):
        read_sensor(path, HEART)


def test_a_recording_without_rows_has_no_track(tmp_path: Path):
    step = Sensors(tracks={"heart": HEART, "other": Sensor(table="x/{id}.csv", columns=("a",))}, folder=str(tmp_path))
    table(tmp_path, "time_s,heart_bpm\n")
    recording = FolderRecording(tmp_path / "talk")
    step.run([recording], None)
    assert recording.absences == {
        "heart": "talk.csv has no row after the recording's start",
        "other": "there is no table talk.csv",
    }
    assert step.makes == ("heart", "other")


@pytest.mark.parametrize("name", ["text", "present", "video", "aligned", "Heart", "a b", "face_id", ""])
def test_a_track_has_a_name_of_its_own(name: str):
    with pytest.raises(ValidationError, match="cannot name a track"):
        Sensors(tracks={name: HEART})


@pytest.mark.parametrize("wrong", [{"table": "x.csv"}, {"columns": ()}, {"columns": ("a", "a")}, {"gap_s": 0}])
def test_a_wrong_sensor_is_refused(wrong: dict):
    with pytest.raises(ValidationError):
        Sensor.model_validate({"table": "{id}.csv", "columns": ("a",), **wrong})


def test_what_the_tables_hold_counts_and_not_where_they_are(tmp_path: Path):
    marks = []
    for folder, text in (("a", "1"), ("b", "1"), ("c", "2")):
        table(tmp_path / folder, text, "t/talk.csv")
        tracks = {"heart": Sensor(table="t/{id}.csv", columns=("heart_bpm",))}
        contents, lacking = contents_of_all(tracks, tmp_path / folder)
        assert lacking == []
        step = Sensors(tracks=tracks, contents=contents, folder=str(tmp_path / folder))
        marks.append(step.identity())
    assert marks[0] == marks[1] != marks[2]


RECIPE = """name: felt
sources: talk.wav
segment: {by: window, window_s: 2}
measure:
  sensors:
    tracks:
      heart: {table: "heart/{id}.csv", columns: [heart_bpm], gap_s: 1}
align: {to: {grid_s: 0.5}}
publish: {splits: {train: 1}, audit: skip}
"""


def test_a_sensor_is_cut_and_aligned_as_all_tracks(tmp_path: Path):
    soundfile.write(tmp_path / "talk.wav", np.random.default_rng(1).uniform(-0.2, 0.2, 4 * 16_000), 16_000)
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    with pytest.raises(RecipeError, match=r"recipe\.yaml:7: measure\.sensors\.tracks\.heart\.table: there is no file"):
        work.load(tmp_path / "recipe.yaml")
    table(tmp_path, "time_s,heart_bpm\n0,60\n0.75,80\n3,100\n", "heart/talk.csv")
    assert work.build(tmp_path / "recipe.yaml", str(tmp_path / "store")).failed == set()
    work.publish(tmp_path / "recipe.yaml", str(tmp_path / "store"), tmp_path / "out")
    rows = [row for path in (tmp_path / "out").glob("data/*.parquet") for row in pq.read_table(path).to_pylist()]
    first, second = sorted(rows, key=lambda row: row["index"])
    assert first["heart"] == {"times": [0.0, 0.75], "heart_bpm": [60.0, 80.0]}
    # 0.5 to 1 s: a half of 60 and a half of 80; 80 stands from 0.75 to 1.75 s; then nothing until 3 s.
    assert first["aligned"]["heart"]["heart_bpm"] == [60.0, 70.0, 80.0, 80.0]
    assert second["aligned"]["heart"]["heart_bpm"] == [None, None, 100.0, 100.0]
    assert first["present"]["heart"]
