"""The page as a file that holds all it shows."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from dataset_cards.viewer.page import media_element, page, sample_element, within
from pipelines.viewing.detail import detail
from pipelines.viewing.index import Index
from pipelines.viewing.overview import overview
from schemas.errors import UsageError

BUDGET = 20_000_000
"""Bytes of samples and media in a page: more makes browsers slow."""
MOST_ROWS = 2_000
"""Samples in the table of a page that holds them itself."""


def write_page(folder: Path, out: Path, *, budget: int = BUDGET) -> tuple[int, int]:
    """Write the page of a published dataset. How many samples can be opened in it, and how many there are.

    Raises:
        UsageError: the folder holds no published dataset, or the page cannot be written.
    """
    index = Index(folder)
    groups = list(within(budget, _groups(index)))
    told = overview(index)
    listed = index.samples[:MOST_ROWS]
    notes = []
    if len(groups) < len(index.samples):
        notes.append(
            f"This file holds the media and measurements of the first {len(groups):,} of {len(index.samples):,} "
            f"samples (a budget of {budget / 1e6:g} MB); `affectloom view FOLDER --serve` shows them all."
        )
    if len(listed) < len(index.samples):
        notes.append(f"The table has the first {len(listed):,}; the figures count all.")
    text = page(replace(told, notes=tuple(notes)), samples=listed, inside=[one for group in groups for one in group])
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{out} cannot be written: {error.strerror or error}", do="name another file") from error
    return len(groups), len(index.samples)


def _groups(index: Index) -> Iterator[tuple[str, ...]]:
    """The elements of each sample: what was measured, and its media. A video has its sound in it."""
    for at in range(min(len(index.samples), MOST_ROWS)):
        sample = detail(index, at)
        media = [name for name in sample.media if not (name == "audio" and "video" in sample.media)]
        parts = [media_element(at, name, data) for name in media if (data := index.medium(at, name))]
        yield (sample_element(sample), *parts)
