from pathlib import Path

import pytest

from pipelines.acquiring.ids import id_of
from pipelines.acquiring.sources import near_misses, read_sources
from pipelines.store import is_id
from schemas.errors import SourceTableError
from schemas.source import SourceRow


def read(sources: str | list[str], folder: Path) -> list[SourceRow]:
    return list(read_sources(sources, folder))


def told(sources: str, folder: Path) -> str:
    with pytest.raises(SourceTableError) as caught:
        read(sources, folder)
    return str(caught.value)


def test_a_table_keeps_every_column(tmp_path: Path):
    (tmp_path / "s.csv").write_text(
        "﻿id,path,licence,language,speaker,turn,subtitles,mood,text\n"
        "a,clips/a.mp4,cc-by-4.0,ta,anna,3,a.srt,calm,\n"
        'note,,,,,,,,"Two\nlines, with a comma"\n'
    )
    first, note = read("s.csv", tmp_path)
    assert (first.id, first.uri, first.licence) == ("a", str(tmp_path / "clips/a.mp4"), "cc-by-4.0")
    assert (first.language, first.speaker, first.turn, first.extra) == ("ta", "anna", 3, {"mood": "calm"})
    assert first.subtitles_uri == str(tmp_path / "a.srt")
    assert (note.uri, note.text) == (None, "Two\nlines, with a comma")


def test_json_lines_keep_types(tmp_path: Path):
    (tmp_path / "s.jsonl").write_text('{"url": "https://x.org/v/clip.mp4", "score": 2.5, "seen": true}\n\n')
    (row,) = read("s.jsonl", tmp_path)
    assert row.uri == "https://x.org/v/clip.mp4"
    assert row.id.startswith("clip-")
    assert row.extra == {"score": 2.5, "seen": True}


def test_folders_globs_and_files(tmp_path: Path):
    for name in ("b/two.wav", "a one.mp4", "note.txt", "ignored.xyz"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    assert [row.id for row in read(".", tmp_path)] == ["a-one", "b-two", "note"]
    assert [row.id for row in read("b/*.wav", tmp_path)] == ["two"]
    assert [row.id for row in read(["a one.mp4", "note.txt"], tmp_path)] == ["a-one", "note"]
    assert read("note.txt", tmp_path)[0].text == "x"


def test_a_text_file_that_a_table_names_is_that_text(tmp_path: Path):
    (tmp_path / "note.txt").write_text("Words alone.")
    (tmp_path / "s.csv").write_text("path,text\nnote.txt,\nnote.txt,beside\ngone.txt,\n")
    with pytest.raises(SourceTableError, match="the id 'note' is taken already"):
        read("s.csv", tmp_path)
    (tmp_path / "s.csv").write_text("id,path,text\na,note.txt,\nc,gone.txt,\n")
    told, gone = read("s.csv", tmp_path)
    assert (told.uri, told.text) == (None, "Words alone.")
    assert (gone.uri, gone.text) == (str(tmp_path / "gone.txt"), None), "told when it is acquired"


def test_a_text_that_is_not_utf_8_is_told(tmp_path: Path):
    (tmp_path / "note.txt").write_bytes("grün".encode("latin-1"))
    with pytest.raises(SourceTableError, match=r"note\.txt is not UTF-8 text"):
        read("note.txt", tmp_path)


@pytest.mark.parametrize("path", ["ü/ö", "a?b", "日本", "-x", "a..b/../c"])
def test_ids_are_safe_and_differ(path: str):
    assert id_of(path) != id_of(path + "2")
    assert "/" not in id_of(path)
    assert not id_of(path).startswith(("-", "."))


def test_the_same_id_twice_is_told_with_both_places(tmp_path: Path):
    (tmp_path / "s.csv").write_text("id,path\na,x.mp4\na,y.mp4\n")
    assert "s.csv:3: the id 'a' is taken already, by" in told("s.csv", tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the table is empty"),
        ("id,pth\na,b\n", "did you mean path?"),
        ("path,uri\na,b\n", "several columns mean 'uri'"),
        ("id,path\na\n", ":2: neither a path nor a text"),
        ("id,path\na,b,c\n", ":2: more values than columns"),
        ("id,path,turn\na,b,first\n", ":2: turn: found 'first', expected a whole number"),
        ("id,path\n../a,b\n", ":2: '../a' cannot be an id"),
    ],
)
def test_a_broken_table_is_told_with_its_line(tmp_path: Path, text: str, message: str):
    (tmp_path / "s.csv").write_text(text)
    assert message in told("s.csv", tmp_path)


def test_a_table_in_another_encoding_is_told(tmp_path: Path):
    (tmp_path / "s.csv").write_bytes("id,path\nä,b\n".encode("latin-1"))
    assert "not UTF-8" in told("s.csv", tmp_path)


def test_a_missing_table_offers_the_nearest(tmp_path: Path):
    (tmp_path / "sources.csv").write_text("path\n")
    assert "did you mean sources.csv?" in told("source.csv", tmp_path)


def test_a_glob_that_matches_nothing_and_an_empty_folder_are_told(tmp_path: Path):
    assert "no file matches" in told("*.mp4", tmp_path)
    assert "holds no recordings" in told(".", tmp_path)


def test_a_misspelt_column_is_noticed():
    assert near_misses(["speeker", "mood", "languge"]) == {"speeker": "speaker", "languge": "language"}


@pytest.mark.parametrize("place", ["//", "htp://a]b/c", "https://[::1/x", "~nobody-here/x.wav", ".."])
def test_a_place_that_is_none_is_a_row_whose_acquisition_fails(tmp_path: Path, place: str):
    (tmp_path / "s.csv").write_text(f"path\n{place}\n")
    (row,) = read_sources("s.csv", tmp_path)
    assert is_id(row.id)


def test_half_a_character_is_told(tmp_path: Path):
    (tmp_path / "s.jsonl").write_text('{"path": "x\\ud800.wav"}\n')
    with pytest.raises(SourceTableError, match=r"s\.jsonl:1: not valid JSON: half a character"):
        list(read_sources("s.jsonl", tmp_path))
