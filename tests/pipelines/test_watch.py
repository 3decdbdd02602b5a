"""One decode, on the right clock: made films in which a flash and a beep come at a known moment."""

import os
import pickle
import re
import stat
import subprocess
from pathlib import Path

import numpy as np
import pytest
from made_media import ffmpeg, film, picture_source, sound_source, turn_clockwise
from recordings import FolderRecording
from watchers_for_tests import Ears, Eyes, Grumpy, Heard, Seen

from extractors.frames import Frames
from extractors.shots import Shots
from extractors.sound import RATE_HZ, SoundTrack, length_s, samples
from pipelines.watching.ffmpeg import find
from pipelines.watching.probe import Probe
from pipelines.watching.watch import Watch
from schemas.errors import DecodeError, MeasurementError, TooLong
from schemas.facts import Facts, Watched
from schemas.pictures import Pictures
from schemas.shots import Cuts
from schemas.source import Source


@pytest.fixture(params=["path", "carried"])
def either_ffmpeg(request, tmp_path, monkeypatch):
    """The ffmpeg on PATH, and the one inside imageio-ffmpeg."""
    if request.param == "carried":
        pytest.importorskip("imageio_ffmpeg")
        monkeypatch.setenv("PATH", str(tmp_path))
        assert "imageio" in str(find())


def watch(media, *watchers, folder=None, **limits):
    recording = FolderRecording(folder or media.parent / f"recording-{media.name}", media)
    Probe().run([recording], None)
    step = Watch(watchers=watchers, **limits)
    step.run([recording], step.load())
    return recording


def flash_s(recording):
    seen = recording.read("eyes", Seen)
    return next(time for time, light in zip(seen.times, seen.light, strict=True) if light > 128) / 1e6


def beep_s(recording, after_s=0.0):
    heard = np.array(recording.read("ears", Heard).samples)
    first = round(after_s * RATE_HZ)
    return (first + np.flatnonzero(np.abs(heard[first:]) > 3000)[0]) / RATE_HZ


X264 = ("-c:v", "libx264", "-preset", "ultrafast")
FILMS = {
    "25 fps, AAC": ("a.mp4", {"rate": "25"}),
    "23.976 fps": ("a.mp4", {"rate": "24000/1001"}),
    "29.97 fps": ("a.mp4", {"rate": "30000/1001"}),
    "60 fps": ("a.mp4", {"rate": "60"}),
    "Matroska counts in milliseconds": ("a.mkv", {"rate": "60", "options": (*X264, "-c:a", "flac")}),
    "VP9 and Opus": ("a.webm", {"rate": "30", "options": ("-deadline", "realtime", "-cpu-used", "8")}),
    "B-frames in a transport stream": ("a.ts", {"options": ("-c:v", "libx264", "-bf", "3", "-c:a", "aac")}),
    "AVI with 8 kHz PCM": ("a.avi", {"rate_hz": 8000, "options": ("-c:v", "mjpeg", "-c:a", "pcm_s16le")}),
    "stereo at 44.1 kHz": ("a.mp4", {"channels": 2, "rate_hz": 44_100}),
    "5.1": ("a.mkv", {"channels": 6, "options": (*X264, "-c:a", "ac3")}),
    "MPEG-1 and MP2": ("a.mpg", {"rate_hz": 44_100, "options": ("-c:v", "mpeg1video", "-c:a", "mp2")}),
}


