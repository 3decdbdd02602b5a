"""Clips cut by the real ffmpeg, decoded by torchcodec, against pictures whose brightness tells their number."""

import subprocess

import numpy as np
import pytest

from pipelines.watching.clips import cut_video
from pipelines.watching.ffmpeg import find
from schemas.errors import DecodeError, TooLong

RATE = 16_000
SIZE = (48, 32)
CYCLE = 50


def summed(terms):
    """A sum that ffmpeg can read: it refuses deep nesting, and a plain chain of terms nests."""
    half = len(terms) // 2
    return f"({summed(terms[:half])}+{summed(terms[half:])})" if half else terms[0]


def film(path, times_s, *, delay_s=0.0, sound_s=6.0, beep_s=None):
    """Picture n is grey 20 + 4 (n mod 50) and is shown at times_s[n] + delay_s; a second of beep begins at beep_s."""
    width, height = SIZE
    pixels = b"".join(bytes([20 + 4 * (number % CYCLE)]) * (width * height * 3) for number in range(len(times_s)))
    steps = summed([f"eq(N,{number})*{time}" for number, time in enumerate(times_s)])
    clock = np.arange(round(sound_s * RATE)) / RATE
    beep = np.zeros(len(clock)) if beep_s is None else np.sin(2 * np.pi * 1000 * clock) * (clock >= beep_s)
    sound = path.with_suffix(".raw")
    sound.write_bytes((beep * 20_000).astype("<i2").tobytes())
    subprocess.run(
        [
            *(str(find()), "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}"),
            *("-r", "25", "-i", "pipe:0", "-f", "s16le", "-ar", str(RATE), "-ac", "1", "-i", str(sound)),
            *("-vf", f"settb=1/90000,setpts='round(({steps}+{delay_s})/TB)'", "-fps_mode", "passthrough"),
            *(
                "-enc_time_base",
                "1:90000",
                "-video_track_timescale",
                "90000",
                "-movie_timescale",
                "90000",
                "-c:v",
                "libx264",
                "-qp",
                "0",
            ),
            *("-pix_fmt", "yuv420p", "-g", "40", "-c:a", "aac", str(path)),
        ],
        input=pixels,
        check=True,
    )
    return path


def seen(data):
    """(time, number mod 50) of each picture of a clip."""
    from torchcodec.decoders import VideoDecoder

    decoder = VideoDecoder(data)
    frames = decoder.get_frames_in_range(0, len(decoder))
    numbers = (frames.data.float().mean(dim=(1, 2, 3)) - 20) / 4
    return [(float(time), round(float(number))) for time, number in zip(frames.pts_seconds, numbers, strict=True)]


def shown(times_s, start, end):
    """What a clip must show: the picture on the screen at its start, then each at its own time."""
    ends = [*times_s[1:], float("inf")]
    return [
        (max(0.0, begin - start), number % CYCLE)
        for number, (begin, stop) in enumerate(zip(times_s, ends, strict=True))
        if stop > start and begin < end
    ]


STEADY = [number / 25 for number in range(100)]
NTSC = [number * 1001 / 30000 for number in range(100)]
UNEVEN = list(np.cumsum([0.0, *np.random.default_rng(3).choice([0.02, 0.033, 0.04, 0.1, 0.25], 59)]).round(3))
SLIDES = [0.0, 1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize(
    ("times", "cuts"),
    [
        (STEADY, [(0.0, 0.5), (1.0, 1.4), (1.01, 1.523), (3.5, 5.0)]),
        (NTSC, [(0.5, 1.0), (1.234567, 2.0)]),
        (UNEVEN, [(0.0, 1.0), (0.7, 1.9), (2.05, 3.3)]),
        (SLIDES, [(2.3, 2.9), (2.6, 3.2)]),
    ],
)
def test_a_clip_shows_each_picture_at_its_own_time(tmp_path, times, cuts):
    media = film(tmp_path / "film.mp4", times)
    for start, end in cuts:
        found, truth = seen(cut_video(media, start, end, sound=True)), shown(times, start, end)
        assert [number for _, number in found] == [number for _, number in truth]
        assert [time for time, _ in found] == pytest.approx([time for time, _ in truth], abs=2e-4)


def test_sound_and_pictures_keep_their_distance_when_pictures_begin_later(tmp_path):
    from torchcodec.decoders import AudioDecoder

    # Sound begins at 0, pictures at 0.7 s; picture 40 (at 1.6 + 0.7 s) and the beep both come at 2.3 s.
    media = film(tmp_path / "film.mp4", STEADY, delay_s=0.7, beep_s=2.3)
    data = cut_video(media, 2.0, 3.5, sound=True)
    flash = next(time for time, number in seen(data) if number == 40)
    heard = AudioDecoder(data).get_all_samples()
    beep = float(heard.pts_seconds) + int((heard.data[0].abs() > 0.1).int().argmax()) / heard.sample_rate
    assert flash == pytest.approx(0.3, abs=0.001)
    assert beep == pytest.approx(0.3, abs=0.005)
    assert heard.duration_seconds == pytest.approx(1.5, abs=1024 / RATE)  # AAC comes in blocks of 1024 samples
    early = seen(cut_video(media, 0.0, 1.0, sound=True))
    assert early[0] == (pytest.approx(0.7, abs=2e-4), 0)


def test_a_cut_far_into_a_long_film_is_exact(tmp_path):
    times = [number / 5 for number in range(110)]
    media = film(tmp_path / "film.mp4", times, sound_s=22.0)
    found = seen(cut_video(media, 19.1, 20.0, sound=True))
    truth = shown(times, 19.1, 20.0)
    assert [number for _, number in found] == [number for _, number in truth]
    assert [time for time, _ in found] == pytest.approx([time for time, _ in truth], abs=2e-4)


def test_the_same_cut_gives_the_same_bytes_and_no_clock(tmp_path):
    media = film(tmp_path / "film.mp4", STEADY)
    one, other = (cut_video(media, 0.3, 0.9, sound=True) for _ in range(2))
    assert one == other
    assert b"Lavf" not in one


def test_a_film_without_sound(tmp_path):
    media = film(tmp_path / "film.mp4", STEADY)
    silent = tmp_path / "silent.mp4"
    subprocess.run([str(find()), "-v", "error", "-i", str(media), "-an", "-c", "copy", str(silent)], check=True)
    assert len(seen(cut_video(silent, 1.0, 2.0, sound=False))) == 25


def test_what_cannot_be_cut_is_said(tmp_path):
    media = film(tmp_path / "film.mp4", STEADY)
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(media.read_bytes()[:2000])
    with pytest.raises(DecodeError, match=r"broken\.mp4"):
        cut_video(broken, 0.0, 1.0, sound=True)
    with pytest.raises(DecodeError, match="shows no picture"):
        cut_video(media, 5.0, 5.5, sound=True)
    with pytest.raises(TooLong, match="more than"):
        cut_video(media, 0.0, 1.0, sound=True, timeout_s=0.001)


def test_a_playlist_that_calls_itself_a_film_is_not_followed(tmp_path):
    other, playlist = tmp_path / "other.mp4", tmp_path / "film.mp4"
    film(other, [0.0, 0.5, 1.0], sound_s=2.0)
    playlist.write_text(f"ffconcat version 1.0\nfile {other.name}\n")
    with pytest.raises(DecodeError, match=r"film\.mp4"):
        cut_video(playlist, 0.0, 1.0, sound=False)
    assert cut_video(other, 0.0, 1.0, sound=False)
