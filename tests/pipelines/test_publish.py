import hashlib
import json
import subprocess
import sys
from itertools import pairwise, permutations
from pathlib import Path

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dataset_making import ABSENT, RATE, spoken, tone, written
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.publishing.provenance import origin, provenance, provenance_features, published_uri
from pipelines.publishing.publish import publish
from pipelines.watching.clips import sample_range
from pipelines.watching.ffmpeg import find
from schemas.errors import SourceTableError, StoreError, UsageError
from schemas.facts import Facts
from schemas.failure import Failure
from schemas.publication import About, Publication
from schemas.sample import SampleRows
from schemas.source import Source

ABOUT = About(name="tones", licence="CC BY 4.0")
SALT = "a secret that is long enough"


@pytest.fixture
def hugging_face(tmp_path, monkeypatch):
    """`datasets.load_dataset`, offline, with a cache of its own."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import datasets

    datasets.disable_progress_bars()

    def load(folder, **how):
        return datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"), **how)

    return load


def people(folder, count=12):
    return [
        spoken(
            folder,
            f"rec{number:02d}",
            [(0.0, 0.5), (0.5, 1.20003), (2.0, 2.25)],
            seed=number,
            speaker=f"speaker {number % 8}",
            licence="CC BY 4.0",
            consent="written",
            extra={"age": number, "note": "x" if number else 1},
        )
        for number in range(count)
    ]


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()
    }


def rows_of(folder, columns=None):
    return [
        row
        for path in sorted(Path(folder, "data").iterdir())
        for row in pq.read_table(path, columns=columns).to_pylist()
    ]


def test_datasets_load_typed_splits_whose_sound_is_the_recordings(tmp_path, hugging_face):
    import datasets

    answers = tmp_path / "answers.csv"
    answers.write_text(
        "item,rater,question,value\nrec00#0000,ann,mood,happy\nrec00#0000,bob,mood,sad\nrec00#0000,cid,mood,sad\n"
        "words,ann,valence,-2\nwords,bob,valence,1\n"
    )
    made = [*people(tmp_path), written(tmp_path, "words", "Only written.")]
    report = publish(made, Publication(), str(tmp_path / "out"), about=ABOUT, labels=answers, salt=SALT)
    loaded = hugging_face(tmp_path / "out")

    assert {name: len(split) for name, split in loaded.items()} == {
        split.name: split.rows for split in report.splits if split.rows
    }
    features = next(iter(loaded.values())).features
    assert features["audio"] == datasets.Audio(sampling_rate=RATE)
    assert features["mood"] == datasets.ClassLabel(names=["happy", "sad"])
    assert features["words"] == datasets.List(
        {name: datasets.Value("float64") for name in ("start", "end")}
        | {"text": datasets.Value("string"), "probability": datasets.Value("float32")}
        | {"interpolated": datasets.Value("bool")}
    )
    assert features["dinov2"]["embedding"] == datasets.List(datasets.List(datasets.Value("float32")))
    assert features["extra"] == {"age": datasets.Value("int64"), "note": datasets.Value("string")}

    rows = {row["id"]: row for split in loaded.values() for row in split}
    assert len(rows) == 12 * 3 + 1
    for number in range(12):
        truth = tone(2.25, number)
        for at, (start, end) in enumerate([(0, 8000), (8000, 19201), (32000, 36000)]):
            row = rows[f"rec{number:02d}#{at:04d}"]
            heard = row["audio"].get_all_samples()
            assert heard.sample_rate == RATE
            assert heard.data.shape == (1, end - start)
            assert np.array_equal(np.rint(heard.data[0].numpy() * 32768), truth[start:end])
            assert row["speaker"] == f"speaker {number % 8}"
            assert row["source"] == f"rec{number:02d}.wav"
            assert row["extra"] == {"age": number, "note": "x" if number else "1"}
            assert row["present"] == {
                **ABSENT,
                "text": True,
                "prosody": True,
                "audio": True,
                "dinov2": row["index"] == 0,
            }
            assert row["prosody"]["f0_hz"] == [120.0, None]
    labelled = rows["rec00#0000"]
    assert labelled["mood"] == 1
    assert labelled["mood_votes"] == [{"label": "happy", "count": 1}, {"label": "sad", "count": 2}]
    assert len({answer["rater"] for answer in labelled["mood_answers"]}) == 3
    assert labelled["dinov2"]["embedding"] == [[0.0, 1.0], [2.0, 3.0]]
    text = rows["words" + "#0000"]
    assert text["audio"] is None
    assert text["words"] is None
    assert text["mood"] is None
    assert text["present"] == {**ABSENT, "text": True}
    assert (text["valence"], text["valence_spread"]) == (-0.5, pytest.approx(4.5**0.5))


def test_streaming_gives_the_same_rows(tmp_path, hugging_face):
    publish(people(tmp_path), Publication(), str(tmp_path / "out"), about=ABOUT)
    loaded, streamed = hugging_face(tmp_path / "out"), hugging_face(tmp_path / "out", streaming=True)
    assert set(loaded) == set(streamed)
    for name, split in loaded.items():
        assert streamed[name].features == split.features
        flowing = list(streamed[name])
        assert [row["id"] for row in flowing] == split["id"]
        for one, other in zip(flowing, split, strict=True):
            assert one["audio"].get_all_samples().data.equal(other["audio"].get_all_samples().data)
            assert one["words"] == other["words"]


def test_two_runs_in_any_order_are_byte_identical(tmp_path):
    made = [*people(tmp_path), written(tmp_path, "words", "Only written.")]
    for name, order in (("one", made), ("two", made), ("three", made[::-1])):
        publish(order, Publication(shard_mb=1), str(tmp_path / name), about=ABOUT)
    assert contents(tmp_path / "one") == contents(tmp_path / "two") == contents(tmp_path / "three")
    publish(made, Publication(shard_mb=1), str(tmp_path / "one"), about=ABOUT)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_rows_are_in_the_order_of_recording_and_index_and_shards_keep_to_their_size(tmp_path):
    made = [
        spoken(tmp_path, f"r{number}", [(at * 10.0, at * 10 + 10.0) for at in range(4)], seed=number)
        for number in range(4)
    ]
    report = publish(made, Publication(splits={"train": 1}, shard_mb=1), str(tmp_path / "out"), about=ABOUT)
    ids = [row["id"] for row in rows_of(tmp_path / "out", ["id"])]
    assert ids == [f"r{number}#{at:04d}" for number in range(4) for at in range(4)]
    sizes = [path.stat().st_size for path in (tmp_path / "out" / "data").iterdir()]
    assert len(sizes) == len(report.shards) > 3
    assert max(sizes) <= 1_000_000
    assert report.shards[0] == f"data/train-00000-of-{len(sizes):05d}.parquet"


def test_the_manifest_names_every_shard_with_its_hash(tmp_path):
    report = publish(people(tmp_path), Publication(), str(tmp_path / "out"), about=ABOUT)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert [file["path"] for file in manifest["files"]] == list(report.shards)
    for file in manifest["files"]:
        data = (tmp_path / "out" / file["path"]).read_bytes()
        assert (file["bytes"], file["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    assert sum(file["rows"] for file in manifest["files"]) == report.rows == 36
    told = {"README.md", "croissant.json", "manifest.json", "figures/balance.svg", "figures/durations.svg"}
    assert {*contents(tmp_path / "out")} == {*report.shards, *told}


def test_speakers_stay_on_one_side_and_adding_recordings_moves_none(tmp_path):
    made = people(tmp_path, 24)
    sides = []
    for name, some in (("few", made[:10]), ("all", made)):
        publish(some, Publication(), str(tmp_path / name), about=ABOUT)
        sides.append(
            {
                (row["speaker"], path.name.split("-")[0])
                for path in (tmp_path / name / "data").iterdir()
                for row in pq.read_table(path, columns=["speaker"]).to_pylist()
            }
        )
    assert len(dict(sides[1])) == len(sides[1]) == 8
    assert sides[0] <= sides[1]


def test_grouping_by_a_further_column_and_by_an_unknown_one(tmp_path):
    made = [spoken(tmp_path, f"r{number}", [(0, 0.1)], extra={"show": f"show {number % 2}"}) for number in range(6)]
    report = publish(made, Publication(group_by="show"), str(tmp_path / "out"), about=ABOUT)
    assert sum(split.groups for split in report.splits) == 2
    with pytest.raises(UsageError, match=r"(?s)'shows'.*'show' meant"):
        publish(made, Publication(group_by="shows"), str(tmp_path / "other"), about=ABOUT)


def test_without_media_only_measurements_are_published(tmp_path):
    publish(people(tmp_path), Publication(media=()), str(tmp_path / "out"), about=ABOUT)
    (row, *_) = rows_of(tmp_path / "out")
    assert "audio" not in row
    assert row["present"] == {**ABSENT, "text": True, "prosody": True, "audio": True, "dinov2": row["index"] == 0}
    assert b"fLaC" not in b"".join(contents(tmp_path / "out").values())


def test_a_folder_of_something_else_is_refused_and_left_alone(tmp_path):
    made = people(tmp_path, 1)
    for name, files in (("notes", {"diary.txt": "dear"}), ("other", {"manifest.json": '{"made_by": "someone"}'})):
        (tmp_path / name).mkdir()
        for file, text in files.items():
            (tmp_path / name / file).write_text(text)
        before = contents(tmp_path / name)
        with pytest.raises(UsageError, match=name):
            publish(made, Publication(), str(tmp_path / name), about=ABOUT)
        assert contents(tmp_path / name) == before


def test_a_file_added_to_the_dataset_is_not_removed_in_silence(tmp_path):
    made = people(tmp_path, 1)
    publish(made, Publication(), str(tmp_path / "out"), about=ABOUT)
    (tmp_path / "out" / ".git").mkdir()
    (tmp_path / "out" / ".git" / "HEAD").write_text("ref")
    publish(made, Publication(), str(tmp_path / "out"), about=ABOUT)
    assert (tmp_path / "out" / ".git" / "HEAD").read_text() == "ref"
    (tmp_path / "out" / "paper.pdf").write_text("mine")
    with pytest.raises(UsageError, match=r"paper\.pdf"):
        publish(made, Publication(), str(tmp_path / "out"), about=ABOUT)


def test_a_new_version_replaces_the_old_one_as_a_whole(tmp_path):
    made = people(tmp_path)
    publish(made, Publication(shard_mb=1), str(tmp_path / "out"), about=ABOUT)
    publish(made[:1], Publication(splits={"train": 1}), str(tmp_path / "out"), about=ABOUT)
    assert {*contents(tmp_path / "out")} == {
        "data/train-00000-of-00001.parquet",
        "README.md",
        "figures/balance.svg",
        "figures/durations.svg",
        "croissant.json",
        "manifest.json",
    }
    assert [path.name for path in tmp_path.glob(".out*")] == []


def test_a_full_disk_is_said_and_the_old_dataset_stands(tmp_path):
    # A limit on file size is a full disk to the writer: the write call fails in the midst of a file.
    made = people(tmp_path, 2)
    publish(made, Publication(), str(tmp_path / "out"), about=ABOUT)
    before = contents(tmp_path / "out")
    script = f"""
