"""Rows that put everything of a recording on one clock: the same columns for all, null for what was not measured."""

from collections.abc import Sequence
from typing import Any, ClassVar

import hypothesis.extra.numpy as npst
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from recordings import FolderRecording

from extractors.functionals import functionals, speech_rate
from pipelines.publishing.sample_pieces import Wanted
from pipelines.publishing.sample_rows import schema_of
from pipelines.publishing.samples import Samples, is_embedding
from pipelines.segmenting.chosen_face import NO_FACE, Choice, followed, largest
from pipelines.segmenting.overlaps import overlaps
from schemas.faces import Faces
from schemas.facts import Facts, PictureStream, SoundStream, Watched
from schemas.sample import SampleRows
from schemas.segment import Segment, Segments
from schemas.source import Source
from schemas.speaking import Speaking
from schemas.step import Recording, Step
from schemas.track import Track
from schemas.transcript import Doubt, Transcript, Word

TRACKS = {"dinov2": (), "faces": ("box_width", "box_height", "smile"), "prosody": ("f0_hz", "intensity_db")}

WORDS = (
    Word(start=0.2, end=0.5, text=" Good", probability=0.9),
    Word(start=0.5, end=1.0, text=" day.", interpolated=True),
    Word(start=2.1, end=2.4, text=" Bye."),
)
SEGMENTS = Segments(
    by="sentence",
    context=1,
    segments=(
        Segment(index=0, start=0.2, end=1.0, text="Good day.", first_word=0, last_word=1),
        Segment(index=1, start=2.1, end=2.4, text="Bye.", first_word=2, last_word=2, speaker="Bo", turn=4),
    ),
)


def prosody() -> Track:
    """Every 100 ms: f0 is 100 Hz and ten times the frame's number, missing from frame 4 on; intensity is 1."""
    times = np.arange(30) / 10 + 0.05
    f0 = np.where(np.arange(30) < 4, 100 + np.arange(30) * 10.0, np.nan)
    return Track.centred(times, 0.1, np.stack([f0, np.ones(30)], axis=1), ("f0_hz", "intensity_db"))


def faces() -> Faces:
    """Two faces at 2 a second; face 7 is larger until 1.5 s, then only face 3 is there."""
    times = np.arange(6) / 2
    spans = np.stack([np.arange(6) * 500_000, (np.arange(6) + 1) * 500_000], axis=1).astype(np.int64)
    frame = np.array([0, 0, 1, 1, 2, 3, 4, 5])
    face = np.array([3, 7, 7, 3, 7, 3, 3, 3])
    values = np.array([(2, 2, 0.7) if one == 7 else (1, 1, 0.3) for one in face], np.float32)
    return Faces(times, spans, frame, face, values, ("box_width", "box_height", "smile"))


def dinov2() -> Track:
    values = np.repeat(np.arange(3, dtype=np.float32)[:, None], 4, axis=1)
    values[2] = np.nan
    return Track.held([0.0, 1.0, 2.0], 1.0, values, [f"dinov2_{n:03}" for n in range(4)])


def recording(folder, *, form: str = "video", segments: Segments = SEGMENTS, **has: Any) -> FolderRecording:
    source = Source(id="clip", uri=None, sha256="0", speaker="Ann", dialogue="d1", turn=2, language="en")
    made = FolderRecording(folder, source=source)
    picture = PictureStream(codec="h264", width=4, height=4, rate_fps=2) if form in ("video", "image") else None
    sound = SoundStream(codec="aac", rate_hz=16_000, channels=1) if form in ("video", "audio") else None
    made.write("facts", Facts(form=form, picture=picture, sound=sound))
    made.write("segments", segments)
    for kind, value in has.items():
        made.write(kind, value)
    return made


FULL = {
    "words": Transcript(
        language="de", language_probability=0.5, words=WORDS, doubts=(Doubt(start=0.9, end=1.5, reason="x"),)
    ),
    "watched": Watched(
        duration_s=3, frames=6, frame_start_s=0, frame_end_s=2.0, sound_spans=((0, 3),), defects=("broke off",)
    ),
    "prosody": prosody(),
    "faces": faces(),
    "dinov2": dinov2(),
}


def rows(made: FolderRecording, **how: Any) -> list[dict[str, Any]]:
    Samples(**{"tracks": TRACKS, **how}).run([made], None)
    return made.read("samples", SampleRows).table.to_pylist()


