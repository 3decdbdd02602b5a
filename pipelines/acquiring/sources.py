"""Reading which sources there are: tables, folders, globs, files, addresses."""

import difflib
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from pipelines.acquiring.dataset_rows import DATASET, dataset_rows, is_dataset
from pipelines.acquiring.ids import id_of, id_of_url
from pipelines.acquiring.table_file import TABLES, Place, records, suffix_of
from pipelines.fetch.addresses import plain
from pipelines.fetch.cells import CELL
from pipelines.fetch.objects import beside, bytes_of, is_object, listed
from pipelines.fetch.pages import LIST, PAGE
from pipelines.store import is_id
from schemas.errors import RecordingError, SourceTableError
from schemas.source import TERMS, Scalar, SourceRow

log = logging.getLogger(__name__)

_VIDEO = (
    ".mp4",
    ".m4v",
    ".mov",
    ".mkv",
    ".webm",
    ".avi",
    ".mpg",
    ".mpeg",
    ".mts",
    ".m2ts",
    ".ts",
    ".wmv",
    ".flv",
    ".3gp",
    ".ogv",
)
_AUDIO = (".wav", ".flac", ".mp3", ".m4a", ".aac", ".ogg", ".oga", ".opus", ".wma", ".aiff", ".aif")
_IMAGE = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
MEDIA_SUFFIXES = frozenset((*_VIDEO, *_AUDIO, *_IMAGE))
TEXT_SUFFIXES = frozenset({".txt"})
_TEXT_BYTES = 10_000_000
_NAMES = {
    "uri": ("uri", "path", "url", "file", "media"),
    "id": ("id",),
    "text": ("text",),
    "subtitles": ("subtitles", "subtitle", "subtitle_file"),
    "licence": ("licence", "license"),
    "consent": ("consent",),
    "language": ("language",),
    "speaker": ("speaker",),
    "dialogue": ("dialogue", "dialog"),
    "turn": ("turn",),
}
_COLUMN = {written: name for name, ways in _NAMES.items() for written in ways}


def read_sources(sources: str | Sequence[str], folder: Path, places: Sequence[str] = ()) -> Iterator[SourceRow]:
    """Every source in order, each id once. Relative paths count from `folder`. Raises SourceTableError.

    A table is read row by row, so that it may be longer than memory. places: where each of the sources is written, for
    messages.
    """
    seen: dict[str, str] = {}
    texts = [sources] if isinstance(sources, str) else sources
    for index, text in enumerate(texts):
        for row in _placed(_read(text, folder), places[index] if index < len(places) else ""):
            if row.id in seen:
                raise SourceTableError(
                    f"{row.where or row.uri}: the id {row.id!r} is taken already, by {seen[row.id]}",
                    do="give each source an id of its own: in a table by a column `id`, in a folder by another name",
                )
            seen[row.id] = row.where or row.uri or row.id
            yield row


def _placed(rows: Iterator[SourceRow], place: str) -> Iterator[SourceRow]:
    """The rows; where a source itself is wrong, not a row of it, the error says where the source is written."""
    try:
        yield from rows
    except SourceTableError as error:
        if place and error.what.startswith("sources: "):
            raise SourceTableError(f"{place}: {error.what}", do=error.do) from error
        raise


def _read(text: str, folder: Path) -> Iterator[SourceRow]:
    if is_dataset(text):
        yield from dataset_rows(text, folder)
    elif _is_address(text):
        yield from _at_address(text)
    else:
        yield from _on_disk(text, folder)


def _at_address(text: str) -> Iterator[SourceRow]:
    if is_object(text) and (text.endswith("/") or any(sign in text for sign in "*?[")):
        yield from _objects(text)
    elif is_object(text) and suffix_of(text) in TABLES:
        yield from (_row(values, line, text) for line, values in records(text, _check_columns))
    else:
        yield SourceRow(id=id_of_url(text), uri=text, where=plain(text))


