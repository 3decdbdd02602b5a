"""A dataset opened for an audit: files of Parquet or text tables, or whatever `datasets` loads."""

import re
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.auditing.tables import ENDINGS, batches_of, head_of
from schemas.errors import MissingPart, UsageError

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS = 2_000
_BATCH_BYTES = 32_000_000
_SPLITS = (
    ("train", r"train(?:ing)?"),
    ("validation", r"val(?:id(?:ation)?)?|dev(?:elopment)?"),
    ("test", r"test(?:ing)?|eval(?:uation)?"),
)
_TABLES = ", ".join((*ENDINGS, ".parquet"))
_HUB = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True)
class Part:
    """One file, or one split of a dataset. split: '' where its name says none. folder: where media paths start."""

    split: str
    batches: "Callable[[], Generator[pa.RecordBatch]]"
    folder: Path | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    """The features that `datasets` wrote into the file, by column."""


@dataclass(frozen=True)
class Opened:
    """What is audited. terms: the licence that its card names."""

    name: str
    parts: tuple[Part, ...]
    terms: str | None = None


def opened(where: Sequence[str]) -> Opened:
    """Files, one folder, or one id on the Hugging Face hub (or anything else `datasets.load_dataset` knows).

    Files beside each other in a folder are its parts. Which split each is, a card's `data_files` says (of the
    configuration `default`, or else the first), or the files' names do.

    Raises:
        UsageError: there is nothing to read.
        MissingPart: it needs `datasets`.
    """
    name = " ".join(where)
    if len(where) == 1:
        path = Path(where[0])
        if not path.exists() and _HUB.fullmatch(where[0]):
            return Opened(name, _loaded(where[0]))
        if path.is_dir():
            return _folder(path)
    for one in where:
        path = Path(one)
        if path.is_dir() or path.suffix not in (*ENDINGS, ".parquet"):
            raise UsageError(f"{one} is no table that can be read", do=f"one folder, or files in {_TABLES}")
        if not path.is_file():
            raise UsageError(f"{one} is not there", do="name a folder, files or an id on the Hugging Face hub")
    return Opened(name, _parts([("", Path(one)) for one in where]))


def _folder(folder: Path) -> Opened:
    card = folder / "README.md"
    head = head_of(card.read_text("utf-8", errors="replace")) if card.is_file() else {}
    licence = head.get("license")
    files = _of_card(folder, head) or [("", path) for path in _files(folder)]
    parts = _parts(files) if files else _loaded(str(folder))
    return Opened(str(folder), parts, str(licence) if licence else None)


def _of_card(folder: Path, head: dict[str, Any]) -> list[tuple[str, Path]]:
    """Splits and files as a card's first configuration, or the one called `default`, lists them."""
    configs = [one for one in head.get("configs") or () if isinstance(one, dict)]
    config = next((one for one in configs if one.get("config_name") == "default"), configs[0] if configs else {})
    files = config.get("data_files")
    found = []
    for one in files if isinstance(files, list) else ():
        paths = one.get("path") if isinstance(one, dict) else None
        for pattern in [paths] if isinstance(paths, str) else paths or ():
            found += [(str(one.get("split", "train")), path) for path in sorted(folder.glob(str(pattern)))]
    return [(split, path) for split, path in found if path.suffix in (*ENDINGS, ".parquet")]


def _parts(files: Sequence[tuple[str, Path]]) -> tuple[Part, ...]:
    """In the order in which people name splits.

    Where some file's name says no split, and there are several, the files' own names tell them apart.
    """
    parts = [_part(path, split) for split, path in files]
    if len(parts) > 1 and not all(part.split for part in parts):
        parts = [replace(part, split=part.split or path.stem) for part, (_, path) in zip(parts, files, strict=True)]
    known = [name for name, _ in _SPLITS]
    return tuple(sorted(parts, key=lambda one: known.index(one.split) if one.split in known else len(known)))