def test_a_row_says_who_what_and_when(tmp_path):
    first, second = rows(recording(tmp_path, **FULL))
    assert (first["id"], second["id"], first["recording"]) == ("clip#0000", "clip#0001", "clip")
    assert (first["start"], first["end"], first["text"], first["language"]) == (0.2, 1.0, "Good day.", "de")
    assert (first["speaker"], first["turn"], second["speaker"], second["turn"]) == ("Ann", 2, "Bo", 4)
    assert (first["context"], second["context"]) == ([], ["clip#0000"])
    assert first["words"][0] == {
        "start": 0.2,
        "end": 0.5,
        "text": "Good",
        "probability": pytest.approx(0.9),
        "interpolated": False,
    }
    assert [word["interpolated"] for word in first["words"]] == [False, True]
    assert first["doubts"] == ["x (0.90-1.50 s)", "broke off"]
    assert second["doubts"] == ["broke off"]


def test_tracks_are_cut_to_the_segment_and_null_where_not_valid(tmp_path):
    first, second = rows(recording(tmp_path, **FULL))
    assert first["prosody"]["times"] == pytest.approx([0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95])
    assert first["prosody"]["f0_hz"] == [120.0, 130.0, None, None, None, None, None, None]
    assert first["prosody"]["intensity_db"] == [1.0] * 8
    assert first["dinov2"] == {"times": [0.0], "embedding": [[0.0] * 4]}
    assert second["dinov2"] == {"times": [2.0], "embedding": [None]}


def test_words_have_aligned_values(tmp_path):
    first, second = rows(recording(tmp_path, **FULL))
    aligned = first["aligned"]
    assert (aligned["start"], aligned["end"]) == ([0.2, 0.5], [0.5, 1.0])
    assert aligned["prosody"] == {"f0_hz": [125.0, None], "intensity_db": [1.0, 1.0]}
    assert aligned["dinov2"] == [[0.0] * 4, [0.0] * 4]
    assert second["aligned"]["dinov2"] == [None]
    assert second["aligned"]["prosody"]["f0_hz"] == [None]


def test_the_largest_face_of_each_segment_is_followed(tmp_path):
    first, second = rows(recording(tmp_path, **FULL), face="largest")
    assert (first["face_id"], second["face_id"]) == (7, 3)
    assert first["face"]["times"] == [0.0, 0.5]
    assert first["face"]["smile"] == pytest.approx([0.7, 0.7])
    assert second["face"]["smile"] == pytest.approx([0.3])
    assert first["aligned"]["face"]["smile"] == pytest.approx([0.7, 0.7])
    assert second["aligned"]["face"]["smile"] == pytest.approx([0.3])


def test_the_face_that_speaks_comes_before_the_largest(tmp_path):
    seen = faces()
    score = np.where((seen.face == 3) & (seen.frame < 2), 0.9, 0.0).astype(np.float32)
    speaking = Speaking(seen.frame_times, seen.frame_spans, np.ones(6, np.float32), seen.frame, seen.face, score)
    first, second = rows(recording(tmp_path, **FULL, speaking=speaking))
    assert (first["face_id"], first["face_chosen"], first["face_score"]) == (3, "speaking", pytest.approx(0.9))
    assert first["aligned"]["face"]["smile"] == pytest.approx([0.3, 0.3])
    assert (second["face_id"], second["face_chosen"], second["face_score"]) == (3, "largest", None)
    (first, _) = rows(recording(tmp_path, **FULL, speaking=speaking), face="largest")
    assert (first["face_id"], first["face_chosen"]) == (7, "largest")


def test_overlapping_windows_each_keep_their_own_face(tmp_path):
    windows = Segments(
        by="window",
        segments=(
            Segment(index=0, start=0, end=2, first_word=0, last_word=1),
            Segment(index=1, start=1.5, end=3, first_word=2, last_word=2),
            Segment(index=2, start=0, end=3, first_word=0, last_word=2),
        ),
    )
    found = rows(recording(tmp_path, segments=windows, **FULL), face="largest", to={"grid_s": 0.5})
    assert [row["face_id"] for row in found] == [7, 3, 7]
    assert found[0]["aligned"]["face"]["smile"] == pytest.approx([0.7, 0.7, 0.7, None])
    assert found[1]["aligned"]["face"]["smile"] == pytest.approx([0.3, 0.3, 0.3])
    assert found[2]["aligned"]["face"]["smile"] == pytest.approx([0.7, 0.7, 0.7, None, None, None])
    assert found[1]["aligned"]["start"] == [1.5, 2.0, 2.5]


def test_presence_is_told_for_each_modality(tmp_path):
    first, second = rows(recording(tmp_path, **FULL), face="largest")
    there = {name for name, has in first["present"].items() if has}
    assert there == {"text", "audio", "video", "speech", "face", "prosody", "dinov2"}
    assert not second["present"]["video"]
    assert not second["present"]["dinov2"]


def test_the_voice_of_a_segment_has_its_statistics(tmp_path):
    first, second = rows(recording(tmp_path, **FULL))
    wanted = {**functionals(prosody(), 0.2, 1.0), **speech_rate(WORDS, 0.2, 1.0)}
    assert first["functionals"] == pytest.approx(wanted)
    assert first["functionals"]["words"] == 2
    assert second["functionals"]["f0_semitone_mean"] is None


