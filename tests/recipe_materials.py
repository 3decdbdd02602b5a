"""Small sources for every recipe: the clips that come with affectloom, and texts made up here."""

import csv
import shutil
import subprocess
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

DEMO = Path(__file__).parents[1] / "pipelines" / "demo"
_TRUTH = csv.DictReader((DEMO / "truth.csv").read_text("utf-8").splitlines())
SPEECH = [row for row in _TRUTH if row["what"] == "speech"]
SPEAKERS = {"talk": "clara", "duo": "", "reply": "ben", "noface": "carl", "voice": "hana"}
FILES = {
    "long": "long.mp4",
    "titled": "titled.mp4",
    "talk": "talk.mp4",
    "duo": "duo.mp4",
    "reply": "reply.mp4",
    "noface": "noface.mp4",
    "voice": "voice.flac",
}
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
LANGUAGES = {
    "af": "Ek is so bly jy is hier.",
    "am": "ዛሬ በጣም ደስ ብሎኛል።",
    "ar": "أنا غاضب جدا اليوم.",
    "de": "Das hätte ich nie erwartet!",
    "es": "Tengo miedo de perderlo todo.",
    "ha": "Na yi farin ciki sosai yau.",
    "hi": "मुझे बहुत डर लग रहा है।",
    "ja": "今日はとても悲しいです。",
    "ru": "Я так рада тебя видеть!",
    "sw": "Nimechoka na uongo wako.",
    "ta": "இது மிகவும் அருவருப்பானது.",
    "zh": "我简直不敢相信!",
}
MEMES = {
    "meme-1": ("office-cat", "GREEN ON FRIDAY"),
    "meme-2": ("office-cat", "RED ON FRIDAY"),
    "meme-3": ("long-road", "STILL WALKING"),
    "meme-4": ("long-road", "TAXI AT LAST"),
    "meme-5": ("old-clock", "FIVE MORE MINUTES"),
    "meme-6": ("old-clock", "ONE MORE HOUR"),
}


TITLE = "RIVER OVER ITS BANKS"
TALK_S, LOOPS = 8.2, 8
"""A long recording is the first clip, over and over."""


def media(folder: Path) -> Path:
    """The demo's clips, subtitles that say who speaks, and pictures with words in them."""
    shutil.copytree(DEMO / "media", folder)
    for number, (name, (_, words)) in enumerate(MEMES.items()):
        drawn = Image.new("RGB", (480, 320), (40 * (number // 2), 90, 140))
        ImageDraw.Draw(drawn).text((24, 130), words, fill="white", font=ImageFont.load_default(36))
        drawn.save(folder / f"{name}.png")
    drawn = Image.new("RGBA", (640, 80))
    ImageDraw.Draw(drawn).text((24, 16), TITLE, fill="white", font=ImageFont.load_default(36))
    drawn.save(folder / "title.png")
    command = "ffmpeg -v error -i talk.mp4 -i title.png -filter_complex overlay -c:a copy -c:v libx264 titled.mp4"
    subprocess.run(command.split(), cwd=folder, check=True)
    command = f"ffmpeg -v error -stream_loop {LOOPS - 1} -i talk.mp4 -c copy long.mp4"
    subprocess.run(command.split(), cwd=folder, check=True)
    for name in SPEAKERS:
        (folder / f"{name}.vtt").write_text(_subtitles(name), "utf-8")
    (folder / "long.vtt").write_text(_subtitles("talk", LOOPS), "utf-8")
    return folder


def _subtitles(name: str, loops: int = 1) -> str:
    cues = [
        f"{_clock(row['start_s'], loop)} --> {_clock(row['end_s'], loop)}\n<v {row['who']}>{row['text']}\n"
        for loop in range(loops)
        for row in SPEECH
        if row["recording"] == name
    ]
    return "WEBVTT\n\n" + "\n".join(cues)


def _clock(seconds: str, loop: int) -> str:
    minutes, rest = divmod(float(seconds) + TALK_S * loop, 60)
    return f"00:{int(minutes):02}:{rest:06.3f}"


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


def memes() -> list[dict[str, object]]:
    """Pictures with words in them, two on each template; of every second one the words are not known beforehand."""
    return [
        {**picture(name, words if at % 2 else "", template=template), "path": f"media/{name}.png"}
        for at, (name, (template, words)) in enumerate(MEMES.items())
    ]


def text(name: str, words: str, **columns) -> dict[str, object]:
    """A text."""
    return {"id": name, "text": words, "language": "en", "licence": "cc0-1.0", "consent": "made", **columns}


def write_table(path: Path, rows: list[dict[str, object]]) -> None:
    """The table of sources, over the example that came with the recipe."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)), restval="")
        writer.writeheader()
        writer.writerows(rows)
