"""Take what raters did from Label Studio, or from an export of it, into a ledger."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from annotation.assign import item_of
from annotation.connection import Refused
from annotation.label_studio import Json, LabelStudio
from annotation.ledger import Entry, Ledger, Suggestion, TaskSeen
from annotation.push import KEY
from schemas.answer import State
from schemas.answer_value import Show
from schemas.errors import SourceTableError, UsageError

_NOT_FOUND = 404


@dataclass
class Pulled:
    """What a pull found. asked: tasks that had changed and were read in full."""

    tasks: int = 0
    asked: int = 0
    news: int = 0
    deleted_tasks: int = 0
    strangers: int = 0
    """Tasks that nobody pushed: made by hand in the same project; they are left alone."""


Named = Callable[[object], str]
"""From what the server calls a user (a number, an address, or a block with both) to a pseudonym."""


def pull(
    server: LabelStudio,
    project: int,
    show: Show,
    ledger: Ledger,
    named: Named,
    *,
    progress: Callable[[int], None] = lambda _done: None,
) -> Pulled:
    """Bring the ledger up to date with one project. It is changed only when all has been read.

    All tasks are listed, without their answers; those that changed since the last pull are then read in full. So
    nothing depends on clocks, and what was deleted is noticed.

    Raises:
        UsageError: there is no such project, or the token is not accepted.
        ServerAway: the server stays away. The ledger is as it was.
    """
    known = {task: seen for (of, task), seen in ledger.tasks.items() if of == project}
    done = Pulled()
    listed: dict[int, str] = {}
    for one in _told(server, project, server.tasks(project, answers=False)):
        if KEY in one["data"]:
            listed[one["id"]] = one["updated_at"]
        else:
            done.strangers += 1
    drafts = server.drafts(project)
    read = []
    for one in _changed(server, project, known, listed):
        read.append({**one, "drafts": drafts.get(one["id"], [])})
        progress(len(read))
    # What was deleted between the two listings is found by the next pull, by not being listed.
    lost = [task for task in known if task not in listed and not known[task].gone and server.task(task) is None]

    for one in read:
        done.news += ledger.see(task_seen(one, project, show), list(_entries(one, project, named)), whole=True)
    for task in listed.keys() & known.keys() - {one["id"] for one in read}:
        done.news += _take_drafts(ledger, known[task], drafts.get(task, ()), named)
    for task in lost:
        ledger.lose(project, task)
    done.tasks, done.asked, done.deleted_tasks = len(listed), len(read), len(lost)
    return done


def _changed(
    server: LabelStudio, project: int, known: Mapping[int, TaskSeen], listed: Mapping[int, str]
) -> Iterator[Json]:
    changed = {task: at for task, at in listed.items() if task not in known or known[task].at != at or known[task].gone}
    if changed:
        for one in server.tasks(project, answers=True, since=min(changed.values())):
            if one["id"] in changed:
                yield one


def _told(server: LabelStudio, project: int, tasks: Iterator[Json]) -> Iterator[Json]:
    try:
        yield from tasks
    except Refused as error:
        if error.status == _NOT_FOUND:
            raise UsageError(
                f"{server.url} has no project {project}",
                do="it was deleted, or the user may not see it; what was pulled before is kept",
            ) from error
        raise


def task_seen(task: Mapping[str, Any], project: int, show: Show) -> TaskSeen:
    """A task without its answers, and without links, which open media to whoever has them."""
    data = {
        name: value
        for name, value in task["data"].items()
        if not (isinstance(value, str) and value.startswith(("http://", "https://")))
    }
    suggestions = tuple(
        Suggestion(str(one.get("model_version") or "unnamed"), list(one.get("result") or []))
        for one in task.get("predictions") or ()
        if isinstance(one, Mapping)
    )
    key = str(data.get(KEY, ""))
    return TaskSeen(project, show, int(task["id"]), key, str(task.get("updated_at", "")), data, suggestions)


def _entries(task: Mapping[str, Any], project: int, named: Named) -> Iterator[Entry]:
    for one in task.get("annotations") or ():
        yield _annotation(one, task, project, named)
    for one in task.get("drafts") or ():
        if isinstance(one, Mapping):  # some exports list numbers alone
            yield _draft(one, task, project, named)


def _annotation(one: Mapping[str, Any], task: Mapping[str, Any], project: int, named: Named) -> Entry:
    state: State = "skipped" if one.get("was_cancelled") else "submitted"
    return Entry(
        project=project,
        task=int(task["id"]),
        kind="annotation",
        number=int(one["id"]),
        rater=named(one.get("completed_by")),
        state=state,
        began=str(one.get("draft_created_at") or one.get("created_at") or ""),
        at=str(one.get("updated_at") or one.get("created_at") or ""),
        lead_time_s=_seconds(one.get("lead_time")),
        result=list(one.get("result") or []),
    )


def _draft(one: Mapping[str, Any], task: Mapping[str, Any], project: int, named: Named) -> Entry:
    return Entry(
        project=project,
        task=int(task["id"]),
        kind="draft",
        number=int(one["id"]),
        rater=named(one.get("user")),
        state="draft",
        began=str(one.get("created_at") or ""),
        at=str(one.get("updated_at") or ""),
        lead_time_s=_seconds(one.get("lead_time")),
        result=list(one.get("result") or []),
    )


def _seconds(given: object) -> float | None:
    return round(float(given), 3) if isinstance(given, int | float) else None


def _take_drafts(ledger: Ledger, seen: TaskSeen, drafts: Iterable[Json], named: Named) -> int:
    """Drafts of a task that has not changed: they are no change to the server."""
    task = {"id": seen.task, "drafts": list(drafts)}
    found = list(_entries(task, seen.project, named))
    known = [states[-1] for states in ledger.states_of(seen.project, seen.task)]
    kept = [entry for entry in known if entry.kind == "annotation" and not entry.gone]
    return ledger.see(seen, [*kept, *found], whole=True)


def take_export(  # noqa: PLR0917 - where it is from, where it goes
    data: bytes,
    path: str,
    shows: Mapping[int, Show],
    ledger: Ledger,
    named: Named,
    known: Collection[str] | None = None,
) -> Pulled:
    """Take in Label Studio's JSON export of a project that was pushed.

    What the export does not have is not taken for deleted: exports can be filtered.

    Args:
        data: the export, a JSON list of tasks.
        path: where it is from, for messages.
        shows: the projects that were pushed, by number.
        ledger: changed only when the whole export can be read.
        named: raters to pseudonyms.
        known: the recipe's items. An export that has tasks and none of these is of another project, which on another
            server may have the same number.

    Raises:
        SourceTableError: it is no such export, or one of another project.
    """
    tasks = _export(data, path)
    others = sorted({int(task.get("project", 0)) for task in tasks} - shows.keys())
    if others:
        raise SourceTableError(
            f"{path} is an export of another project: {', '.join(map(str, others))}",
            do=f"the recipe's projects are {', '.join(map(str, sorted(shows))) or 'none: push first'}",
        )
    items = [item_of(str(task["data"][KEY])) for task in tasks if KEY in task["data"]]
    if tasks and not items:
        raise SourceTableError(
            f"{path}: no task of it was made by a push",
            do=f"a task that was has the field {KEY!r}: is it of another server?",
        )
    if known is not None and items and not set(items) & set(known):
        raise SourceTableError(
            f"{path} is an export of another recipe: no sample {items[0]!r} here",
            do="export the project that this recipe was pushed to",
        )
    done = Pulled()
    for task in tasks:
        project = int(task["project"])
        if KEY not in task["data"]:
            done.strangers += 1
            continue
        # An export need not be whole: the next pull still has to look at what it holds.
        seen = replace(task_seen(task, project, shows[project]), at="")
        seen = ledger.tasks.get((project, seen.task), seen)
        done.news += ledger.see(seen, list(_entries(task, project, named)), whole=False)
        done.tasks += 1
    done.asked = done.tasks
    return done


def _export(data: bytes, path: str) -> Sequence[Json]:
    try:
        tasks = json.loads(data)
    except ValueError as error:
        raise SourceTableError(f"{path} is not JSON: {error}", do="export the project as JSON") from error
    if not isinstance(tasks, list):
        raise SourceTableError(f"{path} holds no list of tasks", do="export the project as JSON, not as JSON_MIN")
    for place, task in enumerate(tasks):
        good = isinstance(task, dict) and isinstance(task.get("data"), dict) and isinstance(task.get("id"), int)
        if not good or not isinstance(task.get("annotations"), list):
            raise SourceTableError(
                f"{path}, task {place + 1}: no `id`, `data` and `annotations`",
                do="export the project as JSON: JSON_MIN, CSV and TSV leave out who answered and what was skipped",
            )
    return tasks
