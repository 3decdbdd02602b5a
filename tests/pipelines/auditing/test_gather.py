"""What is gathered of lists and of parts that differ, before any check looks at it."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from audit_making import SCHEMA, WORD, clean, noise, write

from pipelines.auditing.audit import audit, audit_of, roles_of
from pipelines.auditing.gather import gather
from pipelines.auditing.list_facts import aligned_uneven, track_facts, word_facts
from pipelines.auditing.media_length import CHECK as MEDIA_LENGTH
from pipelines.auditing.opening import opened
from pipelines.auditing.samples import MediaFacts, Samples

START, END = np.asarray([10.0, 20.0, 30.0, np.nan]), np.asarray([12.0, 22.0, 32.0, np.nan])


def words(*times):
    rows = [None if row is None else [{"start": a, "end": b, "text": "x"} for a, b in row] for row in times]
    return pa.array(rows, pa.list_(WORD))


def test_words_are_held_against_their_own_clip():
    given = words([(9.5, 10.5), (11.0, 12.25)], [(18.0, 19.0), (22.5, 23.0), (21.0, 20.5)], None, [(0.0, 1.0)])
    facts = word_facts(given, START, END)
    assert facts.early.tolist() == [0.5, 2.0, 0.0, 0.0]
    assert facts.late.tolist() == [0.25, 1.0, 0.0, 0.0]
    assert facts.outside.tolist() == [0, 2, 0, 0]
    assert facts.backwards.tolist() == [0, 1, 0, 0]


def test_measurements_are_held_against_their_own_clip_and_times():
    kind = pa.struct([("times", pa.list_(pa.float64())), ("a", pa.list_(pa.float32())), ("b", pa.list_(pa.float32()))])
    rows = [
        {"times": [7.0, 7.5, 8.0, 8.5, 11.0], "a": [1.0, 2.0, 3.0, 4.0, 5.0], "b": None},
        {"times": [20.0, 25.0, 21.0], "a": [1.0, 2.0, 3.0], "b": [1.0, 2.0]},
        None,
        {"times": [0.0], "a": [1.0], "b": [1.0]},
    ]
    facts = track_facts(pa.array(rows, kind), START, END)
    assert facts.uneven.tolist() == [False, True, False, False]
    assert facts.backwards.tolist() == [False, True, False, False]
    assert np.array_equal(facts.out_s, [3.0, 3.0, np.nan, np.nan], equal_nan=True)


def test_aligned_lists_are_held_against_the_words_they_stand_for():
    inner = pa.struct([("f0_hz", pa.list_(pa.float32())), ("f1_hz", pa.list_(pa.float32()))])
    kind = pa.struct(
        [("start", pa.list_(pa.float64())), ("prosody", inner), ("clip", pa.list_(pa.list_(pa.float32())))]
    )
    rows = [
        {"start": [1, 2], "prosody": {"f0_hz": [1, 2], "f1_hz": None}, "clip": [[1], [2]]},
        {"start": [1, 2], "prosody": {"f0_hz": [1, 2], "f1_hz": [1]}, "clip": [[1], [2]]},
        {"start": [1, 2], "prosody": None, "clip": [[1]]},
        None,
    ]
    assert aligned_uneven(pa.array(rows, kind)).tolist() == [False, True, True, False]
    whole = pa.array([{"prosody": {"f0_hz": 1.0}}], pa.struct([("prosody", pa.struct([("f0_hz", pa.float32())]))]))
    assert aligned_uneven(whole).tolist() == [False]


def test_times_counted_from_the_clip_fit_as_well(tmp_path):
    splits = clean()
    for rows in splits.values():
        for row in rows:
            for word in row["words"]:
                word["start"] -= row["start"]
                word["end"] -= row["start"]
            row["prosody"]["times"] = [time - row["start"] for time in row["prosody"]["times"]]
    folder = write(tmp_path / "made", splits)
    assert audit([str(folder)]).findings == ()
    splits["train"][3]["words"][2]["end"] += 1.0
    splits["train"][3]["prosody"]["times"][-1] += 2.0
    found = audit([str(write(tmp_path / "spoiled", splits))]).findings
    assert [(one.check, one.count) for one in found] == [("track-lengths", 1), ("word-times", 1)]


def test_parts_may_lack_columns_and_rows_keep_their_places(tmp_path):
    splits = clean()
    write(tmp_path, splits)
    table = pa.Table.from_pylist(splits["train"], SCHEMA)
    lacking = table.drop_columns(["text", "start", "audio", "mood", "words", "prosody", "present", "speaker"])
    pq.write_table(lacking, tmp_path / "data" / "train-00000-of-00001.parquet", row_group_size=7)
    dataset = opened([str(tmp_path)])
    samples = gather(dataset, roles_of(dataset))
    assert samples.rows == 80
    assert samples.ids.to_pylist() == [row["id"] for row in (*splits["train"], *splits["test"])]
    assert samples.text is not None
    assert samples.start is not None
    assert samples.words is not None
    assert samples.text.to_pylist() == [None] * 40 + [row["text"] for row in splits["test"]]
    assert np.array_equal(samples.start, [np.nan] * 40 + [row["start"] for row in splits["test"]], equal_nan=True)
    assert [samples.labels["mood"].name(at) for at in range(80)] == [""] * 40 + [row["mood"] for row in splits["test"]]
    assert (samples.media["audio"].digest > 0).tolist() == [False] * 40 + [True] * 40
    assert samples.present["video"].tolist() == [False] * 40 + [row["present"]["video"] for row in splits["test"]]
    assert len(samples.words.late) == len(samples.tracks["prosody"].uneven) == 80
    assert audit_of(dataset).rows == 80


def test_the_same_clip_in_neighbouring_turns_is_no_overlap(tmp_path):
    splits = clean()
    one, other = splits["train"][3:5]
    other |= {name: one[name] for name in ("start", "end", "words", "prosody")}
    other["audio"] = {"bytes": noise(one["end"] - one["start"], "other"), "path": None}
    found = audit([str(write(tmp_path / "made", splits))]).findings
    assert {one.check for one in found} == {"same-clip"}


@pytest.mark.parametrize(("audio", "video", "wrong"), [(2.0, 2.2, 0), (2.0, 2.3, 1), (2.4, 2.0, 1), (2.0, np.nan, 0)])
def test_sound_and_video_are_as_long_as_each_other(audio, video, wrong):
    media = {
        name: MediaFacts(np.asarray([1], np.uint64), np.asarray([seconds]), np.asarray([np.nan]))
        for name, seconds in (("audio", audio), ("video", video))
    }
    found = list(MEDIA_LENGTH.find(Samples(1, pa.array(["a"]), media=media)))
    assert [one.what for one in found] == ["audio is not as long as the video, by more than 0.25 s"] * wrong


@pytest.mark.parametrize(("late", "said"), [(0.25, "0.250 s later"), (-0.5, "0.500 s earlier"), (0.09, None)])
def test_sound_begins_with_its_pictures(late, said):
    facts = MediaFacts(np.asarray([1], np.uint64), np.asarray([2.0]), np.asarray([late]))
    found = list(MEDIA_LENGTH.find(Samples(1, pa.array(["a"]), media={"video": facts})))
    assert [example for one in found for example in one.examples] == ([f"a: {said} than the pictures"] if said else [])


def test_a_picture_taken_less_than_once_a_second_may_begin_so_long_before_its_clip():
    kind = pa.struct({"times": pa.list_(pa.float64()), "embedding": pa.list_(pa.float64())})
    rows = [{"times": [0.0, 2.0, 4.0], "embedding": [0.1] * 3}, {"times": [4.0, 6.0], "embedding": [0.1] * 2}]
    found = track_facts(pa.array(rows, kind), np.array([1.9, 5.9]), np.array([5.0, 4.5]))
    assert found.out_s.tolist() == pytest.approx([0.9, 1.5])  # 1.9 s before is 1 s less; 1.5 s after stays
