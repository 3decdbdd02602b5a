"""A column to group by that nothing has is told before anything is built."""

from pathlib import Path

import pytest

from pipelines.build import load
from schemas.errors import RecipeError

RECIPE = "name: n\nsources: {sources}\nsegment: {{by: whole}}\npublish:\n  media: []\n  {line}\n"
TABLE = "id,text,speaker,show\na,hello,ann,one\n"


def write(folder: Path, line: str, sources: str = "s.csv") -> Path:
    (folder / "s.csv").write_text(TABLE)
    (folder / "s.jsonl").write_text('{"id": "a", "text": "hello", "show": "one"}\n')
    (folder / "people.csv").write_text("speaker,city\nann,Pune\n")
    path = folder / "recipe.yaml"
    path.write_text(RECIPE.format(line=line, sources=sources))
    return path


@pytest.mark.parametrize(
    "line", ["group_by: speeker", "group_by: [show, speeker]", "splits: speeker", "group_by: path"]
)
def test_a_column_that_is_not_there_is_told_with_its_line(tmp_path: Path, line: str):
    with pytest.raises(RecipeError) as caught:
        load(write(tmp_path, line))
    assert "recipe.yaml:6" in caught.value.what
    assert "unknown column" in caught.value.what
    assert "show" in str(caught.value)
    if "speeker" in line:
        assert "Did you mean speaker" in str(caught.value)


@pytest.mark.parametrize(
    "line", ["group_by: speaker", "group_by: [show, recording]", "splits: show", "group_by: source"]
)
def test_columns_that_are_there_pass(tmp_path: Path, line: str):
    load(write(tmp_path, line))


def test_a_column_of_a_joined_table_passes(tmp_path: Path):
    path = write(tmp_path, "group_by: city")
    path.write_text(path.read_text() + "join: people.csv\n")
    load(path)


def test_faces_that_nothing_finds_cannot_be_blurred(tmp_path: Path):
    with pytest.raises(
        RecipeError, match=r"recipe.yaml:6: publish.privacy.blur_faces: nothing in this recipe finds faces"
    ):
        load(write(tmp_path, "privacy: {blur_faces: true}"))


@pytest.mark.parametrize("sources", ["s.jsonl", "https://example.org/a.mp4", "missing.csv"])
def test_where_columns_cannot_be_known_nothing_is_said_yet(tmp_path: Path, sources: str):
    load(write(tmp_path, "group_by: speeker", sources))
