"""What of a recording's turns and of its text on the screen belongs to each segment."""

from typing import Any

from extractors.text_over_time import within
from extractors.voice_turns import turns_within
from pipelines.publishing.sample_pieces import Pieces
from schemas.screen_text import ScreenText
from schemas.speakers import Speakers


def turns_in(speakers: Speakers | None, pieces: Pieces) -> list[list[dict[str, float | int | None]] | None]:
    """The turns that touch each segment, on the recording's clock; None where voices were not told apart."""
    found: list[list[dict[str, float | int | None]] | None] = []
    for segment in pieces.segments:
        if speakers is None or segment.start is None or segment.end is None:
            found.append(None)
            continue
        found.append(
            [
                turn.model_dump()
                | {"face_id": speakers.voices[turn.voice].face, "face_score": speakers.voices[turn.voice].face_score}
                for turn in turns_within(speakers.turns, segment.start, segment.end)
            ]
        )
    return found


def texts_in(text: ScreenText | None, pieces: Pieces) -> list[list[dict[str, Any]] | None]:
    """The lines on the screen during each segment, on the recording's clock; None where none were looked for."""
    found: list[list[dict[str, Any]] | None] = []
    for segment in pieces.segments:
        if text is None:
            found.append(None)
        elif segment.start is None or segment.end is None:
            found.append([item.model_dump() | {"start": None, "end": None} for item in text.items])
        else:
            found.append([item.model_dump() for item in within(text.items, segment.start, segment.end)])
    return found