import resource, signal, sys
sys.path[:0] = {[str(Path.cwd()), str(Path.cwd() / "tests")]!r}
from pathlib import Path
from recordings import FolderRecording
from pipelines.publishing.publish import publish
from schemas.errors import StoreError
from schemas.publication import About, Publication
from schemas.source import Source
made = [FolderRecording(Path({str(tmp_path)!r}) / name) for name in ("rec00", "rec01")]
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    publish(made, Publication(), {str(tmp_path / "out")!r}, about=About(name="full"))
except StoreError as error:
    print(error)
"""
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert "out cannot be written: File too large" in said
    assert contents(tmp_path / "out") == before
    assert [path.name for path in tmp_path.glob(".out*")] == []


@pytest.mark.parametrize("place", ["/proc/none/out", "{file}/out"])
def test_a_place_that_cannot_be_written_is_said(tmp_path, place):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        publish(people(tmp_path, 1), Publication(), place.format(file=tmp_path / "file"), about=ABOUT)


def test_a_run_that_was_killed_between_renamings_is_mended(tmp_path):
    made = people(tmp_path, 1)
    publish(made, Publication(), str(tmp_path / "out"), about=ABOUT)
    before = contents(tmp_path / "out")
    (tmp_path / "out").rename(tmp_path / ".out.old")
    with pytest.raises(UsageError, match="nothing to publish"):
        publish([], Publication(), str(tmp_path / "out"), about=ABOUT)
    publish(made, Publication(), str(tmp_path / "out"), about=ABOUT)
    assert contents(tmp_path / "out") == before


def test_an_object_store_gets_the_same_files(tmp_path):
    made = people(tmp_path)
    publish(made, Publication(shard_mb=1), str(tmp_path / "out"), about=ABOUT)
    for _ in range(2):
        publish(made, Publication(shard_mb=1), "memory://bucket/set", about=ABOUT)
    files = fsspec.filesystem("memory")
    found = {name.removeprefix("/bucket/set/"): files.cat_file(name) for name in files.find("/bucket/set")}
    assert found == contents(tmp_path / "out")
    assert files.find("/bucket") == files.find("/bucket/set")
    files.pipe_file("/bucket/set/mine.txt", b"")
    with pytest.raises(UsageError, match=r"mine\.txt"):
        publish(made, Publication(), "memory://bucket/set", about=ABOUT)
    files.rm("/bucket", recursive=True)


def test_nothing_of_the_machine_or_the_raters_is_published(tmp_path):
    answers = tmp_path / "answers.jsonl"
    answers.write_text('{"item": "rec00#0000", "rater": "Ann Smith", "question": "mood", "value": "sad"}\n')
    failed = Failure(
        recording="gone", step="watch.v2", kind="audio", error="DecodeError", expected=True, message="/home/somebody/x"
    )
    about = ABOUT.model_copy(update={"failures": (failed,)})
    publish(people(tmp_path, 2), Publication(), str(tmp_path / "out"), about=about, labels=answers, salt=SALT)
    everything = contents(tmp_path / "out")
    texts = json.dumps(rows_of(tmp_path / "out", ["source", "mood_answers"])) + everything["README.md"].decode()
    for secret in ("/home", "somebody", "Smith", SALT):
        assert secret not in texts
    assert "media cannot be decoded" in everything["README.md"].decode()


def test_an_answer_about_an_unknown_sample_stops_before_anything_is_written(tmp_path):
    answers = tmp_path / "answers.csv"
    answers.write_text("item,rater,question,value\nrec00#0009,ann,mood,sad\n")
    with pytest.raises(SourceTableError, match=r"answers.csv, line 2: rec00#0009"):
        publish(people(tmp_path, 1), Publication(), str(tmp_path / "out"), about=ABOUT, labels=answers, salt=SALT)
    assert not (tmp_path / "out").exists()


def test_damaged_samples_and_columns_that_do_not_go_together_are_named(tmp_path):
    one, other = people(tmp_path, 2)
    table = pq.read_table(other.folder / "samples.rows.parquet")
    place = table.column_names.index("text")
    pq.write_table(table.set_column(place, "text", pa.array([[1]] * 3)), other.folder / "samples.rows.parquet")
    with pytest.raises(UsageError, match="'text' of rec01"):
        publish([one, other], Publication(), str(tmp_path / "out"), about=ABOUT)
    (other.folder / "samples.rows.parquet").write_bytes(b"PAR1")
    with pytest.raises(StoreError, match="samples of rec01"):
        publish([one, other], Publication(), str(tmp_path / "out"), about=ABOUT)


@pytest.mark.parametrize(
    ("ids", "why"), [(["a#0000", "a#0000"], "'a#0000' twice"), (["a#0000", "b#0000"], "'b#0000', which is no sample")]
)
def test_two_samples_with_one_id_are_refused_and_the_dataset_before_stays(tmp_path, ids, why):
    made = [spoken(tmp_path, name, [(0, 1), (1, 2)], speaker=name, seed=ord(name)) for name in "ab"]
    publish(made, Publication(), str(tmp_path / "out"), about=ABOUT)
    before = contents(tmp_path / "out")
    table = made[0].read("samples", SampleRows).table
    place = table.column_names.index("id")
    made[0].write("samples", SampleRows(table.set_column(place, table.field(place), pa.array(ids))))
    with pytest.raises(StoreError, match=why):
        publish(made, Publication(), str(tmp_path / "out"), about=ABOUT)
    assert contents(tmp_path / "out") == before


def test_media_that_is_gone_leaves_the_row_and_is_reported(tmp_path):
    made = people(tmp_path, 1)[0]
    facts = json.loads((made.folder / "facts.json").read_text()) | {"form": "image"}
    (made.folder / "facts.json").write_text(json.dumps(facts))
    made.media = tmp_path / "gone.jpg"
    report = publish([made], Publication(), str(tmp_path / "out"), about=ABOUT)
    assert [(problem.sample, problem.medium) for problem in report.problems] == [
        (f"rec00#{at:04d}", "image") for at in range(3)
    ]
    assert {row["image"] for row in rows_of(tmp_path / "out")} == {None}
    assert rows_of(tmp_path / "out")[0]["present"]["image"] is False


def test_video_and_picture_are_columns_of_their_own_kind(tmp_path, hugging_face):
    filmed, pictured = spoken(tmp_path, "film", [(0.0, 0.5), (0.5, 1.0)]), written(tmp_path, "photo", "A smile.")
    filmed.media, pictured.media = tmp_path / "film.mp4", tmp_path / "photo.png"
    make = [str(find()), "-v", "error", "-f", "lavfi", "-i"]
    frames = ["testsrc=size=64x48:rate=20:duration=1.5", "-pix_fmt", "yuv420p"]
    subprocess.run([*make, *frames, str(filmed.media)], check=True)
    subprocess.run([*make, "testsrc=size=50x40", "-frames:v", "1", str(pictured.media)], check=True)
    filmed.write("facts", Facts(form="video", duration_s=1.5))
    pictured.write("facts", Facts(form="image"))
    how = Publication(media=("audio", "video", "image"), splits={"train": 1}, group_by="recording")
    for name in ("out", "again"):
        report = publish([filmed, pictured], how, str(tmp_path / name), about=ABOUT)
    assert report.problems == ()
    assert contents(tmp_path / "out") == contents(tmp_path / "again")
    rows = {row["id"]: row for row in hugging_face(tmp_path / "out")["train"]}
    for at in range(2):
        row = rows[f"film#{at:04d}"]
        assert row["video"][:].shape == (10, 3, 48, 64)
        assert row["audio"].get_all_samples().data.shape == (1, 8000)
        assert row["image"] is None
    photo = rows["photo#0000"]
    assert photo["image"].size == (50, 40)
    assert (photo["video"], photo["audio"]) == (None, None)
    assert photo["present"] == {**ABSENT, "text": True, "image": True}


def test_empty_and_lopsided_splits_are_pointed_out(tmp_path):
    made = [spoken(tmp_path, f"r{number}", [(0, 0.1)], speaker="ann" if number else "bob") for number in range(5)]
    report = publish(made, Publication(), str(tmp_path / "out"), about=ABOUT)
    empty = [split.name for split in report.splits if not split.rows]
    assert empty
    for name in empty:
        assert any(f"`{name}` is empty" in note for note in report.notes)
    assert any("(ann) holds 80%" in note for note in report.notes)


def test_memory_does_not_grow_with_the_recordings(tmp_path):
    for number in range(24):
        spoken(tmp_path, f"r{number}", [(at * 10.0, at * 10 + 10.0) for at in range(12)], seed=number)
    script = f"""
