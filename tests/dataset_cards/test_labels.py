"""What the card says of one question's labels."""

import pytest

from dataset_cards.labels import long_tail
from schemas.answer import Question


def given(*counts, names=True):
    aggregates = tuple((f"label {at}", count) for at, count in enumerate(counts))
    return Question("q", tuple(name for name, _ in aggregates) if names else (), 9, 9, 3, 0, aggregates)


def test_the_tail_is_told_by_its_head_its_ends_and_what_is_there_once():
    assert long_tail(given(1, 40, 0, 30, 1, 8)) == (
        "Labels: 5; half of all are among the 1 most frequent; the most frequent is there 40.0 times as often as the "
        "rarest; given to one sample alone: 2; offered and given to none: 1."
    )
    assert "half of all are among the 2 most frequent" in long_tail(given(39, 1, 40, 8))
    assert "given to none" not in long_tail(given(2, 2, 2))


@pytest.mark.parametrize("question", [given(3, 4), given(0, 0, 0), given(1, 2, 3, 4, names=False)])
def test_numbers_few_labels_and_no_labels_have_no_tail(question):
    assert long_tail(question) == ""
