import pytest
from pydantic import ValidationError

from schemas.publication import Publication


@pytest.mark.parametrize(
    "wrong",
    [
        {"splits": {"train": 0.8, "test": 0.1}},
        {"splits": {}},
        {"splits": {"all": 1.0}},
        {"splits": {"tr-ain": 1.0}},
        {"splits": {"train": 1.0, "test": 0.0}},
        {"group_by": ""},
        {"group_by": ()},
        {"shard_mb": 0},
        {"media": ("sound",)},
        {"shards_mb": 5},
    ],
)
def test_a_block_that_cannot_be_meant_is_refused(wrong):
    with pytest.raises(ValidationError):
        Publication(**wrong)


def test_what_a_recipe_may_say():
    how = Publication(media=[], group_by=["speaker", "dialogue"], splits={"a": 1 / 3, "b": 2 / 3}, seed=7)
    assert (how.media, how.groups, how.seed) == ((), ("speaker", "dialogue"), "7")
    assert Publication().groups == ("speaker",)
