"""Datasets as sources: what `datasets` writes and what we publish are measured anew, row by row."""

import hashlib
import io
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
from fsspec.implementations.memory import MemoryFileSystem

from pipelines import work
from pipelines.acquiring.sources import read_sources
from pipelines.fetch import cells
from pipelines.fetch.addresses import ForbiddenAddress
from pipelines.fetch.cells import cell_address, fetch_cell, shard_of
from schemas.acquire import Acquire
from schemas.errors import SourceTableError, SourceUnavailable, TooLong
from schemas.source import SourceRow

DEMO = Path(__file__).parents[2] / "pipelines" / "demo" / "media"


def wav(seed: int, seconds: float = 0.5) -> bytes:
    data = io.BytesIO()
    noise = np.random.default_rng(seed).uniform(-0.2, 0.2, round(16_000 * seconds))
    soundfile.write(data, noise, 16_000, format="WAV", subtype="PCM_16")
    return data.getvalue()


def dataset(rows: int = 5, first: int = 0) -> datasets.Dataset:
    """Clips with a class, a number, and what else a column may hold."""
    features = datasets.Features(
        {
            "clip": datasets.Value("string"),
            "audio": datasets.Audio(),
            "text": datasets.Value("string"),
            "speaker": datasets.Value("int64"),
            "turn": datasets.Value("int32"),
            "license": datasets.Value("string"),
            "emotion": datasets.ClassLabel(names=["joy", "anger"]),
            "valence": datasets.Value("float32"),
            "votes": datasets.List(datasets.Value("int64")),
        }
    )
    made = [
        {
            "clip": f"clip {at}", "audio": {"bytes": wav(at), "path": f"{at}.wav"}, "text": f"text {at}",
            "speaker": at % 2, "turn": at, "license": "cc0-1.0", "emotion": at % 2,
            "valence": float("nan") if at == 1 else at / 2, "votes": [1, 2],
        }
        for at in range(first, first + rows)
    ]  # fmt: skip
    return datasets.Dataset.from_list(made, features=features)


def published(out: Path) -> list[dict]:
    return [row for path in sorted(out.glob("data/*.parquet")) for row in pq.read_table(path).to_pylist()]


def one_cell(path: Path, data: bytes | None, name: str) -> None:
    cell = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    pq.write_table(pa.table({"audio": pa.array([{"bytes": data, "path": name}], cell)}), path)


def rows_of(text: str, folder: Path) -> list[SourceRow]:
    return list(read_sources(text, folder))


def media(row: SourceRow, folder: Path) -> bytes:
    sha256, size = fetch_cell(row.uri or "", folder / "cell", Acquire())
    data = (folder / "cell").read_bytes()
    assert (hashlib.sha256(data).hexdigest(), len(data)) == (sha256, size)
    return data


