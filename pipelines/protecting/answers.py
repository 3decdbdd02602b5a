"""Names and numbers in what raters wrote in their own words."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from pipelines.protecting.names import Finder, pipelines
from pipelines.protecting.texts import is_free, redacted
from schemas.answer import Answer
from schemas.answer_value import ChoicesValue, ChoiceValue, TextValue, Value
from schemas.question import AnyQuestion, Choice, Choices, QuestionSpec, Text


def redacting(
    finder: Finder, spoken: Mapping[str, str], samples: Mapping[str, Sequence[str]], spec: QuestionSpec | None
) -> Callable[[Answer], Answer]:
    """Makes the answer that is published of one that was given.

    A question for a text says its language, else it is that of the sample; where that is not known, all models look.
    One or two words are a label, unless the question asks for a text.

    Args:
        finder: of names and numbers.
        spoken: the language of each sample.
        samples: of each recording, whose name may stand for its one sample.
        spec: the questions.
    """
    texts, opened = _columns(spec, Text), _columns(spec, Choice, Choices)
    own = {name: one.language or "" for name, one in texts.items() if isinstance(one, Text)}
    seen: dict[tuple[str, str], str] = {}

    def clean(text: str, language: str) -> str:
        if (language, text) not in seen:
            models = [language] if finder.knows(language) else [one.language for one in pipelines()]
            found = [one for model in models for one in finder.find(text, model)]
            seen[language, text] = redacted(text, found).text
        return seen[language, text]

    def one(answer: Answer) -> Answer:
        item = answer.item if answer.item in spoken else next(iter(samples.get(answer.item, ())), "")
        told = partial(clean, language=own.get(answer.question) or spoken.get(item, ""))
        value = answer.value
        may = spec is None or answer.question in opened
        if answer.question in texts or (may and answer.number is None and is_free(value)):
            value = told(value)
        return replace(answer, value=value, given=_given(answer.given, told))

    return one


def _columns(spec: QuestionSpec | None, *kinds: type[AnyQuestion]) -> dict[str, AnyQuestion]:
    """What answers call the questions of these kinds that take words of the rater's own."""
    asked = [one for one in (spec.questions if spec else ()) if isinstance(one, kinds) and getattr(one, "open", True)]
    return {name: one for one in asked for name in (one.id, *(one.column(show) for show in one.shows))}


def _given(given: Value | None, clean: Callable[[str], str]) -> Value | None:
    if isinstance(given, TextValue):
        return given.model_copy(update={"text": clean(given.text)})
    if isinstance(given, ChoiceValue) and is_free(given.label):
        return given.model_copy(update={"label": clean(given.label)})
    if isinstance(given, ChoicesValue):
        picked = tuple(
            one.model_copy(update={"label": clean(one.label)}) if is_free(one.label) else one for one in given.picked
        )
        return given.model_copy(update={"picked": picked})
    return given
