import copy
import io

import pytest
import soundfile
from audit_making import EACH, LABELS, clean, noise, write

from pipelines.auditing.audit import audit
from pipelines.auditing.checks import CHECKS


def found(folder, splits, **how):
    report = audit([str(write(folder / "made", splits, **how))])
    assert report.rows == sum(len(rows) for rows in splits.values())
    return [(one.check, one.severity, one.count) for one in report.findings], report


def test_nothing_is_found_where_nothing_is_wrong_and_every_check_is_made(tmp_path):
    told, report = found(tmp_path, clean())
    assert told == []
    assert list(report.splits.items()) == [("train", EACH), ("test", EACH)]
    assert report.unchecked == ()
    assert report.checked == tuple(check.name for check in CHECKS)


def same_speaker(splits):
    for row in splits["test"][:10]:
        row["speaker"] = "train speaker 1"


def same_dialogue(splits):
    splits["test"][0] |= {"dialogue": "train talk 0", "turn": 8}
    splits["test"][1]["dialogue"] = None


def same_span_two_splits(splits):
    one, other = splits["train"][3], splits["test"][5]
    other |= {name: one[name] for name in ("recording", "start", "end", "words", "prosody", "mood", "dialogue")}
    other |= {"turn": 8, "audio": {"bytes": noise(one["end"] - one["start"], "other"), "path": None}}


def same_span_other_label(splits):
    one, other = splits["train"][3], splits["train"][6]
    other |= {name: one[name] for name in ("start", "end", "words", "prosody")}
    other |= {"mood": "tense", "audio": {"bytes": noise(one["end"] - one["start"], "other"), "path": None}}


def same_bytes(splits):
    one, other = splits["train"][4], splits["test"][4]
    other["audio"] = one["audio"]


def sound_in_other_bytes(splits):
    sound, rate = soundfile.read(io.BytesIO(splits["train"][4]["audio"]["bytes"]))
    file = io.BytesIO()
    soundfile.write(file, sound * 0.6, rate, format="WAV", subtype="FLOAT")
    splits["test"][4]["audio"] = {"bytes": file.getvalue(), "path": None}


def same_words(splits):
    splits["test"][4]["text"] = splits["train"][20]["text"].upper() + "!"


def nearly_same_words(splits):
    splits["test"][4]["text"] = splits["train"][20]["text"] + " oh"


def same_words_in_a_split(splits):
    splits["test"][4]["text"] = splits["test"][20]["text"]


def backwards_clip(splits):
    row = splits["train"][9]
    row |= {"start": row["end"], "end": row["start"], "words": None, "prosody": None, "audio": None}


def overlapping_clips(splits):
    one, other = splits["train"][9:11]
    early = other["start"] - one["end"] + 0.5
    for name in ("start", "end"):
        other[name] -= early
        for word in other["words"]:
            word[name] -= early
    other["prosody"]["times"] = [time - early for time in other["prosody"]["times"]]


def out_of_order(splits):
    one, other = splits["train"][9:11]
    one["turn"], other["turn"] = other["turn"], one["turn"]


def gap(splits):
    del splits["train"][3:5]


def words_outside(splits):
    splits["train"][3]["words"][-1] |= {"start": 600.0, "end": 600.5}


def words_cut(splits):
    row = splits["train"][3]
    row["words"][-1]["end"] = row["end"] + 0.3


def words_backwards(splits):
    row = splits["train"][3]
    row["words"][1] |= {"start": row["words"][1]["end"], "end": row["words"][1]["start"]}


def sound_too_long(splits):
    splits["train"][3]["audio"] = {"bytes": noise(5.0, "long"), "path": None}


def uneven_track(splits):
    splits["train"][3]["prosody"]["f0_hz"].pop()


def backwards_track(splits):
    splits["train"][3]["prosody"]["times"].reverse()


def track_beyond(splits):
    splits["train"][3]["prosody"]["times"][-1] += 5


def not_a_number(splits):
    splits["train"][3]["prosody"]["f0_hz"][0] = float("nan")


def infinite(splits):
    splits["train"][3]["prosody"]["f0_hz"][0] = float("inf")


def never_measured(splits):
    for rows in splits.values():
        for row in rows:
            row["prosody"]["f0_hz"] = [None] * len(row["prosody"]["times"])


def constant(splits):
    for rows in splits.values():
        for row in rows:
            row["licence"] = "cc0-1.0"


def empty(splits):
    for rows in splits.values():
        for row in rows:
            row["dialogue"] = None


def mangled(splits):
    splits["train"][3]["text"] += " donâ€™t"
    splits["train"][4]["text"] += " don\x92t"
    splits["train"][5]["text"] += " déjà vu, São Tomé"  # as it should be


def speaker_tells(splits):
    for rows in splits.values():
        for row in rows:
            if row["speaker"].endswith("1"):
                row["mood"] = "sad"
        for number in range(8):  # twelve more of the first split's
            extra = copy.deepcopy(rows[1])
            extra |= {"id": f"{rows[0]['id']} more {number}", "text": None, "words": None, "audio": None}
            extra |= {"start": None, "end": None, "turn": None, "prosody": None, "mood": "sad", "mood_answers": None}
            rows.append(extra)


def every_speaker_tells(splits):
    for rows in splits.values():
        for number, row in enumerate(rows):
            row["mood"] = LABELS[number % 5 % 4]


