"""What is done with a Label Studio server: projects, tasks, drafts, users.

The API is that of the community edition (https://api.labelstud.io), tried with 1.23.2, spoken by `label-studio-sdk`.
"""

import json
import os
import urllib.parse
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from annotation.connection import TOKEN, URL, Connection, Refused, Sdk, Tries
from schemas.errors import UsageError

PAGE = 500
Json = dict[str, Any]
T = TypeVar("T")

_NOT_FOUND = 404


class LabelStudio(Connection):
    """One server, as one user; see `Connection`.

    Whatever is read back is asked for by address (`ask`): the SDK's own types of tasks, projects and tabs are those of
    the Enterprise edition, picked by trial for each answer. They read some times as dates, which the ledger keeps as
    they were written, leave out what an action did, and list by page number. Drafts have no method.
    """

    @classmethod
    def from_environment(cls, tries: Tries | None = None) -> "LabelStudio":
        """The server that `$LABEL_STUDIO_URL` and `$LABEL_STUDIO_TOKEN` name. Raises UsageError where one is unset."""
        for name in (URL, TOKEN):
            if not os.environ.get(name):
                raise UsageError(
                    f"the environment variable {name} is not set",
                    do=f"set {URL} to the server's address and {TOKEN} to an access token "
                    "(in Label Studio: Account & Settings, Personal Access Token)",
                )
        return cls(os.environ[URL].strip(), os.environ[TOKEN].strip(), tries)

    def pages(self, path: str, **query: str | int) -> Iterator[Json]:
        """The entries of a listing that comes in pages, whichever of the API's forms it has."""
        page = 1
        while True:
            asked = urllib.parse.urlencode({**query, "page": page, "page_size": PAGE})
            try:
                answer = self.ask("GET", f"{path}?{asked}")
            except Refused as error:
                if error.status == _NOT_FOUND and page > 1:  # the API's way to say that there is no such page
                    return
                raise
            entries = answer if isinstance(answer, list) else answer.get("tasks", answer.get("results", []))
            yield from entries
            if isinstance(answer, list) or len(entries) < PAGE:
                return
            page += 1

    def projects(self) -> list[Json]:
        """Every project that the user sees."""
        return list(self.pages("/api/projects/", ordering="id"))

    def make_project(self, fields: Json) -> int:
        """A new project's number. Raises Lost where it is not known whether it was made."""
        return int(self.tried(lambda sdk: sdk.projects.create(**fields), again=False).id)

    def change_project(self, project: int, fields: Json) -> None:
        """Change these fields of a project."""
        self.tried(lambda sdk: sdk.projects.update(project, **fields))

    def delete_project(self, project: int) -> None:
        """Delete a project; one that is gone already is no error."""
        self._if_there(lambda sdk: sdk.projects.delete(project))

    def users(self) -> dict[int, str]:
        """User id to e-mail address, of all that have an account."""
        found = self.tried(lambda sdk: sdk.users.list())
        return {int(user.id): str(user.email or user.id) for user in found}

    def whoami(self) -> str:
        """The e-mail address of the user that the token stands for."""
        return str(self.tried(lambda sdk: sdk.users.whoami()).email)

    def tasks(self, project: int, *, answers: bool, since: str | None = None) -> Iterator[Json]:
        """Tasks by id, each once, however many come and go meanwhile.

        answers: with their annotations and predictions, instead of their counts alone; it costs the server more.
        since: only those that changed at or after this time, as the server writes it (`updated_at`). A draft is no
            change; an annotation made, changed or deleted is.
        """
        where = [] if since is None else [_where("updated_at", "greater_or_equal", "Datetime", since)]
        return self._tasks(project, where, {"fields": "all"} if answers else {})

    def drafts(self, project: int) -> dict[int, list[Json]]:
        """Task to the drafts that anybody has of it. Listings of tasks show a user's own alone."""
        begun = [one["id"] for one in self._tasks(project, [_where("draft_exists", "equal", "Boolean", "true")], {})]
        found = {task: self._if_there(_asking(f"/api/tasks/{task}/drafts")) for task in begun}
        return {task: list(drafts) for task, drafts in found.items() if drafts}

    def _tasks(self, project: int, where: Sequence[Json], query: Mapping[str, str]) -> Iterator[Json]:
        last = 0
        while True:
            # Pages by number would pass over a task when one before it is deleted; pages by the last id do not.
            wanted = {"conjunction": "and", "items": [_where("id", "greater", "Number", last), *where]}
            asked = json.dumps({"ordering": ["tasks:id"], "filters": wanted})
            text = urllib.parse.urlencode({"project": project, "query": asked, "page_size": PAGE, **query})
            page = self.ask("GET", f"/api/tasks?{text}")["tasks"]
            yield from page
            if len(page) < PAGE:
                return
            last = page[-1]["id"]

    def task(self, task: int) -> Json | None:
        """One task with its annotations; None where it is gone."""
        found: Json | None = self._if_there(_asking(f"/api/tasks/{task}/"))
        return found

    def delete_task(self, task: int) -> None:
        """Delete a task; one that is gone already is no error."""
        self._if_there(lambda sdk: sdk.tasks.delete(str(task)))

    def delete_unanswered(self, project: int, tasks: Sequence[int]) -> int:
        """Delete those of these tasks that nobody has answered or skipped by then. How many were deleted."""
        empty = [_where(column, "equal", "Number", 0) for column in ("total_annotations", "cancelled_annotations")]
        empty.append(_where("draft_exists", "equal", "Boolean", "false"))
        deleted = 0
        for at in range(0, len(tasks), PAGE):
            chosen = {
                "filters": {"conjunction": "and", "items": empty},
                "selectedItems": {"all": False, "included": list(tasks[at : at + PAGE])},
            }
            answer = self.ask("POST", f"/api/dm/actions?id=delete_tasks&project={project}", {**chosen, "ordering": []})
            deleted += int(answer["processed_items"])
        return deleted

    def change_task(self, task: int, data: Mapping[str, Any]) -> bool:
        """Replace a task's data. False where the task is gone."""
        return self._if_there(lambda sdk: sdk.tasks.update(str(task), data=data)) is not None

    def add_tasks(self, project: int, tasks: Sequence[Json]) -> None:
        """Import tasks, all or none. Raises Lost where it is not known whether it was done."""
        sent = list(tasks)
        self.tried(lambda sdk: sdk.projects.import_tasks(project, request=sent, return_task_ids=False), again=False)

    def _if_there(self, call: Callable[[Sdk], T]) -> T | None:
        try:
            return self.tried(call)
        except Refused as error:
            if error.status == _NOT_FOUND:
                return None
            raise


def _asking(path: str) -> Callable[[Sdk], Any]:
    return lambda sdk: sdk.ask("GET", path)


def _where(column: str, operator: str, kind: str, value: str | int) -> Json:
    """A filter of the data manager."""
    return {"filter": f"filter:tasks:{column}", "operator": operator, "type": kind, "value": value}
