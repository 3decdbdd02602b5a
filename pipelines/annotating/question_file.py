"""Reading a question file, so that a mistake is reported with its line and the nearest valid name."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipelines.recipe_file import YamlFile, read_yaml, unknown_name, validate
from schemas.errors import RecipeError
from schemas.question import KINDS, QuestionSpec


def read_questions(path: Path) -> QuestionSpec:
    """The spec in a YAML file. Raises RecipeError with file, line, field, what was found and what is allowed."""
    return spec_of(read_yaml(path))


def spec_of(file: YamlFile) -> QuestionSpec:
    """The spec in parsed YAML; see `read_questions`."""
    if (
        not isinstance(file.data, dict)
        or not isinstance(file.data.get("questions"), list)
        or not file.data["questions"]
    ):
        raise RecipeError(
            f"{file.path}:{file.line(('questions',))}: questions: a list with at least one question is expected",
            do="questions:\n    - {id: mood, kind: choice, choices: [sad, happy]}",
        )
    found: list[str] = []
    for place, given in enumerate(file.data["questions"]):
        try:
            _check_one(file, place, given)
        except RecipeError as error:
            found.append(error.what)
    if found:
        raise RecipeError("\n".join(found))
    try:
        return QuestionSpec.model_validate(file.data)
    except ValidationError as error:
        between = [item["ctx"]["mistakes"] for item in error.errors() if item["type"] == "questions"]
        if not between:
            return validate(file, QuestionSpec)  # says the same again, with file and line
        lines = sorted((file.line(where), ".".join(map(str, where)), what) for where, what in between[0])
        raise RecipeError("\n".join(f"{file.path}:{line}: {field}: {what}" for line, field, what in lines)) from error


def _check_one(file: YamlFile, place: int, given: Any) -> None:
    at = ("questions", place)
    kind = given.get("kind") if isinstance(given, dict) else None
    if isinstance(given, dict) and kind is None:
        where = f"{file.path}:{file.line(at)}: questions.{place}.kind"
        raise RecipeError(f"{where}: this field is missing; allowed: {', '.join(KINDS)}")
    if kind is not None and (not isinstance(kind, str) or kind not in KINDS):
        raise unknown_name(file, (*at, "kind"), str(kind), list(KINDS), "kind of question")
    validate(file, KINDS[kind] if kind else KINDS["choice"], at)
