"""What a publication knows of how people are protected, besides its recipe: names, combinations, a secret."""

import hashlib
import hmac
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from pipelines.protecting import names as finding
from pipelines.protecting import voices
from schemas.errors import UsageError
from schemas.privacy import Privacy
from schemas.publication import StepUsed

Values = tuple[str | None, ...]
_SHORTEST_SECRET = 16
_BLUR = "blur.v2"
"""Where faces are hidden, and how: another number where that changes, and such shards are written anew."""


@dataclass(frozen=True)
class Protection:
    """hidden: combinations of further columns that are published as nothing. names: known ones, to be taken out.

    secret: of the publisher; what speakers' voices become follows from it.
    """

    hidden: frozenset[Values] = frozenset()
    names: tuple[str, ...] = ()
    secret: str = ""

    def determines(self, how: Privacy) -> list[object]:
        """What shards depend on, besides their rows; JSON-able. Who has it cannot tell names or secret."""
        if not how.is_on:
            return []
        told: list[object] = [how.model_dump(mode="json"), sorted(self.hidden, key=repr)]
        told += [_BLUR] if how.blur_faces else []
        if how.change_voices:
            of_secret = hmac.digest(self.secret.encode(), b"voices", hashlib.sha256).hex()
            told.append({"parselmouth": version("praat-parselmouth"), "secret": of_secret})
        if how.redact is not None:
            told.append([finding.versions(), self.names])
        return told


NOTHING = Protection()


def protection(how: Privacy, hidden: frozenset[Values], secret: str) -> Protection:
    """Raises UsageError, or MissingPart, where something of it cannot be done."""
    names: tuple[str, ...] = ()
    if how.change_voices:
        voices.check()
        if len(secret.encode()) < _SHORTEST_SECRET:
            raise UsageError(
                f"change_voices needs a secret of at least {_SHORTEST_SECRET} bytes",
                do="set a long one, and keep it for later versions: with it voices could be changed back",
            )
    if how.redact is not None:
        finding.check()
        names = finding.read_names(Path(how.redact.known)) if how.redact.known else ()
    return Protection(hidden, names, secret if how.change_voices else "")


def withheld_of(how: Privacy, samples: Counter[str]) -> tuple[str, ...]:
    """What is said of samples whose language has no model.

    samples: with something to read, by language; '' where none is known.

    Raises UsageError: there are some, and the recipe does not say that they are to be withheld.
    """
    if how.redact is None:
        return ()
    known = {one.language for one in finding.pipelines()}
    others = {one or "no known language": count for one, count in samples.items() if finding.base_of(one) not in known}
    if not others:
        return ()
    listed = ", ".join(f"{count} in {one}" for one, count in sorted(others.items()))
    if how.redact.other_languages == "stop":
        raise UsageError(
            f"redact knows names in {', '.join(sorted(known))} alone, and there are other samples: {listed}",
            do="name the language in the sources; install a pipeline of spaCy for it; or publish these samples without "
            "texts and sound: `redact: {other_languages: withhold}`",
        )
    return (f"Samples without texts and sound, for names cannot be found in their language: {listed}.",)


def small_faces(how: Privacy, steps: Iterable[StepUsed]) -> tuple[str, ...]:
    """What is said where faces are to be blurred and small ones were not looked for."""
    looked = [step.settings.get("faces.parts") for step in steps]
    if not how.blur_faces or "1" not in looked:
        return ()
    told = (
        "Faces are blurred where they were found, and small ones were not looked for: those under an eighth of the "
        "picture's longer side can be seen, unless `measure: {faces: {parts: 3, longest_side: 1280, max_faces: 10, "
        "min_confidence: 0.3}}` finds them."
    )
    return (told,)
