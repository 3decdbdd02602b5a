"""What must be so of single recipes' datasets, beside what is so of all."""

import csv
import itertools
import json
import tarfile
from collections import Counter, defaultdict

import pytest
from recipe_materials import DEMO, LANGUAGES, LOOPS, MEMES, SPEECH, TITLE

from annotation.modality import modality_importance
from annotation.prelabel import Asking, FromFile
from annotation.ratings import ratings
from pipelines.annotating.push import samples_of
from pipelines.annotating.rounds import adjudicate_recipe, status_recipe
from pipelines.exporting.export import export


def judged(_home, rows, _made):
    """Scores by speech, facts by speaker; and what was measured of face, gaze, head, voice and words."""
    seen = next(row for row in rows if row["face"])
    assert {"au12_proxy", "gaze_yaw_deg", "gaze_pitch_deg", "pitch_deg", "yaw_deg", "roll_deg"} <= set(seen["face"])
    assert any("jitter" in name for name in seen["functionals"])
    assert any("shimmer" in name for name in seen["functionals"])
    assert "f0_hz" in seen["prosody"]
    assert {row["recording"]: row["extra"]["judge_score"] for row in rows} == {
        "talk": 70, "duo": 71, "reply": 72, "noface": 73, "voice": 74,
    }  # fmt: skip
    assert all(row["extra"]["first_language"] == "en" for row in rows)
    feeling = {row["recording"]: sum(row["word_lists"]["feeling"]) for row in rows}
    assert feeling == {"talk": 1, "duo": 0, "reply": 0, "noface": 1, "voice": 1}, "happy, afraid, angry"


def drafted(home, rows, _made):
    """The model's draft is on the raters' screen, and published beside what people made of it."""
    how = home.how.prelabel
    asked = [Asking(one.id, one.text, one.speaker, []) for one in samples_of(home)]
    drafts = list(FromFile(str(home.loaded.folder / how.file), how.model)(asked, home.spec))
    assert {one.item for one in drafts} == {row["id"] for row in rows}
    assert home.spec.question("description").blind is False
    assert {row["extra"]["model_description"] for row in rows} == {f"{row['recording']} is described" for row in rows}
    assert all(len(row["description_answers"]) == 2 for row in rows)


def headlines(_home, rows, _made):
    """The headline is the text, the words are the video's, and each rater's background stands beside their label."""
    assert all(row["text"].endswith("you will not believe it") for row in rows)
    assert any(row["words"] for row in rows)
    for row in rows:
        assert [one["rater"] for one in row["knew_answers"]] == [one["rater"] for one in row["headline_answers"]]


def cut_at_shots(_home, rows, _made):
    """The one hard cut among the clips is found."""
    assert Counter(row["recording"] for row in rows) == {"talk": 1, "duo": 1, "reply": 1, "noface": 2}


def on_one_side(column):
    """All rows of a group are in one split."""

    def check(_home, rows, _made):
        sides = defaultdict(set)
        for row in rows:
            sides[row["extra"][column] if column in row["extra"] else row[column]].add(row["split_of_the_test"])
        assert len(sides) > 1
        assert all(len(found) == 1 for found in sides.values())

    return check


def harmonised(_home, rows, _made):
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


def disputed(home, rows, _made):
    """People get those items on which the models differ, and no others."""
    differ = {row["id"] for row in rows if len({one["value"] for one in row["emotion_answers"]}) > 1}
    new, _ = adjudicate_recipe(home)
    assert {one.item for one in new} == differ
    assert 0 < len(differ) < len(rows)


def filtered(_home, rows, made):
    """Every pair is scored, and what is left out is told with its score."""
    told = made.report
    (rule,) = told.gates.rules
    assert (rule.rule, rule.judged, rule.unknown) == ("image_text", 6, 0)
    assert len(rows) + len(told.gates.dropped) == 6
    assert 0 < len(rows) < 6


def beating(_home, rows, _made):
    """The heart is on the recording's clock, averaged over cells of half a second; null where nothing was measured."""
    for row in rows:
        beats = (row["aligned"] or {}).get("heart")
        if row["recording"] in ("talk", "duo", "reply"):
            assert beats["heart_rate_bpm"][0] == 60 + 2 * row["start"]
            assert row["present"]["heart"]
        else:
            assert row["heart"] is None
            assert not row["present"]["heart"]