def test_rows_come_in_groups_and_know_what_came_before(tmp_path):
    many = Segments(
        by="window",
        context=2,
        segments=tuple(Segment(index=n, start=n / 100, end=n / 100 + 0.5) for n in range(100)),
    )
    found = rows(recording(tmp_path, segments=many, **FULL), face="largest", to={"grid_s": 0.25})
    assert [row["id"] for row in found] == [f"clip#{n:04d}" for n in range(100)]
    assert found[64]["context"] == ["clip#0062", "clip#0063"]
    for row in (found[31], found[32], found[99]):
        one = Segments(by="window", segments=(many.segments[row["index"]],))
        (alone,) = rows(recording(tmp_path / row["id"], segments=one, **FULL), face="largest", to={"grid_s": 0.25})
        same = ("start", "prosody", "dinov2", "face", "face_id", "aligned", "present", "functionals")
        assert {name: alone[name] for name in same} == {name: row[name] for name in same}


def test_a_segment_can_have_one_value(tmp_path):
    first, second = rows(recording(tmp_path, **FULL), to="segment", how="max", face="largest")
    assert first["aligned"]["prosody"] == {"f0_hz": 130.0, "intensity_db": 1.0}
    assert first["aligned"]["dinov2"] == [0.0] * 4
    assert second["aligned"] == {
        "dinov2": None,
        "face": {"box_width": 1.0, "box_height": 1.0, "smile": pytest.approx(0.3)},
        "prosody": {"f0_hz": None, "intensity_db": 1.0},
    }


@pytest.mark.parametrize("to", ["word", "segment", {"grid_s": 0.25}])
def test_the_columns_depend_on_the_recipe_alone(tmp_path, to):
    whole = Segments(by="sentence", segments=(Segment(index=0, start=None, end=None, text="Hm."),))
    many = [
        recording(tmp_path / "full", **FULL),
        recording(tmp_path / "bare"),
        recording(tmp_path / "none", segments=Segments(by="sentence", segments=()), **FULL),
        recording(tmp_path / "text", form="text", segments=whole),
        recording(tmp_path / "image", form="image", segments=whole, dinov2=dinov2(), faces=faces()),
    ]
    step = Samples(tracks=TRACKS, to=to)
    step.run(many, None)
    tables = [one.read("samples", SampleRows).table for one in many]
    assert [len(table) for table in tables] == [2, 2, 0, 1, 1]
    schema = schema_of(Wanted("grid" if isinstance(to, dict) else to, 0.25, "mean", "largest", TRACKS))
    assert all(table.schema.equals(schema) for table in tables)
    whole_table = pa.concat_tables(tables)
    whole_table.validate(full=True)
    assert not has_nan(whole_table)


def has_nan(table: pa.Table) -> bool:
    def inside(value: Any) -> bool:
        if isinstance(value, dict):
            return any(inside(one) for one in value.values())
        if isinstance(value, list):
            return any(inside(one) for one in value)
        return isinstance(value, float) and value != value  # noqa: PLR0124 - NaN differs from itself

    return any(inside(row) for row in table.to_pylist())


def test_what_is_absent_is_null_not_empty(tmp_path):
    first, _ = rows(recording(tmp_path))
    assert first["prosody"] is None
    assert first["face"] is None
    assert first["face_id"] is None
    assert first["aligned"]["dinov2"] is None
    assert first["words"] == []
    assert not first["present"]["speech"]
    assert first["language"] == "en"


def test_a_picture_has_no_clock_but_has_its_measurements(tmp_path):
    whole = Segments(by="sentence", segments=(Segment(index=0, start=None, end=None, text="Look!"),))
    picture = Track(np.zeros(1), np.zeros((1, 2), np.int64), np.ones((1, 3), np.float32), ("a", "b", "c"))
    made = recording(tmp_path, form="image", segments=whole, dinov2=picture)
    (row,) = rows(made, tracks={"dinov2": ()})
    assert (row["start"], row["end"], row["text"]) == (None, None, "Look!")
    assert row["dinov2"] == {"times": [0.0], "embedding": [[1.0, 1.0, 1.0]]}
    assert row["aligned"]["dinov2"] == []
    assert {name for name, has in row["present"].items() if has} == {"text", "image", "dinov2"}
    (row,) = rows(made, tracks={"dinov2": ()}, to="segment")
    assert row["aligned"]["dinov2"] == [1.0, 1.0, 1.0]


