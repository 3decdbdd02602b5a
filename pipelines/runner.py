"""Running a step on a batch of recordings: the one place that catches everything.

Every engine calls it in its workers, so that a failure means the same under each of them.
"""

import ctypes
import sys
import time
import traceback
from collections.abc import Sequence
from typing import Any

from pipelines.acquiring.acquire import acquire, asked, refused_before
from pipelines.plan import Plan, is_todo
from pipelines.recording import StoredRecording
from pipelines.store import Store
from schemas.errors import AffectloomError, DamagedArtifact, MissingPart, RecordingError, StoreError
from schemas.failure import Failure
from schemas.outcome import Outcome, OutcomeState
from schemas.source import SourceRow
from schemas.step import Step

ACQUIRE = "acquire"
SEGMENTS = "segments"
"""Where they are absent there are no samples, and whoever builds wants to know why."""
_LONG_S = 1.0
"""A step that takes longer may have held much."""


class Runner:
    """The steps of a plan in one worker process. Each model is loaded once, when it is first needed."""

    def __init__(self, plan: Plan, store: Store) -> None:
        self.plan = plan
        self.store = store
        self.lineage = plan.lineage
        self._models: dict[int, Any] = {}
        self._damaged: set[str] = set()

    def acquire(self, row: SourceRow) -> Outcome:
        """Bring a source into the store. One that said no for good is not asked again for the same thing."""
        started = time.perf_counter()
        recording = self.store.open(row.id, self.lineage)
        self.store.sweep(row.id)
        before = refused_before(row, recording, self.plan.acquire)
        if before is not None:
            return Outcome(row.id, ACQUIRE, "failed", time.perf_counter() - started, before.message)
        try:
            made = acquire(row, recording, self.plan.acquire)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - one broken source must not stop the others
            failure = describe(row.id, ACQUIRE, "source", error)
            if failure.expected and not failure.retry:
                failure = failure.model_copy(update={"asked": asked(row, self.plan.acquire)})
            recording.write_source_failure(failure)
            return Outcome(row.id, ACQUIRE, "failed", time.perf_counter() - started, failure.message)
        return Outcome(row.id, ACQUIRE, "made" if made else "kept", time.perf_counter() - started)

    def run(self, index: int, ids: Sequence[str]) -> list[Outcome]:
        """Run step number `index` of the lineage on some recordings; one outcome each, in order.

        Raises UsageError where nothing can go on: a model that cannot load, a store that cannot be written.
        """
        step = self.lineage.steps[index]
        recordings = [self.store.open(recording_id, self.lineage) for recording_id in ids]
        todo = [recording for recording in recordings if is_runnable(recording, step)]
        started = time.perf_counter()
        done = {recording.id for recording in todo}
        for recording in todo:
            if recording.has_leftovers:
                self.store.sweep(recording.id)
        if todo:
            model = self._model(index, step)
            started = time.perf_counter()
            self._run(step, todo, model)
            for recording in todo:
                if recording.id in self._damaged:
                    self._mend(index, recording)
            if time.perf_counter() - started > _LONG_S:
                give_back_memory()
        each = (time.perf_counter() - started) / max(1, len(todo))
        return [
            outcome(recording, step, each if recording.id in done else 0.0, worked=recording.id in done)
            for recording in recordings
        ]

    def _model(self, index: int, step: Step) -> Any:
        if index not in self._models:
            try:
                self._models[index] = step.load()
            except AffectloomError:
                raise
            except ImportError as error:
                raise MissingPart(
                    f"{step.key} needs the package {error.name}, which is not installed: {error}",
                    do="`affectloom doctor` says which extra to install",
                ) from error
            except Exception as error:
                raise MissingPart(
                    f"the model of {step.key} cannot be loaded: {type(error).__name__}: {error}",
                    do="no recording is at fault; check the model's name or folder with `affectloom doctor`",
                ) from error
        return self._models[index]

    def _run(self, step: Step, recordings: list[StoredRecording], model: Any) -> None:
        try:
            step.run(recordings, model)
        except DamagedArtifact:
            if len(recordings) == 1:
                self._damaged.add(recordings[0].id)
                return
        except (StoreError, MissingPart):
            raise
        except Exception as error:  # noqa: BLE001 - a broken recording must not stop the others
            if len(recordings) == 1:
                fail(recordings[0], step, describe(recordings[0].id, step.key, "", error))
                return
        else:
            self._expect(step, recordings)
            return
        # Outside the handler: a failure's traceback must not tell of the neighbours in its batch.
        for recording in recordings:
            recording.refresh()
            if is_runnable(recording, step):
                self._run(step, [recording], model)
            elif is_todo(recording, step):
                self._damaged.add(recording.id)

    def _mend(self, index: int, recording: StoredRecording) -> None:
        """Make anew, here, what was found damaged and removed, and do the step that had asked for it.

        Raises DamagedArtifact where a file of the recording is damaged again: it is the disk that needs help.
        """
        wanted: set[str] = set(self.lineage.steps[index].makes)
        before: list[int] = []
        for place in range(index, -1, -1):
            step = self.lineage.steps[place]
            if wanted.intersection(step.makes):
                before.insert(0, place)
                wanted.update(self.lineage.inputs(step))
        self._damaged.discard(recording.id)
        for place in before:
            recording.refresh()
            step = self.lineage.steps[place]
            if is_runnable(recording, step):
                self._run(step, [recording], self._model(place, step))
        if recording.id in self._damaged:
            raise DamagedArtifact(
                f"what {recording.id} holds in the store was damaged twice in a row",
                do="check the disk that holds the store, then run the same command again",
            )

    @staticmethod
    def _expect(step: Step, recordings: list[StoredRecording]) -> None:
        for recording in recordings:
            if is_runnable(recording, step):
                nothing = RuntimeError(f"{step.key} ended without an error and without its result")
                fail(recording, step, describe(recording.id, step.key, "", nothing))


