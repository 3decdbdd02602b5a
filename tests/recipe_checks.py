"""What must be so of single recipes' datasets, beside what is so of all."""

from collections import Counter, defaultdict

from annotation.prelabel import Asking, FromFile
from pipelines.annotating.push import samples_of
from pipelines.annotating.rounds import adjudicate_recipe, status_recipe


def judged(_home, rows, _told):
    """Scores by speech, facts by speaker."""
    assert {row["recording"]: row["extra"]["judge_score"] for row in rows} == {
        "talk": 70, "duo": 71, "reply": 72, "noface": 73, "voice": 74,
    }  # fmt: skip
    assert all(row["extra"]["first_language"] == "en" for row in rows)
    feeling = {row["recording"]: sum(row["word_lists"]["feeling"]) for row in rows}
    assert feeling == {"talk": 1, "duo": 0, "reply": 0, "noface": 1, "voice": 1}, "happy, afraid, angry"


def drafted(home, rows, _told):
    """The model's draft is on the raters' screen, and published beside what people made of it."""
    how = home.how.prelabel
    asked = [Asking(one.id, one.text, one.speaker, []) for one in samples_of(home)]
    drafts = list(FromFile(str(home.loaded.folder / how.file), how.model)(asked, home.spec))
    assert {one.item for one in drafts} == {row["id"] for row in rows}
    assert home.spec.question("description").blind is False
    assert {row["extra"]["model_description"] for row in rows} == {f"{row['recording']} is described" for row in rows}
    assert all(len(row["description_answers"]) == 2 for row in rows)


def headlines(_home, rows, _told):
    """The headline is the text, the words are the video's, and each rater's background stands beside their label."""
    assert all(row["text"].endswith("you will not believe it") for row in rows)
    assert any(row["words"] for row in rows)
    for row in rows:
        assert [one["rater"] for one in row["knew_answers"]] == [one["rater"] for one in row["headline_answers"]]


def cut_at_shots(_home, rows, _told):
    """The one hard cut among the clips is found."""
    assert Counter(row["recording"] for row in rows) == {"talk": 1, "duo": 1, "reply": 1, "noface": 2}


def on_one_side(column):
    """All rows of a group are in one split."""

    def check(_home, rows, _told):
        sides = defaultdict(set)
        for row in rows:
            sides[row["extra"][column] if column in row["extra"] else row[column]].add(row["split_of_the_test"])
        assert len(sides) > 1
        assert all(len(found) == 1 for found in sides.values())

    return check


def harmonised(_home, rows, _told):
    """Every label is brought to the one set; what it was stands beside."""
    one_set = {
        "happiness": "joy",
        "joy": "joy",
        "rage": "anger",
        "sadness": "sadness",
        "fear": "fear",
        "neutral": "none",
    }
    for row in rows:
        brought = [one_set[one["value"]] for one in row["emotion_original_answers"]]
        assert sorted(brought) == sorted(one["value"] for one in row["emotion_answers"])


def disputed(home, rows, _told):
    """People get those items on which the models differ, and no others."""
    differ = {row["id"] for row in rows if len({one["value"] for one in row["emotion_answers"]}) > 1}
    new, _ = adjudicate_recipe(home)
    assert {one.item for one in new} == differ
    assert 0 < len(differ) < len(rows)


def filtered(_home, rows, told):
    """Every pair is scored, and what is left out is told with its score."""
    (rule,) = told.gates.rules
    assert (rule.rule, rule.judged, rule.unknown) == ("image_text", 6, 0)
    assert len(rows) + len(told.gates.dropped) == 6
    assert 0 < len(rows) < 6


def beating(_home, rows, _told):
    """The heart is on the recording's clock, averaged over cells of half a second; null where nothing was measured."""
    for row in rows:
        beats = (row["aligned"] or {}).get("heart")
        if row["recording"] in ("talk", "duo", "reply"):
            assert beats["heart_rate_bpm"][0] == 60 + 2 * row["start"]
            assert row["present"]["heart"]
        else:
            assert row["heart"] is None
            assert not row["present"]["heart"]


def masked(_home, rows, _told):
    """Masks say what each form lacks."""
    forms = {"talk": "video", "voice": "audio", "memo": "image", "note": "text"}
    for row in rows:
        if row["recording"] in forms:
            form, has = forms[row["recording"]], row["present"]
            assert (has["video"], has["audio"], has["image"], has["text"]) == (
                form == "video", form in ("video", "audio"), form == "image", True,
            )  # fmt: skip
            assert has["face"] <= (form == "video")
            assert (row["prosody"] is None) == (form in ("image", "text"))


def corrected(home, rows, _told):
    """How far the recognised words are from what raters made of them."""
    pairs = [(row["text"], one["value"]) for row in rows for one in row["said_answers"]]
    words = sum(len(said.split()) for _, said in pairs)
    lost = sum(len(heard.split()) - len(said.split()) for heard, said in pairs)  # all that scripted raters do to a text
    assert status_recipe(home).recognised == {"said": lost / words}
    assert lost > 0
