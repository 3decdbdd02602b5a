"""All that raters ever did to a project's tasks, as pulled: every state of every annotation and draft.

A ledger only grows. What the server no longer has is marked as gone, never removed, and a changed answer is a new
entry after the old one. Merging the same pull twice changes nothing, so a pull that was stopped is simply repeated.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from schemas.answer import State
from schemas.answer_value import Show
from schemas.errors import StoreError

Json = dict[str, Any]
Kind = Literal["annotation", "draft"]


@dataclass(frozen=True)
class Suggestion:
    """What a model said about a task, as the rater saw it. result: as Label Studio has it."""

    model: str
    result: list[Json]


@dataclass(frozen=True)
class TaskSeen:
    """A task as it was at the last pull.

    at: when the server says that it changed. data: what raters were shown, without links to media. gone: whether it
    was deleted on the server.
    """

    project: int
    show: Show
    task: int
    key: str
    at: str
    data: Json = field(default_factory=dict)
    suggestions: tuple[Suggestion, ...] = ()
    gone: bool = False


@dataclass(frozen=True)
class Entry:
    """One state of one annotation or draft.

    rater: a pseudonym. began, at: ISO 8601, as the server has them. result: as Label Studio has it. gone: whether
    the server no longer has the annotation.
    """

    project: int
    task: int
    kind: Kind
    number: int
    rater: str
    state: State
    began: str
    at: str
    lead_time_s: float | None = None
    result: list[Json] = field(default_factory=list)
    gone: bool = False

    @property
    def of(self) -> tuple[int, Kind, int]:
        """Of which annotation or draft it is a state."""
        return self.project, self.kind, self.number


@dataclass
class Ledger:
    """Tasks and entries. Each list of entries holds the states of one annotation or draft, the oldest first."""

    tasks: dict[tuple[int, int], TaskSeen] = field(default_factory=dict)
    entries: dict[tuple[int, Kind, int], list[Entry]] = field(default_factory=dict)
    _by_task: dict[tuple[int, int], list[tuple[int, Kind, int]]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def see(self, task: TaskSeen, found: Iterable[Entry], *, whole: bool) -> int:
        """Take in one task as the server has it now. How many entries are new or changed.

        whole: whether `found` is all that the server has on the task; what else is known of it is then gone.
        """
        self.tasks[task.project, task.task] = task
        there = set()
        news = 0
        for entry in found:
            there.add(entry.of)
            news += self._add(entry)
        if whole:
            for states in self.states_of(task.project, task.task):
                if states[-1].of not in there and not states[-1].gone:
                    states[-1] = replace(states[-1], gone=True)
                    news += 1
        return news

    def lose(self, project: int, task: int) -> None:
        """A task was deleted on the server, and with it its annotations there."""
        self.tasks[project, task] = replace(self.tasks[project, task], gone=True)
        for states in self.states_of(project, task):
            states[-1] = replace(states[-1], gone=True)

    def _add(self, entry: Entry) -> int:
        if entry.of not in self.entries:
            self._by_task.setdefault((entry.project, entry.task), []).append(entry.of)
        states = self.entries.setdefault(entry.of, [])
        if states and _state(states[-1]) == _state(entry):
            changed = states[-1].gone != entry.gone
            states[-1] = entry
            return int(changed)
        if states and entry.at <= states[-1].at and _state(entry) in map(_state, states):
            return 0  # an older export, imported after a newer pull
        states.append(entry)
        states.sort(key=lambda one: one.at)
        return 1

    def states_of(self, project: int, task: int) -> Iterator[list[Entry]]:
        """The annotations and drafts of a task, each with its states."""
        for of in self._by_task.get((project, task), ()):
            yield self.entries[of]

    def to_bytes(self) -> bytes:
        """JSON lines, in an order that depends on the contents alone."""
        lines = [{"task": asdict(self.tasks[key])} for key in sorted(self.tasks)]
        lines += [{"entry": asdict(entry)} for of in sorted(self.entries) for entry in self.entries[of]]
        return b"".join(json.dumps(line, ensure_ascii=False, sort_keys=True).encode() + b"\n" for line in lines)

    @classmethod
    def from_bytes(cls, data: bytes, path: str = "the ledger") -> "Ledger":
        """What `to_bytes` wrote. Raises StoreError on anything else."""
        ledger = cls()
        for number, line in enumerate(data.split(b"\n"), 1):
            if not line.strip():
                continue
            try:
                ledger._read(json.loads(line))
            except (ValueError, KeyError, TypeError) as error:
                raise StoreError(
                    f"{path}, line {number}: damaged: {error!r}",
                    do="put back a copy; or remove it and pull anew, which loses answers that the server no longer has",
                ) from error
        return ledger

    def _read(self, line: Json) -> None:
        if "task" in line:
            said = [Suggestion(**one) for one in line["task"].pop("suggestions")]
            task = TaskSeen(**line["task"], suggestions=tuple(said))
            self.tasks[task.project, task.task] = task
        else:
            entry = Entry(**line["entry"])
            if entry.of not in self.entries:
                self._by_task.setdefault((entry.project, entry.task), []).append(entry.of)
            self.entries.setdefault(entry.of, []).append(entry)


def _state(entry: Entry) -> tuple[object, ...]:
    """What makes two states different. Links and names that the server adds to a result do not."""
    return entry.state, entry.rater, entry.task, json.dumps(entry.result, sort_keys=True)
