"""A Hugging Face dataset as sources: each row a recording, so that a corpus that exists is measured anew.

    sources: dataset:published?split=test
    sources: dataset:hf://datasets/owner/name@v1.0?media=audio&id=clip

The tables are read themselves, row by row, without `datasets`: those that it writes (`to_parquet`, `push_to_hub`,
`save_to_disk`), those of `affectloom publish`, and any other Parquet with media in structs of `bytes` and `path`.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from pipelines.acquiring.ids import id_of
from pipelines.fetch.addresses import plain
from pipelines.fetch.cells import ENDINGS, cell_address, opened_shard
from pipelines.fetch.objects import is_object, listed, told
from schemas.errors import RecordingError, SourceTableError
from schemas.source import TERMS, Scalar, SourceRow

if TYPE_CHECKING:
    import pyarrow as pa

DATASET = "dataset:"
_OPTIONS = ("split", "id", "media")
_MEDIA = ("Video", "Audio", "Image")
"""In the order in which they are taken: a video has its sound."""
_TOLD = ("text", "licence", "consent", "language", "speaker", "dialogue")
_SAME = {"license": "licence", "dialog": "dialogue"}
_ROWS = 256
_NUMBERED = re.compile(r"(.+?)-\d{5}-of-\d{5}$")
_NO_SPLIT = ("data", "default", "")
_MOST_CHARACTERS = 10_000


def is_dataset(text: str) -> bool:
    """Whether a source names a dataset."""
    return text.startswith(DATASET)


def dataset_rows(text: str, folder: Path) -> Iterator[SourceRow]:
    """The rows of a dataset, one table after the other. Raises SourceTableError."""
    place, options = _asked(text)
    try:
        base, shards = _shards(place, folder)
        wanted = [(shard, split) for shard, split in shards if options.get("split") in (None, split)]
        if not wanted:
            there = ", ".join(sorted({split or "none named" for _, split in shards}))
            raise SourceTableError(
                f"sources: {base} has no split {options['split']!r}" if shards else f"sources: {base} holds no tables",
                do=f"there are: {there}" if shards else f"a dataset's tables end in {' or '.join(ENDINGS)}",
            )
        with told(base):
            for shard, split in wanted:
                yield from _rows(shard, split, options)
    except RecordingError as error:
        raise SourceTableError(f"sources: {error.what}", do=error.do) from error


def _asked(text: str) -> tuple[str, dict[str, str]]:
    place, _, query = text.removeprefix(DATASET).partition("?")
    named = {name: values[-1] for name, values in parse_qs(query, keep_blank_values=True).items()}
    for name in named:
        if name not in _OPTIONS:
            raise SourceTableError(f"sources: {text}: unknown option {name!r}", do=f"allowed: {', '.join(_OPTIONS)}")
    return place, named


def _shards(place: str, folder: Path) -> tuple[str, list[tuple[str, str]]]:
    """What the dataset is called in messages, and its tables, each with its split."""
    if is_object(place):
        base, found = listed(place.rstrip("/") + "/")
    elif "://" in place:
        raise SourceTableError(
            f"sources: {plain(place)}: a dataset is a folder, or lies in an object store or on the hub",
            do="such as dataset:hf://datasets/owner/name",
        )
    else:
        path = (folder / Path(place)).absolute()
        base = str(path)
        if not path.is_dir():
            raise SourceTableError(f"sources: {path} is no folder", do="paths count from the recipe's folder")
        inside = path.resolve()
        found = [str(one) for one in sorted(path.rglob("*")) if one.is_file() and one.resolve().is_relative_to(inside)]
    tables = [name for name in found if name.endswith(ENDINGS) and "/." not in name.removeprefix(base)]
    return base, [(name, _split(name, base)) for name in tables]


def _split(shard: str, base: str) -> str:
    """By the file's name (`train-00000-of-00002.parquet`), else by its folder's (`train/0000.parquet`)."""
    inner = shard.removeprefix(base).lstrip("/")
    folder, _, name = inner.rpartition("/")
    numbered = _NUMBERED.match(name.rpartition(".")[0])
    named = numbered[1] if numbered else ""
    above = folder.rpartition("/")[2]
    return next((one for one in (named, above) if one not in _NO_SPLIT), "")


def _rows(shard: str, split: str, options: Mapping[str, str]) -> Iterator[SourceRow]:
    with opened_shard(shard) as table:
        features = features_of(table.schema)
        media = _media(table.schema, features, options.get("media"), shard)
        scalars, inner = _scalars(table.schema, media)
        key = options.get("id", "id" if "id" in scalars else "")
        if key and key not in scalars:
            raise SourceTableError(
                f"sources: {plain(shard)} has no column {key!r}", do=f"there are {', '.join(scalars)}"
            )
        if not media and "text" not in scalars:
            raise SourceTableError(
                f"sources: {plain(shard)} has neither media nor a column `text`: {', '.join(table.schema.names)}",
                do="name the column of the media: dataset:...?media=COLUMN",
            )
        columns = [*scalars, *inner, *(f"{name}.path" for name in media)]
        number = 0
        for batch in table.batches(list(table.groups), columns, _ROWS):
            there = {name: batch.column(name).is_valid().to_pylist() for name in media}
            for at, row in enumerate(batch.select([*scalars, *_above(inner)]).to_pylist()):
                nothing = media[0] if media and not row.get("text") else None  # its acquisition will say so
                source = next((name for name in media if there[name][at]), nothing)
                uri = cell_address(shard, number, source) if source else None
                yield _row(_named(row, features), key, uri, f"{plain(shard)}, row {number}", split)
                number += 1


def features_of(schema: "pa.Schema") -> dict[str, Any]:
    """What `datasets` says of the columns, in the table's metadata."""
    try:
        found = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))["info"]["features"]
    except (ValueError, KeyError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def _media(schema: "pa.Schema", features: Mapping[str, Any], asked: str | None, shard: str) -> tuple[str, ...]:
    """The columns of media: as asked, else by their features, else those that are structs of bytes and path."""
    import pyarrow.types as kinds

    def holds_bytes(name: str) -> bool:
        kind = schema.field(name).type
        return bool(kinds.is_struct(kind)) and {"bytes", "path"} <= {field.name for field in kind}

    if asked is not None:
        if asked not in schema.names or not holds_bytes(asked):
            raise SourceTableError(
                f"sources: {plain(shard)} has no media in {asked!r}",
                do=f"columns of media: {', '.join(filter(holds_bytes, schema.names)) or 'none'}",
            )
        return (asked,)
    named = [(name, features.get(name)) for name in schema.names if holds_bytes(name)]
    kind_of = {name: told.get("_type", "") if isinstance(told, dict) else "" for name, told in named}
    return tuple(
        sorted(kind_of, key=lambda name: _MEDIA.index(kind_of[name]) if kind_of[name] in _MEDIA else len(_MEDIA))
    )


def _scalars(schema: "pa.Schema", media: Sequence[str]) -> tuple[list[str], list[str]]:
    """The columns that hold one value, and those within `extra`, where `affectloom publish` keeps further ones."""
    import pyarrow.types as kinds

    def is_one(kind: "pa.DataType") -> bool:
        nested = kinds.is_nested(kind) or kinds.is_binary(kind) or kinds.is_large_binary(kind)
        return not nested and not kinds.is_fixed_size_binary(kind) and not kinds.is_null(kind)

    own = [field.name for field in schema if field.name not in media and is_one(field.type) and "." not in field.name]
    inner = []
    if "extra" in schema.names and kinds.is_struct(schema.field("extra").type):
        inner = [f"extra.{field.name}" for field in schema.field("extra").type if is_one(field.type)]
    return own, inner


def _above(inner: Sequence[str]) -> list[str]:
    return ["extra"] if inner else []


def _named(row: Mapping[str, Any], features: Mapping[str, Any]) -> dict[str, Scalar]:
    """The values as JSON knows them: classes by their names, numbers that are none left out."""
    found: dict[str, Scalar] = {}
    for name, value in row.items():
        if name == "extra" and isinstance(value, dict):
            found = {**_named(value, {}), **found}
            continue
        told = features.get(name)
        names = told.get("names") if isinstance(told, dict) and told.get("_type") == "ClassLabel" else None
        if isinstance(names, list) and isinstance(value, int):
            value = str(names[value]) if 0 <= value < len(names) else None  # noqa: PLW2901
        if (
            value is None
            or isinstance(value, list | dict | bytes)
            or (isinstance(value, float) and not math.isfinite(value))
        ):
            continue
        found[name] = value if isinstance(value, str | int | float | bool) else str(value)
    return found


def _row(row: Mapping[str, Scalar], key: str, uri: str | None, where: str, split: str) -> SourceRow:
    told: dict[str, Any] = {}
    extra: dict[str, Scalar] = {}
    for column, value in row.items():
        name = _SAME.get(column.lower(), column.lower())
        if name in _TOLD and name not in told:
            told[name] = str(value)
        elif name == "turn" and isinstance(value, int):
            told[name] = value
        elif column != key:
            extra[column] = value[:_MOST_CHARACTERS] if isinstance(value, str) else value
    given = str(row[key]) if key and key in row else ""
    name = id_of(given) if given else id_of(where.rpartition("/")[2])
    if given and given != name:
        extra["id_there"] = given
    if split:
        extra["split"] = split
    learnt = {term: "the dataset that it comes from" for term in TERMS if told.get(term) or extra.get(term)}
    return SourceRow(id=name, uri=uri, extra=extra, learnt=learnt, where=where, **told)
