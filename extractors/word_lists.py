"""Which words of a transcript stand on which list: word counts by category, as dictionaries of psychology have them.

The lists are the user's own, such as those of the Linguistic Inquiry and Word Count, which must be bought (Tausczik and
Pennebaker 2010, https://doi.org/10.1177/0261927X09351676): a table of word and category, where `happ*` stands for all
words that begin so.
"""

import csv
import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final

import numpy as np
from pydantic import Field, field_validator

from schemas.clock import to_us
from schemas.errors import MeasurementError
from schemas.step import Recording, Step
from schemas.track import Track
from schemas.transcript import Transcript, Word

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,40}")
_EDGES: Final = re.compile(r"^[\W_]+|[\W_]+$")
Lists = Mapping[str, frozenset[str]]
"""A word, or its beginning with a star, to its categories."""


class WordLists(Step):
    """For each word and each category, 1 where the word is on its list and 0 where it is not."""

    key: ClassVar[str] = "word-lists.v1"
    reads: ClassVar[tuple[str, ...]] = ("words",)

    table: Annotated[str, Field(min_length=1)]
    """Where the lists are, a CSV of `word` and `category`, counted from the recipe's folder."""
    categories: Annotated[tuple[str, ...], Field(min_length=1)]
    """Those that are counted; each is a column."""
    contents: str = ""
    """Filled in from the table: its hash."""
    folder: str = Field(default="", exclude=True)
    """Filled in from the recipe: its folder."""

    @field_validator("categories")
    @classmethod
    def _columns(cls, categories: tuple[str, ...]) -> tuple[str, ...]:
        for name in categories:
            if not _NAME.fullmatch(name) or name == "times" or categories.count(name) > 1:
                raise ValueError(
                    f"{name!r} cannot name a column: small letters, digits and '_', each once, not `times`"
                )
        return categories

    @property
    def makes(self) -> tuple[str, ...]:
        """A track with a frame for each word."""
        return ("word_lists",)

    @property
    def columns(self) -> tuple[str, ...]:
        """The categories."""
        return self.categories

    def identity(self) -> dict[str, object]:
        """What the table holds counts, not where it is."""
        return {**super().identity(), "fields": {"categories": list(self.categories), "contents": self.contents}}

    def load(self) -> Lists:
        """The lists. Raises MeasurementError."""
        return read_lists(Path(self.folder, self.table))

    def run(self, recordings: Sequence[Recording], model: Any) -> None:
        """Look up the words of each recording."""
        for recording in recordings:
            words = recording.read("words", Transcript).words
            if words:
                recording.write("word_lists", looked_up(words, model, self.categories))
            else:
                recording.absent("word_lists", "nobody speaks")


def looked_up(words: Sequence[Word], lists: Lists, categories: Sequence[str]) -> Track:
    """float32[words, categories]: 1 where the word is on the list. A word's frame lasts as long as the word."""
    found = [categories_of(word.text, lists) for word in words]
    values = np.array([[name in one for name in categories] for one in found], np.float32)
    spans = np.array([(to_us(word.start), to_us(word.end)) for word in words], np.int64)
    times = np.array([word.start for word in words], np.float64)
    return Track(times, spans, values.reshape(len(words), len(categories)), tuple(categories))


def categories_of(text: str, lists: Lists) -> frozenset[str]:
    """The categories of a word, its own and those of its beginnings. Case and marks around it do not matter."""
    word = plain(text)
    starts = (f"{word[:length]}*" for length in range(1, len(word) + 1))
    return frozenset().union(lists.get(word, ()), *(lists.get(start, ()) for start in starts)) if word else frozenset()


def plain(text: str) -> str:
    """A word as the lists have it."""
    return _EDGES.sub("", unicodedata.normalize("NFC", text).casefold())


def read_lists(path: Path) -> Lists:
    """The lists in a table. Raises MeasurementError: it cannot be read, a column is missing, or a cell is empty."""
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise MeasurementError(f"{path.name} cannot be read: {error}", do="a UTF-8 file is expected") from error
    reader = csv.DictReader(text.splitlines())
    missing = {"word", "category"} - set(reader.fieldnames or ())
    if missing:
        raise MeasurementError(f"{path.name}: no column {min(missing)!r}", do="the columns are word and category")
    found: dict[str, set[str]] = defaultdict(set)
    for row in reader:
        written = (row["word"] or "").strip()
        word = plain(written) + ("*" if written.endswith("*") else "")
        category = (row["category"] or "").strip()
        if not word or word == "*" or not category:
            raise MeasurementError(f"{path.name}, line {reader.line_num}: word or category is empty")
        found[word].add(category)
    return {word: frozenset(names) for word, names in found.items()}
