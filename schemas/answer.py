"""What people answered to questions about samples."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """What one person answered to one question about one sample.

    item: a sample's id, or its recording's where that has one sample alone. rater: as in the table, not published.
    number: the value as a finite number, where it is one; None for any other text.
    where: file and row, for messages.
    """

    item: str
    rater: str
    question: str
    value: str
    number: float | None
    where: str


@dataclass(frozen=True)
class Question:
    """One question as it is published. names: of the classes, sorted; empty for a question answered in numbers."""

    name: str
    names: tuple[str, ...]
    items: int
    answers: int
    raters: int
    tied: int
    """Items left without an aggregate because two answers were given equally often."""
    aggregates: tuple[tuple[str, int], ...]
    """For each class, how many items have it; for numbers, how many items lie in each of some ranges."""
    strays: tuple[str, ...] = ()
    """Where answers in words keep a question that is otherwise answered in numbers from being one."""

    @property
    def is_number(self) -> bool:
        """Whether the aggregate is a mean."""
        return not self.names
