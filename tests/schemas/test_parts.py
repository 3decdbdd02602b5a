"""Artifacts written and read in parts are those written and read whole."""

import itertools
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.artifact import Damaged
from schemas.faces import Faces
from schemas.faces_file import FacesFile, write_faces
from schemas.pictures import Pictures
from schemas.tables import ROWS, TableReader, TableWriter
from schemas.track import Track
from schemas.track_file import PicturesFile, TrackFile, track_writer

LONG = 2 * ROWS + 77
"""Frames of a track in three groups."""


def a_track(frames: int = LONG) -> Track:
    values = np.random.default_rng(0).normal(size=(frames, 3)).astype(np.float32)
    values[::7, 1] = np.nan
    return Track.centred(np.arange(frames) * 0.01, 0.01, values, ("a_hz", "b_db", "c"))


def part(track: Track, first: int, stop: int) -> Track:
    return Track(track.times[first:stop], track.spans[first:stop], track.values[first:stop], track.columns)


@given(cuts=st.lists(st.integers(0, LONG), max_size=4))
def test_the_same_frames_give_the_same_bytes_however_they_come(
    cuts: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    track, path = a_track(), tmp_path_factory.getbasetemp() / "parts.parquet"
    edges = [0, *sorted(cuts), LONG]
    with track_writer(path, track.columns) as writer:
        for first, stop in itertools.pairwise(edges):
            writer.add(part(track, first, stop).table())
    assert path.read_bytes() == track.to_bytes()


def overlapping(track: Track, start_us: int, end_us: int) -> np.ndarray:
    return track.times[(track.spans[:, 0] < end_us) & (track.spans[:, 1] > start_us)]


def test_a_stretch_holds_every_frame_that_overlaps_it_and_no_far_group(tmp_path: Path) -> None:
    track, path = a_track(), tmp_path / "a.parquet"
    path.write_bytes(track.to_bytes())
    edge_us = ROWS * 10_000
    with closing(TrackFile.open(path)) as file:
        assert len(file) == LONG
        assert file.columns == track.columns
        for start_us, end_us in ((0, 1), (edge_us - 5_001, edge_us + 5_001), (edge_us - 20_000, edge_us - 19_999)):
            found = file.between(start_us, end_us)
            wanted = overlapping(track, start_us, end_us)
            assert np.isin(wanted, found.times).all()
            assert np.isin(overlapping(found, start_us, end_us), wanted).all()
            assert len(found) <= 2 * ROWS
        assert len(file.between(0, 1)) == ROWS
        assert not len(file.between(10**12, 10**12 + 1))
        assert np.array_equal(file.whole().values, track.values, equal_nan=True)


def test_a_track_of_another_hand_is_read_as_a_whole(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    track, path = a_track(50), tmp_path / "a.parquet"
    pq.write_table(pq.read_table(pa.BufferReader(track.to_bytes())), path, write_statistics=False)
    with closing(TrackFile.open(path)) as file:
        assert file.between(0, 1).times.tolist() == track.times.tolist()


def some_faces(frames: int = 12_000) -> Faces:
    draw = np.random.default_rng(1)
    frame = np.sort(draw.integers(0, frames, 5 * frames))
    face = np.arange(len(frame)) % 3
    values = draw.normal(size=(len(frame), 4)).astype(np.float32)
    times = np.arange(frames) * 0.1
    spans = Track.held(times, 0.2, np.zeros((frames, 0)), ()).spans
    return Faces(times, spans, frame, face, values, ("left", "top", "mouth_open", "smile"))


def observations(faces: Faces, first: int, stop: int) -> Faces:
    return Faces(
        np.zeros(0), np.zeros((0, 2), np.int64), faces.frame[first:stop], faces.face[first:stop],
        faces.values[first:stop], faces.columns,
    )  # fmt: skip


def test_faces_written_in_parts_are_those_written_whole(tmp_path: Path) -> None:
    faces, path = some_faces(), tmp_path / "faces.parquet"
    nobody = np.zeros(0, np.int64)
    looked = Faces(faces.frame_times, faces.frame_spans, nobody, nobody, faces.values[:0], faces.columns)
    edges = [0, 1, 40_000, len(faces.frame)]
    write_faces(path, looked, (observations(faces, a, b) for a, b in itertools.pairwise(edges)))
    assert path.read_bytes() == faces.to_bytes()


@given(start_s=st.floats(-10, 1300), length_s=st.floats(0, 200))
def test_a_stretch_of_faces_is_that_of_all_faces(
    start_s: float, length_s: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    faces, path = some_faces(), tmp_path_factory.getbasetemp() / "faces.parquet"
    if not path.exists():
        path.write_bytes(faces.to_bytes())
    start_us, end_us = round(start_s * 1e6), round((start_s + length_s) * 1e6)
    with closing(FacesFile.open(path)) as file:
        found = file.between(start_us, end_us)
    inside = (faces.frame_spans[:, 0] < end_us) & (faces.frame_spans[:, 1] > start_us)
    of_these = inside[faces.frame]
    assert found.frame_times.tolist() == faces.frame_times[inside].tolist()
    assert found.frame_times[found.frame].tolist() == faces.frame_times[faces.frame[of_these]].tolist()
    assert found.face.tolist() == faces.face[of_these].tolist()
    assert (found.values == faces.values[of_these]).all()


def test_some_columns_of_all_faces(tmp_path: Path) -> None:
    faces, path = some_faces(), tmp_path / "faces.parquet"
    path.write_bytes(faces.to_bytes())
    with closing(FacesFile.open(path)) as file:
        found = file.with_columns(("mouth_open",))
        assert (found.values[:, 0] == faces.values[:, 2]).all()
        assert (file.whole().values == faces.values).all()
        with pytest.raises(KeyError, match="smile"):
            file.with_columns(("nose",))


def test_pictures_one_after_the_other(tmp_path: Path) -> None:
    spans = np.array([[0, 10], [10, 20], [20, 30]])
    pictures, path = Pictures(np.array([0.0, 1e-5, 2e-5]), spans, (b"a", b"bb", b"")), tmp_path / "p.parquet"
    path.write_bytes(pictures.to_bytes())
    with closing(PicturesFile.open(path)) as file:
        assert len(file) == 3
        assert list(file.jpegs()) == [b"a", b"bb", b""]
        times, found = file.clock()
        assert times.tolist() == pictures.times.tolist()
        assert (found == spans).all()


@pytest.mark.parametrize("of", [TrackFile, FacesFile, PicturesFile])
def test_a_file_that_was_cut_off_is_damaged(of: type[TrackFile], tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(a_track(100).to_bytes()[:-40])
    with pytest.raises(Damaged, match=r"a\.parquet"):
        of.open(path)


def test_a_group_that_was_overwritten_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    data = bytearray(a_track().to_bytes())
    data[100:5000] = bytes(4900)
    path.write_bytes(data)
    with closing(TrackFile.open(path)) as file, pytest.raises(Damaged):
        file.whole()


def test_after_an_error_nothing_more_is_written(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table = a_track(10).table()

    class Interrupted(Exception):
        pass

    def interrupted() -> None:
        with TableWriter(path, table.schema, None) as writer:
            writer.add(table)
            raise Interrupted

    with pytest.raises(Interrupted):
        interrupted()
    with closing(TableReader(path)) as reader:
        assert len(reader) == 0
