"""What an answer votes for: the labels in it, as the question's spec and its synonyms have them."""

from collections.abc import Callable
from typing import Any

from schemas.answer_value import ChoicesValue, ChoiceValue, LinkValue, RegionValue, TextValue, Value
from schemas.question import AnyQuestion

Group = Callable[[str, str], str]
"""From a question and a label that a rater wrote to the label it counts as."""


def as_written(_question: str, label: str) -> str:
    """No grouping: a label counts as itself, whatever its case."""
    return label.casefold()


def votes_of(given: Value, question: AnyQuestion, group: Group) -> list[Any]:
    """What an answer votes for, each once."""
    labels: list[Any]
    if isinstance(given, ChoiceValue):
        labels = [given.label]
    elif isinstance(given, ChoicesValue):
        labels = list(given.labels)
    elif isinstance(given, TextValue):
        return [" ".join(given.text.split())]
    elif isinstance(given, LinkValue):
        return list(given.targets)
    else:
        return list(given.faces) if isinstance(given, RegionValue) else []
    offered = {option.name.casefold(): option.name for option in question.options}
    grouped = [one if one in offered.values() else group(question.id, one) for one in labels]
    return list(dict.fromkeys(offered.get(one.casefold(), one) for one in grouped))
