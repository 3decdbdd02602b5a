"""Sound on the clock: against samples that carry their own position."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipelines.watching.placing import Placing

RATE = 16_000
TOLERANCE = 320  # 20 ms


def place(packets):
    placing = Placing(RATE)
    pieces = [piece for time_us, samples in packets for piece in placing.place(time_us, samples)]
    return placing, np.concatenate([np.zeros(0, np.int16), *pieces])


def packet(start, length):
    """Samples that are never zero and tell their place on the clock."""
    return round(start * 1_000_000 / RATE), ((np.arange(start, start + length) % 30_000) + 1).astype(np.int16)


def truth(samples):
    """Where samples are not zero, each is the one that belongs there."""
    at = np.flatnonzero(samples)
    return np.array_equal(samples[at], (at % 30_000 + 1).astype(np.int16))


@given(
    st.lists(st.tuples(st.one_of(st.just(0), st.integers(TOLERANCE + 1, 40_000)), st.integers(1, 3000)), max_size=20)
)
def test_gaps_become_zeros_and_every_sample_is_at_its_time(steps):
    at, packets, spans = 0, [], []
    for gap, length in steps:
        at += gap
        packets.append(packet(at, length))
        if spans and gap == 0:
            spans[-1] = (spans[-1][0], at + length)
        else:
            spans.append((at, at + length))
        at += length
    placing, samples = place(packets)
    assert len(samples) == placing.samples == at
    assert truth(samples)
    assert np.count_nonzero(samples) == sum(length for _, length in steps)
    assert placing.spans_s == tuple((a / RATE, b / RATE) for a, b in spans)


@given(st.lists(st.tuples(st.integers(-5000, 5000), st.integers(1, 3000)), min_size=1, max_size=20))
def test_overlaps_are_cut_and_no_packet_is_further_off_than_the_tolerance(steps):
    at, packets = 3000, []
    for step, length in steps:
        at = max(0, at + step)
        packets.append((round(at * 1_000_000 / RATE), np.full(length, len(packets) + 1, np.int16)))
        at += length
    _, samples = place(packets)
    for number, (time_us, piece) in enumerate(packets, 1):
        found = np.flatnonzero(samples == number)
        if len(found):
            assert np.array_equal(np.diff(found), np.ones(len(found) - 1))
            last_off = found[-1] + 1 - (round(time_us * RATE / 1_000_000) + len(piece))
            assert abs(last_off) <= TOLERANCE


@given(st.lists(st.integers(-8, 8), min_size=2, max_size=50))
def test_the_wobble_of_milliseconds_changes_no_sample(wobble):
    packets = []
    for number, off_ms in enumerate(wobble):
        time_us, samples = packet(number * 512, 512)
        packets.append((time_us + (off_ms * 1000 if number else 0), samples))
    placing, samples = place(packets)
    assert np.array_equal(samples, packet(0, 512 * len(wobble))[1])
    assert len(placing.spans_s) == 1


def test_a_slow_clock_is_followed():
    """Packets of 1000 samples that come every 1001: after 1000 of them the sound is a second longer."""
    packets = [(round(n * 1001 * 1_000_000 / RATE), np.full(1000, 1, np.int16)) for n in range(1000)]
    placing, samples = place(packets)
    assert abs(len(samples) - 1_001_000) <= TOLERANCE + 1
    assert np.count_nonzero(samples) == 1_000_000
    assert placing.spans_s[0][0] == 0


def test_sound_before_zero_is_left_out():
    placing, samples = place([(-500_000, np.full(RATE, 7, np.int16))])
    assert len(samples) == RATE // 2
    assert placing.spans_s == ((0.0, 0.5),)


def test_a_long_gap_comes_in_pieces():
    pieces = list(Placing(RATE).place(3_600_000_000, np.ones(5, np.int16)))
    assert sum(map(len, pieces)) == 3600 * RATE + 5
    assert max(map(len, pieces)) <= 1 << 18
