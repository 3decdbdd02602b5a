"""One Arrow type for a column that many recordings bring, and arrays brought to it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


def settle(arrow: "pa.DataType") -> "pa.DataType | None":
    """The type in which a column is published; None for one that can hold nothing.

    Fixed-size, large and dictionary forms become the plain ones: which was used says nothing to a reader, and
    Parquet refuses null fixed-size lists. A struct without fields cannot be written and is left out.
    """
    import pyarrow as pa
    import pyarrow.types as kinds

    if kinds.is_dictionary(arrow):
        return settle(arrow.value_type)
    if kinds.is_list(arrow) or kinds.is_large_list(arrow) or kinds.is_fixed_size_list(arrow):
        inner = settle(arrow.value_type)
        return None if inner is None else pa.list_(inner)
    if kinds.is_struct(arrow):
        fields = [(arrow.field(place).name, settle(arrow.field(place).type)) for place in range(arrow.num_fields)]
        kept = [pa.field(name, kind) for name, kind in fields if kind is not None]
        return pa.struct(kept) if kept else None
    if kinds.is_large_string(arrow):
        return pa.string()
    return pa.binary() if kinds.is_large_binary(arrow) else arrow


def unite(one: "pa.DataType", other: "pa.DataType") -> "pa.DataType":
    """The type that holds the values of both settled types.

    Structs keep the fields of both, numbers widen without loss of range, a column of nulls joins anything.
    Raises ValueError where no type holds both.
    """
    import pyarrow as pa
    import pyarrow.types as kinds

    if one.equals(other) or kinds.is_null(one) or kinds.is_null(other):
        return other if kinds.is_null(one) else one
    if kinds.is_list(one) and kinds.is_list(other):
        return pa.list_(unite(one.value_type, other.value_type))
    if kinds.is_struct(one) and kinds.is_struct(other):
        merged = {one.field(place).name: one.field(place).type for place in range(one.num_fields)}
        for place in range(other.num_fields):
            field = other.field(place)
            merged[field.name] = unite(merged[field.name], field.type) if field.name in merged else field.type
        return pa.struct([pa.field(name, kind) for name, kind in merged.items()])
    for same in (kinds.is_floating, kinds.is_signed_integer):
        if same(one) and same(other):
            return one if one.bit_width >= other.bit_width else other
    if not all(kinds.is_integer(kind) or kinds.is_floating(kind) for kind in (one, other)):
        raise ValueError(f"{one} and {other}")
    return pa.float64() if kinds.is_floating(one) or kinds.is_floating(other) else pa.int64()


def without_nulls(arrow: "pa.DataType") -> "pa.DataType":
    """Where no recording said what a column holds, it is published as text, so that it stays readable."""
    import pyarrow as pa
    import pyarrow.types as kinds

    if kinds.is_null(arrow):
        return pa.string()
    if kinds.is_list(arrow):
        return pa.list_(without_nulls(arrow.value_type))
    if kinds.is_struct(arrow):
        fields = [arrow.field(place) for place in range(arrow.num_fields)]
        return pa.struct([pa.field(field.name, without_nulls(field.type)) for field in fields])
    return arrow


def conform(array: "pa.Array", arrow: "pa.DataType") -> "pa.Array":
    """The same values in the type `arrow`, which `unite` made of the array's own and others; new fields are null."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.types as kinds

    if array.type.equals(arrow):
        return array
    is_other_kind = kinds.is_nested(array.type) and kinds.is_struct(array.type) != kinds.is_struct(arrow)
    if kinds.is_null(array.type) or is_other_kind or (kinds.is_nested(array.type) and not kinds.is_nested(arrow)):
        # Among kinds that differ, `unite` lets pass only what holds nothing: structs without fields, lists of those.
        return pa.nulls(len(array), arrow)
    if kinds.is_dictionary(array.type):
        return conform(array.dictionary_decode(), arrow)
    if kinds.is_struct(arrow):
        have = {array.type.field(place).name: place for place in range(array.type.num_fields)}
        children = [
            conform(array.field(have[field.name]), field.type)
            if field.name in have
            else pa.nulls(len(array), field.type)
            for field in (arrow.field(place) for place in range(arrow.num_fields))
        ]
        fields = [arrow.field(place) for place in range(arrow.num_fields)]
        return pa.StructArray.from_arrays(children, fields=fields, mask=array.is_null())
    if kinds.is_list(arrow):
        lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False)
        offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))
        values = conform(array.flatten(), arrow.value_type)
        return pa.ListArray.from_arrays(offsets, values, type=arrow, mask=array.is_null())
    return array.cast(arrow)
