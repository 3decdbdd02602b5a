"""Requests to a Label Studio server through its own SDK: tokens, tries, and what each failure means.

`label-studio-sdk` sends the requests, knows the addresses and exchanges the tokens. When to try again, when not, and
what to tell is decided here, because an import that is sent twice makes every task twice.
"""

import json
import random
import ssl
import time
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from schemas.errors import AffectloomError, MissingPart, UsageError

if TYPE_CHECKING:
    import httpx
    from label_studio_sdk.core.client_wrapper import SyncClientWrapper
    from label_studio_sdk.projects.client import ProjectsClient
    from label_studio_sdk.tasks.client import TasksClient
    from label_studio_sdk.users.client import UsersClient

T = TypeVar("T")
URL = "LABEL_STUDIO_URL"
TOKEN = "LABEL_STUDIO_TOKEN"  # noqa: S105 - the name of a variable, not a secret

_UNAUTHORIZED, _FORBIDDEN, _TOO_MANY = 401, 403, 429
_SHOWN = 300


class Refused(AffectloomError):
    """The server answered with an error that another try will not mend. status: the HTTP status."""

    def __init__(self, what: str, *, do: str = "", status: int = 0) -> None:
        super().__init__(what, do=do)
        self.status = status


class ServerAway(UsageError):
    """The server cannot be reached, or answers with errors of its own, in spite of several tries."""


class Lost(AffectloomError):
    """The answer to a request that must not be repeated blindly did not arrive."""


class _Unsure(Exception):
    """A request may or may not have been carried out; it can be tried again where that does no harm.

    wait_s: how long the server asks to be left alone.
    """

    def __init__(self, what: str, wait_s: float = 0.0) -> None:
        super().__init__(what)
        self.wait_s = wait_s


class _Untouched(_Unsure):
    """The request did not reach the server, or was put off by it: it was certainly not carried out."""


class _Renew(Exception):
    """The token was not accepted; the access token may have expired."""


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

    def pause(self, tried: int, wait_s: float = 0.0) -> None:
        """Wait before the next try: longer where the server asked for it (`wait_s`), but never over `longest_s`."""
        longest = min(self.longest_s, self.pause_s * 2**tried)
        drawn = longest / 2 + random.random() * longest / 2  # noqa: S311 - spreads clients, guards nothing
        self.sleep(max(drawn, min(wait_s, self.longest_s)))


@dataclass(frozen=True)
class Sdk:
    """The parts of the SDK that are used; `label_studio_sdk.LabelStudio` has all, and loads pandas, lxml and faker."""

    wrapper: "SyncClientWrapper"
    projects: "ProjectsClient"
    tasks: "TasksClient"
    users: "UsersClient"

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """A request by its address, from `/api/` on, with its query: what was said, as JSON; None for nothing."""
        answer = self.wrapper.httpx_client.request(path, method=method, json=body)
        return answer.json() if answer.content.strip() else None