def _on_disk(text: str, folder: Path) -> Iterator[SourceRow]:
    path = folder / Path(text).expanduser()
    if any(sign in text for sign in "*?[") and not path.exists():
        base, pattern = _glob_base(path)
        found = [item for item in sorted(base.glob(pattern)) if item.is_file() and _is_inside(item, base)]
        if not found:
            raise SourceTableError(f"sources: {text}: no file matches in {base}", do="check the pattern")
        yield from (_file_row(item, base) for item in found)
    elif path.is_dir():
        known = MEDIA_SUFFIXES | TEXT_SUFFIXES
        named = (item for item in sorted(path.rglob("*")) if item.suffix.lower() in known)
        found = [item for item in named if item.is_file() and _is_inside(item, path)]
        if not found:
            raise SourceTableError(
                f"sources: {path} holds no recordings", do=f"known endings: {', '.join(sorted(known))}"
            )
        yield from (_file_row(item, path) for item in found)
    elif path.suffix.lower() in TABLES:
        yield from _table(path)
    elif path.is_file():
        yield _file_row(path, path.parent)
    else:
        near = difflib.get_close_matches(path.name, _names_in(path.parent), n=1)
        do = f"did you mean {near[0]}?" if near else "paths count from the recipe's folder"
        raise SourceTableError(f"sources: {path} does not exist", do=do)


def _objects(url: str) -> Iterator[SourceRow]:
    """What a folder of an object store holds, or what matches a pattern there."""
    try:
        base, found = listed(url)
        media = [address for address in found if suffix_of(address) in MEDIA_SUFFIXES | TEXT_SUFFIXES]
        if not media:
            raise SourceTableError(f"sources: {plain(url)} holds no recordings", do="check the address")
        for address in media:
            name = id_of(address.removeprefix(base).lstrip("/").removesuffix(PurePosixPath(address).suffix))
            if suffix_of(address) in TEXT_SUFFIXES:
                text = bytes_of(address, _TEXT_BYTES).decode("utf-8-sig")
                yield SourceRow(id=name, text=text, where=plain(address))
            else:
                yield SourceRow(id=name, uri=address, where=plain(address))
    except RecordingError as error:
        raise SourceTableError(f"sources: {error.what}", do=error.do) from error
    except UnicodeDecodeError as error:
        raise SourceTableError(f"sources: {plain(url)}: a text is not UTF-8", do="save it as UTF-8") from error


def _is_inside(item: Path, folder: Path) -> bool:
    """Whether a file lies in the folder; a link that points out of it is left out, as nobody wrote down its target."""
    if item.resolve().is_relative_to(folder.resolve()):
        return True
    log.warning("%s points outside %s: left out; name its target in a table to have it", item, folder)
    return False


def _is_address(text: str) -> bool:
    return "://" in text or text.startswith((PAGE, LIST))


def _names_in(folder: Path) -> list[str]:
    try:
        return [item.name for item in folder.iterdir()]
    except OSError:
        return []


def _glob_base(path: Path) -> tuple[Path, str]:
    parts = path.parts
    first = next(index for index, part in enumerate(parts) if any(sign in part for sign in "*?["))
    return Path(*parts[:first]), str(Path(*parts[first:]))


def _file_row(path: Path, base: Path) -> SourceRow:
    name = id_of(str(path.relative_to(base).with_suffix("")))
    if path.suffix.lower() in TEXT_SUFFIXES:
        return SourceRow(id=name, text=_read_text(path, str(path)), where=str(path))
    return SourceRow(id=name, uri=str(path.absolute()), where=str(path))


def _read_text(path: Path, where: str) -> str:
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceTableError(f"{where}: {path} is not UTF-8 text", do="save it as UTF-8, or take it out") from error
    except OSError as error:
        raise SourceTableError(f"{where}: {path} cannot be read: {error.strerror}", do="make it readable") from error


def _table(path: Path) -> Iterator[SourceRow]:
    if not path.is_file():
        near = difflib.get_close_matches(path.name, _names_in(path.parent), n=1)
        raise SourceTableError(
            f"sources: {path} does not exist",
            do=f"did you mean {near[0]}?" if near else "paths count from the recipe's folder",
        )
    yield from (_row(values, line, path) for line, values in records(path, _check_columns))