def masked(_home, rows, made):
    """Masks say what each form lacks, and go with the samples to where they are trained on."""
    export(made.folder, "webdataset", made.folder.with_name("shards"))
    masks = {}
    for shard in made.folder.with_name("shards").glob("*.tar"):
        with tarfile.open(shard) as tar:
            for name in (one for one in tar.getnames() if one.endswith(".json")):
                row = json.load(tar.extractfile(name))
                masks[row["id"]] = row["present"]
    assert masks == {row["id"]: row["present"] for row in rows}
    forms = {"talk": "video", "voice": "audio", "memo": "image", "note": "text"}
    for row in rows:
        if row["recording"] in forms:
            form, has = forms[row["recording"]], row["present"]
            assert (has["video"], has["audio"], has["image"], has["text"]) == (
                form == "video", form in ("video", "audio"), form == "image", True,
            )  # fmt: skip
            assert has["face"] <= (form == "video")
            assert (row["prosody"] is None) == (form in ("image", "text"))


def corrected(home, rows, made):
    """How far the recognised words are from what raters made of them."""
    pairs = [(row["text"], one["value"]) for row in rows for one in row["said_answers"]]
    words = sum(len(said.split()) for _, said in pairs)
    lost = sum(len(heard.split()) - len(said.split()) for heard, said in pairs)  # all that scripted raters do to a text
    assert status_recipe(home).recognised == {"said": lost / words}
    assert lost > 0
    assert f"| WER of the text against raters' transcripts | {lost / words:.3f} |" in made.card
    for row in rows:
        for view in ("", "_text"):
            assert set(given(row, f"sentiment{view}")) == set(given(row, f"why{view}"))


SIX = ("happiness", "sadness", "anger", "fear", "disgust", "surprise")
ASPECTS = ("food", "service", "price", "ambience")


def given(row, column):
    """What raters said in one row, by rater."""
    return {one["rater"]: one["value"] for one in row[f"{column}_answers"] or ()}


def in_dialogues(_home, rows, _made):
    """Utterances are those of the subtitles, in their order, each with its speaker; three raters each."""
    for row in rows:
        assert row["speaker"] in ("clara", "ben")
        assert len(row["emotion_answers"]) == len(row["sentiment_answers"]) == 3
    by_dialogue = defaultdict(list)
    for row in sorted(rows, key=lambda one: (one["dialogue"], one["start"])):
        by_dialogue[row["dialogue"]].append(row)
    assert set(by_dialogue) == {"letter", "cinema", "appointment"}
    assert {row["speaker"] for row in by_dialogue["cinema"]} == {"clara", "ben"}
    for said in by_dialogue.values():
        assert [row["context"] for row in said] == [[one["id"] for one in said[:at]] for at in range(len(said))]


def led_to(_home, rows, _made):
    """What led to an utterance is a clip of its own, measured, named as its context, and not asked about."""
    context = {row["dialogue"]: row for row in rows if row["extra"]["part"] == "context"}
    assert set(context) == {"one", "two"}
    for row in rows:
        if row["extra"]["part"] == "context":
            assert row["sarcasm"] is None
            assert row["words"]
        else:
            assert row["context"] == ([context[row["dialogue"]]["id"]] if row["dialogue"] in context else [])


def word_by_word(home, rows, _made):
    """Tracks have one row a word; sentiment lies within -3 and 3, and each of the six emotions within 0 and 3."""
    six = home.spec.questions[1:]
    for row in rows:
        for name in ("face", "prosody"):
            if row["aligned"].get(name):
                assert {len(values) for values in row["aligned"][name].values()} == {len(row["words"])}
        assert -3 <= row["sentiment"] <= 3
        assert set(given(row, "sentiment").values()) <= set(range(-3, 4))
        for name in SIX if six else ():
            assert 0 <= row[f"emotion_{name}"] <= 3
            assert row[f"emotion_{name}_spread"] is not None


def transcribed(column):
    """Raters' transcripts stand beside the recognised one; the card says how far they are from it and each other."""

    def check(home, rows, made):
        assert all(len(given(row, column)) == home.how.raters for row in rows if row["text"])
        wrong = status_recipe(home).recognised[column]
        assert f"| WER of the text against raters' transcripts | {wrong:.3f} |" in made.card
        assert "| WER between raters, mean over items |" in made.card

    return check


