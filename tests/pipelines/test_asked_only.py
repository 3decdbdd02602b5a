"""`annotate: {only: ...}`: something is asked about some recordings, the others are what was said before."""

from asking_for_tests import built, written

from pipelines.annotating.home import Home, Placed
from pipelines.annotating.push import items_of
from pipelines.annotating.tasks import prepare, tasks


def tasks_of(home):
    made = prepare(home, "http://localhost:1", 0.0, [], lambda _done: None)
    return made, list(tasks(home, made, Placed(0, "all", "none"), {}, {}))


def test_only_what_the_recipe_names_is_asked_about(tmp_path):
    home = built(tmp_path, annotate="{only: {scene: on the way home}}")
    made, asked = tasks_of(home)
    assert items_of(home) == ["note#0000"] == [task.key for task in asked]
    assert {one.recording for one in made.dialogues.samples} == {
        "talk",
        "duo",
        "reply",
        "noface",
        "voice",
        "memo",
        "note",
    }
    assert made.links["video"] == {}, "no clip is cut that nobody is shown"


def test_columns_of_the_program_and_numbers_can_be_named(tmp_path):
    built(tmp_path, annotate="{}")
    for only, items in [
        ("{speaker: dora}", ["memo#0000"]),
        ("{turn: 1, dialogue: journey}", ["note#0000"]),
        ("{turn: 2}", []),
        ("{no_such_column: x}", []),
    ]:
        recipe = written(tmp_path, annotate=f"{{only: {only}}}")
        assert items_of(Home(recipe, str(tmp_path / "store"))) == items
