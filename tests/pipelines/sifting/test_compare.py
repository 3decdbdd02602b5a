import numpy as np
import pytest
from copied_media import RATE_HZ, melody
from hypothesis import given, settings
from hypothesis import strategies as st

from extractors.picture_hashes import hashes_of, picture_hash
from extractors.sound_marks import marks
from pipelines.sifting.compare import Looks, apart_at, compare, differing, fit_sound, movement
from pipelines.sifting.index import Index, levels
from schemas.duplicates import Duplicates
from schemas.likeness import PictureHashes, SoundMarks

NEAR = Duplicates(find="near")


def heard(sound):
    keys, times = marks(np.round(sound * 20_000).astype(np.int16))
    return SoundMarks(keys, times, len(sound) / RATE_HZ)


def looks(name, *, sound=None, pictures=None, length_s=6.0, text=None, sha256=None):
    return Looks(name, sha256 or name, text=text, length_s=length_s, sound=sound, pictures=pictures)


def faster(sound, by):
    at = np.arange(0, len(sound) - 1, by)
    return np.interp(at, np.arange(len(sound)), sound)


@pytest.fixture(scope="module")
def tune():
    return melody(11)


def test_a_mark_stays_what_it_is_however_loud(tune):
    one, other = heard(tune), heard(tune * 0.25)
    assert len(np.intersect1d(one.keys, other.keys)) > 0.7 * len(one.keys) > 30


@pytest.mark.parametrize("by", [0.98, 1.02, 1.04])
def test_the_speed_of_a_copy_is_found(tune, by):
    fit = fit_sound(heard(tune), heard(faster(tune, by)))
    assert fit is not None
    assert fit.stretch == pytest.approx(1 / by, abs=0.004)
    assert fit.score > NEAR.sound


def test_the_shift_of_a_part_is_found(tune):
    whole = heard(tune)
    part = heard(tune[2 * RATE_HZ :])
    fit = fit_sound(part, whole)
    assert fit is not None
    assert fit.shift_s == pytest.approx(2.0, abs=0.05)
    there = compare(looks("a", sound=part, length_s=4.0), looks("b", sound=whole, length_s=6.0), NEAR)
    assert there is not None
    assert (there.kind, there.overlap) == ("near", pytest.approx(2 / 3, abs=0.1))
    excerpt = compare(
        looks("a", sound=heard(tune[: 2 * RATE_HZ]), length_s=2.0), looks("b", sound=whole, length_s=6.0), NEAR
    )
    assert excerpt is not None
    assert excerpt.kind == "related"


def test_noise_is_not_taken_for_a_copy_and_does_not_hide_one(tune):
    noise = np.random.default_rng(5).normal(0, 0.02, len(tune))
    assert fit_sound(heard(tune), heard(melody(12))) is None
    noisy = fit_sound(heard(tune), heard(tune + noise))
    assert noisy is not None
    assert noisy.score > NEAR.sound


@pytest.mark.parametrize("sound", [np.zeros(RATE_HZ), np.sin(np.arange(RATE_HZ) / 3), np.zeros(10), np.zeros(0)])
def test_a_sound_without_contrast_has_no_marks(sound):
    assert len(heard(sound * 0.5).keys) == 0


def test_the_same_media_with_another_text_is_related():
    one, other = looks("a", text="a dog", sha256="s"), looks("b", text="my dog", sha256="s")
    found = compare(one, other, NEAR)
    assert found is not None
    assert found.kind == "related"
    found = compare(one, looks("b", text="a dog", sha256="s"), Duplicates(find="exact"))
    assert found is not None
    assert found.kind == "exact"


def picture(seed, height=90, width=120):
    draw = np.random.default_rng(seed).uniform(30, 255, (6, 8))
    y, x = np.linspace(0, 5, height), np.linspace(0, 7, width)
    rows = np.array([[np.interp(at, np.arange(8), row) for at in x] for row in draw])
    return np.array([np.interp(y, np.arange(6), column) for column in rows.T]).T.astype(np.uint8)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.integers(0, 24), st.integers(0, 24), st.integers(0, 12))
def test_black_bars_change_little(seed, above, below, beside):
    """A bar of a row or two may stay; of 1,500 pictures with bars at random none differed in more than 8 bits."""
    plain = picture(seed)
    boxed = np.pad(plain, ((above, below), (beside, beside)))
    _, one = hashes_of([plain])
    _, other = hashes_of([boxed])
    assert differing(one[:, 0], other[:, 0])[0] <= 10


