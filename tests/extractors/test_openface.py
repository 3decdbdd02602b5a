import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError
from recordings import FolderRecording

from extractors.openface import COLUMNS, OpenFace, contents_of, read_table
from pipelines import build, work
from schemas.errors import MeasurementError, RecipeError
from schemas.track import Track

HEAD = "frame, face_id, timestamp, confidence, success, gaze_angle_x, pose_Rx, pose_Ry, AU01_r, AU12_r, AU28_c\n"
RECIPE = """
name: told
sources: talk.mp4
segment: {by: whole}
measure:
  openface: {table: "tables/{id}.csv"}
align: {to: segment}
"""
TALK = Path(__file__).parents[2] / "pipelines" / "demo" / "media" / "talk.mp4"


def row(time, *, face=0, confidence=0.9, success=1, gaze=0.0, pitch=0.0, yaw=0.0, inner=0.0, smile=0.0, suck=0):
    return f"1, {face}, {time}, {confidence}, {success}, {gaze}, {pitch}, {yaw}, {inner}, {smile}, {suck}\n"


def read(*rows, head=HEAD):
    return read_table(io.StringIO(head + "".join(rows)), "told.csv")


def test_openfaces_own_names_without_spaces_and_with_units():
    assert len(COLUMNS) == len(set(COLUMNS)) == 1 + 5 + 17 + 18
    assert COLUMNS[:6] == (
        *("confidence", "gaze_angle_x_deg", "gaze_angle_y_deg"),
        *("pose_Rx_deg", "pose_Ry_deg", "pose_Rz_deg"),
    )
    assert {"au01_r", "au45_r", "au28_c", "au01_c"} < set(COLUMNS)
    assert "au28_r" not in COLUMNS, "OpenFace gives no intensity of it"


def test_values_are_in_their_columns_and_angles_in_degrees():
    track = read(row(0, gaze=np.pi / 6, pitch=-np.pi / 4, yaw=0.1, inner=1.25, smile=5, suck=1))
    found = {name: float(track.column(name)[0]) for name in COLUMNS if track.valid[0, COLUMNS.index(name)]}
    assert found == pytest.approx(
        {
            "confidence": 0.9,
            "gaze_angle_x_deg": 30,
            "pose_Rx_deg": -45,
            "pose_Ry_deg": 18 / np.pi,
            "au01_r": 1.25,
            "au12_r": 5,
            "au28_c": 1,
        }
    )


def test_frames_without_success_are_on_the_clock_and_not_valid():
    track = read(row(0), row(0.04, success=0, smile=3), row(0.08))
    assert track.times.tolist() == [0, 0.04, 0.08]
    assert track.valid_frames.tolist() == [True, False, True]
    assert track.spans.tolist() == [[0, 40_000], [40_000, 80_000], [80_000, 160_000]]


def test_a_frame_stands_no_longer_than_two_of_the_usual_distances():
    track = read(*(row(time) for time in (0, 0.1, 0.2, 1.0)))
    assert track.spans[2].tolist() == [200_000, 400_000]
    assert read(row(0.5)).spans.tolist() == [[500_000, 600_000]]


def test_the_face_that_is_seen_best_over_all_frames_is_taken():
    first = [row(time, face=0, confidence=0.8, smile=1) for time in (0, 0.1, 0.2)]
    better = [row(time, face=3, confidence=0.9, smile=2) for time in (0, 0.1, 0.2)]
    once = [row(0.3, face=1, confidence=0.99, smile=3)]
    hidden = [row(time, face=2, confidence=1, success=0, smile=4) for time in (0, 0.1, 0.2)]
    track = read(*first, *once, *hidden, *better)
    assert track.times.tolist() == [0, 0.1, 0.2, 0.3]
    np.testing.assert_array_equal(track.column("au12_r"), [2, 2, 2, np.nan])
    even = read(row(0, face=5, smile=5), row(0, face=4, smile=4))
    assert even.column("au12_r").tolist() == [4]


def test_a_table_of_one_face_names_none():
    head = "frame,timestamp,confidence,success,AU12_r\n"
    track = read("1,0,0.9,1,2.5\n", head=head)
    assert track.column("au12_r").tolist() == [2.5]
    assert track.valid.sum() == 2