@pytest.mark.parametrize("name", FILMS)
def test_flash_and_beep_are_seen_and_heard_when_they_happen(name, tmp_path, either_ffmpeg):
    file, how = FILMS[name]
    media = film(tmp_path / file, **how)
    recording = watch(media, Eyes(), Ears())
    rate = eval(how.get("rate", "25"))  # noqa: S307 - a fraction written above
    # A container may start its clock a few samples early, for the codec's warming up: up to 30 ms, for both alike.
    assert -0.002 < flash_s(recording) - 1.0 < 1 / rate + 0.030
    assert -0.003 < beep_s(recording) - 1.0 < 0.030
    flash_truth = np.ceil(round(1.0 * rate, 6)) / rate
    # ffmpeg 5.1 writes WebM with the pictures 7 ms late, the length of Opus' warming up; 9.0 writes it right.
    apart = 0.008 if file.endswith("webm") else 0.004
    assert abs((beep_s(recording) - 1.0) - (flash_s(recording) - flash_truth)) < apart
    watched = recording.read("watched", Watched)
    assert watched.frames == len(recording.read("eyes", Seen).times)
    assert watched.frames == pytest.approx(3 * rate, abs=1.01)
    assert watched.duration_s == pytest.approx(3.0, abs=0.06)
    assert watched.defects == ()


@pytest.mark.parametrize(("picture_late", "sound_late"), [(0.0, 0.8), (0.8, 0.0), (0.0, 0.013)])
@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_a_late_stream_stays_late(picture_late, sound_late, container, tmp_path, either_ffmpeg):
    media = tmp_path / f"late.{container}"
    ffmpeg(
        *("-itsoffset", picture_late, "-f", "lavfi", "-i", picture_source("50")),
        *("-itsoffset", sound_late, "-f", "lavfi", "-i", sound_source()),
        *("-map", "0:v", "-map", "1:a", *X264, "-pix_fmt", "yuv420p", "-fps_mode", "passthrough", "-c:a", "aac", media),
    )
    recording = watch(media, Eyes(), Ears())
    early = flash_s(recording) - (1.0 + picture_late)
    assert -0.002 < early < 0.03
    assert beep_s(recording) - (1.0 + sound_late) == pytest.approx(early, abs=0.004)
    watched = recording.read("watched", Watched)
    assert watched.frame_start_s == pytest.approx(picture_late, abs=0.03)
    assert watched.sound_spans[0][0] == pytest.approx(max(0, sound_late - 0.022), abs=0.024)


def test_a_gap_in_the_sound_is_silent_and_moves_nothing(tmp_path, either_ffmpeg):
    media = tmp_path / "gap.mkv"
    beeps = f"({BEEPS[0]})+({BEEPS[1]})"
    ffmpeg(
        *("-f", "lavfi", "-i", picture_source("25")),
        *("-f", "lavfi", "-i", f"aevalsrc={beeps}:sample_rate=48000:duration=3,asetnsamples=960"),
        *("-af", "aselect='not(between(t,1.4,1.999))'", *X264, "-c:a", "pcm_s16le", media),
    )
    recording = watch(media, Eyes(), Ears(), SoundTrack())
    assert beep_s(recording) == pytest.approx(1.0, abs=0.002)
    assert beep_s(recording, after_s=1.5) == pytest.approx(2.5, abs=0.002)
    watched = recording.read("watched", Watched)
    assert np.allclose(watched.sound_spans, [(0, 1.4), (2.0, 3.0)], atol=0.003)
    assert watched.defects == ("the sound has 1 gap, 0.60 s in all",)
    with recording.local("audio") as path:
        assert length_s(path) == pytest.approx(3.0, abs=0.003)
        assert not samples(path, 1.41, 1.99).any()
        assert np.abs(samples(path, 2.5, 2.6)).max() > 0.3


BEEPS = [f"if(between(t,{start},{start + 0.2}),0.5*sin(2*PI*1000*t),0)".replace(",", "\\,") for start in (1.0, 2.5)]


