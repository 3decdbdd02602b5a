"""Counting failures by reason: messages that differ only in names, paths and numbers tell the same reason."""

import re
from collections import Counter
from dataclasses import dataclass, field

_MOST = 1000
"""Reasons that are told apart; what comes later and is like none of them is counted together."""
_PLACE = re.compile(r"\S*/\S*")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")


@dataclass(frozen=True)
class Example:
    """The first recording that failed for a reason, and what was said of it."""

    recording: str
    step: str
    message: str


@dataclass
class Reasons:
    """Failures by reason. Memory does not grow with the failures."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: dict[tuple[str, str], Example] = field(default_factory=dict)
    others: int = 0

    def add(self, recording: str, step: str, message: str) -> None:
        """Count one."""
        key = step, pattern(message, recording)
        if key not in self.examples:
            if len(self.examples) >= _MOST:
                self.others += 1
                return
            self.examples[key] = Example(recording, step, message)
        self.counts[key] += 1

    def most_common(self, most: int) -> list[tuple[Example, int]]:
        """The most frequent, each with an example; those that are equally frequent by step and message."""
        ordered = sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))
        return [(self.examples[key], count) for key, count in ordered[:most]]

    def total(self) -> int:
        """All failures counted."""
        return self.counts.total() + self.others


def pattern(message: str, recording: str) -> str:
    """The message without what is its recording's alone: its id, paths and addresses, numbers.

    An id of letters alone stays: it may be a word of the message.
    """
    text = message
    if not recording.isalpha():
        text = re.sub(rf"(?<![\w.-]){re.escape(recording)}(?![\w-])", "ID", message)
    return _NUMBER.sub("N", _PLACE.sub("PATH", text))
