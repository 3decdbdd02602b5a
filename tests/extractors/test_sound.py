"""The sound file: samples go in and come out by their place on the clock."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from recordings import FolderRecording

from extractors.sound import RATE_HZ, SoundTrack, blocks, length_s, samples
from schemas.facts import Facts, Watched

N = 40_000
PCM = np.random.default_rng(0).integers(-32768, 32768, N).astype(np.int16)


@pytest.fixture(scope="module")
def audio(tmp_path_factory):
    return write(tmp_path_factory.mktemp("sound") / "a", [PCM[:1], PCM[1:30_000], PCM[30_000:]])


def write(folder, pieces):
    recording = FolderRecording(folder)
    writing = SoundTrack().begin(recording, Facts(form="audio"), None)
    for piece in pieces:
        writing.sound(piece)
    writing.finish(Watched(duration_s=1.0))
    with recording.local("audio") as path:
        return path


def test_samples_are_kept_bit_for_bit(audio):
    assert length_s(audio) == N / RATE_HZ
    heard = samples(audio)
    assert heard.dtype == np.float32
    assert np.array_equal(heard * 32768, PCM)
    assert heard.min() >= -1
    assert heard.max() < 1


def test_the_pieces_it_comes_in_change_no_byte(audio, tmp_path):
    assert audio.read_bytes() == write(tmp_path / "b", [PCM]).read_bytes()


@given(st.floats(-1, 4), st.floats(-1, 4))
def test_a_stretch_is_the_samples_between_its_times(audio, start, stop):
    first, last = round(start * RATE_HZ), round(stop * RATE_HZ)
    expected = PCM[max(first, 0) : max(last, 0)] if last > first else PCM[:0]
    assert np.array_equal(samples(audio, start, stop) * 32768, expected)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.floats(0.05, 4), st.floats(0, 1))
def test_blocks_tile_the_sound_with_margins(audio, block_s, margin_s):
    whole = samples(audio)
    block, margin = round(block_s * RATE_HZ), round(margin_s * RATE_HZ)
    expected = 0
    for start_s, first_s, heard in blocks(audio, block_s, margin_s):
        start, first = round(start_s * RATE_HZ), round(first_s * RATE_HZ)
        assert start == expected
        assert first == max(0, start - margin)
        assert np.array_equal(heard, whole[first : start + block + margin])
        expected += block
    assert expected >= N > expected - block


def test_other_sound_is_refused(tmp_path):
    soundfile = pytest.importorskip("soundfile")
    soundfile.write(tmp_path / "a.wav", np.zeros((100, 2)), 16_000)
    with pytest.raises(ValueError, match="2 channels at 16000 Hz"):
        samples(tmp_path / "a.wav")
    with pytest.raises(ValueError, match="cannot be cut"):
        next(blocks(tmp_path / "a.wav", 0.0))


def test_what_is_abandoned_is_not_made(tmp_path):
    recording = FolderRecording(tmp_path / "a")
    writing = SoundTrack().begin(recording, Facts(form="audio"), None)
    writing.sound(PCM)
    writing.abandon()
    assert not recording.has("audio")


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from extractors.sound import SoundTrack
from recordings import FolderRecording
from schemas.errors import StoreError
from schemas.facts import Facts, Watched
limit, seconds = int(sys.argv[2]), int(sys.argv[3])
writing = SoundTrack().begin(FolderRecording(Path(sys.argv[1])), Facts(form="audio"), None)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
noise = np.random.default_rng(0).integers(-30000, 30000, (seconds * 40, 400)).astype(np.int16)
try:
    for packet in noise:
        writing.sound(packet)
    writing.finish(Watched(duration_s=1.0))
except StoreError as error:
    writing.abandon()
    print("told:", error)
"""


@pytest.mark.parametrize(("limit", "seconds"), [(20_000, 10), (3_000, 1), (10_000, 1)])
def test_a_full_disk_is_told(limit, seconds, tmp_path):
    """Also where only the last block does not fit."""
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path / "a"), str(limit), str(seconds)],
        cwd=root,
        env=os.environ | {"PYTHONPATH": f"{root}{os.pathsep}{root / 'tests'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("told: the sound cannot be written"), done.stderr
    assert "is the disk full" in done.stdout
    assert not list((tmp_path / "a").glob("audio.*"))
