"""Frames and known truth of the demo's clips, and faces seen in them without the decode pass."""

import csv
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import imageio_ffmpeg
import numpy as np
from recordings import FolderRecording

from extractors.face_landmarker import Landmarker
from extractors.faces import FaceLandmarks
from schemas.faces import Faces
from schemas.facts import Facts, Watched

DEMO = Path(__file__).parent.parent / "pipelines" / "demo"
FPS = 10


def truth(recording: str, what: str, who: str | None = None) -> list[tuple[float, float]]:
    """Stretches in seconds, as the script that made the clips wrote them down."""
    with (DEMO / "truth.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if (row["recording"], row["what"]) == (recording, what)]
    return [(float(row["start_s"]), float(row["end_s"])) for row in rows if who in (None, row["who"])]


def frames(clip: str, fps: int = FPS) -> Iterator[np.ndarray]:
    """RGB pictures of a clip at a constant rate."""
    binary = shutil.which("ffmpeg") or imageio_ffmpeg.get_ffmpeg_exe()
    path = DEMO / "media" / f"{clip}.mp4"
    command = [binary, "-v", "error", "-i", path, "-vf", f"fps={fps}", "-c:v", "ppm", "-f", "image2pipe", "-"]
    data = subprocess.run(command, capture_output=True, check=True).stdout
    header = re.match(rb"P6\n(\d+) (\d+)\n255\n", data)
    width, height = int(header[1]), int(header[2])
    each = np.frombuffer(data, np.uint8).reshape(-1, header.end() + width * height * 3)
    yield from each[:, header.end() :].reshape(-1, height, width, 3)


@cache
def landmarker(max_faces: int = 2) -> Landmarker:
    """One for all tests."""
    return FaceLandmarks(max_faces=max_faces).load()


def seen_in(pictures: Iterator[np.ndarray] | list[np.ndarray], fps: int = FPS) -> tuple[FolderRecording, Faces]:
    """The recording with its `faces`, frame n at n / fps seconds."""
    step = FaceLandmarks(fps=fps)
    recording = FolderRecording(Path(mkdtemp()) / "clip")
    looking = step.begin(recording, Facts(form="video"), landmarker())
    for index, pixels in enumerate(pictures):
        looking.picture(round(index * 1_000_000 / fps), pixels)
    looking.finish(Watched(duration_s=1.0))
    return recording, recording.read("faces", Faces)


@cache
def faces_of(clip: str) -> Faces:
    """The faces of a demo clip."""
    return seen_in(frames(clip))[1]
