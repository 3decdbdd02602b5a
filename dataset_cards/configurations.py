"""The configurations of a dataset: ways to load a part of its columns or rows, from the same files.

`datasets` hands what a configuration has besides its files to its reader of Parquet, which then reads those columns
alone, or those rows: nothing is written twice. https://huggingface.co/docs/hub/datasets-manual-configuration
"""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from dataset_cards.markdown import table
from schemas.publication import About, Contents

MEDIA = ("audio", "video", "image")
_ALWAYS = (
    "id", "recording", "index", "start", "end", "language", "speaker", "dialogue", "turn", "present", "licence",
    "weight", "balanced",
)  # fmt: skip
_UNIMODAL = {
    "text": ("text", "words", "context", "doubts", "language_probability"),
    "audio": ("audio", "prosody", "functionals", "egemaps"),
    "vision": ("video", "image", "face", "face_id", "face_chosen", "face_score", "openface"),
}
_READ_FROM = {"audio": "audio", "voice": "audio", "frames": "vision", "faces": "vision"}
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_OURS = {name for names in _UNIMODAL.values() for name in names}
_MOST_LANGUAGES = 100
_FEWEST = 2
"""Languages for which each has a configuration; of one, it would be the whole."""


def configurations(about: About, contents: Contents) -> list[dict[str, Any]]:
    """The `configs` of a card's head: `default` first, then parts of its columns, then each language.

    A configuration that would be the whole, or hold nothing of its modality, is left out.
    """
    splits = [split.name for split in contents.splits if split.rows]
    found: list[dict[str, Any]] = [{"config_name": "default", "data_files": _files(splits)}]
    for name, columns in _columns(about, contents).items():
        found.append({"config_name": name, "data_files": _files(splits), "columns": columns})
    if "balanced" in contents.features:
        found.append({"config_name": "balanced", "data_files": _files(splits), "filters": [["balanced", "==", True]]})
    for name in _languages(contents):
        mine = [split for split in splits if _rows(contents, split)[name]]
        found.append({"config_name": name, "data_files": _files(mine), "filters": [["language", "==", name]]})
    return found


def _files(splits: Iterable[str]) -> list[dict[str, str]]:
    return [{"split": name, "path": f"data/{name}-*.parquet"} for name in splits]


def _columns(about: About, contents: Contents) -> dict[str, list[str]]:
    features = contents.features
    found = {}
    if any(name in features for name in MEDIA):
        found["features"] = [name for name in features if name not in MEDIA]
    labels = _labels(contents)
    for modality, names in _UNIMODAL.items():
        others = {kind for step in about.steps for kind in step.makes if _origin(step.reads) == modality}
        own = {*names, *others - _OURS}
        own |= {name for name in features if modality == "vision" and _is_embedding(features[name])}
        mine = own & features.keys()
        if _has_any(contents, mine):
            found[modality] = [name for name in features if name in mine or name in _ALWAYS or name in labels]
    return found


def _labels(contents: Contents) -> set[str]:
    """All columns that answers made."""
    return {name for question in contents.questions for name in contents.features if _is_of(name, question.name)}


def _is_of(column: str, question: str) -> bool:
    return column == question or column.startswith(f"{question}_")


def _origin(reads: Iterable[str]) -> str | None:
    """The one modality that a measurement is made from; None of several or none."""
    origins = {_READ_FROM[kind] for kind in reads if kind in _READ_FROM}
    return origins.pop() if len(origins) == 1 else None


def _is_embedding(feature: dict[str, Any]) -> bool:
    return "embedding" in feature and "_type" not in feature


def _has_any(contents: Contents, mine: set[str]) -> bool:
    """Whether any sample has any of these columns, as far as `present` tells."""
    told = mine & contents.present.keys()
    return bool(mine) if not told else any(contents.present[name] for name in told)


def _languages(contents: Contents) -> list[str]:
    every: Counter[str] = Counter()
    for split in contents.tallies:
        every += _rows(contents, split)
    names = [name for name in every if _LANGUAGE.fullmatch(name)]
    if not _FEWEST <= len(names) <= _MOST_LANGUAGES:
        return []
    return sorted(names)


def _rows(contents: Contents, split: str) -> Counter[str]:
    """Rows of a split in each language."""
    rows: Counter[str] = Counter()
    for (_, language), count in contents.tallies[split].voices.items():
        rows[language] += count
    return rows


def configuration_table(about: About, contents: Contents) -> str:
    """What each configuration holds, for readers."""
    rows = []
    labels = _labels(contents)
    for one in configurations(about, contents):
        splits = [file["split"] for file in one["data_files"]]
        what = "every column"
        if "columns" in one:
            what = ", ".join(f"`{name}`" for name in one["columns"] if name not in {*_ALWAYS, *labels})
            what += ", and every label" if labels else ""
        language = one["filters"][0][2] if "filters" in one else None
        held = {
            name: _rows(contents, name)[language] if language else contents.tallies[name].rows
            for name in splits
            if name in contents.tallies
        }
        if language:
            what = "every column, of the samples in this language"
        told = ", ".join(f"{name} {count:,}" for name, count in held.items())
        rows.append((f"`{one['config_name']}`", what, told))
    return table(("configuration", "columns, besides ids, speaker, times, language and licence", "samples"), rows)
