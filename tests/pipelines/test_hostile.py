"""Attacks by media, names and tables, each seen to fail. Those by addresses and pages: test_addresses, test_pages."""

import contextlib
import os
import re
import struct
import time
import wave
import zlib
from pathlib import Path

import pytest
from loopback_site import site
from made_media import film
from steps_for_tests import Length

from pipelines.acquiring.acquire import acquire
from pipelines.acquiring.ids import id_of
from pipelines.acquiring.sources import read_sources
from pipelines.annotating.answer_table import read_answers
from pipelines.annotating.question_file import read_questions
from pipelines.lineage import Lineage
from pipelines.recipe_file import read_yaml
from pipelines.segmenting.subtitle_files import read_subtitles
from pipelines.store import Store, is_id
from pipelines.watching.probe import Probe
from schemas.acquire import Acquire
from schemas.errors import MeasurementError, RecipeError, RecordingError, SourceTableError, SourceUnavailable, TooLong
from schemas.source import SourceRow

ROOT = Path(__file__).parents[2]
LISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{0}\n#EXT-X-ENDLIST\n",
    "hls behind a remark": "#\n#EXTM3U\n#EXTINF:1,\n{0}\n",
    "concat": "ffconcat version 1.0\nfile {0}\n",
    "concat behind a remark": "# x\nffconcat version 1.0\nfile '{0}'\n",
    "dash": '<?xml version="1.0"?><MPD><Period><AdaptationSet><Representation><BaseURL>{0}</BaseURL>'
    "</Representation></AdaptationSet></Period></MPD>",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\na=control:{0}\nm=video 5004 RTP/AVP 96\n",
    "asx": '<asx version="3.0"><entry><ref href="{0}"/></entry></asx>',
    "svg": '<svg xmlns="http://www.w3.org/2000/svg"><image href="{0}"/></svg>',
    "reference": "[Reference]\nRef1={0}\n",
    "rtsp text": "RTSPtext\nrtsptext {0}\n",
    "image sequence": "{0}",
}


@pytest.mark.parametrize("suffix", ["mp4", "m3u8", "ts", "mpd", "sdp", "txt"])
@pytest.mark.parametrize("name", LISTS)
def test_a_list_disguised_as_media_makes_no_request_and_reads_no_file(name: str, suffix: str, tmp_path: Path):
    film(tmp_path / "secret.mp4", options=("-t", "0.2"))
    with site() as web:
        for target in (f"{web.url}/x.ts", f"file://{tmp_path}/secret.mp4", f"{tmp_path}/secret.mp4", "secret.mp4"):
            media = tmp_path / f"a.{suffix}"
            media.write_text(LISTS[name].format(target))
            with pytest.raises(RecordingError):
                Probe()._facts(media)
        assert web.asked == []


def png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(100_000))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize("size", [(100_000, 100_000), (60_000, 30_000), (2**31 - 1, 1)])
def test_a_picture_that_says_it_is_huge_is_refused_at_once(size: tuple[int, int], tmp_path: Path):
    (tmp_path / "a.png").write_bytes(png(*size))
    started = time.monotonic()
    with pytest.raises(RecordingError):
        Probe()._facts(tmp_path / "a.png")
    assert time.monotonic() - started < 20


def test_a_small_file_that_declares_a_billion_frames_costs_nothing(tmp_path: Path):
    data = bytearray(film(tmp_path / "a.mp4", options=("-t", "0.2")).read_bytes())
    place = data.index(b"stts") + 8
    data[place : place + 8] = struct.pack(">II", 1, 10**9)
    for name in (b"mvhd", b"tkhd", b"mdhd"):
        at = data.index(name)
        data[at + 20 : at + 28] = b"\x7f" * 8
    (tmp_path / "b.mp4").write_bytes(bytes(data))
    started = time.monotonic()
    with pytest.raises(RecordingError):
        Probe()._facts(tmp_path / "b.mp4")
    assert time.monotonic() - started < 20


def test_ninety_six_channels_are_a_recording_or_a_reason(tmp_path: Path):
    with wave.open(str(tmp_path / "a.wav"), "wb") as out:
        out.setnchannels(96)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(bytes(96 * 2 * 800))
    try:
        sound = Probe()._facts(tmp_path / "a.wav").sound
    except RecordingError:
        return
    assert sound is not None
    assert sound.channels == 96


