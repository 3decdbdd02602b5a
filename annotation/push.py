"""Make a Label Studio project hold every task once: after an interruption, after a lost answer, beside another push.

The server does not know which tasks are copies of each other. So each task carries its own key in its data, pushing
begins with a look at the keys that are there, and ends with another that takes away what two pushes at the same
time, or a request that was carried out though its answer was lost, have put there twice.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from annotation.connection import Lost, ServerAway
from annotation.label_studio import Json, LabelStudio
from schemas.errors import UsageError

KEY = "affectloom_id"
LINKS_UNTIL = "links_until"
BATCH = 250
_TITLE = range(3, 51)
"""Lengths that Label Studio allows a project's title."""
_MOST_LOST = 6
_SIGNED = re.compile(r"/m/\d+/[A-Za-z0-9_-]{43}/")


@dataclass(frozen=True)
class Project:
    """A project as it should be.

    key: finds it again; stands in its description. raters: how many answer each task; the queue stops there. hint: what
    everybody reads of the project before they open it.
    """

    key: str
    title: str
    config: str
    instruction: str = ""
    raters: int = 1
    hint: str = ""

    def fields(self) -> Json:
        """As the API has them."""
        title = self.title[: _TITLE[-1]]
        return {
            "title": title if len(title) >= _TITLE[0] else f"{title} (affectloom)",
            "description": f"{self.hint}\n\nMade by affectloom; keep this line: {self.mark}".strip(),
            "label_config": self.config,
            "expert_instruction": self.instruction,
            "show_instruction": bool(self.instruction),
            "show_skip_button": True,
            "enable_empty_annotation": False,
            "show_collab_predictions": True,
            "maximum_annotations": self.raters,
            "sampling": "Sequential sampling",
        }

    @property
    def mark(self) -> str:
        """What a project's description holds."""
        return f"affectloom:{self.key}"


@dataclass(frozen=True)
class Task:
    """One task.

    Args:
        key: unlike that of any other task of the project.
        data: what the labelling screen shows besides media; JSON.
        links: field of the data to the link of a clip.
        links_until: when the links expire, in seconds since 1970; 0 for never.
        predictions: answers of models, as Label Studio has them.
    """

    key: str
    data: Mapping[str, Any]
    links: Mapping[str, str] = field(default_factory=dict)
    links_until: int = 0
    predictions: tuple[Json, ...] = ()

    def all_data(self) -> Json:
        """The data as it is sent."""
        return {**self.data, **self.links, LINKS_UNTIL: self.links_until, KEY: self.key}

    def as_json(self) -> Json:
        """For the import."""
        return {"data": self.all_data(), "predictions": list(self.predictions)}


@dataclass
class Pushed:
    """What a push did."""

    project: int
    url: str
    made: int = 0
    kept: int = 0
    changed: int = 0
    changed_though_answered: list[str] = field(default_factory=list)
    removed_copies: int = 0
    copies_with_answers: list[str] = field(default_factory=list)
    """Keys of tasks that are there twice, both answered; pulling counts them as one."""
    not_ours: int = 0
    """Tasks of the project that this push did not bring: of samples that are gone, or made by somebody else."""


@dataclass(frozen=True)
class _There:
    task: int
    shows: str
    answered: bool


def push(
    server: LabelStudio,
    project: Project,
    tasks: Iterable[Task],
    *,
    progress: Callable[[int], None] = lambda _done: None,
) -> Pushed:
    """Make or update the project, and add or change the tasks that lack or differ. Nothing with an answer is deleted.

    Args:
        server: where to.
        project: found again by its key.
        tasks: read once, in batches.
        progress: called with how many tasks have been looked at.

    Raises:
        UsageError: a key comes twice, or the token is not accepted.
        Refused: the server does not take the interface or a task.
        ServerAway: the server stays away; what is pushed stays, the next push goes on.
    """
    number = settle_project(server, project)
    done = Pushed(number, f"{server.url}/projects/{number}")
    there = {key: places[0] for key, places in _listed(server, number).items()}
    seen: set[str] = set()
    for batch in _batches(tasks, BATCH):
        for task in batch:
            if task.key in seen:
                raise UsageError(f"two tasks have the key {task.key!r}", do="keys name tasks: give each its own")
            seen.add(task.key)
        _add(server, number, [task for task in batch if task.key not in there], done)
        for task in batch:
            if task.key in there:
                _change(server, task, there[task.key], done)
        progress(len(seen))
    last = _listed(server, number)
    _remove_copies(server, last, done)
    done.not_ours = sum(len(places) for key, places in last.items() if key not in seen)
    return done


