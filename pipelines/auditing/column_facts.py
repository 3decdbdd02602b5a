"""What is in each column and field: nothing, one value, values that are no numbers."""

from typing import TYPE_CHECKING

import numpy as np

from pipelines.auditing.samples import ColumnFacts

if TYPE_CHECKING:
    import pyarrow as pa

_DEEPEST = 6


class ColumnSurvey:
    """Adds up facts of columns, batch by batch. Structs and lists are followed to their values."""

    def __init__(self) -> None:
        self._found: dict[str, ColumnFacts] = {}

    def add(self, batch: "pa.RecordBatch") -> None:
        """Look at every column of a batch."""
        for name, array in zip(batch.schema.names, batch.columns, strict=True):
            self._visit(name, array, 0)

    @property
    def found(self) -> tuple[ColumnFacts, ...]:
        """In the order of the columns."""
        return tuple(self._found.values())

    def _visit(self, path: str, array: "pa.Array", depth: int) -> None:
        import pyarrow.types as kinds

        kind = array.type
        if kinds.is_struct(kind) and kind.num_fields and depth < _DEEPEST:
            for place, inner in enumerate(array.flatten()):
                self._visit(f"{path}.{kind.field(place).name}", inner, depth + 1)
            return
        facts = self._found.setdefault(path, ColumnFacts(path))
        facts.rows += len(array)
        if (kinds.is_list(kind) or kinds.is_large_list(kind) or kinds.is_fixed_size_list(kind)) and depth < _DEEPEST:
            inner = array.flatten()
            if kinds.is_struct(inner.type):
                facts.values += len(inner)
                facts.varies = facts.varies or len(inner) > 0
                for place, field in enumerate(inner.flatten()):
                    self._visit(f"{path}.{inner.type.field(place).name}", field, depth + 2)
            else:
                while kinds.is_list(inner.type) or kinds.is_large_list(inner.type):
                    inner = inner.flatten()
                _count(facts, inner)
        else:
            _count(facts, array)


def _count(facts: ColumnFacts, values: "pa.Array") -> None:
    import pyarrow.compute as pc
    import pyarrow.types as kinds

    kind = values.type
    if values.null_count:
        values = values.drop_null()
    facts.values += len(values)
    if not len(values) or kinds.is_null(kind):
        return
    if kinds.is_floating(kind):
        numbers = values.to_numpy(zero_copy_only=False)
        finite = np.isfinite(numbers)
        if not finite.all():
            nan = int(np.isnan(numbers).sum())
            facts.nan += nan
            facts.infinite += int((~finite).sum()) - nan
    if facts.varies:
        return
    if kinds.is_binary(kind) or kinds.is_large_binary(kind) or kinds.is_nested(kind):
        facts.varies = True  # media: checked by their digests
        return
    if facts.only is None:
        facts.only = values[0].as_py()
    try:
        facts.varies = not bool(pc.all(pc.equal(values, facts.only)).as_py())
    except (TypeError, ValueError, NotImplementedError):
        facts.varies = True  # another batch holds another type
