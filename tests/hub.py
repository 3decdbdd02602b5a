"""A hub on loopback, as far as pushing and loading a dataset ask it: the HTTP of huggingface.co, in memory.

What it answers follows https://huggingface.co/docs/hub/api and the Git LFS batch API. Files above `LARGE` are large.
"""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

TOKEN = "hf_loopback"  # noqa: S105 - opens nothing
LARGE = 4_000


Answer = tuple[int, Any, dict[str, str]]


class Hub:
    """What it holds, and what it was asked. fail: method and path (a pattern) of requests that get a 500."""

    def __init__(self) -> None:
        self.url = ""
        self.repos: dict[str, dict[str, Any]] = {}
        self.objects: dict[str, bytes] = {}
        self.asked: list[tuple[str, str]] = []
        self.fail: str | None = None
        self.lock = threading.Lock()

    def files(self, repo: str) -> dict[str, bytes]:
        """Of the newest commit."""
        return self.repos[repo]["commits"][-1][1]

    def puts(self) -> list[str]:
        """Large files that were sent."""
        return [path for method, path in self.asked if method == "PUT"]

    def answer(self, method: str, path: str, body: bytes, token: str) -> Answer:  # noqa: PLR0911 - one for each kind of request
        """Status, JSON or bytes, headers."""
        self.asked.append((method, path))
        if self.fail and re.search(self.fail, f"{method} {path}"):
            return 500, {"error": "the hub is on fire"}, {}
        if method == "PUT":
            oid = path.rpartition("/")[2]
            assert hashlib.sha256(body).hexdigest() == oid
            self.objects[oid] = body
            return 200, {}, {}
        if token != f"Bearer {TOKEN}":
            return 401, {"error": "Invalid username or password."}, {"X-Error-Code": "RepoNotFound"}
        if path == "/api/validate-yaml":
            assert json.loads(body)["content"].startswith("---")
            return 200, {"errors": [], "warnings": []}, {}
        if path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked['organization']}/{asked['name']}" if asked.get("organization") else asked["name"]
            if name.startswith("theirs/"):
                return 403, {"error": "You don't have the rights to create a dataset under this namespace"}, {}
            self.repos[name] = {
                "private": asked.get("visibility") == "private" or asked.get("private") is True,
                "commits": [("0" * 40, {})],
                "tags": {},
            }
            return 200, {"url": f"{self.url}/datasets/{name}"}, {}
        found = re.fullmatch(r"/(?:api/)?datasets/([\w-]+/[\w-]+)(\.git)?/?(.*)", path)
        if not found or found[1] not in self.repos:
            return 404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"}
        return self._repo(self.repos[found[1]], found[1], found[3], body)

    def _repo(self, repo: dict[str, Any], name: str, rest: str, body: bytes) -> Answer:  # noqa: PLR0911 - as above
        if rest == "refs":
            tags = [{"name": k, "ref": f"refs/tags/{k}", "targetCommit": v} for k, v in repo["tags"].items()]
            return 200, {"branches": [], "converts": [], "tags": tags, "pullRequests": []}, {}
        if rest.startswith("preupload/"):
            asked = json.loads(body)["files"]
            modes = [
                {"path": one["path"], "uploadMode": "lfs" if one["size"] > LARGE else "regular", "shouldIgnore": False}
                for one in asked
            ]
            return 200, {"files": modes}, {}
        if rest == "info/lfs/objects/batch":
            return 200, {"transfer": "basic", "objects": [self._object(one) for one in json.loads(body)["objects"]]}, {}
        if rest.startswith("commit/"):
            return self._commit(repo, name, body)
        if rest.startswith("tag/"):
            repo["tags"][json.loads(body)["tag"]] = rest.removeprefix("tag/")
            return 200, {}, {}
        if rest.startswith("resolve/"):
            revision, _, path = rest.removeprefix("resolve/").partition("/")
            sha, files = self._at(repo, unquote(revision))
            if path not in files:
                return 404, {"error": "Entry not found"}, {"X-Error-Code": "EntryNotFound"}
            etag = f'"{hashlib.sha256(files[path]).hexdigest()}"'
            return 200, files[path], {"X-Repo-Commit": sha, "ETag": etag}
        revision = rest.removeprefix("revision/") or "main"
        sha, files = self._at(repo, unquote(revision.split("?")[0]))
        if rest.startswith("tree/"):
            entries = [{"type": "file", "oid": "x", "size": len(data), "path": path} for path, data in files.items()]
            return 200, entries, {}
        siblings = [self._sibling(path, data) for path, data in sorted(files.items())]
        told = {"_id": "x", "id": name, "sha": sha, "private": repo["private"], "siblings": siblings, "tags": []}
        return 200, {**told, "disabled": False, "downloads": 0, "likes": 0}, {}

    @staticmethod
    def _at(repo: dict[str, Any], revision: str) -> tuple[str, dict[str, bytes]]:
        wanted = repo["tags"].get(revision, revision)
        return next((one for one in repo["commits"] if one[0] == wanted), repo["commits"][-1])

    def _object(self, one: dict[str, Any]) -> dict[str, Any]:
        if one["oid"] in self.objects:
            return one
        return {**one, "actions": {"upload": {"href": f"{self.url}/upload/{one['oid']}", "header": {}}}}

    @staticmethod
    def _sibling(path: str, data: bytes) -> dict[str, Any]:
        told: dict[str, Any] = {"rfilename": path, "size": len(data)}
        told["blobId"] = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()  # noqa: S324 - git's own
        if len(data) > LARGE:
            told["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
        return told

    def _commit(self, repo: dict[str, Any], name: str, body: bytes) -> Answer:
        head, files = repo["commits"][-1]
        files = dict(files)
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "header" and value.get("parentCommit") not in (None, head):
                return 412, {"error": "A commit has happened since."}, {}
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.objects[value["oid"]]
            elif line["key"] == "deletedFile":
                del files[value["path"]]
        sha = hashlib.sha256(repr((head, sorted(files))).encode()).hexdigest()[:40]
        repo["commits"].append((sha, files))
        return 200, {"success": True, "commitOid": sha, "commitUrl": f"{self.url}/datasets/{name}/commit/{sha}"}, {}


@contextmanager
def serving() -> Iterator[Hub]:
    """A hub that answers on loopback."""
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _do(self) -> None:
            if "chunked" in self.headers.get("Transfer-Encoding", ""):
                body = b"".join(self._chunks())
            else:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            with hub.lock:
                path = urlsplit(self.path).path
                status, told, headers = hub.answer(self.command, path, body, self.headers.get("Authorization", ""))
            data = told if isinstance(told, bytes) else json.dumps(told).encode()
            self.send_response(status)
            for key, value in {"Content-Length": str(len(data)), **headers}.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        def _chunks(self) -> Iterator[bytes]:
            while size := int(self.rfile.readline(), 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()

        do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = _do  # noqa: N815 - the library's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the library calls it
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
