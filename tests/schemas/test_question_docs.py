"""The page on questions says what the code says."""

import re
from pathlib import Path

import pytest
import yaml
from pydantic_core import PydanticUndefined
from rich.console import Console

from pipelines.annotating.answer_table import read_answers
from pipelines.annotating.question_file import read_questions
from pipelines.build import load
from pipelines.demonstrate import write_recipe
from pipelines.publishing.asked_answers import read_by
from schemas.question import KINDS, Asked, QuestionSpec

PAGE = (Path(__file__).parents[2] / "docs" / "questions.md").read_text("utf-8")
DEMO = Path(__file__).parents[2] / "pipelines" / "demo" / "questions.yaml"


def section(heading: str) -> str:
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, heading
    return found[1]


def rows(text: str) -> list[list[str]]:
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| `")
    ]


@pytest.mark.parametrize("block", re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
def test_every_example_is_a_question_file(tmp_path: Path, block: str):
    path = tmp_path / "questions.yaml"
    path.write_text(block, "utf-8")
    assert read_questions(path).questions


def test_every_kind_has_an_example():
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert {one["kind"] for block in blocks for one in yaml.safe_load(block)["questions"]} == set(KINDS)


def defaults(model) -> dict[str, object]:
    found = {}
    for name, field in model.model_fields.items():
        value = field.get_default(call_default_factory=True)
        found[name] = "required" if value is PydanticUndefined else list(value) if isinstance(value, tuple) else value
    return found


def told(heading: str) -> dict[str, object]:
    text = {name.strip("`"): cell.strip("`") for name, cell, *_ in rows(section(heading))}
    return {name: None if cell == "none" else yaml.safe_load(cell) for name, cell in text.items()}


def test_every_field_is_told_with_its_default():
    assert told("The file") == defaults(QuestionSpec)
    assert told("Every question") == {**defaults(Asked), "kind": "required"}


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_of_a_kind_is_told_with_its_default(kind: str):
    own = {name: value for name, value in defaults(KINDS[kind]).items() if name not in Asked.model_fields}
    assert told(f"`{kind}`") == {name: value for name, value in own.items() if name != "kind"}


def test_every_statistic_and_aggregate_is_told():
    for kind, _, statistics, aggregates, _ in rows(section("Kinds")):
        model = KINDS[kind.strip("`")]
        assert tuple(re.findall(r"`([\w-]+)`", statistics)) == model.allowed_statistics
        assert tuple(re.findall(r"`([\w-]+)`", aggregates)) == model.allowed_aggregations


def test_the_demo_asks_for_what_its_answers_hold():
    spec = read_questions(DEMO)
    assert [(one.id, one.level) for one in spec.questions] == [("sentiment", "interval"), ("emotion", "nominal")]
    assert spec.views == ("all",)
    answers = read_by(spec, read_answers(str(DEMO.with_name("answers.csv"))))
    assert {one.number for one in answers if one.question == "sentiment"} <= {-3, -2, -1, 0, 1, 2, 3}


def test_the_demo_takes_its_questions_along(tmp_path: Path):
    write_recipe(tmp_path / "recipe.yaml", Console(quiet=True))
    assert load(tmp_path / "recipe.yaml").spec == read_questions(DEMO)