import resource, sys
sys.path[:0] = {[str(Path.cwd()), str(Path.cwd() / "tests")]!r}
from pathlib import Path
from recordings import FolderRecording
from pipelines.publishing.publish import publish
from schemas.publication import About, Publication
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
for count in (4, 24):
    made = [FolderRecording(Path({str(tmp_path)!r}) / f"r{{number}}") for number in range(count)]
    how = Publication(splits={{"train": 1}}, group_by="recording", shard_mb=8)
    publish(made, how, {str(tmp_path)!r} + f"/out{{count}}", about=About(name="much"))
    print(peak())
"""
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    few, many = map(int, said.split())
    published = sum(path.stat().st_size for path in (tmp_path / "out24" / "data").iterdir())
    assert published > 70e6
    assert many - few < 40


@settings(deadline=None)
@given(st.lists(st.integers(0, 10**9), min_size=2, max_size=20, unique=True), st.sampled_from([8000, 16000, 44100]))
def test_neighbouring_cuts_share_no_sample_and_leave_none_out(edges_us, rate):
    edges = [edge / 1e6 for edge in sorted(edges_us)]
    cuts = [sample_range(start, end, rate) for start, end in pairwise(edges)]
    for (_, end), (start, _) in pairwise(cuts):
        assert end == start
    first, last = cuts[0][0], cuts[-1][1]
    assert first * 10**6 >= min(edges_us) * rate > (first - 1) * 10**6
    assert (last - 1) * 10**6 < max(edges_us) * rate <= last * 10**6


@pytest.mark.parametrize(
    ("uri", "public"),
    [
        ("/home/ann/private/clip.mp4", "clip.mp4"),
        ("https://ann:pw@example.org/a.mp4?v=7&token=abc&X-Amz-Signature=z#t", "https://example.org/a.mp4?v=7"),
        ("https://example.org/watch?v=abc", "https://example.org/watch?v=abc"),
        (None, None),
    ],
)
def test_an_address_is_published_without_folders_keys_and_passwords(uri, public):
    assert published_uri(uri) == public


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        (None, "texts in the table of sources"),
        ("/home/ann/a.mp4", "files"),
        ("s3://bucket/a.mp4", "files"),
        ("https://u:p@Media.example.org:8080/a?token=1", "media.example.org"),
        ("yt-dlp:https://video.example.org/watch?v=1", "video.example.org"),
    ],
)
def test_the_origin_of_a_source_tells_no_more_than_its_host(uri, told):
    assert origin(uri) == told


@pytest.mark.parametrize(
    ("given", "dtype", "published"),
    [
        ((1, 2, None), "int64", [1, 2, None]),
        ((1, 2.5, None), "float64", [1.0, 2.5, None]),
        ((True, None, False), "bool", [True, None, False]),
        ((True, 1, "x"), "string", ["true", "1", "x"]),
        ((None, None, None), "string", [None, None, None]),
    ],
)
def test_a_further_column_has_the_type_that_holds_all_of_its_values(given, dtype, published):
    for order in permutations(range(3)):
        sources = [Source(id=str(place), uri=None, sha256="", extra={"x": given[place]}) for place in order]
        features = provenance_features(sources)
        assert features["extra"] == {"x": {"dtype": dtype, "_type": "Value"}}
        assert [provenance(source, features)["extra"]["x"] for source in sources] == [published[at] for at in order]