@pytest.fixture(params=["parquet", "saved", "saved dict", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The same dataset as its libraries leave it."""
    folder = tmp_path / "there"
    if request.param == "parquet":
        (folder / "data").mkdir(parents=True)
        dataset().to_parquet(folder / "data" / "train-00000-of-00001.parquet", batch_size=2)
        return "dataset:there"
    if request.param == "saved":
        dataset().save_to_disk(folder / "train")
        return "dataset:there"
    if request.param == "saved dict":
        datasets.DatasetDict({"train": dataset(), "test": dataset(2, 9)}).save_to_disk(folder)
        return "dataset:there?split=train"
    data = io.BytesIO()
    dataset().to_parquet(data)
    MemoryFileSystem().pipe_file("/cells/there/train/0000.parquet", data.getvalue())
    return "dataset:memory://cells/there"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_row_is_a_recording_with_its_columns(place: str, tmp_path: Path):
    sign = "&" if "?" in place else "?"
    rows = rows_of(f"{place}{sign}id=clip", tmp_path)
    assert [row.extra["id_there"] for row in rows] == [f"clip {at}" for at in range(5)]
    assert len({row.id for row in rows}) == 5
    assert [(row.text, row.speaker, row.turn, row.licence) for row in rows] == [
        (f"text {at}", str(at % 2), at, "cc0-1.0") for at in range(5)
    ]
    assert [row.extra.get("emotion") for row in rows] == ["joy", "anger"] * 2 + ["joy"]
    assert [row.extra.get("valence") for row in rows] == [0.0, None, 1.0, 1.5, 2.0]
    assert {row.extra["split"] for row in rows} == {"train"}
    assert "votes" not in rows[0].extra
    assert [media(row, tmp_path) for row in rows] == [wav(at) for at in range(5)]
    assert media(rows[1], tmp_path) == wav(1)


def test_a_large_group_of_rows_is_not_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    dataset().to_parquet(tmp_path / "all.parquet")
    monkeypatch.setattr(cells, "_KEPT_BYTES", 10)
    rows = rows_of("dataset:.?id=clip", tmp_path)
    assert [media(rows[at], tmp_path) for at in (4, 0, 2)] == [wav(4), wav(0), wav(2)]
    assert "split" not in rows[0].extra


def test_what_we_publish_is_measured_anew(tmp_path: Path):
    (tmp_path / "media").mkdir()
    for at in range(2):
        (tmp_path / "media" / f"t{at}.wav").write_bytes(wav(at, 2))
    first = tmp_path / "first.yaml"
    first.write_text(
        "name: first\nsources: media\nsegment: {by: window, window_s: 1}\nlabels: a.csv\nmeasure: {prosody: {}}\n"
        "publish: {group_by: recording, splits: {train: 0.5, test: 0.5}, audit: skip, media: [audio]}\n"
    )
    (tmp_path / "a.csv").write_text("item,rater,question,value\nt0#0000,r,mood,sad\nt1#0001,r,mood,glad\n")
    work.build(first, str(tmp_path / "store"))
    work.publish(first, str(tmp_path / "store"), tmp_path / "published")
    second = tmp_path / "second.yaml"
    second.write_text(
        "name: second\nsources: dataset:published\nsegment: {by: whole}\nmeasure: {prosody: {}}\n"
        "publish: {splits: split, audit: skip}\n"
    )
    assert work.build(second, str(tmp_path / "again")).failed == set()
    assert work.build(second, str(tmp_path / "again")).steps["acquire"] == {"kept": 4}
    work.publish(second, str(tmp_path / "again"), tmp_path / "out")
    before = {row["id"]: row for row in published(tmp_path / "published")}
    after = {row["extra"]["id_there"]: row for row in published(tmp_path / "out")}
    assert set(after) == set(before) == {f"t{at}#000{part}" for at in range(2) for part in range(2)}
    for name, row in after.items():
        assert row["extra"]["recording"] == before[name]["recording"]
        assert row["present"]["prosody"]
        one, other = (soundfile.read(io.BytesIO(each["audio"]["bytes"]))[0] for each in (before[name], row))
        np.testing.assert_array_equal(one, other)
        assert row["source"].startswith(("train-", "test-"))
    assert {after[name]["extra"]["mood"] for name in ("t0#0000", "t1#0001")} == {"sad", "glad"}
    assert all(path.name.startswith(("train", "test")) for path in (tmp_path / "out").glob("data/*.parquet"))


def test_a_video_goes_before_its_sound_and_a_row_without_media_is_its_text(tmp_path: Path):
    video = (DEMO / "talk.mp4").read_bytes()
    cell = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    rows = {
        "sound": pa.array([{"bytes": wav(1), "path": None}, {"bytes": wav(2), "path": None}, None, None], cell),
        "film": pa.array([{"bytes": video, "path": "x.mp4"}, None, None, None], cell),
        "text": pa.array(["one", "two", "three", None]),
    }
    note = b'{"info": {"features": {"sound": {"_type": "Audio"}, "film": {"_type": "Video"}}}}'
    pq.write_table(pa.table(rows).replace_schema_metadata({b"huggingface": note}), tmp_path / "t.parquet")
    found = rows_of("dataset:.", tmp_path)
    assert [None if row.uri is None else shard_of(row.uri)[2] for row in found] == ["film", "sound", None, "film"]
    assert [row.text for row in found] == ["one", "two", "three", None]
    assert media(found[0], tmp_path) == video
    with pytest.raises(SourceUnavailable, match="row 3 has no media in 'film'"):
        media(found[3], tmp_path)
    only = rows_of("dataset:.?media=sound", tmp_path)
    assert shard_of(only[0].uri or "")[2] == "sound"


def test_a_dataset_that_is_written_anew_is_fetched_anew(tmp_path: Path):
    recipe = tmp_path / "r.yaml"
    recipe.write_text("name: n\nsources: dataset:d?id=clip\nsegment: {by: whole}\n")
    (tmp_path / "d").mkdir()
    dataset(2).to_parquet(tmp_path / "d" / "x.parquet")
    work.build(recipe, str(tmp_path / "store"))
    store = work.open_store(str(tmp_path / "store"))
    ids = [row.id for row in rows_of("dataset:d?id=clip", tmp_path)]
    assert [store.source(name).sha256 for name in ids] == [hashlib.sha256(wav(at)).hexdigest() for at in range(2)]
    other = dataset(2, 7).cast_column("audio", datasets.Audio(decode=False))
    changed = dataset(2).cast_column("audio", datasets.Audio(decode=False))
    changed = changed.map(lambda row, at: {**row, "audio": other[at]["audio"]}, with_indices=True)
    changed.to_parquet(tmp_path / "d" / "x.parquet")
    work.build(recipe, str(tmp_path / "store"))
    assert [store.source(name).sha256 for name in ids] == [hashlib.sha256(wav(at)).hexdigest() for at in (7, 8)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("dataset:gone", "is no folder"),
        ("dataset:empty", "holds no tables"),
        ("dataset:d?split=test", r"has no split 'test'\n.*there are: train"),
        ("dataset:d?id=nobody", "has no column 'nobody'"),
        ("dataset:d?media=text", r"has no media in 'text'\n.*columns of media: audio"),
        ("dataset:d?shard=1", r"unknown option 'shard'\n.*allowed: split, id, media"),
        ("dataset:bad", r"is no table of a dataset"),
        ("dataset:bare", "has neither media nor a column `text`"),
        ("dataset:http://127.0.0.1:9/d", "lies in an object store or on the hub"),
        ("dataset:file:///etc", "lies in an object store or on the hub"),
    ],
)
def test_what_is_no_dataset_is_told(tmp_path: Path, text: str, said: str):
    for name in ("empty", "d", "bad", "bare"):
        (tmp_path / name).mkdir()
    dataset(1).to_parquet(tmp_path / "d" / "train-00000-of-00001.parquet")
    (tmp_path / "bad" / "x.parquet").write_bytes(b"PAR1 not at all")
    pq.write_table(pa.table({"x": [1]}), tmp_path / "bare" / "x.parquet")
    with pytest.raises(SourceTableError, match=said):
        rows_of(text, tmp_path)


@pytest.mark.parametrize("uri", ["dataset:d", "dataset+file:///home/x/t.parquet#row=0&column=audio"])
def test_a_table_of_strangers_does_not_reach_into_a_dataset(tmp_path: Path, uri: str):
    (tmp_path / "s.csv").write_text(f'id,path\na,"{uri}"\n')
    with pytest.raises(SourceTableError, match=r"s\.csv:2: a dataset cannot stand in a table"):
        rows_of("s.csv", tmp_path)


def test_a_shard_that_links_out_of_its_folder_is_left_out(tmp_path: Path):
    for name in ("d", "other"):
        (tmp_path / name).mkdir()
    dataset(1).to_parquet(tmp_path / "other" / "x.parquet")
    (tmp_path / "d" / "x.parquet").symlink_to(tmp_path / "other" / "x.parquet")
    with pytest.raises(SourceTableError, match="holds no tables"):
        rows_of("dataset:d", tmp_path)


def test_a_path_in_a_cell_is_not_followed(tmp_path: Path):
    (tmp_path / "secret.wav").write_bytes(wav(1))
    one_cell(tmp_path / "t.parquet", None, str(tmp_path / "secret.wav"))
    (row,) = rows_of("dataset:.", tmp_path)
    with pytest.raises(SourceUnavailable, match="has no media"):
        media(row, tmp_path)


@pytest.mark.parametrize(
    "uri",
    [
        "dataset+http://127.0.0.1:9/x.parquet#row=0&column=a",
        "dataset+simplecache::http://127.0.0.1:9/x.parquet#row=0&column=a",
        "dataset+file:///x.parquet#row=-1&column=a",
        "dataset+file:///x.parquet#column=a",
        "dataset+file:///x.parquet",
        "dataset+relative.parquet#row=0&column=a",
        "dataset+file:///x%00.parquet#row=0&column=a",
    ],
)
def test_what_names_no_cell_is_refused(uri: str, tmp_path: Path):
    with pytest.raises(ForbiddenAddress, match="names no cell"):
        fetch_cell(uri, tmp_path / "x", Acquire())


def test_a_cell_is_no_larger_than_allowed(tmp_path: Path):
    one_cell(tmp_path / "a b#c.parquet", bytes(1_500_000), "")
    (row,) = rows_of("dataset:.", tmp_path)
    assert shard_of(row.uri or "") == (str(tmp_path / "a b#c.parquet"), 0, "audio")
    with pytest.raises(TooLong):
        fetch_cell(row.uri or "", tmp_path / "x", Acquire(max_mb=1))
    with pytest.raises(SourceUnavailable, match="row 7 is not there"):
        fetch_cell(cell_address(str(tmp_path / "a b#c.parquet"), 7, "audio"), tmp_path / "x", Acquire())
