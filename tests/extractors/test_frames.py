"""Compressed pictures: written some at a time, read as one."""

import numpy as np
import pytest
from recordings import FolderRecording

from extractors.frames import Frames
from schemas.facts import Facts, Watched
from schemas.pictures import Pictures
from schemas.track import Track


def keep(folder, times, fps):
    recording = FolderRecording(folder)
    keeping = Frames(fps=fps).begin(recording, Facts(form="video"), None)
    for time in times:
        keeping.jpeg(time, f"picture at {time}".encode())
    return recording, keeping


@pytest.mark.parametrize("count", [0, 1, 2, 199, 200, 201, 202, 1000])
@pytest.mark.parametrize("fps", [0.5, 3.0])
def test_every_picture_with_its_time_and_span(count, fps, tmp_path):
    times = np.cumsum(np.random.default_rng(count).integers(1, 3_000_000, count)).tolist()
    recording, keeping = keep(tmp_path / "a", times, fps)
    keeping.finish(Watched(duration_s=1.0))
    pictures = recording.read("frames", Pictures)
    assert pictures.data == tuple(f"picture at {time}".encode() for time in times)
    truth = Track.held(np.array(times) / 1e6, 1 / fps, np.zeros((count, 1)), ["x"])
    assert np.array_equal(pictures.times, truth.times)
    assert np.array_equal(pictures.spans, truth.spans)


def test_the_same_pictures_give_the_same_bytes(tmp_path):
    files = []
    for name in "ab":
        recording, keeping = keep(tmp_path / name, range(0, 500_000_000, 1_000_000), 1.0)
        keeping.finish(Watched(duration_s=500.0))
        with recording.local("frames") as path:
            files.append(path.read_bytes())
    assert files[0] == files[1]


def test_what_is_abandoned_is_not_made(tmp_path):
    recording, keeping = keep(tmp_path / "a", range(0, 300_000_000, 1_000_000), 1.0)
    keeping.abandon()
    assert not recording.has("frames")
