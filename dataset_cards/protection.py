"""What of people was kept back at publication, and what that leaves, as the card says it."""

from collections.abc import Iterator

from schemas.privacy import Privacy, Redact

_WHAT = {
    "names": "names of people",
    "numbers": "numbers of five digits or more",
    "mails": "mail and web addresses",
    "places": "places",
    "organisations": "organisations",
}


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
            "Faces in `video` and `image` are blurred where they were measured, with a margin, from 2 s before to "
            "2 s after; measurements are of the faces as they were. Faces that were not found, or beyond the most "
            "that are followed, are not blurred; hair, body, clothes, places and voices are as they were, programs "
            "recognise some people in spite of a blur (McPherson et al. 2016), and landmarks and embeddings of faces, "
            "where they are published, identify them."
        )
    if how.change_voices:
        yield (
            "Voices in `audio` and `video` are changed: formants and pitch of each speaker are multiplied with two "
            'numbers of their own (Praat\'s "Change gender"), which follow from a secret. Times, words, accent, '
            "rhythm, laughter and the melody of speech stay. Who knows a person, or has other recordings and a program "
            "that compares voices, may still find them. Measurements are of the voices as they were: an embedding of a "
            "voice, where it is published, identifies it, and pitch or formants beside the changed sound tell by how "
            "much it was changed, so that it can be changed back."
        )
    if how.redact is not None:
        yield _redacted(how.redact)
    if how.suppress is not None:
        names = ", ".join(f"`{name}`" for name in how.suppress.columns)
        yield (
            f"Combinations of {names} that fewer than {how.suppress.k} people share are published as nothing "
            "(suppression for k-anonymity, Sweeney 2002). Other columns, labels and the media can still lead "
            "to a person."
        )


def _redacted(how: Redact) -> str:
    what = ", ".join(_WHAT[one] for one in how.what)
    known = ", and by a list of names that occur" if how.known else ""
    return (
        f"Taken out of `text`, `words`, `ocr`, `extra` and raters' own words: {what}. In their place stands `[name]`, "
        "`[number]`, ..., one for each word. They were found by programs (Presidio on a pipeline of spaCy for each "
        f"language{known}), which miss some, in speech without capitals more, and take other words for names; nobody "
        "went through them. In `audio` and `video` a tone is heard in their place; samples in which that could not be "
        "done have no sound. Lips, what is meant by `he` or `my boss`, and what was misheard stay; lines of text on "
        "the screen are blurred where they were read. Columns such as `speaker`, `source` and `id` are as the table "
        "of sources has them."
    )
