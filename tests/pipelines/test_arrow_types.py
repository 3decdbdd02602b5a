import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.publishing.arrow_types import conform, settle, unite, without_nulls

values = st.recursive(
    st.one_of(st.none(), st.integers(-5, 5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("ab"), inner, max_size=2)),
    max_leaves=6,
)


def filled(value, arrow):
    """`value` as pyarrow shows it in the type `arrow`: fields that it lacks, and structs of nothing, are None."""
    if isinstance(value, dict) and pa.types.is_struct(arrow):
        fields = [arrow.field(at) for at in range(arrow.num_fields)]
        return {field.name: filled(value.get(field.name), field.type) for field in fields}
    if isinstance(value, list) and pa.types.is_list(arrow):
        return [filled(one, arrow.value_type) for one in value]
    return value if isinstance(value, int) else None


@settings(deadline=None)
@given(st.lists(values, min_size=1, max_size=4), st.lists(values, min_size=1, max_size=4))
def test_values_survive_the_common_type(one, other):
    try:
        arrays = [pa.array(one), pa.array(other)]
        whole = [settle(array.type) for array in arrays]
        if None in whole:
            return
        common = unite(*whole)
    except (pa.ArrowException, ValueError):
        return
    assert unite(*reversed(whole)).equals(common) or pa.types.is_nested(common)
    for array, truth in zip(arrays, (one, other), strict=True):
        made = conform(array, common)
        made.validate(full=True)
        assert made.type.equals(common)
        assert made.to_pylist() == [filled(value, common) for value in truth]


def test_slices_and_nulls_of_nested_arrays_are_kept():
    array = pa.array([[1], None, [], [2, 3]], pa.list_(pa.int32())).slice(1)
    assert conform(array, pa.list_(pa.int64())).to_pylist() == [None, [], [2, 3]]
    fixed = pa.array([[1.0, 2.0], None, [3.0, 4.0]], pa.list_(pa.float32(), 2)).slice(1)
    assert conform(fixed, pa.list_(pa.float64())).to_pylist() == [None, [3.0, 4.0]]
    struct = pa.array([{"a": 1}, None, {"a": None}]).slice(1)
    wider = pa.struct([("b", pa.string()), ("a", pa.float64())])
    assert conform(struct, wider).to_pylist() == [None, {"b": None, "a": None}]


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (pa.int32(), pa.int64(), pa.int64()),
        (pa.float32(), pa.float64(), pa.float64()),
        (pa.int64(), pa.float32(), pa.float64()),
        (pa.null(), pa.string(), pa.string()),
        (pa.list_(pa.null()), pa.list_(pa.bool_()), pa.list_(pa.bool_())),
        (
            pa.struct([("a", pa.int8())]),
            pa.struct([("b", pa.bool_())]),
            pa.struct([("a", pa.int8()), ("b", pa.bool_())]),
        ),
    ],
)
def test_types_that_go_together(one, other, both):
    assert unite(one, other).equals(both)


@pytest.mark.parametrize(
    ("one", "other"), [(pa.string(), pa.int64()), (pa.bool_(), pa.int8()), (pa.list_(pa.int8()), pa.int8())]
)
def test_types_that_do_not(one, other):
    with pytest.raises(ValueError, match="and"):
        unite(one, other)


def test_forms_are_settled_and_empty_structs_left_out():
    assert settle(pa.struct([])) is None
    assert settle(pa.list_(pa.struct([("a", pa.struct([]))]))) is None
    assert settle(pa.large_list(pa.list_(pa.large_string(), 3))).equals(pa.list_(pa.list_(pa.string())))
    assert settle(pa.dictionary(pa.int32(), pa.string())).equals(pa.string())
    assert without_nulls(pa.list_(pa.struct([("a", pa.null())]))).equals(pa.list_(pa.struct([("a", pa.string())])))
    coded = pa.array(["x", None, "x"]).dictionary_encode()
    assert conform(coded, pa.string()).to_pylist() == ["x", None, "x"]
