"""Small sources for every recipe: the clips that come with affectloom, and texts made up here."""

import csv
import shutil
from pathlib import Path

DEMO = Path(__file__).parents[1] / "pipelines" / "demo"
_TRUTH = csv.DictReader((DEMO / "truth.csv").read_text("utf-8").splitlines())
SPEECH = [row for row in _TRUTH if row["what"] == "speech"]
SPEAKERS = {"talk": "clara", "duo": "", "reply": "ben", "noface": "carl", "voice": "hana"}
FILES = {"talk": "talk.mp4", "duo": "duo.mp4", "reply": "reply.mp4", "noface": "noface.mp4", "voice": "voice.flac"}
TEXTS = (
    "The battery lasts two days and the screen is bright.",
    "Service was slow, but the soup made up for it.",
    "I waited an hour and nobody came.",
    "What a lovely surprise this morning!",
    "They promised a refund and never paid.",
    "The room was clean and the bed was soft.",
    "I am afraid of what the letter will say.",
    "Nothing works since the last update.",
    "My brother passed his exam, I could dance.",
    "The film was long and the ending was flat.",
    "We were stuck in the lift for three hours.",
    "The camera is sharp, the case feels cheap.",
)


def media(folder: Path) -> Path:
    """The demo's clips, and subtitles that say who speaks."""
    shutil.copytree(DEMO / "media", folder)
    for name in SPEAKERS:
        cues = [
            f"{_clock(row['start_s'])} --> {_clock(row['end_s'])}\n<v {row['who']}>{row['text']}\n"
            for row in SPEECH
            if row["recording"] == name
        ]
        (folder / f"{name}.vtt").write_text("WEBVTT\n\n" + "\n".join(cues), "utf-8")
    return folder


def _clock(seconds: str) -> str:
    return f"00:00:{float(seconds):06.3f}"


def clip(name: str, **columns) -> dict[str, object]:
    """A row of the table of sources: a clip of the demo. Columns whose value is None are left empty."""
    return {
        "id": name,
        "path": f"media/{FILES[name]}",
        "language": "en",
        "licence": "cc0-1.0",
        "consent": "made",
        **columns,
    }


def said(name: str, **columns) -> dict[str, object]:
    """The same with its subtitles."""
    return clip(name, subtitles=f"media/{name}.vtt", **columns)


def picture(name: str, text: str, **columns) -> dict[str, object]:
    """The demo's picture, with a text."""
    return {
        "id": name,
        "path": "media/memo.jpg",
        "text": text,
        "language": "en",
        "licence": "cc0-1.0",
        "consent": "made",
        **columns,
    }


def text(name: str, words: str, **columns) -> dict[str, object]:
    """A text."""
    return {"id": name, "text": words, "language": "en", "licence": "cc0-1.0", "consent": "made", **columns}


def write_table(path: Path, rows: list[dict[str, object]]) -> None:
    """The table of sources, over the example that came with the recipe."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)), restval="")
        writer.writeheader()
        writer.writerows(rows)
