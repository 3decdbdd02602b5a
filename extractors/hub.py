"""Model folders of the Hugging Face hub: a copy that is here, else fetched; and a hub that is away is told at once."""

import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

_ASK_S = 10
"""Seconds in which a hub that is there gives a first answer."""


class NotFetchedError(Exception):
    """The files are not here and cannot be had. Its text says why, in one line."""


def snapshot(repository: str, revision: str | None, files: Sequence[str], whole: Callable[[Path], bool]) -> Path:
    """The local folder of a repository's files.

    A whole copy is used without asking the hub. Before a download the hub is asked once whether it is there at all:
    its own client tries an unknown host five times more, which takes half a minute and prints as many lines.

    Args:
        repository: owner/name.
        revision: commit, branch or tag; None: the main branch.
        files: patterns of the files that are wanted.
        whole: whether a folder that is here has all that is needed.

    Raises:
        NotFetchedError: no copy is here, and the hub is away or does not give it.
        ModuleNotFoundError: huggingface_hub is not installed.
    """
    import huggingface_hub
    from huggingface_hub import constants
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        kept = Path(huggingface_hub.snapshot_download(repository, revision=revision, local_files_only=True))
        if whole(kept):
            return kept
    except LocalEntryNotFoundError:
        pass
    away = None if constants.HF_HUB_OFFLINE else _why_away(constants.ENDPOINT)
    if away is not None:
        raise NotFetchedError(f"{constants.ENDPOINT} cannot be reached: {away}")
    try:
        return Path(huggingface_hub.snapshot_download(repository, revision=revision, allow_patterns=list(files)))
    except (OSError, ValueError, HfHubHTTPError) as error:
        raise NotFetchedError((str(error).strip().splitlines() or [type(error).__name__])[0][:200]) from error


def _why_away(endpoint: str) -> str | None:
    """Why nobody answers at an address, by the proxy that the environment names; None where somebody does."""
    try:
        with urllib.request.urlopen(urllib.request.Request(endpoint, method="HEAD"), timeout=_ASK_S):  # noqa: S310 - the hub's
            return None
    except urllib.error.HTTPError:
        return None  # an answer, if no friendly one
    except OSError as error:
        reason = getattr(error, "reason", error)
        # Someone is there; which certificates the hub's client trusts is its own affair.
        return None if isinstance(reason, ssl.SSLError) else str(reason)
