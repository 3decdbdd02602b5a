"""Hugging Face feature types as data: what `datasets` reads from a Parquet schema and from a card's YAML head.

A feature is the JSON that `datasets.Features.to_dict` gives, so that nothing here needs `datasets`.
"""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

Feature = dict[str, Any]
"""`{"_type": "Value", "dtype": "string"}` and so on; a struct is a dict of names to features, without `_type`."""

Features = dict[str, Feature]

_ARROW_TO_HUGGING_FACE = {
    "bool": "bool",
    "int8": "int8",
    "int16": "int16",
    "int32": "int32",
    "int64": "int64",
    "uint8": "uint8",
    "uint16": "uint16",
    "uint32": "uint32",
    "uint64": "uint64",
    "halffloat": "float16",
    "float": "float32",
    "double": "float64",
    "string": "string",
    "large_string": "large_string",
    "binary": "binary",
    "large_binary": "large_binary",
}


def value(dtype: str) -> Feature:
    """A plain value: `string`, `int64`, `float32`, `bool`, ..."""
    return {"dtype": dtype, "_type": "Value"}


def list_of(feature: Feature) -> Feature:
    """A list of any length."""
    return {"feature": feature, "_type": "List"}


def class_label(names: Sequence[str]) -> Feature:
    """One of `names`, stored as its place among them."""
    return {"names": list(names), "_type": "ClassLabel"}


def audio(rate_hz: int) -> Feature:
    """Encoded sound, decoded at `rate_hz`."""
    return {"sampling_rate": rate_hz, "_type": "Audio"}


def video() -> Feature:
    """Encoded video."""
    return {"_type": "Video"}


def image() -> Feature:
    """An encoded picture."""
    return {"_type": "Image"}


def feature_of(arrow: "pa.DataType") -> Feature:
    """The feature of an Arrow type: values, lists and structs of them. Raises ValueError for any other type."""
    import pyarrow.types as kinds

    if kinds.is_struct(arrow):
        return {arrow.field(place).name: feature_of(arrow.field(place).type) for place in range(arrow.num_fields)}
    if kinds.is_list(arrow):
        return list_of(feature_of(arrow.value_type))
    name = _ARROW_TO_HUGGING_FACE.get(str(arrow))
    if name is None:
        raise ValueError(f"no dataset feature for the Arrow type {arrow}")
    return value(name)


def arrow_type(feature: Feature) -> "pa.DataType":
    """How a feature is stored, as `datasets` stores it."""
    import pyarrow as pa

    kind = feature.get("_type")
    if not isinstance(kind, str):
        return pa.struct([pa.field(name, arrow_type(inner)) for name, inner in feature.items()])
    if kind in ("Audio", "Video", "Image"):
        return pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())])
    if kind == "List":
        return pa.list_(arrow_type(feature["feature"]))
    if kind == "ClassLabel":
        return pa.int64()
    arrow = {theirs: ours for ours, theirs in _ARROW_TO_HUGGING_FACE.items()}[feature["dtype"]]
    return pa.type_for_alias(arrow)


def arrow_schema(features: Features) -> "pa.Schema":
    """The schema of a Parquet shard; `datasets` finds the features in its metadata."""
    import pyarrow as pa

    note = json.dumps({"info": {"features": features}}, ensure_ascii=False)
    fields = [pa.field(name, arrow_type(feature)) for name, feature in features.items()]
    return pa.schema(fields, metadata={b"huggingface": note.encode()})


def card_features(features: Features) -> list[dict[str, Any]]:
    """The `features` entry of `dataset_info` in a card's YAML head."""
    return [{"name": name, **_card_feature(feature)} for name, feature in features.items()]


def _card_feature(feature: Feature) -> dict[str, Any]:
    kind = feature.get("_type")
    if not isinstance(kind, str):
        return {"struct": card_features(feature)}
    if kind == "Value":
        return {"dtype": feature["dtype"]}
    if kind == "ClassLabel":
        return {"dtype": {"class_label": {"names": {str(place): name for place, name in enumerate(feature["names"])}}}}
    if kind == "List":
        inner = _card_feature(feature["feature"])
        # The hub's short form: a list of one thing names the thing itself.
        return {"list": next(iter(inner.values())) if list(inner) in (["dtype"], ["struct"]) else inner}
    options: Mapping[str, Any] = {name: option for name, option in feature.items() if name != "_type"}
    return {"dtype": {kind.lower(): dict(options)} if options else kind.lower()}
