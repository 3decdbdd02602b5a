"""A column of few values as numbers and their names."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Codes:
    """One value for each sample.

    codes: int64[n]: the value's place in `names`; -1 where there is none.
    names: the values, each once.
    """

    codes: NDArray[np.int64]
    names: tuple[str, ...]

    @classmethod
    def of(cls, values: Iterable[str | None]) -> Self:
        """Numbers by first appearance; None and '' are no value."""
        places: dict[str, int] = {}
        codes = [places.setdefault(one, len(places)) if one else -1 for one in values]
        return cls(np.asarray(codes, np.int64), tuple(places))

    @classmethod
    def of_arrow(cls, chunks: Sequence[Any]) -> Self:
        """Of Arrow arrays of strings, one after the other; null and '' are no value."""
        import pyarrow as pa
        import pyarrow.compute as pc

        whole = pa.chunked_array(chunks, pa.string()) if chunks else pa.chunked_array([], pa.string())
        coded = pc.dictionary_encode(pc.if_else(pc.equal(whole, ""), None, whole)).combine_chunks()
        if isinstance(coded, pa.ChunkedArray):
            coded = coded.chunk(0) if coded.num_chunks else pa.array([], pa.string()).dictionary_encode()
        codes = pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False)
        return cls(codes.astype(np.int64), tuple(coded.dictionary.to_pylist()))

    @classmethod
    def joined(cls, parts: Sequence["Codes"]) -> "Codes":
        """One value for each combination of values; none where any part has none."""
        if len(parts) == 1:
            return parts[0]
        stacked = np.stack([part.codes for part in parts], axis=1)
        kept = (stacked >= 0).all(axis=1)
        different, places = np.unique(stacked[kept], axis=0, return_inverse=True)
        codes = np.full(len(stacked), -1, np.int64)
        codes[kept] = places.reshape(-1)
        names = tuple(
            "/".join(part.names[code] for part, code in zip(parts, row, strict=True)) for row in different.tolist()
        )
        return cls(codes, names)

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def has(self) -> NDArray[np.bool_]:
        """bool[n]: where there is a value."""
        return np.asarray(self.codes >= 0, np.bool_)

    @property
    def counts(self) -> NDArray[np.int64]:
        """int64[len(names)]: samples of each value."""
        return np.bincount(self.codes[self.has], minlength=len(self.names)).astype(np.int64)

    def name(self, sample: int) -> str:
        """The value of one sample; '' where there is none."""
        code = int(self.codes[sample])
        return self.names[code] if code >= 0 else ""


def crossed(one: Codes, other: Codes) -> NDArray[np.int64]:
    """int64[len(one.names), len(other.names)]: samples with each pair of values."""
    both = one.has & other.has
    width = len(other.names)
    flat = np.bincount(one.codes[both] * width + other.codes[both], minlength=len(one.names) * width)
    return flat.reshape(len(one.names), width).astype(np.int64)
