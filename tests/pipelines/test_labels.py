import json
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.annotating.answer_table import read_answers
from pipelines.publishing.labels import label, pseudonym
from schemas.answer import Answer
from schemas.errors import SourceTableError, UsageError

SALT = b"a secret that is long enough"
SAMPLES = {"clip": ("clip#0000", "clip#0001"), "alone": ("alone#0000",)}


def table(tmp_path, text, name="answers.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def answered(*rows):
    return [
        Answer(item, rater, question, str(value), value if isinstance(value, float) else None, f"row {place}")
        for place, (item, rater, question, value) in enumerate(rows, 1)
    ]


def test_a_table_with_a_mark_quoted_breaks_and_further_columns_is_read(tmp_path):
    text = (
        b"\xef\xbb\xbfrater,item,note,question,value\r\n"
        b'ann,clip#0000,"one\r\ntwo",why,"first\nsecond"\r\n\r\nbob,alone,,mood, 3 \r\n'
    )
    one, two = read_answers(table(tmp_path, text))
    assert (one.item, one.rater, one.question, one.value, one.number) == (
        "clip#0000",
        "ann",
        "why",
        "first\nsecond",
        None,
    )
    assert (two.item, two.value, two.number) == ("alone", "3", 3.0)
    assert two.where.endswith("answers.csv, line 6")


def test_json_lines_keep_their_types(tmp_path):
    rows = [{"item": "a", "rater": 7, "question": "q", "value": value} for value in (True, 2, 1.5, "x\u2028y")]
    path = table(tmp_path, "\n".join(json.dumps(row, ensure_ascii=False) for row in rows), "answers.jsonl")
    assert [(answer.value, answer.number) for answer in read_answers(path)] == [
        ("true", None),
        ("2", 2.0),
        ("1.5", 1.5),
        ("x\u2028y", None),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("item,rater,qestion,value\na,b,c,d\n", "line 1.*'question'.*\n.*'qestion'"),
        ("item,rater,question,value\na,b,c,d\na,b,,d\n", "line 3: 'question' is empty"),
        ("item,rater,question,value\na,b,c\n", "line 2: 3 fields, but the head has 4"),
        ("item,item,rater,question,value\n", "'item' is there twice"),
        ("", "is empty"),
        (b"item,rater,question,value\n\xff,b,c,d\n", "cannot be read"),
    ],
)
def test_a_fault_of_the_table_names_file_and_line(tmp_path, text, message):
    with pytest.raises(SourceTableError, match=f"(?s)answers.csv.*{message}"):
        read_answers(table(tmp_path, text))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 1: not JSON"),
        ("[" * 100_000, "line 1: not JSON"),
        ("[1]", "line 1: an object"),
        ('{"item":"a","rater":"b","question":"c","value":["x","y"]}', "a single value"),
        ('{"item":"a","rater":"b","question":"c","value":null}', "'value' is empty"),
    ],
)
def test_a_fault_of_a_json_line_names_it(tmp_path, line, message):
    with pytest.raises(SourceTableError, match=message):
        read_answers(table(tmp_path, line, "answers.jsonl"))


def test_further_facts_are_read_where_the_table_says_what_was_shown(tmp_path):
    text = (
        "item,rater,question,value,shown,state,origin,accepted,lead_time_s,at\n"
        "a,ann,mood,sad,text,,,TRUE,2.5,2026-01-02T03:04:05Z\n"
        "a,bob,mood,,all,skipped,,,,\n"
        "a,m,mood,sad,all,submitted,some-model,,,\n"
    )
    ann, bob, model = read_answers(table(tmp_path, text))
    assert (ann.shown, ann.accepted, ann.lead_time_s, ann.at) == ("text", True, 2.5, "2026-01-02T03:04:05Z")
    assert [one.counts for one in (ann, bob, model)] == [True, False, False]
    (other,) = read_answers(table(tmp_path, "item,rater,question,value,state,origin\na,ann,mood,sad,Ohio,us\n"))
    assert (other.state, other.origin) == ("submitted", "person")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("radio,,", "line 2: 'shown' holds 'radio', allowed: text, audio, silent-video, all"),
        ("text,done,", "line 2: 'state' holds 'done'"),
        ("text,,soon", "line 2: 'lead_time_s' holds 'soon'"),
    ],
)
def test_a_wrong_further_fact_is_named(tmp_path, row, message):
    text = f"item,rater,question,value,shown,state,lead_time_s\na,b,c,d,{row}\n"
    with pytest.raises(SourceTableError, match=message):
        read_answers(table(tmp_path, text))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SourceTableError, match=r"none\.csv"):
        read_answers(str(tmp_path / "none.csv"))


@settings(deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8))
def test_numbers_become_mean_and_spread(numbers):
    rows = [("clip#0000", f"rater {place}", "valence", number) for place, number in enumerate(numbers)]
    made = label(answered(*rows), SAMPLES, salt=SALT)
    row = made.rows["clip#0000"]
    assert row["valence"] == pytest.approx(statistics.fmean(numbers), abs=1e-6)
    if len(numbers) == 1:
        assert row["valence_spread"] is None
    else:
        assert row["valence_spread"] == pytest.approx(statistics.stdev(numbers), abs=1e-6)
    assert sum(vote["count"] for vote in row["valence_votes"]) == len(numbers)
    assert made.features["valence"] == {"dtype": "float64", "_type": "Value"}