@pytest.mark.parametrize("magic", [b"PK\x03\x04../../etc/x", b"\x1f\x8b\x08", b"Rar!\x1a\x07", b"7z\xbc\xaf\x27\x1c"])
def test_archives_are_never_unpacked(magic: bytes, tmp_path: Path):
    (tmp_path / "a.mp4").write_bytes(magic + bytes(500))
    with pytest.raises(RecordingError, match="archive"):
        Probe()._facts(tmp_path / "a.mp4")
    assert [file.name for file in tmp_path.iterdir()] == ["a.mp4"]


@pytest.mark.parametrize(
    "name",
    [
        "../../x",
        "/etc/passwd",
        "a\0b",
        "a\nb",
        "\x1b[31m",
        "x" * 300,
        "\u0430.b",
        "\uff43\uff4f\uff4e",
        ".",
        "..",
        "-rf",
        "con",
        "NUL.b",
        "com1",
        "a\u202eb",
        "*",
    ],
)
def test_a_name_becomes_a_harmless_id_or_none(name: str):
    made = id_of(name)
    assert is_id(made)
    assert "/" not in made
    assert not made.startswith((".", "-"))
    assert len(made) <= 120
    assert made.isascii()
    assert made.split(".")[0].lower() not in {"con", "prn", "aux", "nul", "com1", "lpt1"}


def test_names_that_look_alike_stay_apart():
    assert len({id_of(name) for name in ("a", "\u0430", "\uff41", "a\u200b", "á", "a\u0301")}) >= 5


@pytest.mark.parametrize("uri", ["x" * 300, "a\0b", "loop", "/dev/zero", "/proc/self/mem", "fifo", "/"])
def test_what_is_no_plain_file_is_a_reason(uri: str, tmp_path: Path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    os.mkfifo(tmp_path / "fifo")
    recording = Store(str(tmp_path / "store")).open("a", Lineage([Length()]))
    with pytest.raises((SourceUnavailable, TooLong)):
        acquire(SourceRow(id="a", uri=str(tmp_path / uri)), recording, Acquire(max_mb=1))


@pytest.mark.parametrize("pattern", [".", "*.mp4", "**/*.mp4"])
def test_links_that_point_out_of_a_source_folder_are_left_out(pattern: str, tmp_path: Path):
    folder, outside = tmp_path / "in", tmp_path / "out"
    for each in (folder / "deep", outside):
        each.mkdir(parents=True)
    (outside / "secret.mp4").write_text("x")
    (folder / "own.mp4").write_text("x")
    (folder / "alias.mp4").symlink_to("own.mp4")
    (folder / "link.mp4").symlink_to(outside / "secret.mp4")
    (folder / "up.mp4").symlink_to("../out/secret.mp4")
    (folder / "deep/folder").symlink_to(outside)
    assert {row.id for row in read_sources(pattern, folder)} == {"own", "alias"}


def test_a_line_without_end_is_not_read_whole(tmp_path: Path):
    for name in ("s.csv", "s.jsonl"):
        with (tmp_path / name).open("wb") as file:
            file.write(b"id,path\n" if name == "s.csv" else b"")
            file.truncate(300_000_000)  # a hole on the disk: zeros without a line end
        import tracemalloc

        tracemalloc.start()
        with pytest.raises(SourceTableError, match="a line of more than"):
            list(read_sources(name, tmp_path))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 100_000_000


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("s.csv", b"id,path\n\xff\xfe,x\n"),
        ("s.csv", b'id,path\n"' + b"x" * 200_000 + b'",y\n'),
        ("s.csv", b"id,path\n=cmd|' /C calc'!A0,x\n"),
        ("s.csv", b"id,path\n\0\0,x\n"),
        ("s.csv", b'id,"path\na,b\n'),
        ("s.jsonl", b'{"path": ' + b"[" * 100_000 + b"}\n"),
        ("s.jsonl", b'{"path": ' + b"9" * 10_000 + b"}\n"),
        ("s.jsonl", b'{"path": "x.mp4", "score": 2e999}\n'),
        ("s.jsonl", b'{"path": {"a": 1}, "mood": {"b": 2}}\n'),
    ],
)
def test_a_hostile_table_is_told_and_does_no_harm(name: str, text: bytes, tmp_path: Path):
    (tmp_path / name).write_bytes(text)
    with pytest.raises(SourceTableError):
        list(read_sources(name, tmp_path))


