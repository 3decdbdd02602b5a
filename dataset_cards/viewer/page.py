"""The page as one HTML file: its script and style inside, nothing fetched from anywhere.

What comes from the data is handed over as JSON in elements that no browser runs, and the script writes it as text.
"""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from dataset_cards.viewer.told import Brief, Overview, Sample

SCRIPTS = ("draw.js", "overview.js", "table.js", "timeline.js", "sample.js", "keys.js")


def page(overview: Overview, *, samples: Iterable[Brief] = (), inside: Iterable[str] = (), served: bool = False) -> str:
    """The page.

    Args:
        overview: of the dataset.
        samples: rows of the table, where the page has to hold them itself.
        inside: elements of `sample_element` and `media_element`.
        served: the page asks the server that it came from for samples and media, and nobody else.
    """
    here = files("dataset_cards.viewer")
    template = Template(here.joinpath("viewer.html").read_text("utf-8"))
    told = {"overview": asdict(overview), "samples": [asdict(one) for one in samples], "served": served}
    return template.substitute(
        title=escape(f"{overview.name} {overview.version}".strip()),
        connect="'self'" if served else "'none'",
        own=" 'self'" if served else "",
        style=here.joinpath("viewer.css").read_text("utf-8"),
        script="\n".join(here.joinpath(name).read_text("utf-8") for name in SCRIPTS),
        data=element("dataset", told),
        inside="\n".join(inside),
    )


def sample_element(sample: Sample) -> str:
    """A sample for a page that holds it."""
    return element(f"sample-{sample.brief.at}", asdict(sample))


def media_element(at: int, medium: str, data: bytes) -> str:
    """A sample's sound, video or picture for a page that holds it."""
    return f'<script type="text/plain" id="{medium}-{at}">{base64.b64encode(data).decode()}</script>'


def element(name: str, told: Mapping[str, Any]) -> str:
    """JSON in an element: no text in it can end the element, or begin a comment that hides its end."""
    text = to_json(told).replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    return f'<script type="application/json" id="{name}">{text}</script>'


def to_json(told: Any) -> str:
    """Compact JSON; a number that is none stops here, as browsers do not read it."""
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=str)


def length(elements: Iterable[str]) -> int:
    """Bytes in a file."""
    return sum(len(one.encode()) for one in elements)


def within(budget: int, each: Iterable[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    """The first groups of elements that fit into so many bytes together."""
    for group in each:
        budget -= length(group)
        if budget < 0:
            return
        yield group
