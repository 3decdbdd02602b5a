"""Who ends our children when we are killed: a shell that outlives us for as long as that takes.

It hears on a pipe which process groups we have, and the pipe closes with us, however we go. One a process, started
with the first child.
"""

import atexit
import os
import subprocess
import threading
from contextlib import suppress

_SCRIPT = """
groups=
while read -r sign group; do
    kept=
    for each in $groups; do [ "$each" = "$group" ] || kept="$kept $each"; done
    groups=$kept
    [ "$sign" = + ] && groups="$groups $group"
done
for each in $groups; do kill -s KILL -- "-$each"; done
"""
_lock = threading.Lock()
_groups: set[int] = set()
_warden: "subprocess.Popen[bytes] | None" = None
_of = 0
"""The process that started it: one that was forked from us has none."""


def watch_over(group: int) -> None:
    """Have a process group ended with us."""
    with _lock:
        if _of != os.getpid():
            _groups.clear()
        _groups.add(group)
        if not _tell(f"+ {group}\n"):
            _start()
            _tell("".join(f"+ {each}\n" for each in _groups))


def let_go(group: int) -> None:
    """Forget a group whose processes are gone: its number may become another's."""
    with _lock:
        _groups.discard(group)
        _tell(f"- {group}\n")


def _tell(words: str) -> bool:
    if _warden is None or _warden.stdin is None or _of != os.getpid():
        return False
    try:
        os.write(_warden.stdin.fileno(), words.encode())
    except OSError:  # somebody ended it
        return False
    return True


def _start() -> None:
    global _warden, _of  # noqa: PLW0603 - one a process
    _dismiss()
    _warden, _of = None, os.getpid()
    with suppress(OSError):  # without a shell there is none: children end by their limits
        _warden = subprocess.Popen(
            ["/bin/sh", "-c", _SCRIPT],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # what ends our group must not end it first
        )


@atexit.register
def _dismiss() -> None:
    """It ends with what is left of our children."""
    if _warden is not None and _warden.stdin is not None and _of == os.getpid():
        _warden.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            _warden.wait(timeout=2)
