from pathlib import Path

import pytest

from pipelines.recipe_file import read_yaml, validate
from schemas.errors import RecipeError
from schemas.recipe import Recipe

GOOD = "name: reviews\nsources: sources.csv\nmeasure:\n  prosody: {hop_ms: 10}\n"


def error(tmp_path: Path, text: str) -> str:
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError) as caught:
        validate(read_yaml(path), Recipe)
    return str(caught.value).replace(f"{tmp_path}/", "")


def test_a_good_recipe_is_filled(tmp_path: Path):
    (tmp_path / "recipe.yaml").write_text(GOOD)
    recipe = validate(read_yaml(tmp_path / "recipe.yaml"), Recipe)
    assert recipe.measure == {"prosody": {"hop_ms": 10}}
    assert recipe.publish.splits == {"train": 0.8, "validation": 0.1, "test": 0.1}


def test_an_unknown_field_is_told_with_line_and_nearest_name(tmp_path: Path):
    told = error(tmp_path, GOOD + "publsh: {}\n")
    assert told.startswith("recipe.yaml:5: publsh: unknown field, found {}; allowed: name, version, ")
    assert told.endswith("Did you mean publish?")


def test_an_unknown_field_inside_a_block_is_told_with_that_block_s_fields(tmp_path: Path):
    told = error(tmp_path, GOOD + "publish:\n  media: [audio]\n  shards_mb: 3\n")
    assert told.startswith("recipe.yaml:7: publish.shards_mb: unknown field, found 3; allowed: media, group_by")
    assert told.endswith("Did you mean shard_mb?")


def test_a_wrong_choice_tells_what_is_allowed(tmp_path: Path):
    told = error(tmp_path, GOOD + "publish:\n  media:\n    - audio\n    - vidio\n")
    assert "recipe.yaml:8: publish.media.1: found 'vidio'; allowed: audio, video, image. Did you mean video?" in told


def test_a_missing_field_and_a_wrong_value_are_both_told(tmp_path: Path):
    told = error(tmp_path, "sources: a\nrun: {workers: 0}\n")
    assert "name: this field is missing" in told
    assert "recipe.yaml:2: run.workers: found 0; input should be greater than or equal to 1" in told


def test_a_version_written_as_a_number_is_a_version(tmp_path: Path):
    (tmp_path / "recipe.yaml").write_text(GOOD + "version: 1.0\n")
    assert validate(read_yaml(tmp_path / "recipe.yaml"), Recipe).version == "1.0"


def test_a_doubled_key_is_told(tmp_path: Path):
    assert "recipe.yaml:5: 'name' is written twice, first on line 1" in error(tmp_path, GOOD + "name: again\n")


@pytest.mark.parametrize("text", ["name: [", "name: a\n\tsources: b\n", "a: b: c\n"])
def test_broken_yaml_is_told_with_its_line(tmp_path: Path, text: str):
    assert "not valid YAML" in error(tmp_path, text)


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just text\n"])
def test_what_is_no_block_is_told(tmp_path: Path, text: str):
    told = error(tmp_path, text)
    assert "the recipe is empty" in told or "allowed: a block of fields" in told


def test_a_block_for_a_word_is_told_by_the_field_s_own_name(tmp_path: Path):
    told = error(tmp_path, "name: t\nsources: {files: [a.flac]}\n")
    assert "recipe.yaml:2: sources: found {'files': ['a.flac']}; " in told


def test_a_missing_file_offers_the_nearest(tmp_path: Path):
    (tmp_path / "recipe.yaml").write_text(GOOD)
    with pytest.raises(RecipeError, match=r"no such file(.|\n)*did you mean .*recipe\.yaml"):
        read_yaml(tmp_path / "recipe.yml")


def test_shares_that_do_not_sum_to_one_are_told(tmp_path: Path):
    told = error(tmp_path, GOOD + "publish: {splits: {train: 0.8, test: 0.1}}\n")
    assert "publish.splits: found {'train': 0.8, 'test': 0.1}; the shares sum to 0.9, not 1" in told


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("publish: {media: audio}", "publish.media: found 'audio'; allowed: a list, such as `media: [audio, video]`"),
        (
            "join: {a: b}",
            "join: found {'a': 'b'}; allowed: a text, such as `join: ...` or a list, such as `join: [...]`",
        ),
        ("description: [a]", "description: found ['a']; allowed: a text, such as `description: ...`"),
        ("measure: [faces]", "measure: found ['faces'], allowed: a block of fields, such as `measure: {faces: {}}`"),
    ],
)
def test_a_value_of_the_wrong_shape_is_told_what_it_may_be(tmp_path: Path, wrong: str, told: str):
    assert error(tmp_path, f"name: t\nlicence: cc0-1.0\n{wrong}\n").splitlines()[-1] == f"recipe.yaml:3: {told}"


@pytest.mark.parametrize("none", ["", "[]", "''"])
def test_sources_that_name_nothing_are_told_what_to_name(tmp_path: Path, none: str):
    told = error(tmp_path, f"name: t\nsources: {none}\n")
    assert told.startswith("recipe.yaml:2: sources: found ")
    assert "a text, such as `sources: sources.csv`" in told or "at least one table, folder, pattern" in told
