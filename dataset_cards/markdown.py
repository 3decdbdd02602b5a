"""Tables and lines of Markdown."""

from collections.abc import Mapping, Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; what stands in a cell cannot end it."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line(cell).replace("|", "\\|") for cell in row) + " |" for row in lines)


def line(text: str) -> str:
    """A text in one line."""
    return " ".join(text.split())


def share(count: int, of: int) -> str:
    """In percent; empty of nothing."""
    return f"{count / of:.1%}" if of else ""


def counts(found: Mapping[str, int]) -> str:
    """Names with their counts, the largest first."""
    return ", ".join(f"{name} {count:,}" for name, count in sorted(found.items(), key=lambda one: (-one[1], one[0])))
