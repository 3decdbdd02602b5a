"""The tree of errors. Every error says what happened, where, and what to do.

AffectloomError
├── UsageError            the person can mend it: exit code 2
│   ├── RecipeError       a recipe or question file is wrong
│   ├── SourceTableError  a table of sources or labels is wrong
│   ├── StoreError        the store cannot be read or written
│   └── MissingPart       an extra, a binary or a model file is not there
└── RecordingError        one recording's fault: becomes a failure record
    ├── SourceUnavailable the media cannot be had
    ├── DecodeError       the media cannot be decoded
    ├── TooLong           a limit was exceeded
    └── MeasurementError  a measurement cannot be made of this recording
"""


class AffectloomError(Exception):
    """What happened, and what to do about it."""

    def __init__(self, what: str, *, do: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.do = do

    def __str__(self) -> str:
        return f"{self.what}\n  {self.do}" if self.do else self.what

    def __reduce__(self) -> tuple[object, ...]:
        # The keyword-only argument would be lost by the default pickling between processes.
        return _rebuild, (type(self), self.what, self.do)


def _rebuild(kind: type[AffectloomError], what: str, do: str) -> AffectloomError:
    return kind(what, do=do)


class UsageError(AffectloomError):
    """The person at the keyboard can mend it."""


class RecipeError(UsageError):
    """A recipe or question file is wrong; names file, line and field."""


class SourceTableError(UsageError):
    """A table of sources or of labels is wrong; names file and row."""


class StoreError(UsageError):
    """The store cannot be read or written: no space, no permission, no such place."""


class DamagedArtifact(StoreError):
    """A file of the store did not hold what it should, and was removed: what made it can make it anew."""


class MissingPart(UsageError):
    """An extra, a binary or a model file is not there; says how to get it."""


class RecordingError(AffectloomError):
    """One recording cannot be worked on. Expected: it becomes a failure record, the run goes on."""

    retry = False


class SourceUnavailable(RecordingError):
    """The media is not where the source says, or cannot be fetched."""

    def __init__(self, what: str, *, do: str = "", retry: bool = False) -> None:
        super().__init__(what, do=do)
        self.retry = retry

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild_unavailable, (self.what, self.do, self.retry)


def _rebuild_unavailable(what: str, do: str, retry: bool) -> SourceUnavailable:  # noqa: FBT001
    return SourceUnavailable(what, do=do, retry=retry)


class DecodeError(RecordingError):
    """The media cannot be decoded."""


class Interrupted(RecordingError):
    """Something outside ended a child process in the middle of its work."""

    retry = True


class TooLong(RecordingError):
    """A limit on size, duration, time or memory was exceeded."""


class MeasurementError(RecordingError):
    """A measurement cannot be made of this recording."""
