"""`affectloom agree`: what it prints, and what it refuses."""

import json
from typing import get_args

import pytest
from typer.testing import CliRunner

from annotation.agreement import STATISTICS
from annotation.ratings import Level
from pipelines import cli
from schemas.asked import Statistic
from schemas.errors import SourceTableError, UsageError

# Krippendorff (2011), section C: nominal 0.743, interval 0.849.
DATA = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, "", "", ""],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, "", 3],
    ["", 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, ""],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, ""],
]


@pytest.fixture
def table(tmp_path):
    def write(rows, head="item,rater,value"):
        path = tmp_path / "answers.csv"
        path.write_text("\n".join([head, *rows]) + "\n", "utf-8")
        return str(path)

    return write


def long_form(extra=""):
    return [f"u{at},{name},{v}{extra}" for name, row in zip("ABCD", DATA, strict=True) for at, v in enumerate(row) if v]


def run(*arguments):
    return CliRunner().invoke(cli.app, ["agree", *arguments], catch_exceptions=False)


@pytest.mark.parametrize(("level", "published"), [("nominal", 0.743), ("interval", 0.849)])
def test_one_statistic_is_one_object(table, level, published):
    told = json.loads(run(table(long_form()), "--statistic", "krippendorff", "--level", level, "--json").stdout)
    assert told["value"] == pytest.approx(published, abs=5e-4)
    assert (told["statistic"], told["level"]) == ("krippendorff", level)
    assert (told["items"], told["raters"], told["ratings"]) == (12, 4, 41)
    assert told["interval"][0] < told["value"] < told["interval"][1]


def test_json_lines_are_read_as_well(table, tmp_path):
    lines = tmp_path / "answers.jsonl"
    rows = [(f"u{at}", name, v) for name, row in zip("ABCD", DATA, strict=True) for at, v in enumerate(row) if v]
    lines.write_text(
        "".join(
            json.dumps({"item": i, "rater": r, "value": v, "more": "\u2028"}, ensure_ascii=False) + "\n\n"
            for i, r, v in rows
        ),
        "utf-8",
    )
    asked = ("--statistic", "krippendorff", "--level", "ratio", "--json")
    told = json.loads(run(str(lines), *asked).stdout)
    assert told["value"] == pytest.approx(0.797, abs=5e-4)
    assert told == json.loads(run(table(long_form()), *asked).stdout)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("{", ":1: not valid JSON"),
        ("[1]", ":1: found list, expected an object"),
        ('{"item": "a", "rater": "A"}', "cannot be told: 'item', 'rater'"),
        ('{"item": "a", "rater": null, "value": 1}', ":1: 'rater' is empty"),
        ('{"item": "a", "rater": "A", "value": ["x"]}', ":1: 'value' is a list or an object"),
        ('{"item": "a", "rater": "A", "value": 1}\n{"item": "a", "rater": "A", "value": 1}', ":2: rater 'A'"),
    ],
)
def test_bad_json_lines_are_refused(tmp_path, text, said):
    (tmp_path / "answers.jsonl").write_text(text, "utf-8")
    with pytest.raises(SourceTableError, match=said):
        run(str(tmp_path / "answers.jsonl"))


def test_one_category_is_undefined(table):
    told = json.loads(run(table(["a,A,yes", "a,B,yes"]), "--statistic", "krippendorff", "--json").stdout)
    assert told["value"] is None
    assert told["interval"] is None
    assert told["undefined"]


def test_a_misspelt_statistic_is_refused_with_what_there_is(table):
    told = run(table(long_form()), "--statistic", "kripendorff")
    assert told.exit_code == 2
    assert "kripendorff" in told.output
    assert "krippendorff" in told.output


def test_every_statistic_of_tables_can_be_asked_for_in_a_question():
    assert set(STATISTICS) <= set(get_args(Statistic))
    others = {"masi", "jaccard", "wer", "cer", "span-f1", "unitizing", "link-f1"}  # of sets, texts, stretches, links
    assert set(get_args(Statistic)) == set(STATISTICS) | others


def test_all_that_apply_as_a_table(table):
    shown = run(table(long_form())).stdout
    assert "0.743" in shown
    assert "Gwet" in shown
    assert "ICC" not in shown


def test_questions_are_apart(table):
    path = table([*long_form(",mood"), "a,A,yes,other", "a,B,yes,other"], "item,rater,value,question")
    told = json.loads(run(path, "--json", "--samples", "0").stdout)
    assert {one["question"] for one in told} == {"mood", "other"}
    told = json.loads(run(path, "--question", "other", "--statistic", "fleiss", "--json").stdout)
    assert told["value"] is None
    assert told["interval"] is None
    assert told["undefined"] == "only one category was used"
    with pytest.raises(SourceTableError, match="no question 'moods'"):
        run(path, "--question", "moods")


def test_icc_names_its_forms(table):
    path = table([f"{i},{r},{v}" for r, row in (("A", [9, 6, 8]), ("B", [8, 5, 9])) for i, v in enumerate(row)])
    told = json.loads(run(path, "--statistic", "icc", "--json").stdout)
    assert told["variant"] == "ICC(2,1)"
    assert len(told["forms"]) == 6


