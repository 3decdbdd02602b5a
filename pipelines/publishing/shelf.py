"""Recordings to be published: their ids here, and each opened by its id, in whatever process."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipelines.acquiring.rights import published
from pipelines.lineage import Lineage
from pipelines.plan import Plan
from pipelines.recording import StoredRecording
from pipelines.sifting.gates import passed
from pipelines.store import Store
from schemas.failure import Failure
from schemas.source import Scalar
from schemas.step import Recording


@dataclass(frozen=True)
class Shelf:
    """`open` and `failures` travel to workers, so they are picklable; `ids` stay. An unknown id opens as None."""

    ids: Iterable[str]
    open: Callable[[str], Recording | None]
    failures: Callable[[str], Sequence[Failure]] | None = None
    """What could not be made of a recording."""


def shelf_of(recordings: Iterable[Recording]) -> Shelf:
    """Recordings at hand."""
    by_id = {recording.id: recording for recording in recordings}
    return Shelf(by_id, _Handed(by_id))


@dataclass(frozen=True)
class _Handed:
    by_id: Mapping[str, Recording]

    def __call__(self, recording_id: str) -> Recording | None:
        return self.by_id.get(recording_id)


class FromStore:
    """Opens the recordings of a plan in the store of a URL. notes: what is added to the `extra` of some sources."""

    def __init__(self, plan: Plan, url: str, notes: Mapping[str, Mapping[str, Scalar]] | None = None) -> None:
        self._plan = plan
        self._url = url
        self._notes = dict(notes or {})
        self._made: tuple[Store, Lineage] | None = None
        self._last: StoredRecording | None = None

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self._plan, self._url, self._notes)

    def recording(self, recording_id: str) -> StoredRecording:
        """The recording's folder, whether anything is in it or not."""
        if self._made is None:
            self._made = Store(self._url), self._plan.lineage
        self._last = self._made[0].open(recording_id, self._made[1])
        return self._last

    def __call__(self, recording_id: str) -> Recording | None:
        """The recording; None where its source was never acquired."""
        last, self._last = self._last, None  # whose failures were looked at just now
        recording = last if last is not None and last.id == recording_id else self.recording(recording_id)
        self._last = None
        if recording.acquired and recording_id in self._notes:
            recording.note(self._notes[recording_id])
        recipe = self._plan.recipe
        allowed = published(recording, recipe.rights) if recording.acquired else None
        return allowed if allowed is None else passed(allowed, recipe.gates)

    def every(self, recording_id: str) -> Recording | None:
        """The recording with all its samples, those too that gates leave out."""
        recording = self.recording(recording_id)
        return published(recording, self._plan.recipe.rights) if recording.acquired else None
