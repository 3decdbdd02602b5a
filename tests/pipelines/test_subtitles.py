"""Subtitles as they are found: formats, encodings, mistakes."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recordings import FolderRecording

from pipelines.segmenting.subtitle_files import decode, read_subtitles
from pipelines.segmenting.subtitles import ReadSubtitles
from schemas.errors import MeasurementError, SourceUnavailable
from schemas.segment import Subtitles
from schemas.source import Source


def cues(text: str, **how: str) -> list[tuple[float, float, str]]:
    return [(cue.start, cue.end, cue.text) for cue in read_subtitles(text.encode(), **how).cues]


def clock(milliseconds: int, point: str) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{rest:03}"


spoken = st.text(st.characters(categories=["Lu", "Ll", "Lo"]), min_size=1, max_size=12)
written = st.lists(st.tuples(st.integers(0, 10**7), st.integers(1, 10**5), spoken), min_size=1, max_size=8)


@given(found=written, vtt=st.booleans(), numbered=st.booleans(), ends=st.sampled_from(["\n", "\r\n", "\r"]))
def test_what_is_written_is_read(found, vtt, numbered, ends):
    lines = ["WEBVTT", ""] if vtt else []
    point = "." if vtt else ","
    for number, (start, length, text) in enumerate(found):
        lines += [str(number)] if numbered else []
        lines += [f"{clock(start, point)} --> {clock(start + length, point)}", f"<i>{text}</i>", ""]
    wanted = sorted(((a / 1000, (a + n) / 1000, " ".join(text.split())) for a, n, text in found), key=lambda c: c[:2])
    assert cues(ends.join(lines)) == wanted


def test_numbers_may_be_missing_and_empty_lines_too():
    assert cues("00:01,5 --> 00:02,000\none\n2\n00:00:03.250 --> 00:00:04,000 X1:40\ntwo") == [
        (1.5, 2.0, "one"),
        (3.25, 4.0, "two"),
    ]


def test_a_text_keeps_its_own_empty_lines_and_numbers():
    assert cues("1\n00:00:01,000 --> 00:00:02,000\nup\n\ndown\n\n2\n00:00:03,000 --> 00:00:04,000\nin\n42\n\n") == [
        (1.0, 2.0, "up down"),
        (3.0, 4.0, "in 42"),
    ]


def test_a_cue_without_sensible_times_is_left_out_and_counted():
    found = read_subtitles(
        b"1\n00:00:01,000 --> 00:00:02,000\none\n\n2\nno times\n\n3\n00:00:09,000 --> 00:00:08,000\nbackwards\n\n"
        b"4\n00:00:05,000 --> 00:00:05,000\nno length\n\n5\n00:00:0x --> 00:01\nunreadable\n\n"
        b"6\n00:00:06,000 --> 00:00:07,000\nsix\n"
    )
    assert [cue.text for cue in found.cues] == ["one", "six"]
    assert found.notes == ("left out for want of times that make sense: 4",)


def test_a_negative_time_is_the_start():
    assert cues("-00:00:01,000 --> 00:00:02,000\nearly") == [(0.0, 2.0, "early")]


def test_overlapping_cues_are_kept_in_order_of_start():
    text = "00:00:05,000 --> 00:00:07,500\nlate\n\n00:00:01,000 --> 00:00:06,000\nearly\n"
    assert cues(text) == [(1.0, 6.0, "early"), (5.0, 7.5, "late")]


def test_webvtt_remarks_and_styles_are_no_text():
    text = (
        "WEBVTT - a title\nKind: captions\n\nSTYLE\n::cue(b) { color: red }\n\nNOTE\nnot shown\n\nan id\n"
        "00:01.000 --> 00:02.000 align:start position:0%\n<b.loud>Hi</b> &amp; <lang en>bye</lang> 1 < 2\n\nNOTE end\n"
    )
    assert cues(text) == [(1.0, 2.0, "Hi & bye 1 < 2")]


def test_voice_tags_name_the_speaker():
    text = (
        "WEBVTT\n\n00:01.000 --> 00:02.000\n<v.first Ann B.>Hello</v>\n\n00:02.000 --> 00:03.000\n<v Bo>No\n\n"
        "00:03.000 --> 00:04.000\n<v Bo>A</v> <v Ann>B</v>\n\n00:04.000 --> 00:05.000\nnobody\n"
    )
    found = read_subtitles(text.encode()).cues
    assert [(cue.speaker, cue.text) for cue in found] == [
        ("Ann B.", "Hello"),
        ("Bo", "No"),
        (None, "A B"),
        (None, "nobody"),
    ]


ROLLING = """WEBVTT
Kind: captions

00:00:00.000 --> 00:00:02.000 align:start
 
we<00:00:00.400><c> are</c><00:00:01.100><c.color1> here</c>

00:00:02.000 --> 00:00:02.010 align:start
we are here
 

00:00:02.010 --> 00:00:04.000 align:start
we are here
and<00:00:02.500><c> stay</c>

00:00:04.000 --> 00:00:04.010 align:start
and stay
 
"""  # noqa: W293 - YouTube writes lines of one space


def test_rolling_captions_are_given_once_with_the_words_times():
    found = read_subtitles(ROLLING.encode()).cues
    assert [cue.text for cue in found] == ["we are here", "and stay"]
    assert [(word.start, word.end, word.text) for cue in found for word in cue.words] == [
        (0.0, 0.4, " we"),
        (0.4, 1.1, " are"),
        (1.1, 2.0, " here"),
        (2.01, 2.5, " and"),
        (2.5, 4.0, " stay"),
    ]


def test_rolling_captions_without_inner_times_are_found_by_their_repetition():
    lines = ["one", "two", "three", "four", "five"]
    text = "".join(
        f"{n + 1}\n00:00:0{n},000 --> 00:00:0{n + 1},000\n{lines[n - 1] + chr(10) if n else ''}{lines[n]}\n\n"
        for n in range(5)
    )
    assert [text for *_, text in cues(text)] == lines


def test_a_repeated_answer_is_no_rolling_caption():
    text = "".join(
        f"{n}\n00:00:0{n},000 --> 00:00:0{n + 1},000\n{said}\n\n" for n, said in enumerate(["No.", "No.", "Why?"])
    )
    assert [text for *_, text in cues(text)] == ["No.", "No.", "Why?"]


ASS = r"""[Script Info]
Title: x

