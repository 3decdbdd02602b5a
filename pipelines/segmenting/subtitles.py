"""Reading the subtitles that come with a source."""

import codecs
import hashlib
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

from pydantic import Field, field_validator

from pipelines.segmenting.subtitle_files import read_subtitles
from schemas.errors import SourceUnavailable
from schemas.step import Recording, Step


class ReadSubtitles(Step):
    """Reads the subtitles that the source names."""

    key: ClassVar[str] = "subtitles.v1"
    reads: ClassVar[tuple[str, ...]] = ("subtitles", "language")

    encoding: Annotated[str, Field(min_length=1)] | None = None
    """Such as `cp1251`; by default byte order mark, UTF-8, what the source's language suggests, GB 2312, cp1252."""

    @field_validator("encoding")
    @classmethod
    def _known(cls, encoding: str | None) -> str | None:
        try:
            codecs.lookup(encoding or "utf-8")
        except LookupError as error:
            raise ValueError("no such encoding") from error
        return encoding

    @property
    def makes(self) -> tuple[str, ...]:
        """`cues`: a schemas.segment.Subtitles."""
        return ("cues",)

    def run(self, recordings: Sequence[Recording], model: Any) -> None:
        """Read each recording's file. Raises SourceUnavailable or MeasurementError."""
        for recording in recordings:
            if recording.source.subtitles_uri is None:
                recording.absent("cues", "the source names no subtitles")
                continue
            with recording.local("subtitles") as path:
                data = path.read_bytes()
            if hashlib.sha256(data).hexdigest() != recording.source.subtitles_sha256:
                what = f"{recording.source.subtitles_uri} has changed while the recipe ran"
                raise SourceUnavailable(what, do="run the same command again", retry=True)
            found = read_subtitles(data, encoding=self.encoding, language=recording.source.language)
            if found.cues:
                recording.write("cues", found)
            else:
                recording.absent("cues", "; ".join(("the file of subtitles holds none", *found.notes)))
