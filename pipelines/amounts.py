"""Amounts as people read them: lengths of time, sizes, counts."""

_MINUTE = 60
_HOUR = 3600
_DAY = 86_400


def duration(seconds: float) -> str:
    """Such as `0.4 s`, `12 s`, `3 min 20 s`, `5 h 02 min`, `12 d 4 h`: two units at most."""
    if seconds < 9.95:  # noqa: PLR2004 - what rounds to less than 10.0
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02d} s"
    if whole < _DAY:
        minutes = round(seconds / _MINUTE)
        return f"{minutes // 60} h {minutes % 60:02d} min"
    hours = round(seconds / _HOUR)
    return f"{hours // 24} d {hours % 24} h"


def size(count: float) -> str:
    """Bytes in decimal units, three digits: `980 B`, `1.23 MB`, `45.6 GB`."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if count < 999.5:  # noqa: PLR2004 - what rounds to less than 1000
            return f"{_three(count)} {unit}" if unit != "B" else f"{round(count)} B"
        count /= 1000
    return f"{_three(count)} PB"


def _three(number: float) -> str:
    return f"{number:.2f}" if number < 9.995 else f"{number:.1f}" if number < 99.95 else f"{number:,.0f}"  # noqa: PLR2004
