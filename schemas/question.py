"""Questions to people about samples: one spec drives interface, validation, agreement, aggregation and columns."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Annotated

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from schemas.answer_value import Show
from schemas.asked import SHOWS, Aggregation, Asked, Block, Level, Option, Point, Statistic, When
from schemas.question_kinds import KINDS, AnyQuestion, Choice, Choices, Link, Region, Span, Text
from schemas.scale import Dimension, Scale

__all__ = [
    "KINDS", "SHOWS", "Aggregation", "AnyQuestion", "Asked", "Choice", "Choices", "Dimension", "Example", "Level",
    "Link", "Option", "Point", "QuestionSpec", "Region", "Scale", "Show", "Span", "Statistic", "Text", "When",
]  # fmt: skip

Where = tuple[str | int, ...]

RESERVED = frozenset({
    "id", "recording", "index", "start", "end", "text", "words", "language", "language_probability", "speaker",
    "dialogue", "turn", "context", "doubts", "present", "face", "face_id", "face_chosen", "face_score", "functionals",
    "aligned", "audio", "video", "image", "split", "item", "rater",
})  # fmt: skip
"""Columns of the dataset or of a table of answers, which a question therefore cannot have."""
_NEEDS: dict[str, tuple[frozenset[Show], str]] = {
    "transcript": (frozenset({"text", "all"}), "the transcript"),
    "utterances": (frozenset({"text", "all"}), "the dialogue's utterances"),
    "timeline": (frozenset({"audio", "silent-video", "all"}), "a timeline"),
    "faces": (frozenset({"silent-video", "all"}), "the picture"),
    "hearing": (frozenset({"all"}), "the recording beside its transcript"),
}


class Example(Block):
    """A worked example for raters: what is to be judged, the answer, and why."""

    text: str
    answer: str
    why: str = ""


class QuestionSpec(Block):
    """All questions of a project, in the order in which they are asked."""

    title: str = ""
    instructions: str = ""
    consent: str = ""
    """What raters agree to by answering, shown before the first task."""
    examples: tuple[Example, ...] = ()
    questions: Annotated[tuple[Annotated[AnyQuestion, Field(discriminator="kind")], ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _sound(self) -> "QuestionSpec":
        found = tuple(mistakes_in(self.questions))
        if found:
            text = "; ".join(f"{'.'.join(map(str, where))}: {what}" for where, what in found)
            raise PydanticCustomError("questions", "{text}", {"text": text, "mistakes": found})
        return self

    def question(self, name: str) -> AnyQuestion:
        """The question of an id. Raises KeyError."""
        for question in self.questions:
            if question.id == name:
                return question
        raise KeyError(name)

    @property
    def views(self) -> tuple[Show, ...]:
        """What raters are shown, in the order of asking: each view has a Label Studio project of its own."""
        return tuple(show for show in SHOWS if self.asked_in(show))

    def asked_in(self, show: Show) -> tuple[AnyQuestion, ...]:
        """The questions of one view, in order."""
        return tuple(question for question in self.questions if show in question.shows)


def mistakes_in(questions: Sequence[AnyQuestion]) -> Iterator[tuple[Where, str]]:
    """What is wrong between questions that are each sound: where in the file, and what."""
    for place, question in enumerate(questions):
        at: Where = ("questions", place)
        before = questions[:place]
        if question.id in [other.id for other in before]:
            yield (*at, "id"), f"the id {question.id!r} is already another question's"
            continue
        yield from _doubled_options(question, at)
        yield from _condition(question, at, before, questions)
        yield from _unseen(question, at)
        yield from _columns(question, at, before)
    yield from _hotkeys(questions)


def columns_of(question: AnyQuestion) -> tuple[str, ...]:
    """All columns that a question's answers make."""
    return tuple(
        name
        for column in map(question.column, question.shows)
        for name in (column, *question.features(column), f"{column}_votes", f"{column}_answers", f"{column}_decided")
    )


def options_field(question: AnyQuestion) -> str:
    """In which field of the spec the options stand."""
    return {"scale": "levels", "span": "labels"}.get(question.kind, "choices")


def _doubled_options(question: AnyQuestion, at: Where) -> Iterator[tuple[Where, str]]:
    seen: set[str] = set()
    for place, option in enumerate(question.options):
        for name in sorted({option.name, option.shown} & seen):
            yield (*at, options_field(question), place), f"{name!r} is there twice"
        seen |= {option.name, option.shown}


def _condition(
    question: AnyQuestion, at: Where, before: Sequence[AnyQuestion], everyone: Sequence[AnyQuestion]
) -> Iterator[tuple[Where, str]]:
    if question.when is None:
        return
    named, field = question.when.question, (*at, "when", "question")
    other = next((one for one in before if one.id == named), None)
    if other is None:
        later = any(one.id == named for one in everyone)
        why = "is not asked before this one" if later else "is not there"
        yield field, f"the question {named!r} {why}; allowed: {', '.join(one.id for one in before) or 'none'}"
        return
    offered = [option.name for option in other.options]
    if (
        not isinstance(other, Choice | Choices | Scale)
        or not offered
        or (isinstance(other, Scale) and other.dimensions)
    ):
        yield field, f"{named!r} has no named answers to depend on"
        return
    for answer in question.when.is_:
        if answer not in offered:
            yield (*at, "when", "is"), f"{answer!r} is no answer of {named!r}; allowed: {', '.join(offered)}"
    if not set(question.shows) <= set(other.shows):
        yield (
            field,
            f"{named!r} is asked under {', '.join(other.shows)} alone, this one under {', '.join(question.shows)}",
        )


def _unseen(question: AnyQuestion, at: Where) -> Iterator[tuple[Where, str]]:
    need: str | None = None
    if isinstance(question, Span):
        need = question.along
    elif isinstance(question, Link):
        need = "utterances"
    elif isinstance(question, Region):
        need = "faces"
    elif isinstance(question, Text) and question.purpose == "transcript":
        need = "hearing"
    if need is not None:
        fits, what = _NEEDS[need]
        for show in question.shows:
            if show not in fits:
                allowed = ", ".join(one for one in SHOWS if one in fits)
                yield (*at, "show"), f"under {show!r} raters do not have {what}, which it needs; allowed: {allowed}"


def _columns(question: AnyQuestion, at: Where, before: Sequence[AnyQuestion]) -> Iterator[tuple[Where, str]]:
    mine = columns_of(question)
    for name in sorted(set(mine) & RESERVED):
        yield (*at, "id"), f"it would make a column {name!r}, which is another's; choose another id"
    for other in before:
        for name in sorted(set(mine) & set(columns_of(other))):
            yield (*at, "id"), f"it would make a column {name!r}, which {other.id!r} makes; choose another id"
            return


def _hotkeys(questions: Sequence[AnyQuestion]) -> Iterator[tuple[Where, str]]:
    used: Counter[tuple[Show, str]] = Counter()
    for place, question in enumerate(questions):
        for number, option in enumerate(question.options):
            keys = {(show, option.hotkey) for show in question.shows if option.hotkey}
            if any(used[key] for key in keys):
                where = ("questions", place, options_field(question), number, "hotkey")
                yield where, f"the key {option.hotkey!r} already has another meaning on the same screen"
            used.update(keys)