def give_back_memory() -> None:
    """Return freed memory to the system, so that what one step held does not stand beside what the next one holds."""
    if "pyarrow" in sys.modules:
        sys.modules["pyarrow"].default_memory_pool().release_unused()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc alone has it
    if trim is not None:
        trim(0)


def is_runnable(recording: StoredRecording, step: Step) -> bool:
    """Whether the step has something to do for it now."""
    if not recording.acquired or not is_todo(recording, step):
        return False
    before = (kind for kind in recording.lineage.inputs(step) if kind not in step.makes)
    return all(recording.state(kind) != "todo" for kind in before)


def fail(recording: StoredRecording, step: Step, failure: Failure) -> None:
    """Keep a failure under each artifact that the step has not made."""
    for kind in step.makes:
        if recording.state(kind) == "todo":
            recording.fail(kind, failure.model_copy(update={"kind": kind}))


def outcome(recording: StoredRecording, step: Step, seconds: float, *, worked: bool) -> Outcome:
    """What became of the step: the worst of its artifacts' states."""
    if not recording.acquired:
        return Outcome(recording.id, step.key, "blocked")
    states = [recording.state(kind) for kind in step.makes]
    state: OutcomeState
    if "failed" in states:
        kind = step.makes[states.index("failed")]
        failure = recording.failure(kind)
        return Outcome(recording.id, step.key, "failed", seconds, failure.message if failure else "")
    if "blocked" in states or "todo" in states:
        state = "blocked"
    elif "made" in states:
        state = "made" if worked else "kept"
    else:
        state = "absent"
    absent = tuple(kind for kind, found in zip(step.makes, states, strict=True) if found == "absent")
    why = recording.reason(SEGMENTS) if SEGMENTS in absent else ""
    return Outcome(recording.id, step.key, state, seconds, why, absent)


def describe(recording_id: str, step: str, kind: str, error: Exception) -> Failure:
    """A failure record of an error."""
    expected = isinstance(error, RecordingError)
    what = error.what if isinstance(error, AffectloomError) else f"{type(error).__name__}: {error}"
    do = (
        error.do
        if isinstance(error, AffectloomError)
        else "this is a defect of the program: report it with the details"
    )
    return Failure(
        recording=recording_id,
        step=step,
        kind=kind,
        error=type(error).__name__,
        expected=expected,
        message=what,
        do=do,
        retry=getattr(error, "retry", False) or isinstance(error, MemoryError),
        details="" if expected else "".join(traceback.format_exception(error))[-4000:],
    )


def killed(recording_id: str, step: str, how: str, *, deaths: str = "twice") -> Failure:
    """A failure record of workers that died on one recording. deaths: how often, such as `twice`."""
    return Failure(
        recording=recording_id,
        step=step,
        kind="",
        error="WorkerKilled",
        expected=False,
        message=f"the worker process was killed {deaths} while it worked on this recording alone ({how})",
        do="often too little memory, or a crash inside a library; build with --retry to try again",
        retry=False,
    )
