"""Columns that are not published where the recipe gives features or ids alone."""

from collections.abc import Collection

from schemas.features import Features
from schemas.privacy import Given

_SEEN_OR_READ = ("audio", "video", "image", "text", "ocr")
_OF_IDS = (
    "id", "recording", "index", "start", "end", "language", "speaker", "dialogue", "turn", "utterance",
    "weight", "balanced", "source", "licence", "consent", "sha256", "extra",
)  # fmt: skip


def given_features(features: Features, given: Given, labels: Collection[str]) -> Features:
    """Those of the columns that are published.

    features: all. labels: those that answers made, which are published in any case.
    """
    if given == "media":
        return features
    if given == "ids":
        return {name: kind for name, kind in features.items() if name in _OF_IDS or name in labels}
    kept = {name: kind for name, kind in features.items() if name not in _SEEN_OR_READ or name in labels}
    words = kept.get("words")
    return {**kept, "words": without_text(words)} if words is not None and "words" not in labels else kept


def without_text(words: dict[str, object]) -> dict[str, object]:
    """A list of structs without its field `text`: when each word is, not which."""
    inner = words["feature"]
    if not isinstance(inner, dict):
        raise TypeError("words are a list of structs")
    return {**words, "feature": {name: kind for name, kind in inner.items() if name != "text"}}
