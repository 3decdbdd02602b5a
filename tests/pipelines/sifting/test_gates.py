import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from pipelines import work
from pipelines.cli import app
from pipelines.sifting.gates import lines_of
from schemas.errors import RecipeError, UsageError
from schemas.gates import GatesTold

DEMO = Path(__file__).parents[3] / "pipelines/demo/media"
RECIPE = """
name: gated
sources: ["{media}/*"]
segment: {{by: window, window_s: 2}}
measure: {{faces: {{fps: 5}}, prosody: {{}}}}
gates: {gates}
publish: {{media: [], group_by: recording, splits: {{train: 1}}}}
"""


def recipe(folder: Path, gates: str) -> Path:
    path = folder / "r.yaml"
    path.write_text(RECIPE.format(media=folder / "media", gates=gates))
    return path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gated")
    (folder / "media").mkdir()
    for name in ("talk.mp4", "noface.mp4", "voice.flac"):
        shutil.copy(DEMO / name, folder / "media")
    tally = work.build(recipe(folder, "{face: {}, length: {}, lip_sync: {}}"), str(folder / "store"), workers=1)
    assert not tally.failed
    return folder


def rows(folder: Path) -> list[dict]:
    files = sorted((folder / "data").rglob("*.parquet"))
    return [row for file in files for row in pq.read_table(file).to_pylist()]


def test_without_thresholds_all_is_published_and_every_distribution_is_told(built: Path):
    path = recipe(built, "{face: {}, length: {}, lip_sync: {}}")
    told = work.gates(path, str(built / "store"))
    assert told.samples == told.kept > 5
    assert (told.dropped, told.emptied, told.unscored) == ((), (), ())
    length = next(one for one in told.rules if one.rule == "length")
    assert length.quantiles["50"] == pytest.approx(2.0)
    assert sum(length.counts) == length.judged == told.samples
    face = next(one for one in told.rules if one.rule == "face")
    assert face.unknown > 0, "a sound has no frames that could show one"
    report = work.publish(path, str(built / "store"), built / "all")
    assert report.rows == told.samples
    assert report.gates == told


def test_a_threshold_leaves_out_what_it_says_and_lists_it(built: Path):
    path = recipe(built, "{face: {least: 0.5}, length: {least: 1.5}, lip_sync: {}}")
    assert work.plan(path, str(built / "store")).steps["scores.v1"] == {"made": 3}, "a threshold measures nothing"
    report = work.publish(path, str(built / "store"), built / "some")
    told = report.gates
    assert told is not None
    published = rows(built / "some")
    ids = {row["id"] for row in published}
    dropped = {one.sample: one.rules for one in told.dropped}
    every = {row["id"] for row in rows_of_all(built)}
    assert ids | dropped.keys() == every
    assert not ids & dropped.keys()
    assert {name.partition("#")[0] for name, rules in dropped.items() if "face" in rules} == {"noface"}
    assert told.emptied == ("noface",)
    assert all(row["end"] - row["start"] >= 1.5 for row in published)
    assert any(row["recording"] == "voice" for row in published), "what cannot be judged is kept"
    assert any("left out by the recipe's gates" in note for note in report.notes)
    assert "left out by the recipe's gates" in (built / "some/README.md").read_text()
    path = recipe(built, "{face: {least: 0.5}, length: {least: 1.5}, lip_sync: {}}")
    again = work.publish(path, str(built / "store"), built / "some")
    assert (again.written, again.kept) == (0, len(again.shards))


def rows_of_all(built: Path) -> list[dict]:
    path = recipe(built, "{length: {}}")
    work.build(path, str(built / "store"), workers=1)
    work.publish(path, str(built / "store"), built / "every")
    return rows(built / "every")


def test_gates_that_let_nothing_pass_are_told(built: Path):
    path = recipe(built, "{length: {least: 100}, face: {}, lip_sync: {}}")
    with pytest.raises(UsageError, match="let none of"):
        work.publish(path, str(built / "store"), built / "none")
    assert not (built / "none").exists()


def test_unknown_samples_go_if_the_recipe_says_so(built: Path):
    told = work.gates(recipe(built, "{face: {unknown: drop}, length: {}, lip_sync: {}}"), str(built / "store"))
    assert {one.sample.partition("#")[0] for one in told.dropped} == {"voice"}
    assert all(one.rules == {"face": None} for one in told.dropped)


def test_answers_about_samples_that_are_left_out_are_no_mistake(built: Path):
    path = recipe(built, "{face: {least: 0.5}, length: {}, lip_sync: {}}")
    path.write_text(path.read_text() + "labels: answers.csv\n")
    (built / "answers.csv").write_text(
        "item,rater,question,value\nnoface#0000,ann,mood,2\ntalk#0000,ann,mood,1\ntalk#0000,bob,mood,2\n"
    )
    report = work.publish(path, str(built / "store"), built / "labelled")
    assert any("left out: 1" in note for note in report.notes)
    assert {row["id"] for row in rows(built / "labelled") if row["mood"] is not None} == {"talk#0000"}


def test_the_command_shows_figures_for_people_and_for_programs(built: Path):
    path = recipe(built, "{face: {least: 0.5}, length: {}, lip_sync: {}}")
    told = CliRunner().invoke(app, ["gates", str(path), "--store", str(built / "store")]).stdout
    assert "face < 0.5:" in told
    data = json.loads(CliRunner().invoke(app, ["gates", str(path), "--store", str(built / "store"), "--json"]).stdout)
    found = GatesTold.model_validate(data)
    assert "\n".join(lines_of(found)) in told


def test_gates_are_not_passed_over_for_want_of_a_build(built: Path, tmp_path: Path):
    shutil.copytree(built / "media", tmp_path / "media")
    plain = recipe(tmp_path, "{}")
    work.build(plain, str(tmp_path / "store"), workers=1)
    with pytest.raises(UsageError, match="has no gates"):
        work.gates(plain, str(tmp_path / "store"))
    with pytest.raises(UsageError, match="no scores"):
        work.publish(recipe(tmp_path, "{length: {least: 1}}"), str(tmp_path / "store"), tmp_path / "out")


@pytest.mark.parametrize(
    ("gates", "told"),
    [
        ("{snr: {least: 5}}", "gates.snr: it is judged by `voice`, which this recipe does not make"),
        ("{faces: {}}", "gates.faces: unknown rule 'faces'"),
        ("{image_text: {}}", "gates.image_text: it is judged by `clip`"),
        ("{face: {leat: 1}}", "gates.face.leat"),
        ("{face: {least: 2, most: 1}}", "nothing is at least 2 and at most 1"),
        ("{face: {allow: [en]}}", "`allow` is for languages"),
    ],
)
def test_mistakes_are_told_with_file_and_line(tmp_path: Path, gates: str, told: str):
    path = recipe(tmp_path, gates)
    with pytest.raises(RecipeError) as caught:
        work.load(path)
    assert told in str(caught.value)
    assert f"{path}:6" in str(caught.value)
