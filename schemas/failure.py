"""A recording that could not be worked on, and why."""

from schemas.record import Record


class Failure(Record):
    """Kept in the recording's folder; says what happened and what to do."""

    recording: str
    step: str
    kind: str
    """The artifact that was not made."""
    error: str
    """The error's class, such as `DecodeError`."""
    expected: bool
    """True for a known fault of the input; False for a defect of the program or a killed worker."""
    message: str
    do: str = ""
    retry: bool = False
    """Whether trying again, unchanged, can help."""
    asked: str = ""
    """Digest of what a source was asked for in vain: while it is the same, a source that said no is not asked again."""
    details: str = ""
    """The traceback of an unexpected error."""
