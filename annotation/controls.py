"""Which controls a question has on the labelling screen, by name: interface and answers agree on them here."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from schemas.question import AnyQuestion, Choice, Choices, Link, Option, QuestionSpec, Region, Scale, Show, Span, Text

Media = Literal["video", "audio", "none"]
"""What the sample has, for the view of everything."""
Tag = Literal["Choices", "Number", "TextArea", "Labels", "TimelineLabels"]
TYPE: Mapping[Tag, str] = {
    "Choices": "choices", "Number": "number", "TextArea": "textarea", "Labels": "labels",
    "TimelineLabels": "timelinelabels",
}  # fmt: skip
"""What a control's results are called in Label Studio's JSON."""

NONE = "none"
"""The choice that no utterance, or no face, is meant."""
TRANSCRIPT, AUDIO, VIDEO = "transcript", "audio", "video"


@dataclass(frozen=True)
class Control:
    """One control. part: what of the question it asks; of: for which option or dimension."""

    name: str
    tag: Tag
    to_name: str
    question: AnyQuestion
    part: Literal["value", "other", "intensity", "dimension"] = "value"
    of: str = ""
    options: tuple[Option, ...] = ()
    """What it offers; empty where the task says, or where the rater writes."""

    @property
    def type(self) -> str:
        """What its results are called."""
        return TYPE[self.tag]


def controls(spec: QuestionSpec, show: Show, media: Media = "video") -> tuple[Control, ...]:
    """All controls of one view, in the order of the screen.

    media: what the samples of the project have; it matters under `all` alone.
    """
    return tuple(control for question in asked(spec, show, media) for control in controls_of(question, show, media))


def asked(spec: QuestionSpec, show: Show, media: Media = "video") -> tuple[AnyQuestion, ...]:
    """The questions of a view that can be asked of such samples: without a picture, no face can be pointed at."""
    found = spec.asked_in(show)
    if show != "all" or media == "video":
        return found
    return tuple(
        question
        for question in found
        if not isinstance(question, Region)
        and not (media == "none" and isinstance(question, Span) and question.along == "timeline")
        and not (media == "none" and isinstance(question, Text) and question.purpose == "transcript")
    )


def controls_of(question: AnyQuestion, show: Show, media: Media = "video") -> Iterator[Control]:
    """The controls of one question."""
    to = main_object(show, media)
    if isinstance(question, Choice):
        yield from _choice(question, to)
    elif isinstance(question, Choices):
        yield from _choice(question, to)
        yield from _intensities(question, to)
    elif isinstance(question, Scale):
        yield from _scale(question, to)
    elif isinstance(question, Text):
        yield Control(question.id, "TextArea", to, question)
    elif isinstance(question, Span):
        yield _span(question, show)
    elif isinstance(question, Link | Region):
        yield Control(question.id, "Choices", to, question)


def main_object(show: Show, media: Media) -> str:
    """The object that answers about the whole sample are tied to."""
    if show == "text" or (show == "all" and media == "none"):
        return TRANSCRIPT
    if show == "audio" or (show == "all" and media == "audio"):
        return AUDIO
    return VIDEO


def needs_sound(spec: QuestionSpec, show: Show, media: Media) -> bool:
    """Whether the view has an audio player: by itself, or beside the video, for stretches of its timeline."""
    return any(control.to_name == AUDIO for control in controls(spec, show, media)) or (
        main_object(show, media) == AUDIO
    )


def _choice(question: Choice | Choices, to: str) -> Iterator[Control]:
    if question.choices:
        yield Control(question.id, "Choices", to, question, options=question.choices)
    if question.open:
        yield Control(f"{question.id}__other", "TextArea", to, question, "other")


def _intensities(question: Choices, to: str) -> Iterator[Control]:
    for option in question.choices if question.intensity else ():
        name = f"{question.id}__{_safe(option.name)}"
        yield Control(name, "Choices", to, question, "intensity", option.name, question.intensity)


def _scale(question: Scale, to: str) -> Iterator[Control]:
    tag: Tag = "Choices" if question.points else "Number"
    if not question.dimensions:
        yield Control(question.id, tag, to, question, options=question.points)
    for dimension in question.dimensions:
        yield Control(f"{question.id}__{dimension.id}", tag, to, question, "dimension", dimension.id, question.points)


def _span(question: Span, show: Show) -> Control:
    if question.along == "transcript":
        return Control(question.id, "Labels", TRANSCRIPT, question, options=question.labels)
    if show == "silent-video":
        return Control(question.id, "TimelineLabels", VIDEO, question, options=question.labels)
    return Control(question.id, "Labels", AUDIO, question, options=question.labels)


def _safe(name: str) -> str:
    """Letters and digits as they are, anything else by its code, so that different names stay different."""
    return re.sub(r"[^A-Za-z0-9]", lambda found: f"_{ord(found[0]):x}_", name)
