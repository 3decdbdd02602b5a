"""Text that was read in the wrong encoding: `donâ€™t`, control characters for apostrophes, replacement characters."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipelines.auditing.check import Check, finding
from pipelines.auditing.samples import Samples
from schemas.audit import Finding

if TYPE_CHECKING:
    import pyarrow as pa

_NAME = "mangled-text"
_SUSPECT = r"[\x{80}-\x{9f}\x{fffd}]|[\x{c2}-\x{f4}][^\x00-\x7f]"
_RUN = re.compile(r"[^\x00-\x7f]+")
_UNREADABLE = re.compile("[\x80-\x9f\ufffd]")


def is_mangled(text: str) -> bool:
    """Whether it holds characters that no text has, or UTF-8 that was read as Windows-1252 or Latin-1.

    The latter: a run of other than ASCII characters whose bytes in that encoding are valid UTF-8. Few real words are.
    """
    return bool(_UNREADABLE.search(text)) or any(_is_utf8_misread(run) for run in _RUN.findall(text))


def _is_utf8_misread(run: str) -> bool:
    try:
        run.encode("cp1252").decode("utf-8")
    except UnicodeError:
        return False
    return True


def mangled(texts: "pa.Array") -> NDArray[np.int64]:
    """The places of mangled texts."""
    import pyarrow.compute as pc

    suspect = pc.fill_null(pc.match_substring_regex(texts, _SUSPECT), fill_value=False)
    places = np.flatnonzero(suspect.to_numpy(zero_copy_only=False))
    return np.asarray([place for place in places.tolist() if is_mangled(texts[place].as_py())], np.int64)


def _find(samples: Samples) -> Iterator[Finding]:
    if samples.text is None:
        return
    found = mangled(samples.text)
    if len(found):
        yield finding(
            _NAME,
            "warning",
            "texts were read in a wrong encoding somewhere on their way",
            count=len(found),
            of=samples.rows,
            examples=[f"{samples.id(one)}: {_around(samples.text[one].as_py())}" for one in found[:5].tolist()],
            do="read the original again as what it is (mostly Windows-1252 or UTF-8)",
        )


def _around(text: str) -> str:
    run = next((one for one in _RUN.finditer(text) if is_mangled(one[0])), None)
    at = run.start() if run else 0
    return ascii(text[max(0, at - 20) : at + 20])


CHECK = Check(_NAME, _find, needs=("text",))
