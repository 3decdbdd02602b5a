"""Sources in object stores and on the hub, and that no address leads elsewhere by that way."""

import hashlib
import io
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
from fsspec.implementations.memory import MemoryFileSystem
from hub import TOKEN, serving

from pipelines import work
from pipelines.acquiring.sources import read_sources
from pipelines.fetch import objects
from pipelines.fetch.addresses import ForbiddenAddress
from pipelines.fetch.objects import beside, fetch_object, is_object, listed
from pipelines.fetch.pace import Pace
from schemas.acquire import Acquire
from schemas.errors import SourceTableError, SourceUnavailable, TooLong

QUICK = Acquire(tries=2, backoff_s=0)


def wav(seconds: float, seed: int) -> bytes:
    data = io.BytesIO()
    noise = np.random.default_rng(seed).uniform(-0.2, 0.2, round(16_000 * seconds))
    soundfile.write(data, noise, 16_000, format="WAV", subtype="PCM_16")
    return data.getvalue()


@pytest.fixture
def bucket() -> Iterator[str]:
    """A bucket with two recordings, a text, and something else."""
    fs = fsspec.filesystem("memory")
    files = {"a.wav": wav(0.5, 1), "deep/b c.wav": wav(0.5, 2), "note.txt": b"\xef\xbb\xbfWhat a day!", "x.bin": b"x"}
    for name, data in files.items():
        fs.pipe_file(f"/objects/media/{name}", data)
    yield "memory://objects"
    fs.rm("/objects", recursive=True)


def test_a_folder_of_a_bucket_is_taken_as_one_on_disk(bucket: str, tmp_path: Path):
    for name, data in (("a.wav", b"x"), ("deep/b c.wav", b"x"), ("note.txt", b"What a day!")):
        (tmp_path / "media" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "media" / name).write_bytes(data)
    there = list(read_sources(f"{bucket}/media/", tmp_path))
    assert [row.id for row in there] == [row.id for row in read_sources("media", tmp_path)]
    assert [(row.uri, row.text) for row in there] == [
        (f"{bucket}/media/a.wav", None), (f"{bucket}/media/deep/b c.wav", None), (None, "What a day!"),
    ]  # fmt: skip
    assert [row.id for row in read_sources(f"{bucket}/media/*.wav", tmp_path)] == ["a"]
    assert [row.uri for row in read_sources(f"{bucket}/media/a.wav", tmp_path)] == [f"{bucket}/media/a.wav"]
    with pytest.raises(SourceTableError, match="holds no recordings"):
        list(read_sources(f"{bucket}/nothing/", tmp_path))


def test_a_table_in_a_bucket_names_files_in_that_bucket_alone(bucket: str, tmp_path: Path):
    text = "id,path,subtitles\na,a.wav,\nb,../media/deep/b c.wav,s.srt\nc,/etc/passwd,\nd,../../../etc/passwd,\n"
    fsspec.filesystem("memory").pipe_file("/objects/media/s.csv", text.encode())
    rows = list(read_sources(f"{bucket}/media/s.csv", tmp_path))
    assert [row.uri for row in rows] == [
        f"{bucket}/media/a.wav", f"{bucket}/media/deep/b c.wav", f"{bucket}/etc/passwd", f"{bucket}/etc/passwd",
    ]  # fmt: skip
    assert rows[1].subtitles_uri == f"{bucket}/media/s.srt"
    with pytest.raises(SourceTableError, match=r"memory://objects/gone\.csv is not there"):
        list(read_sources(f"{bucket}/gone.csv", tmp_path))
    fsspec.filesystem("memory").pipe_file("/objects/bad.csv", b"id,path\na\n\xff\xff,\n")
    with pytest.raises(SourceTableError, match="not UTF-8"):
        list(read_sources(f"{bucket}/bad.csv", tmp_path))


