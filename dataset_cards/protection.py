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
    if how.blur_faces:
        yield (
            "Faces in `video` and `image` are blurred where they were measured, with a margin, from 0.5 s before to "
            "0.5 s after; measurements are of the faces as they were. Faces that were not found, or beyond the most "
            "that are followed, are not blurred; hair, body, clothes, places and voices are as they were, programs "
            "recognise some people in spite of a blur (McPherson et al. 2016), and landmarks and embeddings of faces, "
            "where they are published, identify them."
        )
    if how.suppress is not None:
        names = ", ".join(f"`{name}`" for name in how.suppress.columns)
        yield (
            f"Combinations of {names} that fewer than {how.suppress.k} people share are published as nothing "
            "(suppression for k-anonymity, Sweeney 2002). Other columns, labels and the media can still lead "
            "to a person."
        )