def lopsided(splits):
    for rows in splits.values():
        for row in rows[2:]:
            row["mood"] = "calm"


def biased_rater(splits):
    for rows in splits.values():
        for row in rows:
            row["mood_answers"][2]["value"] = "sad"


def missing_with_label(splits):
    for rows in splits.values():
        for row in rows:
            if row["mood"] == "sad":
                row["present"]["audio"] = False


def same_id(splits):
    splits["train"][3]["id"] = splits["train"][4]["id"]


def reserved(splits):
    splits["train"][3]["licence"] = "All rights reserved"


def not_commercial(splits):
    splits["train"][3]["licence"] = "CC BY-NC 4.0"


def share_alike(splits):
    splits["train"][3]["licence"] = "cc-by-sa-4.0"


def no_derivatives(splits):
    splits["train"][3]["licence"] = "CC-BY-ND"


def unlicensed(splits):
    splits["train"][3]["licence"] = None


PLANTED = [
    (same_speaker, [("split-overlap", "warning", 1)], "train speaker 1: 8 in train, 10 in test"),
    (same_dialogue, [("split-overlap", "warning", 1)], "train talk 0: 8 in train, 1 in test"),
    (same_span_two_splits, [("same-clip", "error", 1)], "train/train-0#0003"),
    (same_span_other_label, [("same-clip", "error", 1), ("same-clip", "warning", 1)], "train/train-0#0003: calm"),
    (same_bytes, [("same-media", "error", 1)], "train/train-0#0004"),
    (sound_in_other_bytes, [("near-media", "warning", 1)], "train/train-0#0004, test/test-0#0004: "),
    (same_words, [("same-text", "warning", 1)], "test/test-0#0004"),
    (nearly_same_words, [("near-text", "warning", 1)], "test/test-0#0004"),
    (same_words_in_a_split, [("same-text", "note", 1)], "test/test-0#0004"),
    (backwards_clip, [("clip-times", "error", 1)], "train/train-1#0001: 3.375 to 2.250 s"),
    (overlapping_clips, [("clip-times", "warning", 1)], "train/train-1#0001 and train/train-1#0002 share 0.500 s"),
    (out_of_order, [("clip-times", "warning", 1)], "train/train-1#0001 starts"),
    (gap, [("numbering", "note", 1)], "train talk 0: 2 is followed by 5"),
    (words_outside, [("word-times", "error", 1)], "train/train-0#0003: 1 words"),
    (words_cut, [("word-times", "warning", 1)], "train/train-0#0003: 0.300 s"),
    (words_backwards, [("word-times", "error", 1)], "train/train-0#0003: 1 words"),
    (sound_too_long, [("media-length", "warning", 1)], "train/train-0#0003: 3.625 s longer than the clip"),
    (uneven_track, [("track-lengths", "error", 1)], "train/train-0#0003"),
    (backwards_track, [("track-lengths", "error", 1)], "train/train-0#0003"),
    (track_beyond, [("track-lengths", "error", 1)], "train/train-0#0003: 4.771 s"),
    (not_a_number, [("empty-columns", "warning", 1)], "prosody.f0_hz: 1 of 480 values"),
    (infinite, [("empty-columns", "error", 1)], "prosody.f0_hz: 1 values"),
    (never_measured, [("empty-columns", "warning", 1)], "prosody.f0_hz: no value in 80"),
    (constant, [("empty-columns", "note", 1)], "licence: always 'cc0-1.0'"),
    (empty, [("empty-columns", "note", 1)], "dialogue: no value in 80"),
    (mangled, [("mangled-text", "warning", 2)], "train/train-0#0003: "),
    (speaker_tells, [("speaker-label", "warning", 2)], "train speaker 1: 16 of 16 are sad"),
    (every_speaker_tells, [("speaker-label", "warning", 10)], "each speaker's most frequent label is right in 100%"),
    (lopsided, [("answer-bias", "warning", 80)], "calm: 80"),
    (biased_rater, [("answer-bias", "warning", 1)], "cid: sad in 100% of 80"),
    (missing_with_label, [("missing-by-label", "warning", 20)], "sad: missing in 100% of 20"),
    (same_id, [("same-ids", "error", 1)], "train-0#0004: 2 samples"),
    (reserved, [("licences", "error", 1)], "train/train-0#0003: All rights reserved"),
    (not_commercial, [("licences", "error", 1)], "train/train-0#0003: CC BY-NC 4.0"),
    (share_alike, [("licences", "error", 1)], "train/train-0#0003: cc-by-sa-4.0"),
    (no_derivatives, [("licences", "warning", 1)], "train/train-0#0003: CC-BY-ND"),
    (unlicensed, [("licences", "warning", 1)], "train/train-0#0003: none named"),
]


@pytest.mark.parametrize(("plant", "expected", "example"), PLANTED, ids=lambda one: getattr(one, "__name__", ""))
def test_a_planted_defect_is_found(tmp_path, plant, expected, example):
    splits = clean()
    plant(splits)
    told, report = found(tmp_path, splits)
    mine = [one for one in told if one[0] == expected[0][0]]
    assert mine == expected
    assert any(example in text for one in report.findings for text in (one.what, *one.examples))
    assert all(one.do for one in report.findings)


def test_every_check_has_a_planted_defect():
    assert {expected[0][0] for _, expected, _ in PLANTED} == {check.name for check in CHECKS}