def test_variable_frame_rate_keeps_the_pictures_own_times(tmp_path, either_ffmpeg):
    media = tmp_path / "vfr.mp4"
    kept = [n for n in range(150) if n % 7 in (0, 1, 4) or n == 50]
    chosen = "+".join(f"eq(n,{n})" for n in kept[:40])
    ffmpeg(
        *("-f", "lavfi", "-i", picture_source("50")),
        *("-vf", f"select='{chosen}'", "-fps_mode", "passthrough", *X264, "-pix_fmt", "yuv420p", media),
    )
    recording = watch(media, Eyes(), Eyes(kind="few", fps=5), Frames(fps=5))
    seen = recording.read("eyes", Seen)
    assert np.allclose(np.array(seen.times) / 1e6, np.array(kept[:40]) / 50, atol=1e-4)
    assert flash_s(recording) == pytest.approx(1.0, abs=1e-4)
    first_of_bin = {}
    for time in seen.times:
        first_of_bin.setdefault((time + 1000) * 5 // 1_000_000, time)
    assert recording.read("few", Seen).times == tuple(first_of_bin.values())
    pictures = recording.read("frames", Pictures)
    assert np.array_equal(np.rint(pictures.times * 1e6), list(first_of_bin.values()))
    assert (pictures.spans[:-1, 1] <= pictures.spans[1:, 0]).all()
    assert (pictures.spans[:, 1] - pictures.spans[:, 0] <= 200_000).all()


@pytest.mark.parametrize(
    ("rate", "fps", "count"), [("30000/1001", 5, 15), ("24000/1001", 24, 72), ("60", 7.5, 23), ("25", 30, 75)]
)
def test_at_most_so_many_pictures_a_second(rate, fps, count, tmp_path):
    media = film(tmp_path / "a.mkv", rate=rate, options=(*X264, "-an"))
    recording = watch(media, Eyes(fps=fps))
    times = np.array(recording.read("eyes", Seen).times)
    assert len(times) == pytest.approx(count, abs=1)
    bins = (times + 1000) * fps // 1_000_000
    assert (np.diff(bins) > 0).all()


def test_pictures_are_upright_and_scaled_down(tmp_path, either_ffmpeg):
    media = tmp_path / "turned.mp4"
    left_white = "color=black:size=320x160:rate=25:duration=0.4,drawbox=color=white:t=fill:w=320:h=80"
    ffmpeg("-f", "lavfi", "-i", left_white, "-pix_fmt", "yuv420p", *X264, media)
    turn_clockwise(media)
    recording = watch(media, Eyes(), Eyes(kind="small", longest_side=160), Eyes(kind="large", longest_side=9999))
    facts = recording.read("facts", Facts)
    assert (facts.picture.width, facts.picture.height, facts.picture.rotation_deg) == (160, 320, 90)
    seen = recording.read("eyes", Seen)
    assert set(seen.shapes) == {(320, 160, 3)} == set(recording.read("large", Seen).shapes)
    assert set(recording.read("small", Seen).shapes) == {(160, 80, 3)}
    # The white upper half has turned to the right.
    assert seen.left[0] < 30
    assert seen.light[0] * 2 - seen.left[0] > 220


def test_pixels_that_are_not_square_are_stretched(tmp_path, either_ffmpeg):
    media = tmp_path / "wide.mp4"
    ffmpeg("-f", "lavfi", "-i", "color=red:size=160x120:duration=0.2,setsar=2", *X264, media)
    recording = watch(media, Eyes())
    assert recording.read("facts", Facts).picture.width == 320
    assert recording.read("eyes", Seen).shapes[0] == (120, 320, 3)


def test_a_stream_that_changes_its_size_keeps_its_clock(tmp_path, either_ffmpeg):
    small = film(tmp_path / "a.ts", length_s=2.0, options=("-c:v", "libx264", "-bf", "0", "-c:a", "mp2"))
    large = tmp_path / "b.ts"
    ffmpeg(
        *("-f", "lavfi", "-i", picture_source("25", size="320x240", flash_s=1.0, length_s=2.0)),
        *("-f", "lavfi", "-i", sound_source(beep_s=1.0, length_s=2.0)),
        *("-pix_fmt", "yuv420p", "-c:v", "libx264", "-bf", "0", "-c:a", "mp2", "-output_ts_offset", "2", large),
    )
    media = tmp_path / "both.ts"
    media.write_bytes(small.read_bytes() + large.read_bytes())
    recording = watch(media, Eyes(), Ears(), Eyes(kind="few", fps=5))
    seen = recording.read("eyes", Seen)
    assert set(seen.shapes) == {(120, 160, 3)}
    assert flash_s(recording) == pytest.approx(1.0, abs=0.05)
    assert beep_s(recording, after_s=2.0) == pytest.approx(3.0, abs=0.05)
    later = [t for t, light in zip(seen.times, seen.light, strict=True) if light > 128 and t > 2_000_000]
    assert later[0] / 1e6 == pytest.approx(beep_s(recording, after_s=2.0), abs=0.041)
    bins = (np.array(recording.read("few", Seen).times) + 1000) * 5 // 1_000_000
    assert (np.diff(bins) > 0).all()


def test_what_a_recording_lacks_is_absent(tmp_path, either_ffmpeg):
    silent = watch(film(tmp_path / "silent.mp4", options=("-an",)), Eyes(), Ears(), SoundTrack())
    assert silent.absences == dict.fromkeys(("ears", "audio"), "the recording has no audio stream")
    assert silent.read("watched", Watched).sound_spans == ()

    cover = tmp_path / "cover.m4a"
    ffmpeg(
        *("-f", "lavfi", "-i", sound_source(), "-f", "lavfi", "-i", "color=red:size=64x64:duration=0.04"),
        *("-map", "0", "-map", "1", "-c:v", "png", "-disposition:v", "attached_pic", cover),
    )
    heard = watch(cover, Eyes(), Ears())
    assert heard.read("facts", Facts).form == "audio"
    assert heard.absences == {"eyes": "the recording has no video stream"}
    assert beep_s(heard) == pytest.approx(1.0, abs=0.03)
    assert heard.read("watched", Watched).frames == 0


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "gif", "tiff"])
def test_a_picture_is_one_frame_at_zero(suffix, tmp_path, either_ffmpeg):
    media = tmp_path / f"still.{suffix}"
    ffmpeg("-f", "lavfi", "-i", "color=white:size=320x200:duration=0.04", "-frames:v", "1", media)
    recording = watch(media, Eyes(longest_side=160), Ears(), Frames(), Shots())
    assert recording.read("facts", Facts).form == "image"
    seen = recording.read("eyes", Seen)
    assert (seen.times, seen.shapes) == ((0,), ((100, 160, 3),))
    assert seen.light[0] > 250
    assert recording.read("frames", Pictures).times.tolist() == [0.0]
    assert recording.read("shots", Cuts).cuts == ()
    assert recording.absences == {"ears": "a picture has no sound"}
    assert recording.read("watched", Watched) == Watched(duration_s=None, frames=1, frame_start_s=0.0)