def test_pictures_that_are_unlike_differ_in_half_of_the_bits():
    hashes = np.array([picture_hash(picture(seed)) for seed in range(40)], np.uint64)
    apart = differing(hashes[:, None], hashes[None, :])[~np.eye(40, dtype=bool)]
    assert 28 < apart.mean() < 36
    assert apart.min() > NEAR.silent * 64


def test_a_plain_picture_shows_nothing():
    shown, hashes = hashes_of([np.zeros((90, 120), np.uint8), picture(1), np.full((90, 120), 200, np.uint8)])
    assert shown.tolist() == [False, True, False]
    assert hashes.shape == (1, 3)


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=5), st.lists(st.integers(0, 2**64 - 1), min_size=1))
def test_differing_bits_are_counted(one, other):
    told = differing(np.array(one, np.uint64)[:, None], np.array(other, np.uint64)[None])
    assert told.tolist() == [[(a ^ b).bit_count() for b in other] for a in one]


def seen(hashes, start=0.0):
    table = np.array([[each] * 3 for each in hashes], np.uint64).reshape(-1, 3)
    times = (start + np.arange(len(hashes)) / 2).astype(np.float32)
    return PictureHashes(times, table, start + len(hashes) / 2)


def test_still_pictures_tell_no_copy_but_a_relation():
    draw = np.random.default_rng(7)
    moving = [int(each) for each in draw.integers(0, 2**63, 8)]
    still = [moving[0]] * 8
    for shown, kind in ((moving, "near"), (still, "related")):
        other = [each ^ 1 for each in shown]
        found = compare(
            looks("a", pictures=seen(shown), length_s=4), looks("b", pictures=seen(other), length_s=4), NEAR
        )
        assert found is not None
        assert found.kind == kind
    assert movement(seen(still)) == 0.0
    assert apart_at(seen(still), seen(still, start=60), 1.0, 0.0) is None


def test_other_pictures_under_the_same_sound_are_no_copy(tune):
    draw = np.random.default_rng(8)
    one, other = (seen([int(each) for each in draw.integers(0, 2**63, 12)]) for _ in range(2))
    sound = heard(tune)
    assert compare(looks("a", sound=sound, pictures=one), looks("b", sound=sound, pictures=other), NEAR) is None
    assert compare(looks("a", sound=sound, pictures=one), looks("b", sound=sound, pictures=one), NEAR) is not None


def random_sound(draw, count):
    return SoundMarks(
        draw.integers(0, 2**25, count).astype(np.uint32), np.sort(draw.uniform(0, 100, count)).astype(np.float32), 100
    )


def test_copies_are_worth_comparing_and_few_others_are():
    draw = np.random.default_rng(9)
    index, copies = Index(), set()
    last = random_sound(draw, 1)
    for place in range(300):
        if place % 10 == 9:
            kept = draw.random(len(last.keys)) < 0.2
            index.add(looks(str(place), sound=SoundMarks(last.keys[kept], last.times[kept] + np.float32(3), 100)))
            copies.add((place - 1, place))
        else:
            last = random_sound(draw, int(draw.integers(300, 4000)))
            index.add(looks(str(place), sound=last))
    pairs = set(index.pairs(NEAR.sound))
    assert copies <= pairs
    assert len(pairs) < 3 * len(copies), "not every one with every other one"


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**64 - 1), st.sets(st.integers(0, 63), max_size=6))
def test_pictures_that_differ_in_six_bits_are_always_worth_comparing(shown, bits):
    other = shown
    for bit in bits:
        other ^= 1 << bit
    index = Index()
    index.add(looks("a", pictures=seen([shown])))
    index.add(looks("b", pictures=seen([~shown & (2**64 - 1)])))
    index.add(looks("c", pictures=seen([other])))
    assert index.pairs(NEAR.sound) == [(0, 2)]


def test_a_crowd_of_the_same_picture_is_not_compared_each_with_each():
    index = Index()
    for place in range(1010):
        index.add(looks(str(place), pictures=seen([12345])))
    pairs = index.pairs(NEAR.sound)
    assert len({place for pair in pairs for place in pair}) == 1010
    assert len(pairs) < 1010 * 400


def test_half_of_the_keys_are_common_a_quarter_less_so():
    shares = np.bincount(levels(np.arange(1 << 16, dtype=np.uint32)), minlength=4)[:4] / (1 << 16)
    np.testing.assert_allclose(shares, [0.5, 0.25, 0.125, 0.0625], atol=0.01)
