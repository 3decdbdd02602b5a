"""Words of a text replaced by what they were: `[name]` for a name. A word for a word, so that words still fit."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

_WORD = re.compile(r"\S+")
_CORE = re.compile(r"[\w@+#].*[\w@+#]|[\w@+#]", re.DOTALL)
_AFTER = ("'s", "\u2019s")


class Found(NamedTuple):
    """Characters `[start, end)` of a text, and what they are: `name`, `number`, ..."""

    start: int
    end: int
    what: str


@dataclass(frozen=True)
class Redacted:
    """A text as it is published. edits: characters `[start, end)` of the text as it was, and what replaces them."""

    text: str
    edits: tuple[tuple[int, int, str], ...] = ()

    def place(self, at: int, *, end: bool = False) -> int:
        """Where a character of the text as it was is now. Inside of what was replaced: its begin, or its end."""
        moved = 0
        for begin, until, by in self.edits:
            if at >= until:
                moved += len(by) - (until - begin)
            elif at > begin:
                return begin + moved + (len(by) if end else 0)
        return at + moved


def redacted(text: str, found: Iterable[Found]) -> Redacted:
    """Each word that something found lies in, replaced; the punctuation around it and an English 's stay."""
    marked = sorted(found)
    edits: list[tuple[int, int, str]] = []
    for word in _WORD.finditer(text):
        core = _CORE.search(word[0])
        if core is None:
            continue
        start, end = word.start() + core.start(), word.start() + core.end()
        inside = next((one for one in marked if one.start < end and one.end > start), None)
        if inside is not None:
            after = next((one for one in _AFTER if text[start:end].lower().endswith(one)), "")
            edits.append((start, end - len(after), f"[{inside.what}]"))
    return Redacted(_edited(text, edits), tuple(edits))


def _edited(text: str, edits: Sequence[tuple[int, int, str]]) -> str:
    parts, at = [], 0
    for start, end, by in edits:
        parts += [text[at:start], by]
        at = end
    return "".join([*parts, text[at:]])


def is_free(text: str) -> bool:
    """Whether people wrote it in their own words, or it holds an address or a number: one or two words are a label."""
    return len(text.split()) > 2 or "@" in text or len(re.findall(r"\d", text)) > 4  # noqa: PLR2004 - as it says