def test_words_become_a_class_by_majority_and_a_tie_is_null_and_said():
    made = label(
        answered(
            ("clip#0000", "ann", "mood", "sad"),
            ("clip#0000", "bob", "mood", "happy"),
            ("clip#0000", "cid", "mood", "sad"),
            ("clip#0001", "ann", "mood", "happy"),
            ("clip#0001", "bob", "mood", "angry"),
        ),
        SAMPLES,
        salt=SALT,
    )
    assert made.features["mood"]["names"] == ["angry", "happy", "sad"]
    assert made.rows["clip#0000"]["mood"] == 2
    assert made.rows["clip#0001"]["mood"] is None
    assert made.rows["clip#0000"]["mood_votes"] == [{"label": "happy", "count": 1}, {"label": "sad", "count": 2}]
    (question,) = made.questions
    assert (question.items, question.answers, question.raters, question.tied) == (2, 5, 3, 1)
    assert question.aggregates == (("angry", 0), ("happy", 0), ("sad", 1))
    assert {one.name: one.raters for one in question.agreement}["Krippendorff's alpha, nominal"] == 3


def test_agreement_on_numbers_is_that_of_their_distances():
    rows = answered(
        *(
            (item, rater, "score", float(one))
            for item, (a, b) in {"clip#0000": (1, 2), "clip#0001": (4, 4)}.items()
            for rater, one in (("ann", a), ("bob", b))
        )
    )
    (question,) = label(rows, SAMPLES, salt=SALT).questions
    named = {one.name: one.value for one in question.agreement}
    # 1 - (n - 1) * sum of squares within / sum of squares between all pairs: 1, 2, 4, 4.
    assert named["Krippendorff's alpha, interval"] == pytest.approx(1 - 3 * 2 / (2 * (1 + 9 + 9 + 4 + 4)))
    assert "ICC(2,1)" in named


def test_a_word_among_numbers_makes_classes_and_is_pointed_out():
    rows = [("clip#0000", f"r{place}", "score", 1.0) for place in range(4)]
    made = label(answered(*rows, ("clip#0000", "x", "score", "n/a")), SAMPLES, salt=SALT)
    assert made.questions[0].strays == ("row 5",)
    assert made.features["score"]["names"] == ["1.0", "n/a"]


def test_raters_are_hidden_and_the_same_under_the_same_salt():
    rows = answered(("clip#0000", "Ann Smith", "mood", "sad"), ("clip#0001", "Ann Smith", "mood", "sad"))
    made = label(rows, SAMPLES, salt=SALT)
    names = {answer["rater"] for row in made.rows.values() for answer in row["mood_answers"]}
    assert names == {pseudonym("Ann Smith", SALT)}
    assert "Smith" not in repr((made.rows, made.questions, made.features))
    assert pseudonym("Ann Smith", SALT) != pseudonym("Ann Smith", SALT + b"!")


def test_pseudonyms_are_hmac_sha256():
    # RFC 4231, test case 2.
    assert pseudonym("what do ya want for nothing?", b"Jefe") == "rater-5bdcc146bf60754e"


def test_a_recording_with_one_sample_may_be_named_itself():
    made = label(answered(("alone", "ann", "mood", "sad")), SAMPLES, salt=SALT)
    assert list(made.rows) == ["alone#0000"]


def test_unknown_items_are_all_listed():
    rows = answered(("nobody#0000", "a", "q", "x"), ("clip", "a", "q", "x"), ("clip#0000", "a", "q", "x"))
    with pytest.raises(
        SourceTableError, match=r"(?s)^2 answers.*row 1: nobody#0000.*row 2: clip \(the recording has 2"
    ):
        label(rows, SAMPLES, salt=SALT)


def test_items_of_failed_recordings_are_left_out_and_listed():
    rows = answered(("broken#0003", "a", "q", "x"), ("clip#0000", "a", "q", "x"))
    made = label(rows, SAMPLES, salt=SALT, failed={"broken"})
    assert made.left_out == ("broken#0003",)
    assert list(made.rows) == ["clip#0000"]


@pytest.mark.parametrize("again", ["clip#0000", "alone"])
def test_a_second_answer_of_a_rater_is_refused(again):
    first = "clip#0000" if again == "clip#0000" else "alone#0000"
    with pytest.raises(SourceTableError, match=r"row 2: .*before \(row 1\)"):
        label(answered((first, "a", "q", "x"), (again, "a", "q", "y")), SAMPLES, salt=SALT)


@pytest.mark.parametrize("name", ["two words", "1st", "text", "é", "mood_votes"])
def test_a_question_that_cannot_name_a_column_is_refused(name):
    rows = answered(("clip#0000", "a", "mood", "x"), ("clip#0000", "a", name, "x"))
    with pytest.raises(SourceTableError, match="row 2"):
        label(rows, SAMPLES, salt=SALT, taken={"text"})


def test_a_question_whose_votes_would_take_a_column_is_refused():
    with pytest.raises(SourceTableError, match="mood_votes"):
        label(answered(("clip#0000", "a", "mood", "x")), SAMPLES, salt=SALT, taken={"mood_votes"})


def test_a_short_salt_is_refused():
    with pytest.raises(UsageError, match="salt"):
        label(answered(("clip#0000", "a", "q", "x")), SAMPLES, salt=b"short")
