"""The shelf of recipes: what each must be, the list, and copying."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from recipe_cases import CASES
from typer.testing import CliRunner

from annotation.interface import interface
from pipelines import work
from pipelines.acquiring.sources import near_misses, read_sources
from pipelines.annotating.question_file import read_questions
from pipelines.cli import app
from pipelines.recipe_file import read_yaml, validate
from pipelines.recipes.catalogue import FAMILIES, copy, recipes
from schemas.errors import UsageError
from schemas.recipe import Recipe

EVERY = recipes()
PAGE = Path(__file__).parents[2] / "docs" / "recipes.md"
MOST_LINES = 60


@pytest.mark.parametrize("one", EVERY, ids=lambda one: one.name)
def test_a_recipe_is_short_sound_and_told(one):
    assert one.lines <= MOST_LINES
    assert one.family in FAMILIES
    assert re.search(r"\d{4}", one.source)
    assert {path.suffix for path in one.folder.iterdir()} <= {".yaml", ".csv", ".jsonl"}
    recipe = validate(read_yaml(one.folder / "recipe.yaml"), Recipe)
    assert recipe.sources == "sources.csv"
    assert recipe.licence
    if recipe.ask:
        read_questions(one.folder / recipe.ask)
    rows = list(read_sources("sources.csv", one.folder))
    assert len(rows) >= 2
    assert near_misses(sorted({name for row in rows for name in row.extra})) == {}
    text = PAGE.read_text("utf-8")
    assert f"### `{one.name}`\n" in text
    assert one.source.rpartition(", ")[2] in text


@pytest.mark.parametrize("one", EVERY, ids=lambda one: one.name)
def test_a_copy_can_be_planned_before_anything_is_changed(one, tmp_path):
    recipe = copy(one.name, tmp_path)[0]
    assert work.plan(recipe, "memory://planned").recordings == len(list(read_sources("sources.csv", tmp_path)))


@pytest.mark.parametrize(
    "one", [one for one in EVERY if (one.folder / "questions.yaml").is_file()], ids=lambda one: one.name
)
def test_every_question_is_on_a_screen(one):
    spec = read_questions(one.folder / "questions.yaml")
    for show in spec.views:
        screen = ET.fromstring(interface(spec, show))  # noqa: S314 - our own text
        named = " ".join(value for control in screen.iter() for value in control.attrib.values())
        assert [question.id for question in spec.asked_in(show) if question.id not in named] == []


def test_another_language_changes_what_is_read_and_not_what_is_published(tmp_path):
    written = (copy("meld", tmp_path)[0].parent / "questions.yaml").read_text("utf-8")
    polish = tmp_path / "polish.yaml"
    polish.write_text(
        written.replace("{name: joy,", "{name: joy, title: radość,").replace("How is it meant?", "Jak to brzmi?"),
        "utf-8",
    )
    before, after = read_questions(tmp_path / "questions.yaml"), read_questions(polish)
    assert [one.features(one.id) for one in before.questions] == [one.features(one.id) for one in after.questions]
    screen = interface(after, "all")
    assert "radość" in screen
    assert "Jak to brzmi?" in screen
    assert "radość" not in interface(before, "all")


def test_every_recipe_is_built_in_a_test():
    assert {one.name for one in EVERY} == set(CASES)


def test_datasets_of_two_recipes_can_share_a_store():
    names = [read_yaml(one.folder / "recipe.yaml").data["name"] for one in EVERY]
    assert len(set(names)) == len(names)


def test_the_list_names_all():
    told = CliRunner().invoke(app, ["recipes"])
    assert told.exit_code == 0
    assert all(one.name in told.stdout and one.what in told.stdout and one.source in told.stdout for one in EVERY)
    rows = json.loads(CliRunner().invoke(app, ["recipes", "--json"]).stdout)
    assert [row["name"] for row in rows] == [one.name for one in EVERY]


def test_a_copy_is_whole_and_nothing_is_overwritten(tmp_path):
    told = CliRunner().invoke(app, ["recipes", "copy", "meld", str(tmp_path / "mine")])
    assert told.exit_code == 0, told.output
    assert {path.name for path in (tmp_path / "mine").iterdir()} == {"recipe.yaml", "questions.yaml", "sources.csv"}
    (tmp_path / "mine" / "recipe.yaml").unlink()
    with pytest.raises(UsageError, match="is there already; nothing was written"):
        copy("meld", tmp_path / "mine")
    assert not (tmp_path / "mine" / "recipe.yaml").exists()


def test_an_unknown_recipe_is_told_the_nearest(tmp_path):
    with pytest.raises(UsageError, match="did you mean mustard"):
        copy("mustart", tmp_path)
    with pytest.raises(UsageError, match="cannot be written"):
        (tmp_path / "file").write_text("")
        copy("meld", tmp_path / "file")
