"""A published dataset sent to a hub, in one commit: what was there before stays whole until all of it has arrived."""

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from schemas.errors import MissingPart, UsageError

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_OURS = re.compile(r"data/[\w.-]+-\d{5}-of-\d{5}\.parquet|README\.md|manifest\.json|croissant\.json|figures/[\w.-]+")
_REPO = re.compile(r"[\w][\w.-]{0,95}/[\w][\w.-]{0,95}")
_UNAUTHORIZED, _FORBIDDEN = 401, 403


class Pushed(BaseModel):
    """What was sent, or would be. send: paths and sizes in bytes. kept: paths that are there already, byte for byte."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    repo: str
    url: str
    tag: str
    new: bool
    send: dict[str, int]
    kept: tuple[str, ...]
    remove: tuple[str, ...]
    commit: str | None = None
    """Of the hub's history; None where nothing was sent."""


def push(
    folder: Path,
    repo: str,
    *,
    public: bool = False,
    dry_run: bool = False,
    told: Callable[[str], None] = lambda _line: None,
) -> Pushed:
    """Send a published folder. The files that are there already are not sent again, nor those of a push that broke off.

    Args:
        folder: what `publish` wrote.
        repo: `organisation/name`. A repository that is not there is made, private unless `public`.
        public: for a repository that is made now; one that is there stays as it is.
        dry_run: only say what would be sent; nothing is made.
        told: gets a line before each file.

    The hub is `$HF_ENDPOINT`, else https://huggingface.co; the token `$HF_TOKEN`, else that of `hf auth login`.

    Raises:
        UsageError: the folder is no publication or was changed by hand; the hub says no, or fails; the version is
            on the hub already, with other files.
        MissingPart: `huggingface_hub` is not installed.
    """
    if not _REPO.fullmatch(repo):
        raise UsageError(
            f"{repo!r} names no dataset on a hub", do="write ORGANISATION/NAME, such as --push lab/reviews"
        )
    manifest = _manifest(folder)
    files = _files(folder, manifest)
    hub, sdk = _hub()
    with _told_as_ours(repo, sdk):
        plan, head, is_tagged = _plan(hub, folder, repo, tag=f"v{manifest['version']}", files=files)
        if dry_run:
            return plan
        if head and not (plan.send or plan.remove):
            if not is_tagged:  # a push that ended between its commit and its tag
                hub.create_tag(repo, tag=plan.tag, revision=head, repo_type="dataset")
            return plan
        if plan.new:
            hub.create_repo(repo, repo_type="dataset", private=not public, exist_ok=True)
        additions = [sdk.CommitOperationAdd(path, folder / path) for path in plan.send]
        for number, addition in enumerate(additions, 1):
            told(f"{number} of {len(additions)}: {addition.path_in_repo}, {plan.send[addition.path_in_repo]:,} bytes")
            hub.preupload_lfs_files(repo, [addition], repo_type="dataset", free_memory=False)
        done = hub.create_commit(
            repo,
            [*additions, *(sdk.CommitOperationDelete(path) for path in plan.remove)],
            commit_message=f"{manifest['name']} {manifest['version']}",
            repo_type="dataset",
            parent_commit=head,
        )
        hub.create_tag(repo, tag=plan.tag, revision=done.oid, repo_type="dataset")
    return plan.model_copy(update={"commit": done.oid})


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text("utf-8"))
        _ = manifest["name"], manifest["version"], manifest["files"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UsageError(
            f"{folder} is no published dataset: its manifest.json cannot be read",
            do="`affectloom publish RECIPE --out FOLDER` writes one",
        ) from error
    return manifest


def _files(folder: Path, manifest: dict[str, Any]) -> dict[str, str]:
    """Path to SHA-256 of all that belongs to it. Raises UsageError where a shard is not what was published."""
    known = {entry["path"]: entry["sha256"] for entry in manifest["files"]}
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    found = {path: _sha256(folder / path) for path in paths if _OURS.fullmatch(path)}
    wrong = sorted(path for path, digest in known.items() if found.get(path) != digest)
    if wrong:
        raise UsageError(
            f"{folder}/{wrong[0]} is not what was published" + (f", and {len(wrong) - 1} more" if wrong[1:] else ""),
            do="publish again: shards that were changed or cut off are found and written anew",
        )
    return found


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _hub() -> tuple["HfApi", Any]:
    try:
        import huggingface_hub
    except ImportError as error:
        raise MissingPart(
            "a hub is reached with the package huggingface_hub, which is not installed",
            do="pip install 'affectloom[load]'",
        ) from error
    # An endpoint that is set after the package was imported counts too.
    return huggingface_hub.HfApi(endpoint=os.environ.get("HF_ENDPOINT"), library_name="affectloom"), huggingface_hub


def _plan(hub: "HfApi", folder: Path, repo: str, *, tag: str, files: dict[str, str]) -> tuple[Pushed, str | None, bool]:
    """What to do, the commit that it builds on, and whether the version has its tag."""
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        there = hub.dataset_info(repo, files_metadata=True)
    except RepositoryNotFoundError:
        there = None
    remote = {file.rfilename: file for file in (there.siblings or [])} if there is not None else {}
    kept = tuple(path for path in files if path in remote and _is_same(remote[path], folder / path, files[path]))
    plan = Pushed(
        repo=repo,
        url=f"{hub.endpoint}/datasets/{repo}",
        tag=tag,
        new=there is None,
        send={path: (folder / path).stat().st_size for path in files if path not in kept},
        kept=kept,
        remove=tuple(sorted(path for path in remote if _OURS.fullmatch(path) and path not in files)),
    )
    if there is None:
        return plan, None, False
    is_tagged = any(one.name == tag for one in hub.list_repo_refs(repo, repo_type="dataset").tags)
    if is_tagged and (plan.send or plan.remove):
        raise UsageError(
            f"{repo} has a version {tag.removeprefix('v')} already, with other files",
            do="raise `version` in the recipe, and publish again: who loaded that version must get the same again",
        )
    return plan, there.sha, is_tagged


def _is_same(remote: Any, path: Path, digest: str) -> bool:
    if remote.lfs is not None:
        return bool(remote.lfs.sha256 == digest)
    data = path.read_bytes()
    return bool(remote.blob_id == hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest())  # noqa: S324 - git's own


@contextmanager
def _told_as_ours(repo: str, sdk: Any) -> Iterator[None]:
    # Which client it speaks HTTP with changes from version to version; its own error is always one of the client's.
    unanswered = next(kind for kind in sdk.errors.HfHubHTTPError.__mro__ if kind.__name__ == "HTTPError")
    again = "what was published before is whole; the same command goes on, and sends no finished file again"
    try:
        yield
    except sdk.errors.LocalTokenNotFoundError as error:
        raise UsageError("no token for the hub", do="`hf auth login`, or set HF_TOKEN") from error
    except sdk.errors.HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        if status in (_UNAUTHORIZED, _FORBIDDEN):
            raise UsageError(
                f"the hub does not let this token write to {repo} (HTTP {status})",
                do="make a token with write access, and set HF_TOKEN to it; or ask the organisation's owner",
            ) from error
        raise UsageError(f"the hub failed in the middle: {error.server_message or error}", do=again) from error
    except (unanswered, OSError, ValueError, RuntimeError) as error:
        raise UsageError(f"the hub failed in the middle: {type(error).__name__}: {error}", do=again) from error