def test_recordings_of_a_bucket_are_built_and_published(bucket: str, tmp_path: Path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        f"name: n\nsources: {bucket}/media/\nsegment: {{by: whole}}\nmeasure: {{prosody: {{}}}}\n"
        "publish: {splits: {train: 1}, audit: skip}\n"
    )
    assert work.build(recipe, "memory://objects/store").failed == set()
    again = work.build(recipe, "memory://objects/store")
    assert again.steps["acquire"]["kept"] == 3
    work.publish(recipe, "memory://objects/store", tmp_path / "out")
    rows = {row["recording"]: row for row in pq.read_table(tmp_path / "out" / "data").to_pylist()}
    assert rows["a"]["sha256"] == hashlib.sha256(wav(0.5, 1)).hexdigest()
    assert rows["a"]["source"] == "a.wav"
    assert rows["a"]["present"]["prosody"]
    assert rows["note"]["text"] == "What a day!"


def test_sizes_are_checked_before_and_while_an_object_comes(bucket: str, tmp_path: Path, monkeypatch):
    pace = Pace(tmp_path / "pace")
    assert fetch_object(f"{bucket}/media/a.wav", tmp_path / "a", QUICK, pace)[1] == len(wav(0.5, 1))
    fsspec.filesystem("memory").pipe_file("/objects/large", bytes(1_500_000))
    with pytest.raises(TooLong, match=r"has 2 MB, allowed are 1"):
        fetch_object(f"{bucket}/large", tmp_path / "b", Acquire(max_mb=1))
    monkeypatch.setattr(MemoryFileSystem, "info", lambda *_: {"size": None, "type": "file"})
    with pytest.raises(TooLong, match=r"has 1 MB, allowed are 1"):
        fetch_object(f"{bucket}/large", tmp_path / "b", Acquire(max_mb=1))
    monkeypatch.setattr(MemoryFileSystem, "info", lambda *_: {"size": 7, "type": "file"})
    with pytest.raises(SourceUnavailable, match="broke off after 1 of 7 bytes") as told:
        fetch_object(f"{bucket}/media/x.bin", tmp_path / "b", QUICK)
    assert told.value.retry
    monkeypatch.setattr(MemoryFileSystem, "info", lambda *_: {"size": 1, "type": "directory"})
    with pytest.raises(SourceUnavailable, match="is a folder"):
        fetch_object(f"{bucket}/media", tmp_path / "b", QUICK)


@pytest.mark.parametrize(
    ("error", "said", "then"),
    [
        (FileNotFoundError("x"), "is not there", (1, False)),
        (PermissionError("x"), "may not be read", (1, True)),
        (ConnectionResetError("reset"), "cannot be fetched: reset", (2, True)),
        (ValueError("odd"), "cannot be fetched: odd", (2, True)),
    ],
)
def test_what_a_store_says_is_told(tmp_path: Path, monkeypatch, error, said: str, then: tuple[int, bool]):
    asked = []

    def info(*_):
        asked.append(1)
        raise error

    monkeypatch.setattr(MemoryFileSystem, "info", info)
    with pytest.raises(SourceUnavailable, match=said) as told:
        fetch_object("memory://bucket/x", tmp_path / "x", QUICK)
    assert (len(asked), told.value.retry) == then


def test_an_unknown_clients_fault_is_known_once_it_is_loaded(monkeypatch):
    module = type(sys)("botocore.exceptions")
    module.BotoCoreError = type("BotoCoreError", (Exception,), {})
    monkeypatch.setitem(sys.modules, "botocore.exceptions", module)
    with pytest.raises(SourceUnavailable, match="no credentials"), objects.told("s3://bucket/x"):
        raise module.BotoCoreError("no credentials")


@pytest.fixture
def knocks() -> Iterator[tuple[int, list[int]]]:
    """A port on loopback, and every connection that came."""
    server = socket.create_server(("127.0.0.1", 0))
    came: list[int] = []

    def listen() -> None:
        while True:
            try:
                server.accept()[0].close()
            except OSError:
                return
            came.append(1)

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    yield server.getsockname()[1], came
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join()


