"""Recordings to measure with, made on the fly: a talking face of the demo, made large, and synthetic speech.

    python benchmarks/media.py FOLDER [--count N] [--seconds S] [--size WxH]

Needs ffmpeg and flite on the PATH. Nothing of it is kept in the repository.
"""

import argparse
import random
import subprocess
import tempfile
from pathlib import Path

TALK = Path(__file__).resolve().parents[1] / "pipelines" / "demo" / "media" / "talk.mp4"
VOICES = ("slt", "rms", "awb", "kal16")
SENTENCES = (
    "The train to the coast was late again this morning.",
    "I have never been so glad to see my own front door.",
    "She put the letters back into the drawer and said nothing.",
    "We should have asked for a larger table near the window.",
    "My brother paints houses, and in winter he repairs boats.",
    "Nobody had told the new teacher about the broken heater.",
    "It rained for nine days, and then the river came over the road.",
    "They laughed at the plan until it worked.",
    "What worries me is how quiet the children are.",
    "The soup was cold, the bread was old, and the bill was wrong.",
    "He remembers every song that his mother used to sing.",
    "If you leave now, you will be there before dark.",
    "I could not believe that she had kept the ticket all these years.",
    "The doctor says that the knee will heal by the end of summer.",
    "Please do not move the chairs before the guests have gone.",
    "Our neighbours have bought a goat, and it eats our roses.",
    "That was the best film I have seen in a long time.",
    "The old bridge will be closed to lorries from next week.",
    "There is a small garden behind the library where people read.",
    "You promised to call, and you did not.",
    "The museum opens late on Thursdays, and it costs nothing.",
    "After the storm we found a blue bicycle in the tree.",
    "I am tired of hearing the same excuse from everybody.",
    "The farmer counted his sheep twice and was one short.",
)


def speech(path: Path, seconds: float, number: int) -> str:
    """About so many seconds of one voice reading sentences in an order of its own, 16 kHz. Returns the text."""
    order = list(SENTENCES)
    random.Random(number).shuffle(order)  # noqa: S311 - an order, no secret
    said: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        parts: list[Path] = []
        length = 0.0
        while length < seconds:
            part = Path(folder) / f"{len(parts)}.wav"
            text = order[len(parts) % len(order)]
            voice = VOICES[number % len(VOICES)]
            _run("flite", "-voice", voice, "-t", text, "-o", str(part))
            length += float(
                _run("ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", str(part))
            )
            if length < seconds:
                said.append(text)
                parts.append(part)
        listed = Path(folder) / "list.txt"
        listed.write_text("".join(f"file '{part}'\n" for part in parts))
        as_asked = ("-af", f"apad=whole_dur={seconds}", "-t", f"{seconds}", "-ar", "16000", "-ac", "1")
        _run(*_FFMPEG, "-f", "concat", "-safe", "0", "-i", str(listed), *as_asked, str(path))
    return " ".join(said)


def clip(
    path: Path, seconds: float, number: int, *, size: tuple[int, int] = (1280, 720), fps: int = 25, pause_s: float = 0
) -> str:
    """One face that talks, H.264 and AAC, each number with another speech and another cut. Returns the text.

    pause_s: silence at the end.
    """
    width, height = size
    face = f"scale=-2:{height},pad={width}:{height}:(ow-iw)/2:0:color=gray,fps={fps}"
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder) / "speech.wav"
        text = speech(sound, seconds - pause_s, number)
        # A little noise, lest the picture be cheaper to decode than one from a camera.
        inputs = ("-stream_loop", "-1", "-ss", f"{number * 0.7 % 5:.2f}", "-i", str(TALK), "-i", str(sound))
        coded = (
            "-c:v",
            "libx264",
            "-preset",
            "veryfast",
            "-crf",
            "23",
            "-pix_fmt",
            "yuv420p",
            "-c:a",
            "aac",
            "-b:a",
            "96k",
        )
        taken = (
            "-map",
            "0:v:0",
            "-map",
            "1:a:0",
            "-vf",
            f"{face},noise=alls=4:allf=t",
            "-af",
            "apad",
            "-t",
            f"{seconds}",
        )
        _run(*_FFMPEG, *inputs, *taken, *coded, str(path))
    return text


def clips(folder: Path, count: int, seconds: float, size: tuple[int, int] = (1280, 720), fps: int = 25) -> list[Path]:
    """`count` recordings in a folder, those there already kept. Beside each, its text."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for number in range(count):
        path = folder / f"clip{number:02d}-{seconds:g}s-{size[0]}x{size[1]}-{fps}fps.mp4"
        if not path.with_suffix(".txt").exists():
            path.with_suffix(".txt").write_text(clip(path, seconds, number, size=size, fps=fps))
        made.append(path)
    return made


def looped(source: Path, target: Path, seconds: float) -> None:
    """The same recording again and again, without coding it anew."""
    _run(*_FFMPEG, "-stream_loop", "-1", "-i", str(source), "-t", f"{seconds}", "-c", "copy", str(target))


_FFMPEG = ("ffmpeg", "-nostdin", "-v", "error", "-y")


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def main() -> None:
    """Make some."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--size", default="1280x720")
    told = parser.parse_args()
    width, height = told.size.split("x")
    for path in clips(told.folder, told.count, told.seconds, (int(width), int(height))):
        print(path)


if __name__ == "__main__":
    main()