def test_rows_are_the_same_bytes_each_time(tmp_path):
    made = recording(tmp_path, **FULL)
    step = Samples(tracks=TRACKS)
    step.run([made], None)
    file = made.folder / f"samples.{SampleRows.suffix}"
    once = file.read_bytes()
    step.run([made], None)
    assert file.read_bytes() == once
    again = made.read("samples", SampleRows)
    assert len(again) == 2
    assert SampleRows.from_bytes(again.to_bytes()).table.equals(again.table)
    with pytest.raises(ValueError, match=r"(?i)parquet"):
        SampleRows.from_bytes(b"not parquet at all")


def test_a_track_without_a_declared_column_is_a_defect(tmp_path):
    made = recording(tmp_path, **FULL)
    with pytest.raises(ValueError, match="prosody has no column pitch"):
        Samples(tracks={"prosody": ("pitch",)}).run([made], None)


class Measures(Step):
    """A step of somebody else's."""

    key: ClassVar[str] = "test.heart.v1"
    columns: ClassVar[tuple[str, ...]] = ("bpm",)

    @property
    def makes(self) -> tuple[str, ...]:
        return ("heart",)

    def run(self, recordings: Sequence[Recording], model: Any) -> None:
        raise NotImplementedError


class Embeds(Measures):
    """Hundreds of numbers without names."""

    key: ClassVar[str] = "test.embeds.v1"
    columns: ClassVar[tuple[str, ...]] = tuple(f"vec_{n:03}" for n in range(384))

    @property
    def makes(self) -> tuple[str, ...]:
        return ("vec",)


def test_tracks_of_other_packages_become_columns_too(tmp_path):
    step = Samples.of({"to": "segment"}, [Embeds(), Measures()])
    assert step.tracks == {"heart": ("bpm",), "vec": ()}
    assert step.uses == ("watched", "words", "heart", "vec")
    heart = Track.held([0.0], 5.0, [[72.0]], ["bpm"])
    made = recording(tmp_path, heart=heart)
    step.run([made], None)
    assert made.read("samples", SampleRows).table["aligned"][0].as_py()["heart"] == {"bpm": 72.0}


def test_embeddings_are_told_from_measurements():
    assert is_embedding([f"clip_{n}" for n in range(512)])
    assert not is_embedding([f"mfcc_{n}" for n in range(13)])
    assert not is_embedding([f"x{n}_hz" for n in range(100)])


@pytest.mark.parametrize(
    "wrong", [{"to": "sentence"}, {"to": {"grid_s": 0}}, {"how": "median"}, {"face": "first"}, {"x": 1}]
)
def test_a_wrong_wish_is_refused(wrong):
    with pytest.raises(ValidationError):
        Samples.of(wrong, [])


@st.composite
def many_faces(draw):
    frames = draw(st.integers(1, 8))
    seen = sorted(draw(st.sets(st.tuples(st.integers(0, frames - 1), st.integers(0, 4)), max_size=20)))
    at = np.array(seen, np.int64).reshape(-1, 2)
    values = draw(npst.arrays(np.float32, (len(at), 2), elements=st.floats(0, 10, width=32)))
    edges = np.arange(frames + 1, dtype=np.int64) * 100
    return Faces(edges[:-1] / 1e6, np.stack([edges[:-1], edges[1:]], axis=1), at[:, 0], at[:, 1], values, ("a", "b"))


spans_of = st.lists(st.tuples(st.integers(0, 700), st.integers(1, 500)), min_size=1, max_size=5).map(
    lambda found: np.array([(a, a + n) for a, n in found], np.int64)
)


@given(faces=many_faces(), spans=spans_of)
@settings(deadline=None)
def test_the_largest_face_is_the_one_a_plain_loop_finds(faces, spans):
    held = overlaps(faces.frame_spans, spans)
    found = largest(faces, held, faces.values[:, 0].astype(float))
    for i in range(len(spans)):
        mine = held.frames[held.offsets[i] : held.offsets[i + 1]]
        covered = {}
        for frame, face, value in zip(faces.frame, faces.face, faces.values[:, 0], strict=True):
            if frame in mine:
                covered[int(face)] = covered.get(int(face), 0.0) + float(value)
        best = min(covered, key=lambda face: (-covered[face], face)) if covered else NO_FACE
        assert found.face[i] == best


@given(faces=many_faces(), spans=spans_of, seed=st.integers(0, 100))
@settings(deadline=None)
def test_a_followed_face_has_the_values_of_its_track(faces, spans, seed):
    held = overlaps(faces.frame_spans, spans)
    chosen = np.random.default_rng(seed).integers(-1, 6, len(spans))
    values = followed(faces, held, Choice(chosen, np.full(len(spans), np.nan, np.float32)))
    for i, face in enumerate(chosen):
        mine = slice(held.offsets[i], held.offsets[i + 1])
        wanted = faces.track(face).values[held.frames[mine]]
        np.testing.assert_array_equal(values[mine], wanted)
