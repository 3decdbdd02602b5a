"""What raters are shown of a sample: its clip, cut for one view alone, its transcript, its dialogue, its faces."""

import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from annotation.controls import Media as Kind
from pipelines.publishing.looked import facts_of, opened_samples
from pipelines.watching.clips import cut_media_sound, cut_video
from schemas.clock import to_us
from schemas.errors import DecodeError, RecordingError
from schemas.faces_file import FacesFile
from schemas.facts import Facts
from schemas.publication import MediaProblem, Medium
from schemas.question import Show
from schemas.step import Recording

_COLUMNS = ("id", "start", "end", "text", "speaker", "dialogue", "turn", "index")
_CUT = "shown.v1"
"""Changes when clips are cut in another way, so that none is taken for what it is not."""
SUFFIX: Mapping[str, str] = {"audio": "flac", "video": "mp4", "silent_video": "mp4"}


@dataclass(frozen=True)
class Shown:
    """A sample as far as raters see it. start, end: seconds on the recording's clock; None for a text."""

    id: str
    recording: str
    kind: Kind
    start: float | None
    end: float | None
    text: str
    speaker: str
    dialogue: str
    turn: int
    index: int

    def has(self, show: Show) -> bool:
        """Whether there is anything to show under a view."""
        if show == "text":
            return bool(self.text)
        if show == "audio":
            return self.kind != "none"
        return self.kind == "video" if show == "silent-video" else self.kind != "none" or bool(self.text)


def shown_samples(recording: Recording) -> Iterator[Shown]:
    """The samples of a recording, in order. Raises StoreError where they cannot be read."""
    facts = facts_of(recording)
    kind: Kind = "none"
    if facts is not None and facts.form in ("video", "audio"):
        kind = "video" if facts.form == "video" else "audio"
    source = recording.source
    with opened_samples(recording) as (_, file):
        there = [name for name in _COLUMNS if name in file.schema_arrow.names]
        rows = file.read(columns=there, use_threads=False).to_pylist()
    for row in rows:
        turn = row.get("turn") if row.get("turn") is not None else source.turn
        yield Shown(
            id=row["id"],
            recording=recording.id,
            kind=kind if row.get("start") is not None else "none",
            start=row.get("start"),
            end=row.get("end"),
            text=row.get("text") or "",
            speaker=row.get("speaker") or source.speaker or "",
            # Without a dialogue, what was said before in the same recording is the context.
            dialogue=row.get("dialogue") or source.dialogue or f"{recording.id} alone",
            turn=turn if turn is not None else -1,
            index=row["index"],
        )


class Dialogues:
    """The samples of each dialogue in their order. asked: those that something is asked about."""

    def __init__(self, samples: Iterable[Shown], *, context_alone: frozenset[str] = frozenset()) -> None:
        """context_alone: recordings that nothing is asked about."""
        self.samples = tuple(samples)
        self.asked = tuple(one for one in self.samples if one.recording not in context_alone)
        found: dict[str, list[Shown]] = defaultdict(list)
        for one in self.samples:
            found[one.dialogue].append(one)
        for of in found.values():
            of.sort(key=lambda one: (one.turn, one.recording, one.index))
        self._of = dict(found)

    def before(self, sample: Shown, most: int) -> list[dict[str, str]]:
        """What was said before, as the screen wants it."""
        of = self._of[sample.dialogue]
        at = of.index(sample)
        return [{"speaker": one.speaker or "?", "text": one.text} for one in of[max(0, at - most) : at] if one.text]

    def utterances(self, sample: Shown) -> list[tuple[str, str]]:
        """All samples of the dialogue: id, and what is read."""
        of = self._of[sample.dialogue]
        return [(one.id, f"{one.speaker}: {one.text}" if one.speaker else one.text) for one in of]


@dataclass(frozen=True)
class Clips:
    """Cuts clips into a local folder, each once. problems: what could not be cut."""

    folder: Path
    problems: list[MediaProblem]

    def cut(self, recording: Recording, samples: Sequence[Shown], media: str) -> Iterator[str | None]:
        """File name of each sample's clip, in order; None where there is none.

        Names say nothing of the sample, so that a rater cannot read a label out of a link.

        media: `audio`, `video` or `silent_video`.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        source = recording.source
        with ExitStack() as stack:
            path: Path | None = None
            for one in samples:
                what = [_CUT, media, source.id, source.sha256, one.id, one.start, one.end]
                name = hashlib.sha256(json.dumps(what).encode()).hexdigest()[:32] + f".{SUFFIX[media]}"
                try:
                    if not (self.folder / name).exists():
                        path = path or stack.enter_context(recording.local("media"))
                        self._place(name, _cut(path, one, media, facts_of(recording)))
                except (RecordingError, FileNotFoundError) as error:
                    medium: Medium = "audio" if media == "audio" else "video"
                    self.problems.append(MediaProblem(sample=one.id, medium=medium, message=str(error)))
                    yield None
                else:
                    yield name

    def _place(self, name: str, data: bytes) -> None:
        part = self.folder / f".{name}.{os.getpid()}"
        part.write_bytes(data)
        part.replace(self.folder / name)


def _cut(path: Path, sample: Shown, media: str, facts: Facts | None) -> bytes:
    """Raters hear and see the recording itself, not what was made of it to be measured."""
    if sample.start is None or sample.end is None:
        raise DecodeError(f"{sample.id} has no times")
    if media == "audio":
        return cut_media_sound(path, sample.start, sample.end)
    # A silent video is a file without sound: a muted player can be unmuted.
    sound = media == "video" and facts is not None and facts.sound is not None
    return cut_video(path, sample.start, sample.end, sound=sound)


def rate_fps(facts: Facts | None) -> float:
    """The video's rate as the screen's timeline counts frames; 25 where the file does not say."""
    rate = facts.picture.rate_fps if facts and facts.picture else None
    return rate or 25.0


def faces_of(recording: Recording, sample: Shown) -> dict[int, str]:
    """The faces in a sample's pictures and where each is, mean over the sample, as the rater looks at it."""
    if not recording.has("faces") or sample.start is None or sample.end is None:
        return {}
    with recording.open("faces", FacesFile) as file:
        seen = file.between(to_us(sample.start), to_us(sample.end))
    names = list(seen.columns)
    if not {"box_left", "box_width"} <= set(names):
        return {int(face): "" for face in seen.ids}
    middle = seen.values[:, names.index("box_left")] + seen.values[:, names.index("box_width")] / 2
    return {int(face): _side(float(np.nanmean(middle[seen.face == face]))) for face in seen.ids}


def _side(middle: float) -> str:
    """In thirds of the picture, from 0 to 1."""
    third = 3
    return ("on the left", "in the middle", "on the right")[min(third - 1, max(0, int(middle * third)))]
