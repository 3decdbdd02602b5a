"""A real Label Studio for tests: a virtual environment of its own, SQLite, loopback, ended by its process id.

The environment is 1 GB and takes 1 to 4 minutes to make; the first start migrates its database, about 75 s; every
later one copies the migrated folder and takes about 10 s. Both are cached: in `$AFFECTLOOM_LABEL_STUDIO`, which may
name a virtual environment that has `label-studio` already, else in `~/.cache/affectloom/label-studio`. By hand:

    python tests/label_studio_server.py            # make what is missing and say where it is
"""

# ruff: noqa: S105, S310, T201 - what is secret here guards nothing, and every address is on loopback

import fcntl
import http.cookiejar
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import contextmanager
from pathlib import Path

PACKAGE = "label-studio==1.23.2"
VARIABLE = "AFFECTLOOM_LABEL_STUDIO"
ADMIN = "admin@example.com"
PASSWORD = "Passw0rd!x"
TOKEN = "0123456789abcdef0123456789abcdef01234567"
_START_S = 300
_ADDRESSES = {
    "COLLECT_ANALYTICS": "False",
    "SENTRY_DSN": "",
    "FRONTEND_SENTRY_DSN": "",
    "LATEST_VERSION_CHECK": "false",
}


def home():
    """The virtual environment."""
    given = os.environ.get(VARIABLE)
    return Path(given) if given else Path.home() / ".cache" / "affectloom" / "label-studio"


def program():
    """The program `label-studio`, installed if need be. One process installs, others wait."""
    folder = home()
    script = folder / "bin" / "label-studio"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _alone(folder.parent / f".{folder.name}.lock"):
        if not script.exists():
            subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
            pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "-q", "install"]
            subprocess.run([*pip, PACKAGE], check=True, timeout=900)
    return script


@contextmanager
def _alone(path):
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def migrated():
    """A data folder as it is after the first start, to be copied."""
    script = program()
    ready = home() / "migrated-for-affectloom"
    with _alone(home() / ".migrated.lock"):
        if not ready.exists():
            making = ready.with_suffix(".part")
            shutil.rmtree(making, ignore_errors=True)
            server = Server(making, script)
            server.start()
            server.stop()
            making.rename(ready)
    return ready


class Server:
    """One Label Studio on one data folder; it can be killed and started again."""

    def __init__(self, data, script):
        self.data, self.script = data, script
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = None
        self._personal = {}

    def start(self):
        """Start it and wait until it answers."""
        self.data.mkdir(parents=True, exist_ok=True)
        own = {
            "LABEL_STUDIO_BASE_DATA_DIR": str(self.data),
            "DJANGO_DB": "sqlite",
            "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
            "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "true",
            "DEBUG": "false",
            "PATH": os.environ["PATH"],
            "HOME": str(self.data),
            **_ADDRESSES,
        }
        asked = ["start", "--internal-host", "127.0.0.1", "--port", str(self.port), "--no-browser"]
        asked += ["--username", ADMIN, "--password", PASSWORD, "--user-token", TOKEN, "--log-level", "ERROR"]
        with (self.data / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(self.script), *asked], env=own, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.data
            )
        end = time.monotonic() + _START_S
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > end:
                self.kill()
                raise RuntimeError(f"Label Studio did not start: {(self.data / 'server.log').read_text()[-2000:]}")
            time.sleep(0.2)
        return self

    def _answers(self):
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def stop(self):
        """End it as a person would."""
        self._end(signal.SIGTERM)

    def kill(self):
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def _end(self, how):
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(20)
        self.process = None

    def sign_up(self, name):
        """A user who followed an invitation, as annotators do: address and legacy token."""
        browser = Browser(self.url)
        invitation = ask(self.url, TOKEN, "GET", "/api/invite")["invite_url"]
        path = urllib.parse.urlsplit(invitation)
        email = f"{name}@example.com"
        browser.submit(
            f"{path.path}?{path.query}", {"email": email, "password": PASSWORD, "allow_newsletters": "false"}
        )
        return email, json.loads(browser.get("/api/current-user/token"))["token"]

    def personal_token(self, legacy):
        """The personal access token of a user, of whom the server lets have one only."""
        if legacy not in self._personal:
            self._personal[legacy] = ask(self.url, legacy, "POST", "/api/token/")["token"]
        return self._personal[legacy]


class Browser:
    """Cookies and forms."""

    def __init__(self, url):
        self.url = url
        self.jar = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar))

    def get(self, path):
        with self.opener.open(self.url + path, timeout=60) as answer:
            return answer.read().decode()

    def submit(self, path, fields):
        self.get(path)
        token = next(cookie.value for cookie in self.jar if cookie.name == "csrftoken")
        body = urllib.parse.urlencode({**fields, "csrfmiddlewaretoken": token}).encode()
        request = urllib.request.Request(self.url + path, body, {"Referer": self.url + path})
        with self.opener.open(request, timeout=60) as answer:
            return answer.read().decode()


def ask(url, token, method, path, body=None):
    """A request that owes nothing to the client under test."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Token {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(url + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            said = answer.read()
    except urllib.error.HTTPError as error:
        with error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read()[:500]}") from error
    return json.loads(said) if said.strip() else None


def _free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


@contextmanager
def running():
    """A fresh Label Studio, gone with all it held at the end of the block."""
    ready = migrated()
    with tempfile.TemporaryDirectory(prefix="label-studio-") as folder:
        data = Path(folder) / "data"
        shutil.copytree(ready, data)
        server = Server(data, program())
        try:
            yield server.start()
        finally:
            server.stop()


if __name__ == "__main__":
    began = time.monotonic()
    print(f"{migrated()}, {time.monotonic() - began:.0f} s")