def _check_columns(names: Sequence[str], path: Place) -> None:
    known = {name.strip().lower() for name in names} & set(_COLUMN)
    if not {_COLUMN[name] for name in known} & {"uri", "text"}:
        near = {name: difflib.get_close_matches(name.lower(), _COLUMN, n=1) for name in names}
        hints = [f"{name} (did you mean {close[0]}?)" for name, close in near.items() if close]
        raise SourceTableError(
            f"{path}: no column says where the recordings are; found: {', '.join(names) or 'nothing'}",
            do="name a column `path`, `uri` or `text`" + (f"; {'; '.join(hints)}" if hints else ""),
        )
    twice = [name for name in _NAMES if sum(_COLUMN.get(column.strip().lower()) == name for column in names) > 1]
    if twice:
        raise SourceTableError(f"{path}: several columns mean {twice[0]!r}: {', '.join(names)}", do="keep one of them")


def is_further(column: str) -> bool:
    """Whether a column means nothing here: it is kept as it is."""
    return column.strip().lower() not in _COLUMN


def near_misses(names: Sequence[str]) -> dict[str, str]:
    """Extra columns that look like a misspelt known one: `speeker` -> `speaker`."""
    unknown = [name for name in names if is_further(name)]
    near = {name: difflib.get_close_matches(name.lower(), list(_COLUMN), n=1, cutoff=0.8) for name in unknown}
    return {name: close[0] for name, close in near.items() if close}


def _row(values: Mapping[str, object], line: int, path: Place) -> SourceRow:
    where = f"{path}:{line}"
    folder = path.parent if isinstance(path, Path) else path.rpartition("/")[0]
    given: dict[str, object] = {}
    extra: dict[str, Scalar] = {}
    for column, value in values.items():
        name = _COLUMN.get(column.strip().lower())
        if name is not None:
            given[name] = value
        elif isinstance(value, float) and not math.isfinite(value):
            raise SourceTableError(f"{where}: {column}: {value} is no number", do="leave the cell empty")
        elif isinstance(value, str | int | float | bool):
            extra[column.strip()] = value
        else:
            raise SourceTableError(f"{where}: {column}: found a {type(value).__name__}, expected one value")
    for name in ("uri", "subtitles"):
        _refuse_dataset(str(given.get(name, "")), where)
    uri = _resolve(given.get("uri"), folder)
    text = given.get("text")
    if uri is None and text is None:
        raise SourceTableError(f"{where}: neither a path nor a text", do="fill one of them, or take the row out")
    if uri is not None and text is None and Path(uri).suffix.lower() in TEXT_SUFFIXES and Path(uri).is_file():
        text = _read_text(Path(uri), where)
        uri = None
    name = str(given["id"]) if "id" in given else _id(given.get("uri"), line)
    if not is_id(name):
        raise SourceTableError(
            f"{where}: {name!r} cannot be an id", do="letters, digits, '.', '_', '-', beginning with a letter or digit"
        )
    return SourceRow(
        id=name,
        uri=uri,
        text=None if text is None else str(text),
        subtitles_uri=_resolve(given.get("subtitles"), folder),
        turn=_turn(given.get("turn"), where),
        extra=extra,
        learnt={term: Path(path).name for term in TERMS if given.get(term) or extra.get(term)},
        where=where,
        **{name: _text(given.get(name)) for name in ("licence", "consent", "language", "speaker", "dialogue")},
    )


def _refuse_dataset(uri: str, where: str) -> None:
    """A table from elsewhere must not reach into datasets of this machine."""
    if uri.strip().startswith((DATASET, CELL)):
        raise SourceTableError(f"{where}: a dataset cannot stand in a table", do="name it in the recipe's `sources`")


def _text(value: object) -> str | None:
    return None if value is None else str(value).strip() or None


def _turn(value: object, where: str) -> int | None:
    if value is None:
        return None
    try:
        return int(str(value).strip())
    except ValueError as error:
        raise SourceTableError(f"{where}: turn: found {value!r}, expected a whole number") from error


def _resolve(value: object, folder: Path | str) -> str | None:
    if value is None:
        return None
    text = str(value).strip()
    if isinstance(folder, str) and not _is_address(text):
        return beside(folder, text)
    if _is_address(text):
        return text
    try:
        return str((Path(folder) / Path(text).expanduser()).absolute())
    except RuntimeError:  # `~somebody` who has no home here
        return str((Path(folder) / text).absolute())


def _id(uri: object, line: int) -> str:
    if uri is None:
        return f"text-{line:06d}"
    text = str(uri)
    if _is_address(text):
        return id_of_url(text)
    path = Path(text)
    return id_of(str(path.with_suffix("") if path.name else path).lstrip("./"))
