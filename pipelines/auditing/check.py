"""A check: a name, what it needs, and a function from samples to findings."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pipelines.auditing.samples import Samples
from schemas.audit import Finding, Severity

MOST_EXAMPLES = 5
_TOLD = {
    "splits": "a second split",
    "times": "start and end",
    "classes": "labels of few values",
    "media": "sound, video or pictures",
    "looks": "marks of sound or pictures: of more than 10,000 samples, only `affectloom audit` makes them",
    "tracks": "measurements over time",
    "words": "words with their times",
    "present": "columns of modalities",
}


@dataclass(frozen=True)
class Check:
    """One thing that is looked for.

    needs: of `Samples.has`; without all of them the check is not made, and the report says what is missing.
    either: of these, one is enough.
    """

    name: str
    find: Callable[[Samples], Iterable[Finding]]
    needs: tuple[str, ...] = ()
    either: tuple[str, ...] = ()

    def lacking(self, samples: Samples) -> str:
        """What the dataset lacks for it; '' where nothing."""
        missing = [need for need in self.needs if not samples.has(need)]
        if self.either and not any(samples.has(need) for need in self.either):
            missing.append(" or ".join(_TOLD.get(need, need) for need in self.either))
        return ", ".join(_TOLD.get(need, need) for need in missing)


def finding(
    check: str,
    severity: Severity,
    what: str,
    *,
    count: int,
    do: str,
    of: int | None = None,
    examples: Sequence[str] = (),
) -> Finding:
    """A finding with the first of its examples."""
    kept = tuple(one if len(one) <= 300 else f"{one[:297]}..." for one in examples[:MOST_EXAMPLES])  # noqa: PLR2004
    return Finding(check=check, severity=severity, what=what, count=int(count), of=of, examples=kept, do=do)
