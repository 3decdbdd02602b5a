"""Mandatory facts that a recipe does not state: a draft may lack them, a dataset for others may not."""

from collections.abc import Sequence

from dataset_cards.facts import lacking
from pipelines.publishing.survey import Tally
from schemas.answer import Question
from schemas.errors import UsageError
from schemas.publication import About


def missing_facts(about: About, counted: Tally, questions: Sequence[Question], *, public: bool) -> tuple[str, ...]:
    """What is missing, of a recipe without a `card` block that is published for its author alone.

    Raises UsageError: a recipe with a `card` block, or one that anybody is to read, lacks something; all of it is told.
    """
    missing = lacking(
        about,
        has_people=any(count for form, count in counted.forms.items() if form != "text"),
        all_consent=not counted.consents.get("", 0),
        has_answers=bool(questions),
    )
    if missing and (public or about.card is not None):
        why = "anybody will read its card" if public else "its recipe has a `card` block"
        raise UsageError(
            f"not published: {why}, and the recipe does not state\n  " + "\n  ".join(missing),
            do="state them in the recipe; docs/recipe.md has all fields of `card`"
            + ("" if public else ". Without the block it is published as a draft"),
        )
    return missing
