"""What each answer of a server means, on a loopback server that misbehaves as told."""

import json
import logging
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import jwt
import pytest

from annotation.connection import Lost, Refused, ServerAway, Tries
from annotation.label_studio import LabelStudio
from schemas.errors import UsageError

LEGACY = "89abcdef" * 5
SIGNER = "a key of the server that is long enough"
TASK = {"data": {"text": "a"}}
GOOD = (200, {"ok": 1})


def signed(kind, seconds):
    """A token as Label Studio makes them: the SDK reads when it expires, and nobody here checks who signed it."""
    return jwt.encode({"token_type": kind, "exp": int(time.time()) + seconds, "jti": kind}, SIGNER, "HS256")


PERSONAL, ACCESS = signed("refresh", 3600), signed("access", 300)


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append((self.command, self.path, self.headers["Authorization"], body))
        if self.path.endswith("/api/token/refresh/"):
            assert json.loads(body) == {"refresh": PERSONAL}
            self.say(200, {"access": ACCESS})
            return
        told = self.server.answers.pop(0) if len(self.server.answers) > 1 else self.server.answers[0]
        if told is None:  # the work is done, the line is cut
            self.close_connection = True
            return
        self.say(*told)

    do_GET = do_PATCH = do_DELETE = do_POST  # noqa: N815 - as the library calls them

    def say(self, status, body, headers=()):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        told = {"Content-Type": "application/json", "Content-Length": str(len(data)), **dict(headers)}
        for name, value in told.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture
def fake():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.answers = [], []
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def client(fake):
    """A function of the server's answers, in turn, the last for ever: a client of it, and the pauses it makes."""

    def answering(*answers, token=LEGACY, path=""):
        fake.answers, pauses = list(answers), []
        tries = Tries(most=4, pause_s=0.1, longest_s=10, timeout_s=5, sleep=pauses.append)
        return LabelStudio(fake.url + path, token, tries), pauses

    return answering


def test_an_import_whose_answer_is_lost_is_sent_once(client, fake):
    server, pauses = client(None)
    with pytest.raises(Lost, match="POST /api/projects/7/import"):
        server.add_tasks(7, [TASK])
    assert (len(fake.asked), pauses) == (1, [])
    _, path, _, body = fake.asked[0]
    assert path == "/api/projects/7/import?return_task_ids=false"
    assert json.loads(body) == [TASK]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_an_import_answered_by_an_error_of_the_server_is_sent_once(client, fake, status):
    server, _ = client((status, b"<html>bad gateway</html>", {"Content-Type": "text/html"}))
    with pytest.raises(Lost, match=f"HTTP {status}: <html>bad gateway"):
        server.add_tasks(7, [TASK])
    assert len(fake.asked) == 1


def test_a_project_whose_making_is_unsure_is_asked_for_once(client, fake):
    server, _ = client(None)
    with pytest.raises(Lost):
        server.make_project({"title": "one"})
    assert len(fake.asked) == 1


def test_an_import_that_is_put_off_is_sent_again_after_the_time_that_the_server_asks_for(client, fake):
    put_off = (429, {"detail": "slowly"}, {"Retry-After": "7"})
    server, pauses = client(put_off, (429, {}, {"Retry-After": "3600"}), (429, {}), (201, {"task_count": 1}))
    server.add_tasks(7, [TASK])
    assert len(fake.asked) == 4
    assert pauses[:2] == [7, 10]
    assert 0.2 <= pauses[2] <= 0.4


def test_what_does_no_harm_is_tried_again_with_growing_pauses_and_then_given_up(client, fake):
    server, pauses = client(None, (503, {}), (500, {"detail": "broken"}))
    with pytest.raises(ServerAway, match="tried 4 times: GET /api/x/: HTTP 500: broken"):
        server.ask("GET", "/api/x/?secret=1")
    assert len(fake.asked) == 4
    assert all(0.05 * 2**at <= pause <= 0.1 * 2**at for at, pause in enumerate(pauses))
    assert len(pauses) == 3


@pytest.mark.parametrize("call", ["change", "delete", "ask"])
def test_every_way_to_ask_is_tried_again_by_our_rule_alone(client, fake, call):
    server, pauses = client((503, {}), None, (200, {"id": 5}))
    done = {"change": lambda: server.change_task(5, {"a": 1}), "delete": lambda: server.delete_task(5)}
    done.get(call, lambda: server.ask("GET", "/api/x/"))()
    assert (len(fake.asked), len(pauses)) == (3, 2)


@pytest.mark.parametrize("status", [400, 403, 409, 408])
def test_a_refusal_is_told_with_its_reason_and_not_repeated(client, fake, status):
    server, _ = client((status, {"detail": "no", "validation_errors": {"title": ["too long"]}}))
    with pytest.raises(Refused, match=rf"GET /api/x/: HTTP {status}: .*too long") as told:
        server.ask("GET", "/api/x/")
    assert (told.value.status, len(fake.asked)) == (status, 1)


