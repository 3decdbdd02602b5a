"""Tables of ratings in the forms in which people keep them."""

import json

import pytest
from typer.testing import CliRunner

from pipelines import cli
from pipelines.annotating.rater_table import rater_table
from schemas.errors import SourceTableError, UsageError

# Krippendorff (2011), section C: four observers, twelve units; nominal alpha 0.743, ordinal 0.815, ratio 0.797.
OBSERVERS = """observer,u1,u2,u3,u4,u5,u6,u7,u8,u9,u10,u11,u12
A,1,2,3,3,2,1,4,1,2,,,
B,1,2,3,3,2,2,4,1,2,5,NA,3
C,,3,3,3,2,3,4,2,2,5,1,.
D,1,2,3,3,2,4,4,1,2,5,1,
"""
# Fleiss' kappa's usual example: ten items, fourteen raters, five labels; kappa 0.210.
COUNTS = """item,c1,c2,c3,c4,c5
1,0,0,0,0,14
2,0,2,6,4,2
3,0,0,3,5,6
4,0,3,9,2,0
5,2,2,8,1,1
6,7,7,0,0,0
7,3,2,6,3,0
8,2,5,3,2,2
9,6,5,2,1,0
10,0,2,2,3,7
"""


@pytest.fixture
def file(tmp_path):
    def write(text, name="table.csv"):
        (tmp_path / name).write_text(text, "utf-8")
        return str(tmp_path / name)

    return write


def told(*arguments):
    result = CliRunner().invoke(cli.app, ["agree", *arguments, "--json", "--samples", "0"], catch_exceptions=False)
    return json.loads(result.stdout)


def turned(text, corner):
    rows = [line.split(",") for line in text.splitlines()]
    rows[0][0] = corner
    return "\n".join(",".join(column) for column in zip(*rows, strict=True)) + "\n"


@pytest.mark.parametrize(("level", "published"), [("nominal", 0.743), ("ordinal", 0.815), ("ratio", 0.797)])
def test_rows_of_raters(file, level, published):
    alpha = told(file(OBSERVERS), "--statistic", "krippendorff", "--level", level)
    assert alpha["value"] == pytest.approx(published, abs=5e-4)
    assert (alpha["items"], alpha["raters"], alpha["ratings"]) == (12, 4, 41)


@pytest.mark.parametrize("name", ["rater", "Annotator_", "coder-", "judge "])
def test_columns_of_raters_known_by_their_names(file, name):
    text = turned(OBSERVERS, "unit")
    for at, observer in enumerate("ABCD", 1):
        text = text.replace(f",{observer}", f",{name}{at}", 1)
    assert told(file(text), "--statistic", "krippendorff")["value"] == pytest.approx(0.743, abs=5e-4)


def test_columns_of_raters_with_names_of_their_own(file):
    text = turned(OBSERVERS, "clip").replace("A,B,C,D", "ann,ben,cem,dan", 1)
    with pytest.raises(SourceTableError, match="cannot be told: 'clip', 'ann', 'ben', 'cem', 'dan'"):
        rater_table(file(text))
    columns = ("--column", "item=clip", "--column", "raters=a*,ben,?em,dan")
    assert told(file(text), *columns, "--statistic", "krippendorff")["value"] == pytest.approx(0.743, abs=5e-4)


@pytest.mark.parametrize("head", ["task,worker,label", "Item_ID,Annotator,Answers", "question,user_id,response"])
def test_a_row_for_each_answer_under_usual_names(file, head):
    read = rater_table(file(f"{head}\nx,ann,1\nx,ben,2\ny,ann,1\n"))
    assert [(one.item, one.rater, one.value) for one in read.ratings] == [
        ("x", "ann", "1"), ("x", "ben", "2"), ("y", "ann", "1")
    ]  # fmt: skip
    assert "rater is" in read.told


def test_our_own_names_need_no_telling(file):
    assert rater_table(file("item,rater,value\nx,ann,1\n")).told == ""


def test_counts_know_no_raters(file):
    columns = ("--column", "counts=c1,c2,c3,c4,c5", "--column", "item=item")
    every = told(file(COUNTS), *columns)
    assert {one["statistic"] for one in every} == {"percent", "fleiss", "krippendorff", "gwet"}
    fleiss = told(file(COUNTS), *columns, "--statistic", "fleiss")
    assert fleiss["value"] == pytest.approx(0.210, abs=5e-4)
    assert (fleiss["items"], fleiss["ratings"]) == (10, 140)
    with pytest.raises(UsageError, match="cohen of a table of counts"):
        told(file(COUNTS), *columns, "--statistic", "cohen")