def two_voices(_home, rows, _made):
    """Without subtitles the two voices are told apart, take turns, and have a face each."""
    duo = [row for row in sorted(rows, key=lambda one: one["index"]) if row["recording"] == "duo"]
    with (DEMO / "truth.csv").open(encoding="utf-8") as file:
        truth = [row for row in csv.DictReader(file) if row["recording"] == "duo" and row["what"] == "speech"]
    assert [row["speaker"] for row in duo] == [f"duo voice {at % 2}" for at in range(len(truth))]
    faces = {
        voice: {row["face_id"] for row in duo if row["speaker"] == voice} for voice in ("duo voice 0", "duo voice 1")
    }
    assert all(len(found) == 1 for found in faces.values())
    assert faces["duo voice 0"] != faces["duo voice 1"]


def from_each_modality(home, rows, _made):
    """Each item is judged from the words, the sound, the picture and all of it, where it has them."""
    for row in rows:
        video = row["recording"] != "voice"
        assert (row["sentiment_silent_video"] is not None) == video
        assert None not in (row["sentiment"], row["sentiment_text"], row["sentiment_audio"])
    views = ("text", "audio", "silent_video")
    tables = {
        view: ratings(
            (row["id"], *one) for row in rows for one in given(row, f"sentiment{'_' * bool(view)}{view}").items()
        )
        for view in (*views, "")
    }
    shares = modality_importance({view: tables[view] for view in views}, tables[""])
    assert sum(one for one in shares.values() if isinstance(one, float)) == pytest.approx(1)


def linked(column):
    """Every link leads to an utterance of the same dialogue."""

    def check(_home, rows, _made):
        dialogue = {row["id"]: row["dialogue"] for row in rows}
        links = [(row, target) for row in rows for target in row[column] or ()]
        assert links
        assert all(dialogue[target] == row["dialogue"] for row, target in links)

    return check


def sextuples(home, rows, made):
    """An opinion is its four elements, a sentiment and a rationale; a second one may stand beside it."""
    marked("elements", "elements_2")(home, rows, made)
    linked("flipped")(home, rows, made)
    for row in rows:
        assert set(given(row, "sentiment")) == set(given(row, "rationale"))
        second = {rater for rater, said in given(row, "more").items() if said == "yes"}
        assert second == set(given(row, "sentiment_2")) == set(given(row, "rationale_2"))
        flips = {rater for rater, said in given(row, "flips").items() if said == "yes"}
        assert flips == set(given(row, "trigger"))
    assert {one["label"] for row in rows for said in given(row, "elements").values() for one in said} == {
        "holder", "target", "aspect", "opinion",
    }  # fmt: skip


def marked(*columns):
    """What is marked is what stands there."""

    def check(_home, rows, _made):
        for column in columns:
            stretches = [(row, one) for row in rows for said in given(row, column).values() for one in said]
            assert stretches
            assert all(row["text"][int(one["start"]) : int(one["end"])] == one["text"] for row, one in stretches)

    return check


def each_face(home, rows, _made):
    """Every face that is followed in a scene is asked about."""
    for row in rows:
        asked = [question.id for question in home.spec.questions]
        followed = {number for number in (row["face"] or {}).get("face", ()) if number is not None}
        assert {f"face_{number}" for number in followed} <= set(asked)


def captioned(home, rows, made):
    """The model's caption is on the screen and beside what people made of it; the speaker's mouth is judged."""
    assert home.spec.question("caption").blind is False
    assert {row["extra"]["model_description"] for row in rows} == {f"{row['recording']} is described" for row in rows}
    assert all(given(row, "caption") for row in rows)
    assert {rule.rule for rule in made.report.gates.rules} == {"mouth", "length"}


def read_in_the_picture(home, rows, made):
    """The words are read out of the picture, and are its text where none was given; counterparts are on one side."""
    for row in rows:
        drawn = MEMES[row["recording"]][1]
        assert " ".join(one["text"] for one in row["ocr"]) == drawn
        assert row["text"] == drawn
        assert {one for answer in row["emotions_answers"] for one in answer["value"]["intensities"]} <= {1, 2, 3}
    on_one_side("template")(home, rows, made)


