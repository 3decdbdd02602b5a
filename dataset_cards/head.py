"""The YAML head of a card, which `datasets` and the hub read."""

import re
from typing import Any

from dataset_cards.configurations import configurations
from dataset_cards.markdown import line
from schemas.features import card_features
from schemas.publication import About, Contents

_LANGUAGE = re.compile(r"[a-z]{2,3}")
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def head(about: About, contents: Contents) -> str:
    """YAML, without the lines of dashes around it."""
    import yaml

    info = {
        "features": card_features(contents.features),
        "splits": [
            {"name": split.name, "num_bytes": contents.unpacked[split.name], "num_examples": split.rows}
            for split in contents.splits
            if split.rows
        ],
        "download_size": contents.bytes,
        "dataset_size": sum(contents.unpacked.values()),
    }
    told: dict[str, Any] = {"pretty_name": about.name, "license": _licence(about, contents)}
    if languages := sorted(name for name in contents.languages if _LANGUAGE.fullmatch(name)):
        told["language"] = languages
    kinds = [name for name in ("audio", "video", "image") if name in contents.features]
    told["tags"] = ["affective-computing", "emotion", "multimodal", "sentiment", "text", *kinds]
    told["size_categories"] = [next((name for bound, name in _SIZES if contents.rows < bound), "n>1M")]
    told["configs"] = configurations(about, contents)
    told["dataset_info"] = info
    return str(yaml.safe_dump(told, sort_keys=False, allow_unicode=True, width=10_000))


def _licence(about: About, contents: Contents) -> str:
    if about.licence:
        return line(about.licence).lower().replace(" ", "-")
    named = [name for name in contents.licences if name]
    if len(named) == 1 and len(contents.licences) == 1:
        return line(named[0]).lower().replace(" ", "-")
    return "other" if named else "unknown"