def test_a_text_has_nothing_to_watch(tmp_path):
    source = Source(id="poem", uri=None, sha256="0" * 64, text="words")
    recording = FolderRecording(tmp_path / "poem", source=source)
    Probe().run([recording], None)
    Watch(watchers=(Eyes(), Ears())).run([recording], (None, None))
    assert recording.read("facts", Facts) == Facts(form="text")
    assert set(recording.absences) == {"watched", "eyes", "ears"}


def test_sound_shorter_than_the_pictures(tmp_path, either_ffmpeg):
    media = tmp_path / "short.mp4"
    ffmpeg(
        *("-f", "lavfi", "-i", picture_source("25"), "-f", "lavfi", "-i", sound_source(length_s=1.5)),
        *(*X264, "-pix_fmt", "yuv420p", media),
    )
    watched = watch(media, Ears()).read("watched", Watched)
    assert watched.frame_end_s == pytest.approx(3.0, abs=0.001)
    assert watched.sound_spans[-1][1] == pytest.approx(1.5, abs=0.03)
    assert watched.defects[0].startswith("the sound ends at 1.5")


@pytest.mark.parametrize(("length_s", "told"), [(5.0, True), (3.0, False)])
def test_sound_that_ends_in_nothing_but_zeros_is_told(tmp_path, length_s, told):
    sound = sound_source(length_s=length_s)  # a beep from 1.0 to 1.2 s, then zeros
    media = tmp_path / "mute.mkv"
    ffmpeg(
        *("-f", "lavfi", "-i", picture_source("25", length_s=length_s), "-f", "lavfi", "-i", sound),
        *(*X264, "-pix_fmt", "yuv420p", "-c:a", "flac", media),
    )
    defects = watch(media, Ears()).read("watched", Watched).defects
    if told:
        (defect,) = defects
        found = re.fullmatch(r"the sound holds nothing but zeros from ([\d.]+) s to its end", defect)
        assert found
        assert float(found[1]) == pytest.approx(1.2, abs=0.02)
    else:
        assert defects == ()