def test_answers_with_columns_without_end_are_told_in_few_words(tmp_path: Path):
    (tmp_path / "a.csv").write_text("item,rater,question," + "value," * 100 + "valu," * 40_000 + "\n")
    with pytest.raises(SourceTableError, match="the column 'value' is there twice"):
        read_answers(str(tmp_path / "a.csv"))
    (tmp_path / "a.csv").write_text("item,rater,question," + ",".join(f"valu{n}" for n in range(40_000)) + "\n")
    started = time.process_time()
    with pytest.raises(SourceTableError, match="no column 'value' among") as told:
        read_answers(str(tmp_path / "a.csv"))
    assert len(str(told.value)) < 2000
    assert time.process_time() - started < 2


def test_cells_that_spreadsheets_would_run_are_kept_as_text(tmp_path: Path):
    (tmp_path / "s.csv").write_text('id,path,mood\na,x.mp4,"=HYPERLINK(""http://x"")"\n')
    (row,) = read_sources("s.csv", tmp_path)
    assert row.extra == {"mood": '=HYPERLINK("http://x")'}


def laughs(levels: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    "text",
    [
        laughs(12),
        "a: &a [*a]",
        "&a {x: *a}",
        "[" * 5000,
        "{a: " * 3000,
        "a: !!python/object/apply:os.system ['touch hacked']",
        "a: !!python/name:os.system",
        "a: !!binary x",
        "x: " + "y" * 3_000_000,
        "a: 2001-99-99",
        "? [a]\n: b\n? [a]\n: c",
        "a: \x00",
    ],
)
def test_yaml_neither_explodes_nor_builds_objects(text: str, tmp_path: Path):
    (tmp_path / "r.yaml").write_text(text)
    started = time.monotonic()
    with pytest.raises(RecipeError):
        read_yaml(tmp_path / "r.yaml")
    assert time.monotonic() - started < 20
    assert not Path("hacked").exists()


def test_subtitles_without_end_are_refused_by_their_size(tmp_path: Path):
    with (tmp_path / "a.srt").open("wb") as file:
        file.truncate(21 << 20)
    (tmp_path / "a.mp4").write_text("x")
    row = SourceRow(id="a", uri=str(tmp_path / "a.mp4"), subtitles_uri=str(tmp_path / "a.srt"))
    with pytest.raises(TooLong, match="too much for subtitles"):
        acquire(row, Store(str(tmp_path / "store")).open("a", Lineage([Length()])), Acquire())


def test_as_many_cues_as_may_be_take_time_in_proportion():
    def took(count: int) -> float:
        cue = "{0}\n00:00:0{1}.000 --> 00:00:0{2}.500\n<b onload=x><script>hi</script>\n\n"
        text = "".join(cue.format(n, n % 9, (n * 7) % 9) for n in range(count)).encode()
        started = time.process_time()
        read_subtitles(text)
        return time.process_time() - started

    took(100)
    assert took(40_000) < 40 * max(took(4_000), 0.02)


ASS = "[Events]\nDialogue: 0,0:00:01.00,0:00:02.00,a,,0,0,0,,"
SRT = "1\n00:00:01,000 --> 00:00:02,000\nhi "


@pytest.mark.parametrize(
    ("before", "again"),
    [
        ("[Script Info]", "\r"),
        (SRT, "\n"),
        (SRT, "<v "),
        (SRT + "<v", " "),
        (SRT, "<b "),
        (SRT + "<b", " "),
        (SRT, "<00:"),
        (SRT, "<br"),
        (SRT, "&#"),
        (ASS, "{\\"),
        (ASS, "{\\p1"),
        (ASS + "{", "\\p1"),
        ("", " --> "),
        ("", " 1"),
    ],
)
def test_what_nothing_closes_takes_time_in_proportion(before: str, again: str):
    def took(count: int) -> float:
        started = time.process_time()
        with contextlib.suppress(MeasurementError):
            read_subtitles((before + again * count).encode())
        return time.process_time() - started

    took(100)
    assert took(80_000) < 30 * max(took(8_000), 0.02)


def test_every_test_that_the_table_of_attacks_names_is_there():
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", (ROOT / "docs/hostile_input.md").read_text("utf-8"))
    assert len(named) > 40
    folder = Path(__file__).parent
    assert [one for one in named if f"def {one[1]}(" not in (folder / one[0]).read_text("utf-8")] == []


def test_a_question_whose_kind_is_a_list_is_told(tmp_path: Path):
    (tmp_path / "q.yaml").write_text("questions:\n- {id: mood, kind: [sad, happy]}\n")
    with pytest.raises(RecipeError, match=r"q\.yaml:2: questions\.0\.kind: unknown kind"):
        read_questions(tmp_path / "q.yaml")