def settle_project(server: LabelStudio, project: Project) -> int:
    """The number of the project with this key, made where there is none, changed where it differs.

    Where two programs make it at the same time, the one with the lower number stays.
    """
    wanted = project.fields()
    mine = find_projects(server, project.mark)
    if not mine:
        try:
            made = server.make_project(wanted)
        except Lost:
            made = None
        mine = find_projects(server, project.mark)
        if not mine:
            raise ServerAway(f"{server.url} did not make the project", do="run the same command again")
        if made is not None and made != mine[0]["id"]:
            server.delete_project(made)
    found = mine[0]
    differing = {name: given for name, given in wanted.items() if _plain(found.get(name)) != _plain(given)}
    if differing:
        server.change_project(found["id"], differing)
    return int(found["id"])


def find_projects(server: LabelStudio, mark: str) -> list[Json]:
    """Projects that bear a mark, the oldest first."""
    found = [one for one in server.projects() if mark in (one.get("description") or "").split()]
    return sorted(found, key=lambda one: int(one["id"]))


def _plain(value: object) -> object:
    return value.strip() if isinstance(value, str) else value


def _listed(server: LabelStudio, project: int) -> dict[str, list[_There]]:
    """Key to the tasks that bear it, the one to keep first: the one with answers, then the oldest."""
    found: dict[str, list[_There]] = {}
    for task in server.tasks(project, answers=False):
        data = task["data"]
        answered = bool(task["total_annotations"] or task["cancelled_annotations"] or task["drafts"])
        key = str(data.get(KEY, f"task {task['id']}"))
        found.setdefault(key, []).append(_There(task["id"], _shown(data), answered))
    for places in found.values():
        places.sort(key=lambda one: (not one.answered, one.task))
    return found


def _shown(data: Mapping[str, Any]) -> str:
    """A digest of what a task shows. Links count by the clip that they lead to and by when they expire."""
    plain = {name: _clip(value) for name, value in data.items()}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _clip(value: object) -> object:
    if isinstance(value, str) and value.startswith(("http://", "https://")):
        return _SIGNED.sub("/m/", value.split("?", 1)[0])
    return value


def _batches(tasks: Iterable[Task], size: int) -> Iterator[list[Task]]:
    waiting = iter(tasks)
    while batch := list(islice(waiting, size)):
        yield batch


def _add(server: LabelStudio, project: int, tasks: Sequence[Task], done: Pushed) -> None:
    """Import tasks. Where the answer is lost, look what has arrived, and send the rest."""
    left = list(tasks)
    for _ in range(_MOST_LOST):
        if not left:
            break
        try:
            server.add_tasks(project, [task.as_json() for task in left])
            left = []
        except Lost:
            arrived = _listed(server, project)
            left = [task for task in left if task.key not in arrived]
    if left:
        raise ServerAway(
            f"{server.url} loses every import of {len(left)} tasks",
            do="look at the server's own log; the same command goes on where this one stopped",
        )
    done.made += len(tasks)


def _change(server: LabelStudio, task: Task, there: _There, done: Pushed) -> None:
    data = task.all_data()
    if _shown(data) == there.shows:
        done.kept += 1
    elif server.change_task(there.task, data):
        done.changed += 1
        if there.answered:
            done.changed_though_answered.append(task.key)
    else:  # deleted since the first look
        _add(server, done.project, [task], done)


def _remove_copies(server: LabelStudio, listed: Mapping[str, Sequence[_There]], done: Pushed) -> None:
    copies = [(key, copy) for key, places in listed.items() for copy in places[1:]]
    done.copies_with_answers = [key for key, copy in copies if copy.answered]
    done.removed_copies = server.delete_unanswered(done.project, [copy.task for _, copy in copies if not copy.answered])
