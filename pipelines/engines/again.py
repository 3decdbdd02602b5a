"""What the engines share about trying again: what a run takes up anew, and when a recording is given up."""

from collections.abc import Sequence

from pipelines.acquiring.acquire import is_current
from pipelines.recording import StoredRecording
from pipelines.runner import ACQUIRE, Runner, fail, killed, outcome
from schemas.outcome import Outcome
from schemas.source import SourceRow
from schemas.step import Step

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "TOKENIZERS_PARALLELISM": "false",
}
"""The environment of a worker process: it is one of many, and its numbers must not depend on how many."""


def take_in(runner: Runner, row: SourceRow, *, retry: bool) -> Outcome:
    """Acquire a source in a worker, where it is not there already, and forget those failures that are tried again."""
    recording = runner.store.open(row.id, runner.lineage)
    if retry:
        forget_failures(recording, runner.lineage.steps)
    if not is_current(row, recording):
        return runner.acquire(row)
    forget_failures(recording, runner.lineage.steps, only_retryable=True)
    return Outcome(row.id, ACQUIRE, "kept")


def forget_failures(recording: StoredRecording, steps: Sequence[Step], *, only_retryable: bool = False) -> None:
    """Remove the recording's failure records, so that the source is asked and the steps are tried again."""
    if not only_retryable:
        recording.forget_source_failure()
    if not recording.acquired or not recording.any_failed:
        return
    for kind in [kind for step in steps for kind in step.makes]:
        failure = recording.failure(kind)
        if failure is not None and (failure.retry or not only_retryable):
            recording.retry(kind)


def give_up(recording: StoredRecording, step: Step | None, how: str, *, deaths: str = "twice") -> Outcome:
    """Keep a failure of a recording that killed its workers. step: None where it was being acquired."""
    failure = killed(recording.id, step.key if step else ACQUIRE, how, deaths=deaths)
    if step is None:
        recording.write_source_failure(failure.model_copy(update={"kind": "source"}))
        return Outcome(recording.id, ACQUIRE, "failed", message=failure.message)
    fail(recording, step, failure)
    return outcome(recording, step, 0.0, worked=True)