def test_what_is_gone_is_no_error_where_it_should_go(client):
    server, _ = client((404, {"detail": "Not found."}))
    server.delete_task(5)
    server.delete_project(5)
    assert server.change_task(5, {}) is False
    assert server.task(5) is None


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("token", [LEGACY, PERSONAL])
def test_no_redirect_is_followed(client, fake, status, token):
    server, _ = client((status, {}, {"Location": f"{fake.url}/elsewhere"}), GOOD, token=token)
    with pytest.raises(Refused, match=f"HTTP {status}"):
        server.ask("GET", "/api/x/")
    assert not [path for _, path, *_ in fake.asked if "elsewhere" in path]


@pytest.mark.parametrize(
    "page", [(200, b"<html>Sign in</html>", {"Content-Type": "text/html"}), (200, b'{"a": '), (200, b"\xff\xfe")]
)
@pytest.mark.parametrize("call", [lambda server: server.ask("GET", "/api/x/"), lambda server: server.users()])
def test_a_page_that_is_not_json_is_told(client, fake, page, call):
    server, _ = client(page)
    with pytest.raises(Refused, match="not JSON"):
        call(server)
    assert len(fake.asked) == 1


def test_a_legacy_token_is_sent_as_it_is(client, fake):
    server, _ = client(GOOD)
    server.ask("GET", "/api/x/")
    assert [said for *_, said, _ in fake.asked] == [f"Token {LEGACY}"]


@pytest.mark.parametrize("path", ["", "/label-studio", "/label-studio/"])
def test_a_personal_token_is_exchanged_once_under_the_path_of_the_address(client, fake, path):
    server, _ = client(GOOD, token=PERSONAL, path=path)
    server.ask("GET", "/api/x/")
    server.ask("GET", "/api/x/")
    under = path.rstrip("/")
    assert [(way, said) for _, way, said, _ in fake.asked] == [
        (f"{under}/api/token/refresh/", None),
        (f"{under}/api/x/", f"Bearer {ACCESS}"),
        (f"{under}/api/x/", f"Bearer {ACCESS}"),
    ]


def test_an_access_token_that_is_not_accepted_is_renewed_once(client, fake):
    server, pauses = client((401, {}), GOOD, token=PERSONAL)
    server.add_tasks(7, [TASK])
    assert [way.split("?")[0] for _, way, *_ in fake.asked] == ["/api/token/refresh/", "/api/projects/7/import"] * 2
    assert pauses == []
    fake.answers[:] = [(401, {})]
    with pytest.raises(UsageError, match="does not accept the token"):
        server.ask("GET", "/api/x/")
    assert len(fake.asked) == 4 + 3


def test_a_personal_token_that_has_expired_is_told_before_anything_is_asked(client, fake):
    with pytest.raises(UsageError, match="has expired"):
        client(GOOD, token=signed("refresh", -60))
    assert fake.asked == []


@pytest.mark.parametrize("token", [f"{LEGACY}\nX-Evil: 1", f"{LEGACY} ", f"Token {LEGACY}", f"{LEGACY}é"])
def test_what_cannot_be_a_token_is_refused_without_being_shown(token):
    with pytest.raises(UsageError, match="LABEL_STUDIO_TOKEN") as told:
        LabelStudio("http://127.0.0.1:9", token)
    assert LEGACY not in str(told.value)


@pytest.mark.parametrize("token", [LEGACY, PERSONAL])
def test_no_log_and_no_message_shows_a_token(client, fake, caplog, token):
    caplog.set_level(logging.DEBUG)
    logging.getLogger().setLevel(logging.DEBUG)
    server, _ = client(GOOD, (400, {"detail": "no"}), None, token=token)
    said = [repr(server)]
    server.ask("GET", "/api/x/")
    for wanted in (Refused, ServerAway):
        with pytest.raises(wanted) as told:
            server.ask("GET", "/api/x/")
        error = told.value
        while error is not None:
            said.append(f"{error!r} {error}")
            error = error.__cause__ or error.__context__
    said += [record.getMessage() for record in caplog.records]
    assert any("/api/x/" in line for line in said)
    assert not [line for line in said if LEGACY in line or PERSONAL in line or ACCESS in line]


def test_without_the_sdk_the_extra_is_named():
    script = (
        "import sys\nsys.modules['label_studio_sdk'] = None\n"
        "from annotation.label_studio import LabelStudio\n"
        "try:\n    LabelStudio('http://127.0.0.1:9', 'a' * 40)\n"
        "except Exception as error:\n    print(type(error).__name__, error.what, error.do)"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == (
        "MissingPart Label Studio needs the package label-studio-sdk pip install 'affectloom[annotate]'"
    )