[V4+ Styles]
Format: Name, Fontname
Style: Default,Arial

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Comment: 0,0:00:00.00,0:00:09.00,Default,,0,0,0,,not shown
Dialogue: 0,0:00:03.50,0:00:05.00,Default,Bo,0,0,0,,Well,\Nno
Dialogue: 0,0:00:01.00,0:00:02.25,Default,,0,0,0,,{\i1\pos(1,2)}Hello{\i0}\hthere
Dialogue: 1,0:00:01.00,0:00:02.25,Default,,0,0,0,,{\bord3}Hello there
Dialogue: 0,0:00:01.00,0:00:02.25,Default,,0,0,0,,{\p1}m 0 0 l 1 1{\p0}
"""


def test_ass_gives_speech_once_and_no_drawings():
    found = read_subtitles(ASS.encode()).cues
    assert [(cue.start, cue.end, cue.text, cue.speaker) for cue in found] == [
        (1.0, 2.25, "Hello there", None),
        (3.5, 5.0, "Well, no", "Bo"),
    ]


@pytest.mark.parametrize(
    ("encoding", "text", "language", "guessed"),
    [
        ("utf-8", "déjà", None, ""),
        ("utf-8-sig", "déjà", None, ""),
        ("utf-16", "déjà", None, ""),
        ("utf-16-le", "deja vu", None, ""),
        ("utf-16-be", "deja vu", None, ""),
        ("gb2312", "宇宙守护神", None, "gb2312"),
        ("gb18030", "镕基", "zh", "gb18030"),
        ("cp1251", "Привет, мир", "ru", "cp1251"),
        ("cp932", "こんにちは", "ja-JP", "cp932"),
        ("cp1252", "il était déjà créé “là”", None, "cp1252"),
        ("cp1252", "il était déjà créé", "fr", "cp1252"),
    ],
)
def test_encodings_are_found(encoding, text, language, guessed):
    whole = f"1\n00:00:01,000 --> 00:00:02,000\n{text}\n"
    read, how = decode(whole.encode(encoding), language=language)
    assert (read.lstrip("\ufeff"), how) == (whole, guessed)
    assert cues(text=whole) == [(1.0, 2.0, text)]


def test_an_encoding_that_was_given_is_kept_to():
    with pytest.raises(MeasurementError, match="not ascii"):
        read_subtitles("é --> ".encode(), encoding="ascii")
    with pytest.raises(ValueError, match="no such encoding"):
        ReadSubtitles(encoding="klingon")
    with pytest.raises(MeasurementError, match="UTF-8"):
        read_subtitles(b"00:01 --> 00:02\n\x81\xfe\x8f")


@pytest.mark.parametrize("junk", ["<html>not here</html>", '{"cues": []}', "plain words\n\nof text"])
def test_what_is_no_subtitle_is_refused(junk):
    with pytest.raises(MeasurementError, match="neither SRT, WebVTT nor ASS"):
        read_subtitles(junk.encode())


@given(
    st.binary(max_size=300), st.sampled_from([b"", b"WEBVTT\n\n", b"[Events]\n", b"1\n00:00:01,000 --> 00:00:02,000\n"])
)
def test_any_bytes_are_cues_or_one_clear_error(noise, head):
    try:
        found = read_subtitles(head + noise)
    except MeasurementError:
        return
    assert all(cue.end > cue.start and cue.text for cue in found.cues)


def recording(tmp_path, uri: str | None, data: bytes = b"") -> FolderRecording:
    source = Source(
        id="a",
        uri=None,
        sha256="0",
        subtitles_uri=uri,
        subtitles_sha256=hashlib.sha256(data).hexdigest() if uri else None,
    )
    return FolderRecording(tmp_path / "a", source=source)


def test_the_step_reads_what_the_source_names(tmp_path):
    data = b"1\n00:00:01,000 --> 00:00:02,000\nhi\n"
    (tmp_path / "a.srt").write_bytes(data)
    one = recording(tmp_path, str(tmp_path / "a.srt"), data)
    ReadSubtitles().run([one], None)
    assert one.read("cues", Subtitles).cues[0].text == "hi"


def test_no_subtitles_and_empty_ones_are_absent(tmp_path):
    none = recording(tmp_path, None)
    ReadSubtitles().run([none], None)
    assert none.absences == {"cues": "the source names no subtitles"}
    (tmp_path / "empty.srt").write_bytes(b"")
    empty = recording(tmp_path, str(tmp_path / "empty.srt"))
    ReadSubtitles().run([empty], None)
    assert "empty" in empty.absences["cues"]


def test_a_file_that_went_or_changed_can_be_tried_again(tmp_path):
    with pytest.raises(SourceUnavailable) as gone:
        ReadSubtitles().run([recording(tmp_path, str(tmp_path / "gone.srt"))], None)
    (tmp_path / "b.srt").write_bytes(b"new")
    with pytest.raises(SourceUnavailable, match="changed") as changed:
        ReadSubtitles().run([recording(tmp_path, str(tmp_path / "b.srt"), b"old")], None)
    assert gone.value.retry
    assert changed.value.retry
