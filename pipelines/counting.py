"""Counts on the terminal, for work whose length is not known beforehand."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

_EVERY_S = 0.5


@contextmanager
def counting(*, quiet: bool) -> Iterator[Callable[[str, int], None]]:
    """Takes a word for what is counted and the count, and shows them on standard error, at most twice a second."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield lambda _what, _done: None
        return
    last = [0.0]
    with console.status("…") as status:

        def show(what: str, done: int) -> None:
            now = time.monotonic()
            if now - last[0] > _EVERY_S:
                last[0] = now
                status.update(f"{done} {what}")

        yield show
