import json

import pyarrow as pa
import pytest

from schemas.features import (
    arrow_schema,
    arrow_type,
    audio,
    card_features,
    class_label,
    feature_of,
    image,
    list_of,
    value,
    video,
)

FEATURES = {
    "id": value("string"),
    "audio": audio(16_000),
    "video": video(),
    "image": image(),
    "mood": class_label(["no", "yes"]),
    "moods": list_of(class_label(["a", "b"])),
    "words": list_of({"text": value("string"), "times": list_of(value("float64")), "deep": {"on": value("bool")}}),
    "matrix": list_of(list_of(value("float32"))),
    "track": {"times": list_of(value("float64")), "inner": {"x": value("float16"), "n": value("uint8")}},
    "name": {"name": value("string"), "dtype": value("int64"), "list": value("int64"), "struct": value("int64")},
}


def test_datasets_reads_the_same_features_from_schema_and_card():
    import datasets

    truth = datasets.Features.from_dict(json.loads(json.dumps(FEATURES)))
    assert datasets.Features.from_arrow_schema(arrow_schema(FEATURES)) == truth
    assert arrow_schema(FEATURES).equals(truth.arrow_schema)
    assert datasets.Features._from_yaml_list(card_features(FEATURES)) == truth


def test_the_card_form_is_that_of_datasets():
    import datasets

    assert card_features(FEATURES) == datasets.Features.from_dict(FEATURES)._to_yaml_list()


def test_arrow_types_and_features_answer_each_other():
    plain = {name: FEATURES[name] for name in ("id", "words", "matrix", "track", "name")}
    for feature in plain.values():
        assert feature_of(arrow_type(feature)) == feature


def test_a_type_without_a_feature_is_refused():
    with pytest.raises(ValueError, match="timestamp"):
        feature_of(pa.timestamp("us"))
