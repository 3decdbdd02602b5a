"""What of a dataset can identify people, told from its columns."""

from collections.abc import Iterable, Mapping
from typing import Any

from dataset_cards.protection import applied
from schemas.publication import About, Contents, Publication

_EMBEDDED = ("an embedding of pictures", "recognises faces and places about as well as the picture does")

_MEASURED = {
    "ocr": "text on the screen, names and addresses included.",
    "face": "landmarks and shapes of a face, measured; with enough frames they may tell people apart, and they tell "
    "movement and expression.",
    "speaker_embedding": "a voice print: by it the same person can be found again in other recordings.",
}


def privacy(about: About, contents: Contents, how: Publication) -> str:
    """Markdown: what is published that identifies, and what is not."""
    told = list(_identifying(contents.features))
    left = [medium for medium in ("audio", "video", "image") if medium not in how.media]
    lines = [f"- {one}" for one in told] or ["- Nothing but what the texts themselves say."]
    if left:
        lines.append(f"- Not published: {', '.join(left)}.")
    if contents.questions:
        lines.append(
            "- Raters have pseudonyms under a secret salt; their answers, taken together, could still be told apart."
        )
    measures = [f"- {one}" for one in applied(how.privacy)]
    if measures:
        lines += ["", "What was kept back, and what that leaves:", "", *measures]
    facts = about.card
    asked = f" Who is in it, and wants to be removed, writes to {facts.contact}." if facts and facts.contact else ""
    end = "Do not try to find out who the people are, and do not pass on copies of what was removed." + asked
    return "\n".join(["What of it can identify people:", "", *lines, "", end])


def _identifying(features: Mapping[str, Mapping[str, Any]]) -> Iterable[str]:
    if "audio" in features:
        yield "`audio`: a voice identifies who speaks."
    if "video" in features or "image" in features:
        shown = " and ".join(f"`{name}`" for name in ("video", "image") if name in features)
        yield f"{shown}: faces and places."
    if "text" in features:  # words without their text are times
        yield "`text` and `words`: what people say of themselves and others, names included."
    yield from (f"`{name}`: {what}" for name, what in _MEASURED.items() if name in features)
    for name, feature in features.items():
        if name not in _MEASURED and "embedding" in feature and "_type" not in feature:
            yield f"`{name}`: {_EMBEDDED[0]}, from which a model {_EMBEDDED[1]}."
    if "prosody" in features or "functionals" in features:
        yield "measurements of the voice (pitch, formants, voice quality): together a weak voice print."
    named = [f"`{name}`" for name in ("speaker", "source", "dialogue") if name in features]
    if named:
        yield f"{', '.join(named)}: names as the table of sources gives them, which may lead to people."
