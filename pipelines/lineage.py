"""What an artifact's name depends on: the step that makes it, and everything that step reads, down to the media."""

import hashlib
import json
from collections.abc import Callable, Sequence
from functools import cached_property

from schemas.errors import RecipeError
from schemas.source import Source
from schemas.step import Step

ROOTS = ("media", "id", "language", "text", "subtitles", "speaker", "dialogue", "turn", "utterances", "before")
"""Facts of the source that a step may read."""

_LENGTH = 16


def digest(value: object) -> str:
    """A short hash of JSON-able data; the same for equal data."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_LENGTH]


def root(source: Source, name: str) -> str:
    """What stands for a root in a fingerprint."""
    if name == "media":
        return source.sha256
    if name == "text":
        return digest(source.text)
    if name == "subtitles":
        return source.subtitles_sha256 or ""
    if name == "utterances":
        return digest([utterance.model_dump() for utterance in source.utterances])
    return str(getattr(source, name))


class Lineage:
    """The steps of a recipe in an order in which each comes after what it reads.

    Raises RecipeError where two steps make the same artifact, or one reads what nobody makes.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        self.maker: dict[str, Step] = {}
        for step in steps:
            for kind in step.makes:
                if kind in self.maker or kind in ROOTS:
                    raise RecipeError(f"{step.key} makes {kind!r}, which {self._name(kind)} makes already")
                self.maker[kind] = step
        self.steps = self._ordered(steps)

    def _name(self, kind: str) -> str:
        return self.maker[kind].key if kind in self.maker else "the source"

    def inputs(self, step: Step) -> tuple[str, ...]:
        """The kinds it reads, and those it uses that some step makes."""
        return (*step.reads, *(kind for kind in step.uses if kind in self.maker or kind in ROOTS))

    def _ordered(self, steps: Sequence[Step]) -> tuple[Step, ...]:
        ordered: list[Step] = []
        waiting = list(steps)
        made: set[str] = set(ROOTS)
        while waiting:
            ready = [step for step in waiting if set(self._needed(step)) <= made]
            if not ready:
                first = waiting[0]
                lacking = [kind for kind in first.reads if kind not in self.maker and kind not in ROOTS]
                raise RecipeError(
                    f"{first.key} reads {', '.join(lacking or first.reads)}, "
                    + ("which no step of this recipe makes" if lacking else "and the steps wait for each other"),
                    do="add the measurement that makes it, or take this one out",
                )
            for step in ready:
                ordered.append(step)
                waiting.remove(step)
                made.update(step.makes)
        return tuple(ordered)

    def _needed(self, step: Step) -> tuple[str, ...]:
        own = set(step.makes)  # a fused step may read what it makes itself
        return tuple(kind for kind in self.inputs(step) if kind not in own)

    @cached_property
    def _identities(self) -> dict[str, str]:
        return {kind: digest(identity_of(step, kind)) for kind, step in self.maker.items()}

    def fingerprint(self, kind: str, of: Callable[[str], str], failed: Callable[[str], bool]) -> str:
        """Of one artifact of one recording: 16 hex digits.

        of: the fingerprint of what it reads; failed: whether something that it may do without could not be made.
        """
        step = self.maker[kind]
        reads = [[name, of(name)] for name in step.reads if name != kind]
        optional = self.inputs(step)[len(step.reads) :]
        uses = [[name, "failed" if name in self.maker and failed(name) else of(name)] for name in optional]
        return digest([self._identities[kind], reads, uses])


def identity_of(step: Step, kind: str) -> dict[str, object]:
    """What one artifact of a step depends on. A fused step answers for each of its artifacts apart."""
    apart = getattr(step, "identity_of", None)
    return dict(apart(kind)) if apart else step.identity()


def weights_of(step: Step, kind: str) -> dict[str, str]:
    """The model files that one artifact of a step depends on: name to SHA-256 or pin."""
    found = identity_of(step, kind).get("weights")
    return {str(name): str(pin) for name, pin in found.items()} if isinstance(found, dict) else {}
