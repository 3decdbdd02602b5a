"""Facts of made media, and what is said of files that are none."""

import struct

import pytest
from made_media import ffmpeg, film, sound_source
from recordings import FolderRecording

from pipelines.watching.probe import Probe, channels, read_listing, shown_size
from schemas.errors import DecodeError, TooLong
from schemas.facts import Facts


def facts(media, **limits):
    recording = FolderRecording(media.parent / "recording", media)
    Probe(**limits).run([recording], None)
    return recording.read("facts", Facts)


def test_a_film(tmp_path):
    found = facts(film(tmp_path / "a.mp4", rate="30000/1001", rate_hz=44_100, channels=2, size="320x180"))
    assert (found.form, found.subtitles) == ("video", False)
    assert found.duration_s == pytest.approx(3.0, abs=0.05)
    picture, sound = found.picture, found.sound
    assert (picture.codec, picture.width, picture.height, picture.rate_fps) == ("h264", 320, 180, 29.97)
    assert (sound.codec, sound.rate_hz, sound.channels) == ("aac", 44_100, 2)


@pytest.mark.parametrize(
    ("suffix", "count", "codec"), [("wav", 1, "pcm_s16le"), ("flac", 6, "flac"), ("mp3", 2, "mp3")]
)
def test_sound_alone(suffix, count, codec, tmp_path):
    media = tmp_path / f"a.{suffix}"
    ffmpeg("-f", "lavfi", "-i", sound_source(channels=count), media)
    found = facts(media)
    assert (found.form, found.picture) == ("audio", None)
    assert (found.sound.codec, found.sound.channels, found.sound.rate_hz) == (codec, count, 48_000)


def test_subtitles_are_noticed_and_titles_are_not_believed(tmp_path):
    lines = tmp_path / "a.srt"
    lines.write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n")
    media = tmp_path / "a.mkv"
    title = "Duration: 99:00:00.00\n  Stream #0:0: Video: h264, yuv420p, 9999x9999, 25 fps"
    ffmpeg(
        *("-f", "lavfi", "-i", sound_source(), "-i", lines, "-map", "0", "-map", "1"),
        *("-metadata", f"title={title}", media),
    )
    found = facts(media)
    assert found.subtitles
    assert (found.form, found.picture) == ("audio", None)
    assert found.duration_s < 4


def test_a_moving_gif_is_a_video(tmp_path):
    media = tmp_path / "a.gif"
    ffmpeg("-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=1", media)
    found = facts(media)
    assert (found.form, found.picture.width) == ("video", 64)


def test_the_cameras_orientation_of_a_photo(tmp_path):
    pictures = pytest.importorskip("PIL.Image")
    media = tmp_path / "a.jpg"
    exif = pictures.Exif()
    exif[0x0112] = 6
    pictures.new("RGB", (320, 200), "white").save(media, exif=exif)
    found = facts(media)
    assert found.form == "image"
    assert found.duration_s is None
    assert (found.picture.width, found.picture.height) == (200, 320)


NOT_MEDIA = {
    "empty": (b"", "0 bytes"),
    "zeros": (bytes(5000), "zeros only"),
    "page": (b"\n <!DOCTYPE html><html><body>404</body></html>", r"web page \(HTML\)"),
    "page after a comment": (b"<!-- made by x --><html><body>404</body></html>", r"web page \(HTML\)"),
    "playlist": (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n", "playlist"),
    "playlist with a mark": (b"\xef\xbb\xbf\r\n#EXTM3U\r\nother.mp4\r\n", "playlist"),
    "concat": (b"ffconcat version 1.0\nfile other.mp4\n", "playlist"),
    "DASH": (b'<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>', "playlist"),
    "SDP": (b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\n", "playlist"),
    "SVG": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "XML"),
    "PDF": (b"%PDF-1.7\n", "PDF"),
    "archive": (b"PK\x03\x04" + bytes(100), "ZIP"),
    "LFS": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS"),
    "HEIC": (b"\0\0\0\x18ftypheic" + bytes(100), "HEIC"),
    "prose": (b"Call me Ishmael. " * 100, "not media"),
    "subtitles": (b"WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n", "subtitles"),
}


@pytest.mark.parametrize("name", NOT_MEDIA)
def test_what_is_not_media_is_told_in_plain_words(name, tmp_path):
    data, reason = NOT_MEDIA[name]
    media = tmp_path / "a.mp4"
    media.write_bytes(data)
    with pytest.raises(DecodeError, match=reason) as raised:
        facts(media)
    assert raised.value.do
    assert "/dev/fd" not in raised.value.what
    assert "0x" not in raised.value.what


def test_no_playlist_is_followed_whatever_its_head_says(tmp_path):
    """A concat script that begins with a remark passes the look at its head: the demuxer is refused."""
    film(tmp_path / "other.mp4", options=("-t", "0.5"))
    for text in ("# a remark\nffconcat version 1.0\nfile other.mp4\n", f"#!x\n#EXTM3U\n{tmp_path}/other.mp4\n"):
        media = tmp_path / "list.mp4"
        media.write_text(text)
        with pytest.raises(DecodeError):
            facts(media)


def test_a_film_cut_off_before_its_index(tmp_path):
    media = film(tmp_path / "a.mp4")
    data = media.read_bytes()
    media.write_bytes(data[: data.index(b"moov") - 100])
    with pytest.raises(DecodeError, match="index \\(moov\\) is missing"):
        facts(media)


def test_a_broken_photo(tmp_path):
    media = tmp_path / "a.png"
    media.write_bytes(b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + bytes(50))
    with pytest.raises(DecodeError):
        facts(media)


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"max_hours": 2 / 3600}, "declares"),
        ({"max_megapixels": 0.01}, "160x120"),
        ({"max_streams": 1}, "2 streams"),
    ],
)
def test_limits(limits, reason, tmp_path):
    media = film(tmp_path / "a.mp4")
    with pytest.raises(TooLong, match=reason) as raised:
        facts(media, **limits)
    assert raised.value.do
    assert Probe(**limits).identity() == Probe().identity()


@pytest.mark.parametrize(
    ("layout", "count"),
    [
        ("mono", 1),
        ("stereo", 2),
        ("5.1(side)", 6),
        ("7.1", 8),
        ("3 channels (FL+FR+LFE)", 3),
        ("quad(side)", 4),
        ("?", 0),
    ],
)
def test_layouts(layout, count):
    assert channels(layout) == count


@pytest.mark.parametrize(
    ("stored", "aspect", "shown"),
    [((720, 576), (16, 15), (768, 576)), ((720, 480), (8, 9), (720, 540)), ((10, 10), (0, 1), (10, 10))],
)
def test_pixels_that_are_not_square(stored, aspect, shown):
    assert shown_size(*stored, *aspect) == shown


def test_a_stream_that_cannot_be_decoded_is_none():
    said = (
        "Input #0, mov,mp4,m4a,3gp,3g2,mj2, from 'file:/dev/fd/3':\n"
        "  Duration: N/A, start: 0.000000, bitrate: N/A\n"
        "  Stream #0:0[0x1](und): Video: none (abcd / 0x64636261), none, 64x64, 25 fps, 25 tbr\n"
        "  Stream #0:1[0x2](und): Audio: aac (mp4a / 0x6134706D), 44100 Hz, 5.1, fltp, 128 kb/s\n"
    )
    found, seconds, streams = read_listing(said)
    assert (found.form, found.picture, found.sound.channels) == ("audio", None, 6)
    assert (seconds, streams) == (None, 2)