def test_several_questions_in_a_wide_table(file):
    text = "text,emotion,annotator_1,annotator_2\nhi,joy,1,1\nhi,fear,0,1\nho,joy,0,0\nho,fear,0,0\n"
    read = rater_table(file(text), ["item=text", "question=emotion", "raters=annotator_*"])
    assert {(one.item, one.question, one.rater): one.value for one in read.ratings}["hi", "fear", "annotator_2"] == "1"
    every = told(file(text), "--column", "item=text", "--column", "question=emotion", "--column", "raters=annotator_*")
    assert {one["question"] for one in every} == {"joy", "fear"}


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (["rater"], "FIELD=NAME is expected"),
        (["who=A"], "FIELD=NAME is expected"),
        (["item=a", "item=b"], "item twice"),
        (["item=nothing"], "no column 'nothing'"),
        (["raters=z*"], r"no column 'z\*'"),
        (["item=item", "value=c1"], "no rater"),
        (["items=c1,c2"], "no rater"),
        (["raters=c1,c2", "value=c3"], "raters with value"),
        (["counts=c1", "raters=c2"], "with raters"),
    ],
)
def test_columns_that_do_not_go_together_are_told(file, columns, said):
    with pytest.raises(UsageError, match=said):
        rater_table(file(COUNTS), columns)


@pytest.mark.parametrize(
    ("cell", "said"), [("many", "'many', a count"), ("-1", "'-1', a count"), ("9999999", "a count")]
)
def test_what_is_no_count_is_told_with_its_line(file, cell, said):
    with pytest.raises(SourceTableError, match=f":2: 'c1' holds {said}" if "'" in said else said):
        rater_table(file(f"item,c1\na,{cell}\n"), ["counts=c1"])


def test_a_column_that_is_there_twice_is_told(file):
    with pytest.raises(SourceTableError, match="'rater1' is there twice"):
        rater_table(file("item,rater1,rater1\na,1,2\n"))


def task(number, *annotations):
    return {"id": number, "annotations": [{"completed_by": who, "result": result} for who, result in annotations]}


def chose(name, *labels):
    return {"from_name": name, "to_name": "video", "type": "choices", "value": {"choices": list(labels)}}


def test_an_export_of_any_label_studio_project(file):
    rating = {"from_name": "strength", "type": "rating", "value": {"rating": 3}}
    region = {"from_name": "where", "type": "labels", "value": {"start": 0, "end": 1, "labels": ["x"]}}
    skipped = {"completed_by": 3, "was_cancelled": True, "result": [chose("mood", "sad")]}
    tasks = [
        task(1, (1, [chose("mood", "sad"), chose("tags", "a", "b"), rating]), (2, [chose("mood", "glad"), region])),
        task(2, ({"id": 1, "email": "ann@example.org"}, [chose("mood", "sad"), chose("tags", "b")]), (2, [])),
    ]
    tasks[0]["annotations"].append(skipped)
    read = rater_table(file(json.dumps(tasks), "export.json"))
    found = {(one.question, one.item, one.rater): one.value for one in read.ratings}
    assert found == {
        ("mood", "1", "1"): "sad", ("mood", "1", "2"): "glad", ("mood", "2", "1"): "sad",
        ("strength", "1", "1"): "3",
        ("tags: a", "1", "1"): "1", ("tags: a", "1", "2"): "0", ("tags: a", "2", "1"): "0", ("tags: a", "2", "2"): "0",
        ("tags: b", "1", "1"): "1", ("tags: b", "1", "2"): "0", ("tags: b", "2", "1"): "1", ("tags: b", "2", "2"): "0",
    }  # fmt: skip
    assert read.told == "left out: 1 of stretches and regions (where)"


@pytest.mark.parametrize(
    ("tasks", "said"),
    [
        ({}, "a list of tasks"),
        ([{"id": 1, "mood": "sad", "annotator": 1}], "not as JSON_MIN"),
        ([task(1, (1, [chose("mood", "sad")]), (1, [chose("mood", "sad")]))], "annotator 1 annotated task 1 twice"),
        ([{"id": 1, "annotations": [{"result": [chose("mood", "sad")]}]}], "does not say who"),
        ([task(1, (1, []))], "no choice, rating or number"),
    ],
)
def test_what_is_no_such_export_is_told(file, tasks, said):
    with pytest.raises(SourceTableError, match=said):
        rater_table(file(json.dumps(tasks), "export.json"))
