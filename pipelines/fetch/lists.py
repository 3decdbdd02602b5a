"""Playlists, channels and searches as sources: asked once, kept in the store, from then on read from there.

    STORE/lists/0123456789abcdef.json      what `yt-dlp-list:...` held

So the recordings of a recipe are the same on every machine and in every run, until somebody asks again.
"""

import logging
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pipelines.fetch.addresses import plain, shown
from pipelines.fetch.pace import Pace
from pipelines.fetch.pages import LIST, PAGE, is_list, is_page, loading, today, trying
from pipelines.lineage import digest
from pipelines.store import Store
from schemas.acquire import Acquire
from schemas.errors import RecordingError, SourceUnavailable
from schemas.page import Listed, Listing
from schemas.source import SourceRow

log = logging.getLogger(__name__)

_DEPTH = 3
"""A channel holds tabs, which hold playlists, which hold recordings."""


def expanded(
    rows: Iterable[SourceRow],
    store: Store,
    how: Acquire,
    *,
    ask: bool = False,
    renew: bool = False,
) -> Iterator[SourceRow]:
    """The sources, each list replaced by its entries, which take over what the table says of the list.

    A list that nobody has asked for yet, or that could not be had, stays as it is: acquiring it says why. An entry
    that several lists hold is taken once, from the first.

    ask: ask the site for lists that the store does not know; renew: for all of them.
    """
    seen: set[str] = set()
    for row in rows:
        if not is_list(row.uri):
            yield _with_choice(row, how) if is_page(row.uri) else row
            continue
        listing = _known(row, store)
        if (listing is None and ask) or renew:
            try:
                listing = ask_for(row, store, how)
            except RecordingError as error:
                log.warning("%s: %s", row.id, error.what)
        if listing is None:
            yield row
            continue
        for entry in listing.entries:
            if entry.id not in seen:
                seen.add(entry.id)
                given = row.model_copy(update={"id": entry.id, "uri": PAGE + entry.url})
                yield _with_choice(given, how)


def _with_choice(row: SourceRow, how: Acquire) -> SourceRow:
    """The row with a mark of what is taken of a page: another choice fetches anew."""
    return row.model_copy(update={"choice": digest(how.web.model_dump(mode="json", exclude={"most"}))})


def _path(row: SourceRow, store: Store) -> str:
    return f"{store.root}/lists/{digest(row.uri)}.json"


def _known(row: SourceRow, store: Store) -> Listing | None:
    data = store.read_or_none(_path(row, store))
    try:
        return Listing.from_bytes(data) if data is not None else None
    except ValueError:
        return None


def ask_for(row: SourceRow, store: Store, how: Acquire) -> Listing:
    """Ask a list what it holds, and keep the answer. What it held before stays, marked where it has gone.

    Raises SourceUnavailable, MissingPart.
    """
    url = (row.uri or "").removeprefix(LIST)
    pace = Pace.of_store(store)
    store.sweep_folder(f"{store.root}/lists")
    with store.workspace(f"{store.root}/lists") as folder:
        found, cut = trying(url, how, pace, lambda: _ask(url, folder, how, pace))
    before = _known(row, store)
    now = {entry.id: entry for entry in found}
    kept = [now.pop(entry.id, entry.model_copy(update={"gone": True})) for entry in (before.entries if before else ())]
    listing = Listing(uri=shown(row.uri or ""), seen=today(), entries=(*kept, *now.values()), cut=cut)
    store.write(_path(row, store), listing.to_bytes())
    return listing


def _ask(url: str, folder: Path, how: Acquire, pace: Pace) -> tuple[list[Listed], bool]:
    most = how.web.most
    options = {"extract_flat": "in_playlist", "noplaylist": False, "playlist_items": None, "playlistend": most + 1}
    found: dict[str, Listed] = {}
    with loading(url, folder, how, pace, options) as (ydl, _):
        queue = [(url, 0)]
        while queue and len(found) <= most:
            at, depth = queue.pop(0)
            info = ydl.extract(at)
            entries = info.get("entries") if info.get("_type") == "playlist" else [info]
            for entry in entries or []:
                if not isinstance(entry, dict):
                    continue
                there = _address(entry)
                if there is None:
                    continue
                if _is_list(entry) and depth < _DEPTH:
                    queue.append((there, depth + 1))
                    continue
                listed = Listed(id=_id(entry, there), url=there, title=_title(entry))
                found.setdefault(listed.id, listed)
    if not found:
        raise SourceUnavailable(f"{plain(url)} lists no recordings", do="open it in a browser")
    return list(found.values())[:most], len(found) > most


def _address(entry: dict[str, Any]) -> str | None:
    for name in ("url", "webpage_url", "original_url"):
        given = entry.get(name)
        if isinstance(given, str) and given.startswith(("http://", "https://")):
            return given
    return None


def _is_list(entry: dict[str, Any]) -> bool:
    key = str(entry.get("ie_key") or "")
    return entry.get("_type") == "playlist" or bool(re.search(r"(Tab|Playlist|Channel|User|Search)$", key))


def _title(entry: dict[str, Any]) -> str | None:
    given = entry.get("title")
    return "".join(sign for sign in given[:500] if sign.isprintable()) or None if isinstance(given, str) else None


def _id(entry: dict[str, Any], url: str) -> str:
    """A name in the store: the site's and the recording's there; from the address where the site has none."""
    from pipelines.acquiring.ids import id_of, id_of_url

    site = str(entry.get("ie_key") or entry.get("extractor_key") or "Generic")
    key = entry.get("id")
    if site.lower() == "generic" or not isinstance(key, str) or not key:
        return id_of_url(url)
    return id_of(f"{site.lower()}-{key}")
