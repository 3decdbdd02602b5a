"""Words on lists: as written, by their beginnings, in any script; the table's mistakes told with the recipe's line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from recordings import FolderRecording

from extractors.word_lists import WordLists, categories_of, looked_up, plain, read_lists
from pipelines import work
from schemas.errors import MeasurementError, RecipeError
from schemas.track import Track
from schemas.transcript import Transcript, Word

TABLE = "\ufeffword,category,note\nhapp*,positive,x\nAfraid,negative,\nafraid,fear,\nநல்ல,positive,\nwe,we,\n"


def lists(folder: Path, text: str = TABLE) -> Path:
    path = folder / "lists.csv"
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize(
    ("word", "names"),
    [
        (" Happy,", {"positive"}),
        ("HAPPINESS!", {"positive"}),
        ("hap", set()),
        ("unhappy", set()),
        ("“afraid”", {"negative", "fear"}),
        ("afraid-", {"negative", "fear"}),
        ("நல்ல.", {"positive"}),
        ("we're", set()),
        ("...", set()),
        ("", set()),
    ],
)
def test_a_word_is_found_as_written_or_by_its_beginning(tmp_path: Path, word: str, names: set[str]):
    assert categories_of(word, read_lists(lists(tmp_path))) == names


@given(st.text(min_size=1, max_size=8), st.text(max_size=5))
def test_a_star_stands_for_any_ending(start: str, end: str):
    found = categories_of(start + end, {f"{plain(start)}*": frozenset({"x"})}) if plain(start) else frozenset()
    assert bool(found) == (bool(plain(start)) and plain(start + end).startswith(plain(start)))


def test_each_word_is_a_frame_as_long_as_the_word(tmp_path: Path):
    words = (
        Word(start=0.5, end=0.75, text=" We"),
        Word(start=1, end=1.5, text=" happily"),
        Word(start=2, end=2, text=" run"),
    )
    track = looked_up(words, read_lists(lists(tmp_path)), ("positive", "we"))
    assert track.columns == ("positive", "we")
    assert track.values.tolist() == [[0, 1], [1, 0], [0, 0]]
    assert track.times.tolist() == [0.5, 1, 2]
    assert track.spans.tolist() == [[500_000, 750_000], [1_000_000, 1_500_000], [2_000_000, 2_000_000]]


def test_the_step_writes_a_track_and_silence_has_none(tmp_path: Path):
    step = WordLists(table=lists(tmp_path).name, categories=("fear",), folder=str(tmp_path))
    spoken, silent = FolderRecording(tmp_path / "spoken"), FolderRecording(tmp_path / "silent")
    word = Word(start=0, end=1, text="afraid")
    spoken.write("words", Transcript(language="en", language_probability=1, words=(word,)))
    silent.write("words", Transcript(language=None, language_probability=None, words=()))
    step.run([spoken, silent], step.load())
    assert spoken.read("word_lists", Track).values.tolist() == [[1]]
    assert silent.absences == {"word_lists": "nobody speaks"}


@pytest.mark.parametrize(
    ("text", "said"),
    [("word\nx\n", "no column 'category'"), ("word,category\n*,x\n", "line 2: word or category is empty"),
     ("word,category\nx,\n", "line 2"), ("word,category\nx\n", "line 2")],
)  # fmt: skip
def test_a_wrong_table_is_told(tmp_path: Path, text: str, said: str):
    with pytest.raises(MeasurementError, match=said):
        read_lists(lists(tmp_path, text))


def test_categories_name_columns():
    for wrong in (["Fear"], ["times"], ["a", "a"], []):
        with pytest.raises(ValidationError):
            WordLists(table="x.csv", categories=wrong)


def test_what_the_table_holds_counts_and_mistakes_name_the_line(tmp_path: Path):
    lists(tmp_path)
    recipe = tmp_path / "recipe.yaml"

    def written(fields: str, speech: str = "speech: {model: tiny.en}"):
        recipe.write_text(f"name: t\nsources: note.txt\nmeasure:\n  {speech}\n  word_lists: {fields}\n")
        return work.load(recipe)

    (tmp_path / "note.txt").write_text("x")
    before = next(
        step for step in written("{table: lists.csv, categories: [fear]}").plan.steps if isinstance(step, WordLists)
    )
    lists(tmp_path, TABLE + "dread,fear,\n")
    after = next(
        step for step in written("{table: lists.csv, categories: [fear]}").plan.steps if isinstance(step, WordLists)
    )
    assert before.identity() != after.identity()
    with pytest.raises(
        RecipeError, match=r"recipe.yaml:5: measure.word_lists.categories: unknown category 'fera'.*fear"
    ):
        written("{table: lists.csv, categories: [fera]}")
    with pytest.raises(RecipeError, match=r"recipe.yaml:5: measure.word_lists.table: .*no.csv cannot be read"):
        written("{table: no.csv, categories: [fear]}")
    with pytest.raises(RecipeError, match="words"):
        work.plan(written("{table: lists.csv, categories: [fear]}", "prosody: {}").file.path, "memory://lists")