class Connection:
    """One server, as one user.

    Args:
        url: such as http://localhost:8080.
        token: a personal access token (a JSON web token, exchanged for short-lived access tokens as needed), or a
            legacy token (40 hexadecimal digits). It is sent to `url` alone, and never logged.
        tries: when to give up.

    Raises:
        UsageError: the address is none, or the token cannot be one or has expired.
        MissingPart: label-studio-sdk is not installed.
    """

    def __init__(self, url: str, token: str, tries: Tries | None = None) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.username:
            raise UsageError(f"{URL}: {parts.hostname or url!r} is no http(s) address", do=f"set {URL} to the server's")
        if not (token.isascii() and token.isprintable()) or " " in token:  # an error of the library would show it
            raise UsageError(f"{TOKEN} holds something that is no token", do=f"set {TOKEN} to the token alone")
        self.url = url.rstrip("/")
        self._token = token
        self._tries = tries or Tries()
        self._http = self._transport()
        self._sdk = self._log_in()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"

    def _transport(self) -> "httpx.Client":
        try:
            import httpx
        except ImportError as error:
            raise _missing() from error
        return httpx.Client(
            event_hooks={"response": [self._judge]},
            follow_redirects=False,  # a redirect would carry the token to another address
            # No connection waits for a next request: a server that closes it meanwhile would make the request unsure.
            limits=httpx.Limits(max_keepalive_connections=0),
            timeout=self._tries.timeout_s,
            verify=ssl.create_default_context(),  # the system's certificates, where an institution adds its own
        )

    def _log_in(self) -> Sdk:
        """The SDK with no access token yet."""
        try:
            from label_studio_sdk.core.api_error import ApiError
            from label_studio_sdk.core.client_wrapper import SyncClientWrapper
            from label_studio_sdk.projects.client import ProjectsClient
            from label_studio_sdk.tasks.client import TasksClient
            from label_studio_sdk.users.client import UsersClient

            # With the slash the SDK keeps a path of the address when it exchanges tokens.
            given = {"base_url": f"{self.url}/", "api_key": self._token, "timeout": self._tries.timeout_s}
            wrapper = SyncClientWrapper(**given, httpx_client=self._http, max_retries=0)
        except ImportError as error:
            raise _missing() from error
        except ApiError:  # it reads in a personal token that it has expired
            raise self._no_token() from None
        return Sdk(wrapper, *(part(client_wrapper=wrapper) for part in (ProjectsClient, TasksClient, UsersClient)))

    def tried(self, call: Callable[[Sdk], T], *, again: bool = True) -> T:
        """One request, tried again as `Tries` says.

        Args:
            call: makes one request.
            again: whether to try again where it is not known if the server did it. Where it is not, a lost
                answer raises `Lost`.

        Raises:
            UsageError: the token is not accepted.
            Refused: the server says no.
            ServerAway: it says nothing, or has errors of its own, at every try.
            Lost: see `again`.
        """
        renewed, failed = False, 0
        while True:
            try:
                return self._once(call)
            except _Renew:
                if renewed:
                    raise self._no_token() from None
                renewed, self._sdk = True, self._log_in()
            except _Unsure as error:
                if not again and not isinstance(error, _Untouched):
                    raise Lost(f"{self.url} did not say whether it did {error}") from error
                failed += 1
                if failed == self._tries.most:
                    raise ServerAway(
                        f"{self.url} does not answer, tried {failed} times: {error}",
                        do="when the server is up, run the same command again: it goes on where it stopped",
                    ) from error
                self._tries.pause(failed - 1, error.wait_s)

    def ask(self, method: str, path: str, body: object = None, *, again: bool = True) -> Any:
        """`Sdk.ask`, tried as `tried` does."""
        return self.tried(lambda sdk: sdk.ask(method, path, body), again=again)

    def _once(self, call: Callable[[Sdk], T]) -> T:
        import httpx
        from label_studio_sdk.core.api_error import ApiError
        from label_studio_sdk.core.parse_error import ParsingError

        try:
            return call(self._sdk)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise _Untouched(_failed(error)) from error
        except httpx.RequestError as error:
            raise _Unsure(_failed(error)) from error
        except (ApiError, ParsingError) as error:  # of a good answer: others do not come so far, see _judge
            raise self._no_json(str(error.body)) from error
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise self._no_json(str(error)) from error

    def _judge(self, answer: "httpx.Response") -> None:
        """Raise what an answer means, unless it is good. Called before the SDK sees it; of token exchanges too."""
        if answer.is_success:
            if "json" not in answer.headers.get("Content-Type", "") and answer.read().strip():
                raise self._no_json(answer.text)
            return
        answer.read()
        what = f"{_asked(answer.request)}: HTTP {answer.status_code}: {_reason(answer.text[:4000])}"
        if answer.status_code == _UNAUTHORIZED:
            raise _Renew
        if answer.status_code == _TOO_MANY:
            raise _Untouched(what, _wait_s(answer))
        if answer.is_server_error:
            raise _Unsure(what, _wait_s(answer))
        do = f"the user of {TOKEN} may not do this" if answer.status_code == _FORBIDDEN else ""
        raise Refused(f"{self.url} refuses {what}", do=do, status=answer.status_code)

    def _no_json(self, said: str) -> Refused:
        return Refused(
            f"{self.url} answers with something that is not JSON: {said[:80]!r}",
            do=f"check that {URL} names a Label Studio server, without a path behind it",
        )

    def _no_token(self) -> UsageError:
        return UsageError(
            f"{self.url} does not accept the token: it is wrong, has expired or was revoked",
            do=f"make a new one in Label Studio (Account & Settings) and set {TOKEN} to it; a legacy token works only "
            "where the organization allows it. What is done so far is kept: run the same command again",
        )


def _missing() -> MissingPart:
    return MissingPart("Label Studio needs the package label-studio-sdk", do="pip install 'affectloom[annotate]'")


def _asked(request: "httpx.Request") -> str:
    """A request without its query, for messages."""
    return f"{request.method} {request.url.path}"


def _failed(error: "httpx.RequestError") -> str:
    return f"{_asked(error.request)}: {error or type(error).__name__}"


def _wait_s(answer: "httpx.Response") -> float:
    """What the header Retry-After asks for, in seconds; 0 where it is not there or names a date."""
    asked = answer.headers.get("Retry-After", "")
    return float(asked) if asked.isdecimal() else 0.0


def _reason(said: str) -> str:
    try:
        told = json.loads(said)
    except ValueError:
        return " ".join(said.split())[:_SHOWN] or "no reason given"
    if isinstance(told, dict):
        validation = told.get("validation_errors")
        told = validation or told.get("detail") or told
    return (told if isinstance(told, str) else json.dumps(told, ensure_ascii=False))[:_SHOWN]