@pytest.mark.parametrize(
    ("rows", "head", "arguments", "said"),
    [
        (["a,A,glad", "a,B,sad"], "item,rater,value", ["--level", "interval"], "'glad' is no number"),
        (["a,A,1", "a,A,2"], "item,rater,value", [], ":3: rater.*before"),
        ([], "item,rater,value", [], "no answers"),
        (["a,1,2"], "item,A,B", [], "cannot be told: 'item', 'A', 'B'"),
        (["a,1"], "item,rater,value", [], "'value' is empty"),
        (["a,A,"], "item,rater,value", [], "'value' is empty"),
    ],
)
def test_bad_tables_are_refused(table, rows, head, arguments, said):
    with pytest.raises(SourceTableError, match=said):
        run(table(rows, head), *arguments)


def test_one_rater_is_undefined(table):
    told = json.loads(run(table(["a,A,1", "b,A,2"]), "--statistic", "gwet", "--json").stdout)
    assert told["undefined"] == "only one rater"


def test_the_options_are_the_statistics():
    assert [one.value for one in cli.Statistic] == list(STATISTICS)
    assert [one.value for one in cli.Level] == list(get_args(Level))


ASKED = """
questions:
  - {id: mood, kind: choice, choices: [glad, sad]}
  - {id: tags, kind: choices, choices: [a, b, c], statistic: jaccard}
  - {id: vad, kind: scale, range: [1, 9], measure: interval, dimensions: [valence, arousal]}
  - {id: said, kind: text, purpose: transcript}
  - {id: note, kind: text, agreement: false}
"""


@pytest.fixture
def by_questions(tmp_path):
    path = tmp_path / "questions.yaml"
    path.write_text(ASKED)
    vad = [[json.dumps({"valence": v + at, "arousal": 9 - v}) for v in (1, 4, 8)] for at in range(2)]
    said = {
        "mood": (["glad", "sad", "sad"], ["glad", "sad", "glad"]),
        "tags": (['["a"]', '["a", "b"]', '["b"]'], ['["a"]', '["b"]', '["c"]']),
        "vad": vad,
        "said": (["so it is", "yes", "no"], ["so is it", "yes", "no"]),
        "note": (["x", "y", "z"], ["p", "q", "r"]),
    }
    rows = [
        {"item": f"i{at}", "rater": rater, "question": question, "value": value}
        for question, of in said.items()
        for rater, values in zip("AB", of, strict=True)
        for at, value in enumerate(values)
    ]
    table = tmp_path / "answers.jsonl"
    table.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(table), str(path)


def test_a_table_is_measured_by_the_questions_it_answers(by_questions):
    table, questions = by_questions
    told = json.loads(run(table, "--ask", questions, "--json", "--samples", "20").stdout)
    first = {}
    for one in told:
        first.setdefault(one["question"], one)
    assert {name: one["statistic"] for name, one in first.items()} == {
        "mood": "krippendorff", "tags": "jaccard", "vad_valence": "krippendorff", "vad_arousal": "krippendorff",
        "said": "wer",
    }  # fmt: skip
    assert first["vad_arousal"]["value"] == pytest.approx(1)
    assert first["vad_valence"]["level"] == "interval"
    # By hand, Jaccard: distances within 0, 1/2, 1; among all six sets a, a, ab, b, b, c.
    apart = {("a", "ab"): 0.5, ("ab", "b"): 0.5}
    sets = ["a", "a", "ab", "b", "b", "c"]
    expected = sum(0 if x == y else apart.get((min(x, y), max(x, y)), 1) for x in sets for y in sets)
    assert first["tags"]["value"] == pytest.approx(1 - 5 * 2 * (0 + 0.5 + 1) / expected)
    # WER: one pair of words out of order is two edits in three; two items without any.
    assert first["said"]["value"] == pytest.approx(2 / 3 / 3)
    assert "note" not in first


def test_one_question_and_one_statistic_of_them(by_questions):
    table, questions = by_questions
    told = json.loads(run(table, "--ask", questions, "--question", "mood", "--statistic", "fleiss", "--json").stdout)
    assert (told["statistic"], told["question"], told["ratings"]) == ("fleiss", "mood", 6)
    with pytest.raises(UsageError, match="nothing to compare"):
        run(table, "--ask", questions, "--question", "mod")
    with pytest.raises(UsageError, match="--level"):
        run(table, "--ask", questions, "--level", "ordinal")
    with pytest.raises(UsageError, match="by icc"):
        run(table, "--ask", questions, "--question", "mood", "--statistic", "icc")


def test_a_table_that_does_not_fit_the_questions_is_refused(by_questions, table):
    _, questions = by_questions
    path = table(["i0,A,glad,mood", "i0,B,happy,mood"], "item,rater,value,question")
    with pytest.raises(SourceTableError, match="happy"):
        run(path, "--ask", questions)
    path = table(["i0,A,glad,mood", "i0,A,sad,mood"], "item,rater,value,question")
    with pytest.raises(SourceTableError, match="before"):
        run(path, "--ask", questions)
