"""Talk to a Label Studio server over its REST API: tokens, retries, pages, projects, tasks.

The API is that of the community edition (https://api.labelstud.io), tried with 1.23.2. Requests are plain JSON over
HTTP, so nothing beyond the standard library is needed; what is pushed can be read by `label-studio-sdk` as well.
"""

import http.client
import json
import os
import random
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

from schemas.errors import AffectloomError, UsageError

URL = "LABEL_STUDIO_URL"
TOKEN = "LABEL_STUDIO_TOKEN"  # noqa: S105 - the name of a variable, not a secret
PAGE = 500
Json = dict[str, Any]

_OK, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _TOO_MANY = 200, 401, 403, 404, 429
_SHOWN = 300
_JWT_PARTS = 3


class Refused(AffectloomError):
    """The server answered with an error that another try will not mend. status: the HTTP status."""

    def __init__(self, what: str, *, do: str = "", status: int = 0) -> None:
        super().__init__(what, do=do)
        self.status = status


class ServerAway(UsageError):
    """The server cannot be reached, or answers with errors of its own, in spite of several tries."""


class _Unsure(Exception):
    """A request may or may not have been carried out; it can be tried again where that does no harm."""


@dataclass(frozen=True)
class Tries:
    """How often a request is tried, with pauses that double from `pause_s` on, at most `longest_s`, half of it chance.

    The defaults wait for half a minute to a minute in all, which outlasts a restart of the server.
    """

    most: int = 8
    pause_s: float = 0.5
    longest_s: float = 30.0
    timeout_s: float = 120.0
    sleep: Callable[[float], None] = time.sleep

    def pause(self, tried: int) -> None:
        """Wait before the next try."""
        longest = min(self.longest_s, self.pause_s * 2**tried)
        self.sleep(longest / 2 + random.random() * longest / 2)  # noqa: S311 - spreads clients, guards nothing


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(  # noqa: PLR0917 - as the library calls it
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> None:
        """A redirect would carry the token to another address."""


class LabelStudio:
    """One server, as one user.

    Args:
        url: such as http://localhost:8080.
        token: a personal access token (a JSON web token, exchanged for short-lived access tokens as needed), or a
            legacy token (40 hexadecimal digits). It is sent to `url` alone, and never logged.
        tries: when to give up.
    """

    def __init__(self, url: str, token: str, tries: Tries | None = None) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.username:
            raise UsageError(f"{URL}: {parts.hostname or url!r} is no http(s) address", do=f"set {URL} to the server's")
        self.url = url.rstrip("/")
        self._token = token
        self._tries = tries or Tries()
        self._access: str | None = None
        self._opener = urllib.request.build_opener(_NoRedirect())

    def __repr__(self) -> str:
        return f"LabelStudio({self.url!r})"

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

    # Requests

    def ask(self, method: str, path: str, body: object = None, *, again: bool = True) -> Any:
        """One request, tried again as `Tries` says.

        Args:
            method: GET, POST, PATCH or DELETE.
            path: from `/api/` on, with its query.
            body: sent as JSON.
            again: whether to try again where it is not known if the server did it. Where it is not, a lost
                answer raises `Lost`.

        Returns:
            What the server said, as JSON; None where it said nothing.

        Raises:
            UsageError: the token is not accepted.
            Refused: the server says no.
            ServerAway: it says nothing, or has errors of its own, at every try.
            Lost: see `again`.
        """
        renewed = False
        for tried in range(self._tries.most):
            try:
                return self._send(method, path, body)
            except _Renew:
                if renewed:
                    raise self._no_token() from None
                renewed, self._access = True, None
            except _Unsure as error:
                if not again and not isinstance(error, _Untouched):
                    raise Lost(f"{self.url} did not say whether it did {method} {_bare(path)}: {error}") from error
                last = str(error)
                if tried + 1 < self._tries.most:
                    self._tries.pause(tried)
        raise ServerAway(
            f"{self.url} does not answer {method} {_bare(path)}, tried {self._tries.most} times: {last}",
            do="when the server is up, run the same command again: it goes on where it stopped",
        )

    def _send(self, method: str, path: str, body: object) -> Any:
        headers = {"Authorization": self._authorization(), "Accept": "application/json", "User-Agent": "affectloom"}
        data = None
        if body is not None:
            data = json.dumps(body, ensure_ascii=False).encode()
            headers["Content-Type"] = "application/json"
        return self._open(urllib.request.Request(self.url + path, data, headers, method=method))  # noqa: S310 - http(s)

    def _open(self, request: urllib.request.Request) -> Any:
        try:
            with self._opener.open(request, timeout=self._tries.timeout_s) as answer:
                said = answer.read()
        except urllib.error.HTTPError as error:
            with error:
                self._complain(error, request)
            raise AssertionError("unreachable") from error
        except urllib.error.URLError as error:
            if isinstance(error.reason, ConnectionRefusedError):
                raise _Untouched("connection refused") from error
            raise _Unsure(str(error.reason)) from error
        except (OSError, http.client.HTTPException) as error:
            raise _Unsure(str(error) or type(error).__name__) from error
        try:
            return json.loads(said) if said.strip() else None
        except ValueError as error:
            raise Refused(
                f"{self.url} answers with something that is not JSON: {said[:80]!r}",
                do=f"check that {URL} names a Label Studio server, without a path behind it",
            ) from error

    def _complain(self, error: urllib.error.HTTPError, request: urllib.request.Request) -> None:
        try:
            said = error.read()[:4000].decode(errors="replace")
        except (OSError, http.client.HTTPException):
            said = ""
        what = f"{request.get_method()} {_bare(request.selector)}: HTTP {error.code}: {_reason(said)}"
        if error.code == _UNAUTHORIZED:
            raise _Renew if self._access else self._no_token()
        if error.code == _TOO_MANY:
            raise _Untouched(what)
        if error.code > _NOT_FOUND and error.code // 100 == 5:  # noqa: PLR2004 - 5xx
            raise _Unsure(what)
        do = f"the user of {TOKEN} may not do this" if error.code == _FORBIDDEN else ""
        raise Refused(f"{self.url} refuses {what}", do=do, status=error.code)

    # Tokens

    def _authorization(self) -> str:
        if self._token.count(".") != _JWT_PARTS - 1:
            return f"Token {self._token}"
        if self._access is None:
            body = json.dumps({"refresh": self._token}).encode()
            request = urllib.request.Request(  # noqa: S310 - http(s), checked at the start
                f"{self.url}/api/token/refresh/", body, {"Content-Type": "application/json"}, method="POST"
            )
            self._access = str(self._open(request)["access"])
        return f"Bearer {self._access}"

    def _no_token(self) -> UsageError:
        return UsageError(
            f"{self.url} does not accept the token: it is wrong, has expired or was revoked",
            do=f"make a new one in Label Studio (Account & Settings) and set {TOKEN} to it; a legacy token works only "
            "where the organization allows it. What is done so far is kept: run the same command again",
        )

    # What is there

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

    def project(self, project: int) -> Json:
        """One project. Raises Refused (404) where there is none."""
        return dict(self.ask("GET", f"/api/projects/{project}/"))

    def users(self) -> dict[int, str]:
        """User id to e-mail address, of all that have an account."""
        return {int(user["id"]): str(user.get("email") or user["id"]) for user in self.ask("GET", "/api/users/")}

    def whoami(self) -> Json:
        """The user that the token stands for."""
        return dict(self.ask("GET", "/api/current-user/whoami"))

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
        found = {task: self._if_there("GET", f"/api/tasks/{task}/drafts") for task in begun}
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
        found: Json | None = self._if_there("GET", f"/api/tasks/{task}/")
        return found

    def delete_task(self, task: int) -> None:
        """Delete a task; one that is gone already is no error."""
        self._if_there("DELETE", f"/api/tasks/{task}/")

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
        return self._if_there("PATCH", f"/api/tasks/{task}/", {"data": data}) is not None

    def add_tasks(self, project: int, tasks: Sequence[Json]) -> None:
        """Import tasks, all or none. Raises Lost where it is not known whether it was done."""
        self.ask("POST", f"/api/projects/{project}/import?return_task_ids=false", list(tasks), again=False)

    def _if_there(self, method: str, path: str, body: object = None) -> Any:
        try:
            return self.ask(method, path, body) or {}
        except Refused as error:
            if error.status == _NOT_FOUND:
                return None
            raise


class Lost(AffectloomError):
    """The answer to a request that must not be repeated blindly did not arrive."""


class _Untouched(_Unsure):
    """The request did not reach the server, or was put off by it: it was certainly not carried out."""


class _Renew(Exception):
    """The access token has expired."""


def _where(column: str, operator: str, kind: str, value: str | int) -> Json:
    """A filter of the data manager."""
    return {"filter": f"filter:tasks:{column}", "operator": operator, "type": kind, "value": value}


def _bare(path: str) -> str:
    """A path without its query, for messages."""
    return path.split("?", 1)[0]


def _reason(said: str) -> str:
    try:
        told = json.loads(said)
    except ValueError:
        return " ".join(said.split())[:_SHOWN] or "no reason given"
    if isinstance(told, dict):
        validation = told.get("validation_errors")
        told = validation or told.get("detail") or told
    return (told if isinstance(told, str) else json.dumps(told, ensure_ascii=False))[:_SHOWN]
