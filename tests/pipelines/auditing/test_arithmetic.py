import itertools
import math
import random
import string
import subprocess
import warnings

import numpy as np
import pyarrow as pa
import pytest
import scipy.stats
from audit_making import noise
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pipelines.auditing.alike import groups_of, shown
from pipelines.auditing.association import association, chi_square_tail, fisher_tail, guessed_right
from pipelines.auditing.clip_times import backwards
from pipelines.auditing.clock_times import seconds, seconds_of
from pipelines.auditing.codes import Codes, crossed
from pipelines.auditing.dialogues import is_numbered_by_split
from pipelines.auditing.label_values import cut_in_three, label_texts
from pipelines.auditing.licences import terms
from pipelines.auditing.mangled_text import is_mangled, mangled
from pipelines.auditing.media_facts import flac_seconds, media_facts, mp4_seconds
from pipelines.auditing.min_hash import ALIKE, jaccard, near_pairs
from pipelines.auditing.numbering import gaps
from pipelines.auditing.opening import split_of
from pipelines.auditing.same_clip import same_spans
from pipelines.auditing.split_overlap import overlap
from pipelines.watching import ffmpeg

CLEARLY = 0.9
"""Above the limit: that such a pair shares no band has a probability of 4e-8."""
TABLES = arrays.arrays(np.int64, st.tuples(st.integers(2, 5), st.integers(2, 5)), elements=st.integers(0, 40))


@given(st.floats(0, 3000), st.integers(1, 500))
def test_the_tail_of_chi_square_is_scipys(value, freedom):
    assert chi_square_tail(value, freedom) == pytest.approx(scipy.stats.chi2.sf(value, freedom), rel=1e-9, abs=1e-14)


@given(TABLES)
def test_association_is_scipys_test_and_bergsmas_strength(table):
    kept = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    found = association(table)
    if min(kept.shape, default=0) < 2:
        assert found == (0.0, 1.0)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        known = scipy.stats.chi2_contingency(kept, correction=False)
    assert found.p == pytest.approx(known.pvalue, rel=1e-8, abs=1e-12)
    r, c, n = *kept.shape, kept.sum()
    phi = max(0, known.statistic / n - (r - 1) * (c - 1) / (n - 1))
    least = min(r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)) - 1
    assert found.strength == pytest.approx(min(1, math.sqrt(phi / least)) if least > 0 else 0, abs=1e-12)
    assert association(table.T) == pytest.approx(found)


def test_strength_is_1_where_one_tells_the_other_and_small_by_chance():
    assert association(np.diag([50, 50, 50])).strength == pytest.approx(1.0)
    drawn = np.random.default_rng(3)
    chance = association(crossed(*(Codes.of(map(str, drawn.integers(0, 20, 400))) for _ in "ab")))
    assert chance.strength < 0.15
    assert chance.p > 0.001


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60), st.integers(0, 60))
def test_fishers_tail_is_scipys(a, b, c, d):
    known = scipy.stats.fisher_exact([[a, b], [c, d]], alternative="greater").pvalue
    assert fisher_tail(a, a + b, a + c, a + b + c + d) == pytest.approx(known, rel=1e-7, abs=1e-12)


@given(TABLES)
def test_guesses_are_those_made_sample_by_sample(table):
    samples = [(r, c) for r, c in np.ndindex(*table.shape) for _ in range(int(table[r, c]))]
    if len(samples) < 2:
        return
    whole = table.sum(axis=0)
    right = 0
    for row, column in samples:
        others = table[row].copy()
        others[column] -= 1
        guess = int(others.argmax()) if others.sum() else int(whole.argmax())
        right += guess == column
    assert guessed_right(table) == pytest.approx((right / len(samples), whole.max() / len(samples)))


@settings(max_examples=30)
@given(
    st.lists(st.text(string.ascii_lowercase + " ", min_size=24, max_size=80), min_size=2, max_size=12, unique=True),
    st.randoms(),
)
def test_near_texts_are_those_that_comparing_each_with_each_joins(texts, chance):
    # Near copies of some, so that there is something to find: a letter more, a word less.
    texts = list(
        dict.fromkeys([*texts, *(text + chance.choice("xyz") for text in texts[:5]), *(text[4:] for text in texts[:3])])
    )
    data = [text.encode() for text in texts if len(text) >= 5]
    pairs = near_pairs(data)
    assert all(jaccard(data[a], data[b]) == found >= ALIKE and a < b for a, b, found in pairs)
    clear = [(a, b) for a, b in itertools.combinations(range(len(data)), 2) if jaccard(data[a], data[b]) >= CLEARLY]
    groups = joined(len(data), [pair[:2] for pair in pairs])
    assert all(groups[a] == groups[b] for a, b in clear)


def joined(count, pairs):
    group = list(range(count))
    for a, b in pairs:
        group = [group[a] if one == group[b] else one for one in group]
    return [group.index(one) for one in group]