def test_a_truncated_film_is_kept_as_far_as_it_goes(tmp_path, either_ffmpeg):
    media = film(tmp_path / "cut.mp4", options=("-movflags", "+faststart", "-g", "10", *X264))
    data = media.read_bytes()
    start = data.index(b"mdat")
    media.write_bytes(data[: start + (len(data) - start) // 2])
    recording = watch(media, Eyes(), SoundTrack())
    watched = recording.read("watched", Watched)
    assert 0.3 < watched.duration_s < 2.7
    assert watched.defects[0] == f"declares 3.0 s, {watched.duration_s:.1f} s could be decoded"
    assert recording.has("eyes")
    assert recording.has("audio")


def test_a_film_without_anything_decodable_fails_and_leaves_nothing(tmp_path, either_ffmpeg):
    media = film(tmp_path / "noise.mp4", options=("-movflags", "+faststart", "-an", *X264))
    data = media.read_bytes()
    start = data.index(b"mdat") + 4
    media.write_bytes(data[:start] + bytes(len(data) - start))
    recording = FolderRecording(tmp_path / "recording", media)
    Probe().run([recording], None)
    step = Watch(watchers=(Eyes(), Frames()))
    with pytest.raises(DecodeError, match="nothing in it can be decoded"):
        step.run([recording], step.load())
    assert sorted(path.name.split(".")[0] for path in recording.folder.iterdir()) == ["facts"]


@pytest.fixture
def counted(tmp_path, monkeypatch):
    """The real ffmpeg behind a script that writes down each start."""
    real, log = find(), tmp_path / "starts"
    script = tmp_path / "bin" / "ffmpeg"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\ncase "$*" in *-version*) ;; *) echo start >> "{log}";; esac\nexec "{real}" "$@"\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")
    return lambda: len(log.read_text().splitlines()) if log.exists() else 0


def test_all_watchers_share_one_decode(tmp_path, counted):
    media = film(tmp_path / "a.mp4")
    recording = FolderRecording(tmp_path / "recording", media)
    Probe().run([recording], None)
    before = counted()
    step = Watch(
        watchers=(
            *(Eyes(kind=f"eyes{n}", fps=5) for n in range(3)),
            *(Ears(kind=f"ears{n}") for n in range(3)),
            *(SoundTrack(), Frames(), Shots()),
        )
    )
    step.run([recording], step.load())
    assert counted() - before == 1
    assert all(recording.has(kind) for kind in step.makes)
    same = {(recording.folder / f"eyes{n}.json").read_bytes() for n in range(3)}
    assert len(same) == 1
    step.run([recording], step.load())
    assert counted() - before == 1