def test_what_openface_writes_for_no_number_is_not_valid():
    track = read(row(0, inner="-nan(ind)", smile="nan", yaw="inf", pitch=0.5))
    assert [bool(track.valid[0, COLUMNS.index(name)]) for name in ("au01_r", "au12_r", "pose_Ry_deg")] == [False] * 3
    assert track.valid[0, COLUMNS.index("pose_Rx_deg")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column timestamp, confidence, success"),
        ("face, confidence, AU01_r\n0, 0.9, 1\n", "no column timestamp, success"),
        (HEAD + row(0) + row("soon"), r"told\.csv:3: 'soon' is no number"),
        (HEAD + row(-1), "'-1' is no time"),
        (HEAD + row("nan"), "'nan' is no time"),
        (HEAD + "1, 0, 0.1, 0.9\n", "4 values for 11 columns"),
    ],
)
def test_what_is_no_table_of_openface_is_refused(text, message):
    with pytest.raises(MeasurementError, match=message):
        read_table(io.StringIO(text), "told.csv")


def test_a_recording_without_a_table_lacks_it_and_one_with_frames_has_it(tmp_path):
    there, none, bare, odd = (FolderRecording(tmp_path / name) for name in ("there", "none", "bare", "odd"))
    (tmp_path / "of-there.csv").write_text("\ufeff" + HEAD + row(0, smile=2))
    (tmp_path / "of-bare.csv").write_text(HEAD)
    (tmp_path / "of-odd.csv").write_bytes(b"\xff\xfe\x00,")
    step = OpenFace(table=f"{tmp_path}/of-{{id}}.csv")
    step.run([there, none, bare], step.load())
    assert there.read("openface", Track).column("au12_r").tolist() == [2]
    assert there.read("openface", Track).columns == step.track_columns["openface"]
    assert none.absences == {"openface": "there is no table of-none.csv"}
    assert bare.absences == {"openface": "of-bare.csv has no frames"}
    with pytest.raises(MeasurementError, match=r"of-odd\.csv is not text"):
        step.run([odd], None)


@pytest.mark.parametrize("pattern", ["tables/{id}.csv", "tables/a-{id}.csv", "tables/{id}/out.csv", "ta[b]/{id}.csv"])
def test_the_hash_is_of_the_tables_that_the_path_names(tmp_path, pattern):
    table = str(tmp_path / pattern)
    assert contents_of(table) == ""
    one, two = (Path(table.replace("{id}", name)) for name in ("one", "two"))
    for path in (one, two):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("first")
    seen = [contents_of(table)]
    (tmp_path / "tables").mkdir(exist_ok=True)
    (tmp_path / "tables" / "other.txt").write_text("another thing")
    assert contents_of(table) == seen[0]
    two.write_text("second")
    seen.append(contents_of(table))
    two.unlink()
    seen.append(contents_of(table))
    assert len(set(seen)) == 3
    two.write_text("first")
    assert contents_of(table) == seen[0]


def test_what_the_tables_hold_counts_and_not_where_they_are():
    here, there = OpenFace(table="a/{id}.csv", contents="1"), OpenFace(table="b/{id}.csv", contents="1")
    assert here.identity() == there.identity()
    assert here.identity() != OpenFace(table="a/{id}.csv", contents="2").identity()


def test_a_path_without_the_recording_is_refused():
    with pytest.raises(ValidationError, match=r"needs \{id\}"):
        OpenFace(table="openface.csv")


def test_a_recipe_whose_tables_are_not_there_names_the_line(tmp_path):
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    with pytest.raises(RecipeError, match=r"recipe\.yaml:6: measure\.openface\.table: there is no file"):
        build.load(tmp_path / "recipe.yaml")


def test_what_is_told_of_the_step_names_no_folder(tmp_path):
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "talk.csv").write_text(HEAD + row(0))
    plan = build.load(tmp_path / "recipe.yaml").plan
    [step] = [step for step in plan.steps if isinstance(step, OpenFace)]
    assert step.model_dump() == {"table": "tables/{id}.csv", "contents": contents_of(f"{tmp_path}/tables/{{id}}.csv")}
    assert str(tmp_path) not in plan.filled()


def test_a_table_that_changes_is_read_again(tmp_path):
    recipe, store = tmp_path / "recipe.yaml", tmp_path / "store"
    shutil.copyfile(TALK, tmp_path / "talk.mp4")
    recipe.write_text(RECIPE)
    (tmp_path / "tables").mkdir()
    table = tmp_path / "tables" / "talk.csv"

    def smiles():
        assert work.build(recipe, str(store), workers=1).exit_code == 0
        found = [Track.from_bytes(path.read_bytes()) for path in store.rglob("openface.*.track.parquet")]
        return sorted(float(track.column("au12_r")[0]) for track in found)

    table.write_text(HEAD + row(0, smile=1))
    assert smiles() == [1]
    made = {path: path.stat().st_mtime_ns for path in store.rglob("*.parquet")}
    assert smiles() == [1]
    assert {path: path.stat().st_mtime_ns for path in store.rglob("*.parquet")} == made
    table.write_text(HEAD + row(0, smile=2))
    assert 2 in smiles()
