"""What a recipe takes for many recordings, from what it took for a few."""

from schemas.record import Record


class StepFigure(Record):
    """One step, for one recording of the measured ones' mean length."""

    step: str
    share: float
    """Of all recordings, those that it is done for: some lack a face, or fail before."""
    seconds: float
    """Of one worker, without loading the model."""
    grows: bool = True
    """Whether it takes the longer, the longer the recording is."""
    cpus: float = 1.0
    """That a worker holds meanwhile; so are `gpus`."""
    gpus: float = 0.0
    requests: float = 0.0
    """To the store: listings, reads and writes of files."""


class Figures(Record):
    """What was measured, and where."""

    measured: str
    recordings: int
    length_s: float | None
    """Mean, of those that have a length; None where none has."""
    steps: tuple[StepFigure, ...]
    stored: dict[str, float]
    """Bytes of each kind of artifact in the store, a recording."""
    published: float
    """Bytes of a recording in the dataset, before what Parquet saves."""


class StepTaken(Record):
    """One step, for all recordings."""

    step: str
    hours: float
    """Of workers."""
    of_all: float
    """Its share of all workers' hours."""


class Estimate(Record):
    """What the recipe would take. Storage in bytes; `hours` of wall time, if nothing waits."""

    recordings: int
    length_s: float | None
    cpu_hours: float
    gpu_hours: float
    stored: float
    stored_by_kind: dict[str, float]
    published: float
    shards: int
    requests: int
    steps: tuple[StepTaken, ...]
    """The dearest first."""
    bottleneck: str
    cpus: float
    gpus: float
    hours: float
    figures: Figures
