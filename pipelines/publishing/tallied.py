"""What the rows of a finished shard hold, counted from the shard itself, so that the card tells what is published."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from schemas.features import Feature, Features
from schemas.tally import Tally

if TYPE_CHECKING:
    import pyarrow as pa

_PLAIN = ("speaker", "language", "start", "end", "present")
_TENTHS = 10
_US = 1_000_000
_MOST_WRITTEN = 1000
"""Different labels of an open vocabulary in a shard that are told one by one."""


def tallied(parquet: Any, features: Features) -> Tally:
    """Counts over a shard's rows. parquet: an open `pyarrow.parquet.ParquetFile`; only small columns are read."""
    labels = {name: features[name] for name in label_columns(features)}
    wanted = [name for name in (*_PLAIN, *labels) if name in features]
    found = Tally()
    if not wanted:
        found.rows = parquet.metadata.num_rows
        return found
    for batch in parquet.iter_batches(columns=wanted, use_threads=False):
        found.rows += len(batch)
        columns = {name: batch.column(name) for name in wanted}
        if "present" in columns:
            found.present.update(_present(columns["present"]))
        _voices(columns, len(batch), found)
        for name, feature in labels.items():
            _labels(name, feature, columns[name], found)
    return found


def label_columns(features: Features) -> Iterator[str]:
    """Columns of people's answers brought together: those that stand beside their votes or single answers."""
    return (name for name in features if {f"{name}_votes", f"{name}_answers"} & features.keys())


def _present(column: "pa.Array") -> Mapping[str, int]:
    import pyarrow.compute as pc

    kind = column.type
    return {kind.field(at).name: pc.sum(column.field(at)).as_py() or 0 for at in range(kind.num_fields)}


def _voices(columns: Mapping[str, "pa.Array"], rows: int, found: Tally) -> None:
    nothing = [None] * rows
    speaker, language, start, end = (
        columns[name].to_pylist() if name in columns else nothing for name in ("speaker", "language", "start", "end")
    )
    for who, what, begins, ends in zip(speaker, language, start, end, strict=True):
        key = (who or "", what or "")
        found.voices[key] += 1
        if begins is not None and ends is not None:
            microseconds = round((ends - begins) * _US)
            found.spoken_us[key] += microseconds
            found.lengths[microseconds * _TENTHS // _US] += 1


def _labels(name: str, feature: Feature, column: "pa.Array", found: Tally) -> None:
    kind = feature.get("_type")
    inner = feature["feature"] if kind == "List" else feature
    if not isinstance(inner.get("_type"), str):
        return
    if kind == "List":
        column = column.flatten()
    if inner["_type"] == "ClassLabel":
        found.classes.setdefault(name, Counter()).update(_classes(column, inner["names"]))
    elif inner.get("dtype") == "string":
        found.classes.setdefault(name, Counter()).update(_written(column))
    elif str(inner.get("dtype")).startswith(("float", "int")):
        values = [value for value in column.to_pylist() if value is not None]
        before = found.numbers.get(name, (0, 0.0, 0.0))
        sums = (len(values), float(sum(values)), float(sum(value * value for value in values)))
        found.numbers[name] = (before[0] + sums[0], before[1] + sums[1], before[2] + sums[2])


def _classes(column: "pa.Array", names: list[str]) -> dict[str, int]:
    counts = Counter(at for at in column.to_pylist() if at is not None)
    return {names[at]: count for at, count in counts.items()}


def _written(column: "pa.Array") -> dict[str, int]:
    """The labels that are there most; texts, which are all different, are not labels."""
    counts = Counter(text for text in column.to_pylist() if text)
    return dict(counts) if len(counts) <= _MOST_WRITTEN else {}
