"""What people answered to questions about samples."""

from dataclasses import dataclass
from typing import Literal

from schemas.answer_value import Show, Value

State = Literal["submitted", "draft", "skipped", "deleted"]
"""`submitted` answers count; the others are kept, and count nowhere."""
PERSON = "person"


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
    given: Value | None = None
    """The typed value, where a question spec says of which type it is."""
    shown: Show = "all"
    """What the rater was shown."""
    lead_time_s: float | None = None
    """Seconds from opening the task to submitting it, breaks included."""
    at: str | None = None
    """When it was last changed, ISO 8601 with its offset."""
    source: Literal["table", "label-studio"] = "table"
    origin: str = PERSON
    """Who said it: `person`, or the name of a model."""
    accepted: bool = False
    """Whether a person left a model's suggestion unchanged."""
    state: State = "submitted"
    history: tuple["Change", ...] = ()
    """Earlier states of the same answer, oldest first."""
    annotation: str = ""
    """The number of the annotation on the server, if it came from one."""

    @property
    def counts(self) -> bool:
        """Whether it is a person's submitted answer, which agreement and aggregation are about."""
        return self.state == "submitted" and self.origin == PERSON


@dataclass(frozen=True)
class Change:
    """What an answer was before: its value as text (empty where there was none), its state, and until when."""

    value: str
    state: State
    until: str | None


@dataclass(frozen=True)
class Agreed:
    """One statistic of agreement between raters, as published.

    name: in full. value: None where it is undefined. interval: of 95 %, None where there is none. why: of either None.
    items, raters: that have answers.
    """

    name: str
    value: float | None
    interval: tuple[float, float] | None
    items: int
    raters: int
    why: str = ""


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
    rule: str = ""
    """How the aggregate comes about, where a question spec says so; empty: the mean or the most frequent answer."""
    has_number: bool = True
    agreement: tuple[Agreed, ...] = ()
    """Between raters, the statistic that the question asks for first; empty where it wants none."""

    @property
    def is_number(self) -> bool:
        """Whether the aggregate is a mean."""
        return not self.names and self.has_number
