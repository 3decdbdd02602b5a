"""What changed between two versions of a published dataset: rows, splits, labels, columns, shards."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from pipelines.exporting.published import Published, label_text, open_published

_EXAMPLES = 5


class Change(BaseModel):
    """Something that happened to `rows` of them; examples are ids, with what was and what is where that says more."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int
    examples: tuple[str, ...]


class Changes(BaseModel):
    """From one version to another. labels: by question; a question that is new or gone is among the columns alone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    old: str
    new: str
    rows: tuple[int, int]
    added: Change
    removed: Change
    moved: Change
    """To another split."""
    labels: dict[str, Change]
    content: Change
    """Other words, times or media under the same id."""
    columns_added: tuple[str, ...]
    columns_removed: tuple[str, ...]
    shards: dict[str, int]
    """How many are `kept` byte for byte, `new`, and `gone`; empty where a manifest is missing."""

    @property
    def is_none(self) -> bool:
        """Whether who loads one gets what who loads the other gets."""
        changes = (self.added, self.removed, self.moved, self.content, *self.labels.values())
        return not (any(change.rows for change in changes) or self.columns_added or self.columns_removed)


def changes(old: Path, new: Path) -> Changes:
    """Compare two published folders; some hundred bytes a row are held.

    Raises UsageError where either is no published dataset.
    """
    before, after = open_published(old), open_published(new)
    shared = [name for name in before.labels if name in after.labels]
    known = dict(_rows(before, shared))
    count = len(known)
    found: dict[str, _Some] = {name: _Some() for name in ("added", "moved", "content", *(f"={one}" for one in shared))}
    rows = 0
    for name, (split, labels, content) in _rows(after, shared):
        rows += 1
        was = known.pop(name, None)
        if was is None:
            found["added"].add(name)
            continue
        if was[0] != split:
            found["moved"].add(f"{name}: {was[0]} → {split}")
        if was[2] != content:
            found["content"].add(name)
        for question, then, now in zip(shared, was[1], labels, strict=True):
            if then != now:
                found[f"={question}"].add(f"{name}: {then or 'none'} → {now or 'none'}")
    removed = _Some()
    for name in known:
        removed.add(name)
    return Changes(
        old=_named(old),
        new=_named(new),
        rows=(count, rows),
        added=found["added"].told,
        removed=removed.told,
        moved=found["moved"].told,
        content=found["content"].told,
        labels={one: found[f"={one}"].told for one in shared if found[f"={one}"].rows},
        columns_added=tuple(name for name in after.columns if name not in before.columns),
        columns_removed=tuple(name for name in before.columns if name not in after.columns),
        shards=_shards(old, new),
    )


class _Some:
    """A count, and the first few."""

    def __init__(self) -> None:
        self.rows = 0
        self._examples: list[str] = []

    def add(self, example: str) -> None:
        self.rows += 1
        if len(self._examples) < _EXAMPLES:
            self._examples.append(example)

    @property
    def told(self) -> Change:
        return Change(rows=self.rows, examples=tuple(self._examples))


def _rows(data: Published, labels: list[str]) -> Iterator[tuple[str, tuple[str, tuple[str, ...], bytes]]]:
    """Id to split, labels as text, and a digest of what the sample is."""
    what = ("text", "start", "end", "words", "sha256")
    kept = {"id", *what, *labels}
    for row in data.rows(without=[name for name in data.columns if name not in kept]):
        text = json.dumps([row.get(name) for name in what], ensure_ascii=False)
        digest = hashlib.blake2b(text.encode(), digest_size=12).digest()
        yield str(row["id"]), (str(row["split"]), tuple(label_text(row[name]) for name in labels), digest)


def _manifest(folder: Path) -> Mapping[str, Any]:
    try:
        told = json.loads((folder / "manifest.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _named(folder: Path) -> str:
    manifest = _manifest(folder)
    return f"{manifest.get('name', folder.name)} {manifest.get('version', '')}".strip()


def _shards(old: Path, new: Path) -> dict[str, int]:
    before, after = (Counter(one["sha256"] for one in _manifest(folder).get("files", [])) for folder in (old, new))
    if not before or not after:
        return {}
    return {"kept": (before & after).total(), "new": (after - before).total(), "gone": (before - after).total()}


def lines_of(told: Changes) -> Iterator[str]:
    """Markdown, for a changelog."""
    yield f"## {told.new}, after {told.old}"
    yield ""
    if told.is_none:
        yield f"- Nothing has changed: {told.rows[1]} rows."
    for verb, change in (
        ("added", told.added),
        ("removed", told.removed),
        ("in another split", told.moved),
        ("with other words, times or media", told.content),
    ):
        if change.rows:
            yield f"- {change.rows} rows {verb}: {_examples(change)}"
    for question, change in told.labels.items():
        yield f"- {change.rows} rows with another `{question}`: {_examples(change)}"
    for verb, columns in (("new", told.columns_added), ("gone", told.columns_removed)):
        if columns:
            yield f"- Columns {verb}: {', '.join(f'`{name}`' for name in columns)}"
    if told.shards:
        yield "- Shards: " + ", ".join(f"{count} {what}" for what, count in told.shards.items())


def _examples(change: Change) -> str:
    return ", ".join(f"`{example}`" for example in change.examples) + (", ..." if change.rows > _EXAMPLES else "")
