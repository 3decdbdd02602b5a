"""A project with made answers: five raters of the sample recordings, one of them careless, one hostile in words."""

import csv
import json
import random

from asking_for_tests import built

from annotation.ledger import Entry, Ledger, Suggestion, TaskSeen
from pipelines.annotating.home import Placed

HOSTILE = "</script><img src=x onerror='window.broken=1'> <b class=mark>bold</b> <!-- \u202e & ${title}"
SPEC = """
title: How does it <i>feel</i> & ${title}?
questions:
  - {id: sentiment, kind: choice, title: "What is <b>felt</b>?", choices: [negative, neutral, positive],
     show: [text, all]}
  - {id: intensity, kind: scale, levels: [weak, middling, strong], blind: false, required: false}
  - {id: tags, kind: choices, choices: [joy, anger, fear], required: false}
  - {id: word, kind: choice, open: true, choices: [calm, tense], required: false}
  - {id: vad, kind: scale, range: [0, 100], measure: interval, dimensions: [valence, arousal], required: false}
  - {id: said, kind: text, purpose: transcript, required: false}
  - {id: cue, kind: span, labels: [cue], required: false}
  - {id: why, kind: text, required: false, agreement: false}
"""
TRUTH = {
    "talk#0000": "positive", "duo#0000": "negative", "reply#0000": "negative", "noface#0000": "negative",
    "voice#0000": "neutral", "memo#0000": "positive", "note#0000": "negative",
}  # fmt: skip
KIND = {"voice#0000": "audio", "memo#0000": "none", "note#0000": "none"}
OBJECT = {"video": "video", "audio": "audio", "none": "transcript"}
NUMBER = {("all", "video"): 1, ("all", "audio"): 2, ("all", "none"): 3, ("text", "video"): 4}
RATERS = ("ann", "ben", "eva", "kim", "<u>zed</u>")
SENTIMENTS = ("negative", "neutral", "positive")
LEVELS = ("weak", "middling", "strong")


def made(folder, *, spec=SPEC, annotate="{raters: 5, gold: gold.csv, adjudicate: expert}"):
    """A `Home` whose last pull brought these answers."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        ("item", "question", "value"),
        ("talk#0000", "sentiment", "positive"),
        ("note#0000", "sentiment", "negative"),
    ]
    with (folder / "gold.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    home = built(folder, spec=spec, annotate=annotate, name="made")
    home.keep_projects("http://label.studio", [Placed(number, *view) for view, number in NUMBER.items()])
    home.store.write(home.ledger_path, ledger().to_bytes())
    return home


def ledger():
    """Every rater on every item, once more on one; `kim` always says the same, fast; `zed` writes HTML."""
    found, chance = Ledger(), random.Random(4)
    for place, (item, truth) in enumerate(TRUTH.items()):
        media = KIND.get(item, "video")
        for show in ("all", "text"):
            task = TaskSeen(
                NUMBER["all", media] if show == "all" else 4, show, 100 * (show == "text") + place, item, "2026-01-01",
                {"text": "words " * 20, "fps": 25},
                (Suggestion("guess", [choice("intensity", "weak", media)]),) if show == "all" else (),
            )  # fmt: skip
            entries = [
                entry(task, rater, at, said(rater, truth, show, media, chance), place)
                for at, rater in enumerate(RATERS)
            ]
            found.see(task, entries, whole=True)
    again = TaskSeen(1, "all", 50, "talk#0000~again", "2026-01-03", {"text": "words " * 20, "fps": 25})
    entries = [entry(again, "ann", 0, [choice("sentiment", "positive", "video")], 60),
               entry(again, "ben", 1, [choice("sentiment", "neutral", "video")], 60)]  # fmt: skip
    found.see(again, entries, whole=True)
    return found


def said(rater, truth, show, media, chance):
    """One rater's results on one task."""
    right = rater in {"ann", "ben"} or chance.random() < (0.7 if show == "all" else 0.5)
    mood = "positive" if rater == "kim" else truth if right else chance.choice(SENTIMENTS)
    found = [choice("sentiment", mood, media if show == "all" else "none")]
    if show == "all":
        found.append(choice("intensity", "weak" if rater == "kim" else chance.choice(LEVELS[: 2 + right]), media))
        found.append(
            choice("tags", ["joy"] if mood == "positive" else ["anger", "fear"][: chance.randint(1, 2)], media)
        )
        found.append(choice("word", "calm", media) if right else area("word__other", HOSTILE, media))
        found += [number(f"vad__{name}", chance.randint(40, 60 + 30 * right), media) for name in ("valence", "arousal")]
        found.append(area("said" if media != "none" else "why", "words " * (18 + right), media))
        end = 5 + 6 * right
        found.append({"from_name": "cue", "to_name": "transcript", "type": "labels",
                      "value": {"start": 0, "end": end, "text": ("words " * 20)[:end], "labels": ["cue"]}})  # fmt: skip
    return found


def choice(name, value, media):
    values = value if isinstance(value, list) else [value]
    return {"from_name": name, "to_name": OBJECT[media], "type": "choices", "value": {"choices": values}}


def area(name, text, media):
    return {"from_name": name, "to_name": OBJECT[media], "type": "textarea", "value": {"text": [text]}}


def number(name, value, media):
    return {"from_name": name, "to_name": OBJECT[media], "type": "number", "value": {"number": value}}


def entry(task, rater, at, result, place):
    seconds = 2.0 if rater == "kim" else 20.0 + at + place
    time = f"2026-01-0{1 + place % 4 if place < 60 else 5}T1{at}:0{place % 10}:00.000000Z"
    number_of = 1000 * task.project + 10 * task.task + at
    return Entry(task.project, task.task, "annotation", number_of, rater, "submitted", time, time, seconds, result)


def lines(home, name):
    """A table that a pull would write."""
    return [json.loads(line) for line in (home.store.read_or_none(f"{home.folder}/{name}") or b"").splitlines()]