def split_of(name: str) -> str:
    """The split that a file's name says, '' for none: `data/train-00000-of-00002.parquet`, `dev_sent_emo.csv`."""
    stem = Path(name).name
    if numbered := re.match(r"([A-Za-z][A-Za-z0-9_]*)-\d{5}-of-\d{5}", stem):
        return numbered[1]
    for split, words in _SPLITS:
        if re.search(rf"(?:^|[^a-z])(?:{words})(?:[^a-z]|$)", stem.rpartition(".")[0].lower()):
            return split
    return ""


def of_files(name: str, files: Sequence[tuple[str, str]], terms: str | None, fs: Any = None) -> Opened:
    """Parquet files, each with its split. fs: the fsspec file system on which they are; None for local ones."""
    return Opened(name, tuple(_parquet(split, file, fs) for split, file in files), terms)


def _files(folder: Path) -> list[Path]:
    found = [path for path in folder.rglob("*") if not any(part.startswith(".") for part in path.parts[1:])]
    parquet = sorted(path for path in found if path.suffix == ".parquet")
    if parquet:
        return parquet
    if any(path.name in ("metadata.csv", "metadata.jsonl") for path in found):
        return []  # an audio, image or video folder: `datasets` puts files and rows together
    return sorted(path for path in found if path.suffix in ENDINGS and path.name != "manifest.json")


def _part(path: Path, split: str) -> Part:
    split = split or split_of(path.name) or split_of(path.parent.name)
    if path.suffix == ".parquet":
        return _parquet(split, path)
    return Part(split, lambda: batches_of(path), path.parent)


def _parquet(split: str, file: Path | str, fs: Any = None) -> Part:
    import json

    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file, filesystem=fs) as opened_file:
            note = (opened_file.schema_arrow.metadata or {}).get(b"huggingface")
    except (OSError, pa.ArrowInvalid) as error:
        raise UsageError(f"{file} cannot be read: {error}") from error
    features = json.loads(note).get("info", {}).get("features", {}) if note else {}
    return Part(split, lambda: _of_parquet(file, fs), Path(file).parent if fs is None else None, features)


def _of_parquet(file: Path | str, fs: Any) -> "Generator[pa.RecordBatch]":
    """Batches of at most some ten megabytes: a row group's encoded pages are in memory, not all its values.

    Raises:
        UsageError: the file is damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(file, pre_buffer=False, filesystem=fs) as opened_file:
        about = opened_file.metadata
        for group in range(about.num_row_groups):
            rows = about.row_group(group).num_rows
            each = max(1, about.row_group(group).total_byte_size // max(rows, 1))
            size = max(1, min(_ROWS, _BATCH_BYTES // each))
            batches = opened_file.iter_batches(batch_size=size, row_groups=[group], use_threads=False)
            while True:
                try:
                    batch = next(batches, None)
                except (OSError, pa.ArrowInvalid) as error:
                    raise UsageError(f"{file} is damaged in row group {group}: {error}") from error
                if batch is None:
                    break
                yield batch


def _loaded(name: str) -> tuple[Part, ...]:
    """By `datasets`, streaming, with sound and pictures left encoded."""
    try:
        import datasets
    except ImportError as error:
        raise MissingPart(f"{name} is read by `datasets`", do="pip install 'affectloom[load]'") from error
    try:
        splits = datasets.load_dataset(name, streaming=True)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{name} is no folder here, and cannot be loaded by `datasets`: {error}",
            do="check the name; log in with `hf auth login` for a private one",
        ) from error
    return tuple(_streamed(str(split), one) for split, one in splits.items())


def _streamed(split: str, rows: Any) -> Part:
    import datasets

    features = dict(rows.features or {})
    for column, feature in features.items():
        if isinstance(feature, datasets.Audio | datasets.Video | datasets.Image):
            rows = rows.cast_column(column, type(feature)(decode=False))

    def batches() -> "Generator[pa.RecordBatch]":
        for table in rows.with_format("arrow").iter(batch_size=64):
            yield from table.to_batches()

    told = datasets.Features(features).to_dict() if features else {}
    return Part(split, batches, Path("/"), told)