def test_of_very_many_texts_that_are_alike_each_is_joined_and_none_that_is_not():
    drawn = random.Random(1)
    template = [f"it rains and we all stay at home today to read page {n}".encode() for n in range(3000)]
    others = ["".join(drawn.choices(string.ascii_lowercase, k=50)).encode() for _ in range(3000)]
    pairs = near_pairs([*template, *others])
    assert len(pairs) == 2999
    assert max(b for _, b, _ in pairs) < 3000


@given(st.lists(st.sampled_from("abc")), st.data())
def test_groups_are_of_equal_keys(keys, data):
    found = groups_of(np.asarray(keys, str), np.arange(len(keys), dtype=np.int64))
    assert [group.tolist() for group in found] == [
        places for key in dict.fromkeys(keys) if len(places := [at for at, one in enumerate(keys) if one == key]) > 1
    ]


def test_of_a_large_group_one_of_each_split_is_shown():
    split = Codes.of(["train"] * 50 + ["dev"] * 50 + ["test"])
    assert shown(np.arange(101), split) == [0, 50, 100, 1]
    assert shown(np.arange(1, 7), None) == [1, 2, 3, 4]
    assert shown(np.arange(3, 5), split) == [3, 4]


def test_spans_are_the_same_to_the_millisecond_and_in_one_recording():
    start, end = np.asarray([0, 0.0004, 0, 0, np.nan, np.nan]), np.asarray([1, 1.0, 1.0, 1.001, 1, 1])
    assert [one.tolist() for one in same_spans(np.asarray([0, 0, 1, 0, 0, 0]), start, end)] == [[0, 1]]
    assert same_spans(np.asarray([-1, -1]), start[:2], end[:2]) == []


def test_times_of_all_forms_are_seconds():
    assert seconds_of("00:16:21,731") == pytest.approx(981.731)
    assert seconds_of("1:02.5") == 62.5
    assert seconds_of(" 3.25 ") == 3.25
    assert math.isnan(seconds_of("soon"))
    assert np.array_equal(seconds(pa.array([1, None], pa.int32())), [1, np.nan], equal_nan=True)
    assert np.array_equal(seconds(pa.array(["0:01", None])), [1, np.nan], equal_nan=True)
    assert backwards(np.asarray([0, 1, 2, np.nan]), np.asarray([1, 1, 1.5, 1])).tolist() == [1, 2]


def test_what_stands_in_several_splits_is_counted_against_the_largest():
    split = Codes.of(["train"] * 4 + ["dev"] * 3 + ["test"] * 2)
    group = Codes.of(["a", "a", "b", "c", "a", "d", None, "d", "b"])
    (told,) = overlap("speaker", split, group)
    assert (told.count, told.of) == (3, 4)
    assert "1 of 2 samples of dev, 1 of 2 samples of test are of a speaker in train" in told.what
    assert told.examples == ("a: 2 in train, 1 in dev", "b: 1 in train, 1 in test", "d: 1 in dev, 1 in test")
    assert list(overlap("speaker", split, Codes.of("aaaabbbcc"))) == []


def test_gaps_are_those_within_a_group_and_at_its_head():
    group = Codes.of("aaabbbccddd")
    number = np.asarray([0, 1, 2, 0, 2, 5, 3, 4, 0, 1, np.nan])
    assert gaps(group, number) == {1: [(0, 2), (2, 5)], 2: [(-1, 3)]}
    assert gaps(Codes.of("aabb"), np.asarray([7.0, 8.0, 20.0, 21.0])) == {}  # numbers go on from group to group


def test_numbers_that_begin_anew_in_each_split_are_known():
    split = Codes.of(["train"] * 3 + ["test"] * 2)
    assert is_numbered_by_split(Codes.of(["0", "1", "7", "0", "1"]), split)
    assert not is_numbered_by_split(Codes.of(["0", "1", "7", "8", "9"]), split)
    assert not is_numbered_by_split(Codes.of(["a", "b", "a", "a", "b"]), split)


def test_numbers_of_many_values_are_cut_in_three_and_few_are_kept():
    few = Codes.of(map(str, [1, 2, 3] * 5))
    assert cut_in_three(few) is few
    many = cut_in_three(Codes.of([str(one / 10) for one in range(30)]))
    assert many.counts.tolist() == [10, 10, 10]
    assert many.names == ("up to 0.966667", "0.966667 to 1.93333", "above 1.93333")
    assert cut_in_three(Codes.of(map(str, range(13)))).counts.tolist() == [5, 4, 4]  # 4 is up to 4
    words = Codes.of(f"w{one}" for one in range(30))
    assert cut_in_three(words) is words