@pytest.mark.parametrize(
    "url",
    [
        "simplecache::http://127.0.0.1:{port}/a.wav",
        "memory://x::http://127.0.0.1:{port}/a.wav",
        "zip://a.wav::http://127.0.0.1:{port}/a.zip",
        "s3://simplecache::http://127.0.0.1:{port}/a.wav",
        "filecache::memory://127.0.0.1:{port}/a.wav",
        "s3://key:secret@127.0.0.1:{port}/a.wav",
        "ftp://127.0.0.1:{port}/a.wav",
        "sftp://127.0.0.1:{port}/a.wav",
        "webhdfs://127.0.0.1:{port}/a.wav",
        "github://user:repo@127.0.0.1:{port}/a.wav",
        "reference://127.0.0.1:{port}/a.wav",
        "http://127.0.0.1:{port}/a.wav",
        "file:///etc/passwd",
        "local:///etc/passwd",
        "S3://bucket/a\n.wav",
    ],
)
def test_no_other_file_system_is_asked(url: str, knocks: tuple[int, list[int]], tmp_path: Path):
    port, came = knocks
    recipe = tmp_path / "recipe.yaml"
    (tmp_path / "s.jsonl").write_text(f'{{"id": "a", "uri": "{url.format(port=port)}"}}\n'.replace("\n.", "\\n."))
    recipe.write_text("name: n\nsources: s.jsonl\nsegment: {by: whole}\n")
    assert work.build(recipe, str(tmp_path / "store"), workers=1).failed == {"a"}
    (failure,) = work.failures(recipe, str(tmp_path / "store"))
    assert failure.error == "ForbiddenAddress"
    assert "secret" not in failure.message
    assert came == []
    with pytest.raises(ForbiddenAddress):
        fetch_object(url.format(port=port), tmp_path / "x", QUICK)
    assert came == []


def test_a_pattern_or_folder_of_another_scheme_is_no_listing():
    assert not is_object("file:///etc/")
    assert not is_object("/etc/")
    assert not is_object(None)
    assert is_object("s3://bucket/x/")
    with pytest.raises(ForbiddenAddress):
        listed("file:///etc/*")


@pytest.mark.parametrize(
    ("folder", "name", "found"),
    [
        ("s3://b/x/y", "z.wav", "s3://b/x/y/z.wav"),
        ("s3://b/x/y", "../z.wav", "s3://b/x/z.wav"),
        ("s3://b", "../../z.wav", "s3://b/z.wav"),
        ("hf://datasets/u/r@main/data", "/z.wav", "hf://datasets/z.wav"),
    ],
)
def test_a_name_stays_in_its_store(folder: str, name: str, found: str):
    assert beside(folder, name) == found


def test_recordings_come_from_the_hub(tmp_path: Path):
    cell = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = io.BytesIO()
    pq.write_table(pa.table({"clip": ["b"], "audio": pa.array([{"bytes": wav(0.5, 4), "path": ""}], cell)}), table)
    files = {"media/a.wav": wav(0.5, 3), "s.csv": b"id,path\na,media/a.wav\n"}
    files["data/train-00000-of-00001.parquet"] = table.getvalue()
    with serving() as hub:
        hub.repos["me/talks"] = {
            "private": True,
            "commits": [("1" * 40, files)],
            "tags": {},
        }
        recipe = tmp_path / "recipe.yaml"
        recipe.write_text(
            "name: n\nsegment: {by: whole}\n"
            "sources: ['hf://datasets/me/talks/s.csv', 'dataset:hf://datasets/me/talks?id=clip']\n"
        )
        environment = os.environ | {"HF_ENDPOINT": hub.url, "HF_TOKEN": TOKEN, "HF_HOME": str(tmp_path / "home")}
        done = subprocess.run(
            [sys.executable, "-c", "from pipelines.cli import main; main()", "build", str(recipe), "--workers", "1"],
            cwd=tmp_path, capture_output=True, text=True, check=False, env=environment,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr + repr(hub.asked)
    store = work.open_store(str(tmp_path / "store"))
    assert store.source("a").sha256 == hashlib.sha256(wav(0.5, 3)).hexdigest()
    assert store.source("b").sha256 == hashlib.sha256(wav(0.5, 4)).hexdigest()
    assert store.source("b").extra == {"split": "train"}
