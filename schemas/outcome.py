"""What became of one step of one recording."""

from dataclasses import dataclass
from typing import Literal

OutcomeState = Literal["made", "kept", "absent", "failed", "blocked"]


@dataclass(frozen=True)
class Outcome:
    """One step of one recording.

    made: done now; kept: was there; absent: the recording has no such thing; failed: see the failure record;
    blocked: an earlier step failed. seconds: wall time, a batch's time shared evenly. absent: which of
    the step's artifacts the recording has not got, whatever became of the others. message: why it failed, or why it
    has no samples.
    """

    recording: str
    step: str
    state: OutcomeState
    seconds: float = 0.0
    message: str = ""
    absent: tuple[str, ...] = ()