def in_many_scripts(_home, rows, made):
    """Each text is as it was written; the card counts the languages."""
    assert {row["language"]: row["text"] for row in rows} == LANGUAGES
    assert all(f"| {code} | 1 |" in made.card for code in LANGUAGES)
    assert all(len(row["emotions_answers"]) == 5 for row in rows)


def each_with_its_reason(home, rows, _made):
    """Each rater's emotion stands beside the same rater's reason, and none is preferred."""
    for row in rows:
        assert set(given(row, "feels")) == set(given(row, "because"))
        assert len(given(row, "feels")) == home.how.raters
        assert "feels" not in row


def key_stretches(_home, rows, made):
    """Key stretches lie within the clip; category and subcategory stand beside."""
    for row in rows:
        assert (row["extra"]["category"], row["extra"]["subcategory"]) == (f"category-{row['recording']}", "made")
        for said in given(row, "key").values():
            assert said
            assert all(0 <= one["start"] < one["end"] <= row["end"] - row["start"] + 0.01 for one in said)
    assert "| Krippendorff's unitizing alpha |" in made.card


def tagged(home, rows, made):
    """What the page says is the label; channels are on one side."""
    assert all(row["extra"]["tags"] == "one|two" and row["extra"]["category"] == "made" for row in rows)
    assert not [name for name in rows[0] if name.endswith("_answers")]
    on_one_side("channel")(home, rows, made)


def every_way_to_find_it(_home, rows, _made):
    """Text on the screen with its place and times, speech, frames, and what the page says."""
    (titled,) = (row for row in rows if row["recording"] == "titled")
    (line,) = titled["ocr"]
    assert line["text"] == TITLE
    assert (line["start"], line["end"]) == (0, pytest.approx(titled["end"], abs=0.1))
    assert line["box"]["top"] + line["box"]["height"] < 0.25
    for row in rows:
        assert row["words"]
        assert row["dinov2"]
        assert {"event", "article", "title", "channel", "published"} <= set(row["extra"])


def by_model_and_people(home, rows, made):
    """The model's relation stands beside people's, who did not see it; a pair is on one side of the split."""
    for row in rows:
        claim = row["extra"]["part"] == "claim"
        assert row["extra"]["model_relation"] == ("refuted" if claim else None)
        assert len(given(row, "relation")) == (2 if claim else 0)
    assert home.spec.question("relation").blind
    on_one_side("dialogue")(home, rows, made)


def balanced(home, rows, made):
    """Pairs of pictures stand behind one question and on one side; the card has the balance of the answers."""
    pairs = defaultdict(set)
    for row in rows:
        pairs[row["extra"]["pair"]].add(row["text"])
    assert all(len(questions) == 1 for questions in pairs.values())
    on_one_side("pair")(home, rows, made)
    names = [option.name for option in home.spec.question("answer").choices]
    counts = Counter(row["answer"] for row in rows)
    total = len([row for row in rows if row["answer"] is not None])
    for number, name in enumerate(names):
        assert f"| {name} | {counts[number]} | {counts[number] / total:.1%} |" in made.card


def long_tailed(home, rows, made):
    """A long recording is cut into windows; rare labels are kept, and the card says how long the tail is."""
    in_windows(30)(home, rows, made)
    counts = Counter(row["activity"] for row in rows if row["activity"] is not None)
    assert all(f"| {name} | {count:,} |" in made.card for name, count in counts.items())
    once = sum(count == 1 for count in counts.values())
    assert f"Labels: {len(counts)}" in made.card
    assert f"given to one sample alone: {once}" in made.card


def in_windows(length):
    """A long recording is cut end to end."""

    def check(_home, rows, _made):
        cut = sorted((row["start"], row["end"]) for row in rows if row["recording"] == "long")
        assert [start for start, _ in cut] == [length * at for at in range(len(cut))]
        assert len(cut) > 2
        assert all(end == start for (_, end), (start, _) in itertools.pairwise(cut))

    return check


def translated(home, rows, _made):
    """Each subtitle of a long recording is an utterance with two translations, in its place."""
    long = sorted((row for row in rows if row["recording"] == "long"), key=lambda one: one["start"])
    said = [one["text"] for one in SPEECH if one["recording"] == "talk"]
    assert " ".join(row["text"] for row in long) == " ".join(said * LOOPS)
    assert long[-1]["end"] > 60
    for row in rows:
        assert len(given(row, "in_portuguese")) == home.how.raters
        assert row["words"]