def test_a_new_watcher_changes_nothing_that_is_made(tmp_path):
    media = film(tmp_path / "a.mp4", options=("-t", "1.3"))
    together = watch(media, SoundTrack(), Eyes(), Frames(), folder=tmp_path / "together")
    apart = watch(media, SoundTrack(), folder=tmp_path / "apart")
    (audio,) = apart.folder.glob("audio.*")
    before = audio.stat().st_ino, audio.stat().st_mtime_ns
    step = Watch(watchers=(SoundTrack(), Eyes(), Frames()))
    step.run([apart], step.load())
    assert (audio.stat().st_ino, audio.stat().st_mtime_ns) == before
    for path in together.folder.iterdir():
        assert path.read_bytes() == (apart.folder / path.name).read_bytes(), path.name


def test_identity_is_each_watchers_own():
    one = Watch(watchers=(SoundTrack(), Frames(fps=1)))
    other = Watch(watchers=(Frames(fps=2), SoundTrack(), Shots()), max_hours=1)
    assert one.identity_of("audio") == other.identity_of("audio")
    assert one.identity_of("watched") == other.identity_of("watched")
    assert one.identity_of("frames") != other.identity_of("frames")
    assert pickle.loads(pickle.dumps(other)) == other  # noqa: S301 - our own bytes
    assert other.reads == ("media", "facts")
    assert set(other.makes) == {"watched", "frames", "audio", "shots"}


@pytest.mark.parametrize("when", ["picture", "finish"])
def test_a_watcher_that_cannot_measure_stops_no_other(when, tmp_path):
    media = film(tmp_path / "a.mp4", options=("-t", "1.2"))
    recording = FolderRecording(tmp_path / "recording", media)
    Probe().run([recording], None)
    step = Watch(watchers=(Grumpy(when=when), Eyes(), SoundTrack()))
    with pytest.raises(MeasurementError, match="no mood"):
        step.run([recording], step.load())
    assert all(recording.has(kind) for kind in ("eyes", "audio", "watched"))
    assert not recording.has("mood")


def test_a_defect_leaves_no_child_no_file_and_no_thread(tmp_path):
    media = film(tmp_path / "a.mp4", length_s=20.0)
    recording = FolderRecording(tmp_path / "recording", media)
    Probe().run([recording], None)
    step = Watch(watchers=(SoundTrack(), Grumpy(defect=True)))
    open_before, children_before = sorted(Path("/proc/self/fd").iterdir()), children()
    with pytest.raises(RuntimeError, match="a defect"):
        step.run([recording], step.load())
    assert children() == children_before
    assert sorted(Path("/proc/self/fd").iterdir()) == open_before
    assert not any(recording.has(kind) for kind in step.makes)


def children():
    found = subprocess.run(["ps", "-o", "pid=,comm=", "--ppid", str(os.getpid())], capture_output=True, check=False)
    return [line for line in found.stdout.splitlines() if not line.endswith(b" ps")]


def test_limits_are_kept(tmp_path, monkeypatch):
    media = film(tmp_path / "a.mp4")
    with pytest.raises(TooLong, match="lasts more than"):
        watch(media, Eyes(), max_hours=1 / 3600)
    large = tmp_path / "large.png"
    ffmpeg("-f", "lavfi", "-i", "color=white:size=9000x9000:duration=0.04", "-frames:v", "1", large)
    with pytest.raises(TooLong, match="more than 300 MB"):
        watch(large, Eyes(longest_side=100), memory_mb=300)
    recording = FolderRecording(tmp_path / "recording", media)
    Probe().run([recording], None)
    real = find()
    asleep = tmp_path / "bin" / "ffmpeg"
    asleep.parent.mkdir()
    asleep.write_text(f'#!/bin/sh\ncase "$*" in *-version*) exec "{real}" "$@";; esac\nexec sleep 100\n')
    asleep.chmod(0o755)
    monkeypatch.setenv("PATH", f"{asleep.parent}{os.pathsep}{os.environ['PATH']}")
    step = Watch(watchers=(Eyes(),), stall_s=0.5)
    with pytest.raises(TooLong, match="gave nothing for"):
        step.run([recording], step.load())
    assert not any(b"sleep" in child for child in children())
