"""The questions as raters saw them, in the card."""

from dataset_cards.markdown import line, table
from schemas.answer_value import Show
from schemas.question import AnyQuestion, Choice, Choices, QuestionSpec, Region, Scale, Span, Text

_VIEWS: dict[Show, str] = {
    "text": "the text alone",
    "audio": "the sound alone",
    "silent-video": "the picture alone, without sound",
    "all": "everything there is",
}
_KINDS = {
    "choice": "one of these",
    "choices": "any number of these",
    "scale": "one level",
    "text": "free text",
    "span": "marked stretches",
    "link": "other utterances of the dialogue",
    "region": "a face in the picture",
}


def asked_section(spec: QuestionSpec | None) -> str:
    """Markdown: what raters read, in the order in which they were asked; empty where no questions are known."""
    if spec is None:
        return ""
    text = ["### Questions, as raters saw them"]
    if spec.title:
        text.append(f"Headed: {line(spec.title)}")
    if spec.consent:
        text += ["Raters agreed to this before the first task:", _quoted(spec.consent)]
    if spec.instructions:
        text += ["The instructions:", _quoted(spec.instructions)]
    if spec.examples:
        rows = [(one.text, one.answer, one.why) for one in spec.examples]
        text += ["Worked examples:", table(("what is judged", "answer", "why"), rows)]
    text += [part for question in spec.questions for part in _question(question)]
    return "\n\n".join(text)


def _question(question: AnyQuestion) -> list[str]:
    views = "; then ".join(_VIEWS[show] for show in question.shows)
    told = [f"Raters were shown {views}. The answer is {_form(question)}."]
    if question.when is not None:
        answers = " or ".join(f"“{one}”" for one in question.when.is_)
        told.append(f"Asked only where `{question.when.question}` is {answers}.")
    if not question.required:
        told.append("It could be left empty.")
    if not question.blind:
        told.append("Raters saw a model's suggestion.")
    text = [f"**`{question.id}`: {line(question.heading)}**"]
    text += [_quoted(question.help)] if question.help else []
    text.append(" ".join(told))
    if isinstance(question, Scale) and question.dimensions:
        rows = [(f"`{one.id}`", one.title, one.low, one.high) for one in question.dimensions]
        text.append(table(("scale", "title", "lowest", "highest"), rows))
    if question.options:
        shown = [(f"`{one.name}`", one.shown) for one in question.options]
        text.append(table(("answer", "as shown"), shown))
    return text


def _form(question: AnyQuestion) -> str:
    told = _KINDS[question.kind]
    if isinstance(question, Choice | Choices) and question.open:
        told += ", or a label in the rater's own words"
    if isinstance(question, Choices) and question.intensity:
        told += ", each with an intensity: " + ", ".join(one.shown for one in question.intensity)
    if isinstance(question, Scale):
        told += f" of the scale ({question.level})"
    if isinstance(question, Text):
        told += f" ({question.purpose})"
    if isinstance(question, Span):
        told += f" of the {question.along}, each with a label"
    return told + (", several where needed" if isinstance(question, Region) and question.several else "")


def _quoted(text: str) -> str:
    return "\n".join(f"> {one}".rstrip() for one in text.strip().splitlines())
