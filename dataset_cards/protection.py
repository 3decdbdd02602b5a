"""What of people was kept back at publication, and what that leaves, as the card says it."""

from collections.abc import Iterator

from schemas.privacy import Privacy


def applied(how: Privacy) -> Iterator[str]:
    """A sentence for each measure of the recipe's `publish.privacy`, with what it does not do."""
    if how.give == "features":
        yield (
            "Given are measurements without media and texts. Whoever has the recordings finds each sample by "
            "`source`, `start` and `end`; measurements of faces and voices, and embeddings, tell people apart "
            "without them."
        )
    if how.give == "ids":
        yield (
            "Given are ids, times, hashes and labels alone; media come from their sources, and `sha256` says whether "
            "they are the same. What the sources show stays as it is there."
        )
    if how.suppress is not None:
        names = ", ".join(f"`{name}`" for name in how.suppress.columns)
        yield (
            f"Combinations of {names} that fewer than {how.suppress.k} people share are published as nothing "
            "(suppression for k-anonymity, Sweeney 2002). Other columns, labels and the media themselves can still "
            "lead to a person."
        )