def test_labels_of_all_types_are_texts():
    named = {"_type": "ClassLabel", "names": ["sad", "glad"]}
    assert label_texts(pa.array([1, 0, None, 7]), named).to_pylist() == ["glad", "sad", None, None]
    assert label_texts(pa.array([["b", "a"], [], None]), None).to_pylist() == ["a+b", "", None]
    assert label_texts(pa.array([True, None]), None).to_pylist() == ["true", None]
    assert label_texts(pa.nulls(2), None).to_pylist() == [None, None]


@given(st.text())
def test_text_that_was_misread_is_mangled_and_other_text_is_not(text):
    broken = text.encode().decode("cp1252", errors="replace")
    if any(ord(sign) > 127 for sign in text) and not any(128 <= ord(sign) < 160 for sign in text):
        assert is_mangled(broken)


@pytest.mark.parametrize(
    "text",
    [
        "It\u2019s \u201cfine\u201d \u2013 really…",
        "déjà vu",
        "São Tomé",
        "naïve Ärger",
        "日本語",
        "வணக்கம்",
        "50 €",
        "Ångström",
        "¿Qué?",
    ],
)
def test_good_text_is_not_mangled(text):
    assert not is_mangled(text)
    assert mangled(pa.array([text, None, "it\x92s"])).tolist() == [2]


@pytest.mark.parametrize(
    ("name", "marks"),
    [
        ("cc-by-nc-sa-4.0", (False, True, False, True)),
        ("CC BY-ND 3.0", (False, False, True, False)),
        ("Creative Commons Attribution-NonCommercial-NoDerivs", (False, True, True, False)),
        ("Creative Commons Attribution-ShareAlike 4.0", (False, False, False, True)),
        ("mit", (False, False, False, False)),
        ("All Rights Reserved", (True, False, False, False)),
        ("Standard YouTube License", (True, False, False, False)),
    ],
)
def test_names_of_licences(name, marks):
    assert tuple(terms(name)) == marks


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train-00000-of-00012.parquet", "train"),
        ("my_split-00001-of-00002.parquet", "my_split"),
        ("dev_sent_emo.csv", "validation"),
        ("train_sent_emo.csv", "train"),
        ("valid.jsonl", "validation"),
        ("corpus.test.json", "test"),
        ("latest.csv", ""),
        ("training_set.tsv", "train"),
        ("devices.csv", ""),
    ],
)
def test_names_of_files_say_the_split(name, split):
    assert split_of(name) == split


def test_lengths_are_read_from_the_heads_of_files(tmp_path):
    sound = noise(1.25, "x")
    assert flac_seconds(sound) == 1.25
    very_long = b"fLaC" + bytes(14) + (8000 << 44 | 2**35 + 8000).to_bytes(8)
    assert flac_seconds(very_long) == (2**35 + 8000) / 8000
    found = media_facts("audio", sound)
    assert found.seconds == 1.25
    assert (
        found.digest == media_facts("audio", memoryview(sound)).digest != media_facts("audio", noise(1.25, "y")).digest
    )
    source = ["-f", "lavfi", "-i", "testsrc=size=64x64:rate=10:duration=2.4", "-pix_fmt", "yuv420p"]
    for name, how in (("end.mp4", []), ("head.mp4", ["-movflags", "+faststart"])):
        path = tmp_path / name
        subprocess.run([ffmpeg.find(), "-v", "error", *source, *how, str(path)], check=True)
        assert mp4_seconds(path.read_bytes()) == pytest.approx(2.4, abs=0.02)


@pytest.mark.parametrize(("first", "late"), [("0:v", 0.5), ("0:v", 0.0), ("1:a", 0.5)])
def test_how_late_the_sound_of_a_video_begins_is_read_from_its_head(tmp_path, first, late):
    picture = ["-f", "lavfi", "-i", "testsrc=size=64x64:rate=10:duration=2"]
    sound = ["-f", "lavfi", "-itsoffset", str(late), "-i", "sine=duration=1"]
    maps = ["-map", first, "-map", "1:a" if first == "0:v" else "0:v"]
    how = ["-c:v", "libx264", "-bf", "2", "-pix_fmt", "yuv420p", "-c:a", "aac"]
    path = tmp_path / "made.mp4"
    subprocess.run([ffmpeg.find(), "-v", "error", *picture, *sound, *maps, *how, str(path)], check=True)
    assert media_facts("video", path.read_bytes()).sound_late_s == pytest.approx(late, abs=0.03)
    subprocess.run([ffmpeg.find(), "-v", "error", *picture, str(tmp_path / "mute.mp4")], check=True)
    assert media_facts("video", (tmp_path / "mute.mp4").read_bytes()).sound_late_s is None


@given(st.binary(max_size=200), st.booleans())
def test_heads_of_anything_do_no_harm(data, is_box):
    whole = (len(data) + 8).to_bytes(4) + b"moov" + data if is_box else b"fLaC" + data
    for medium in ("audio", "video", "image"):
        assert media_facts(medium, whole).digest >= 0
