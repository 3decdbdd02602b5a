"""The measurements a recipe may name: those that come with affectloom, and those other packages add.

Another package adds one by an entry point of the group `affectloom.measures`: the name that recipes use, and a
`Step` class whose fields are the options.
"""

import importlib
import importlib.metadata

from schemas.errors import MissingPart
from schemas.step import Step

GROUP = "affectloom.measures"

BUILT_IN = {
    "speech": "extractors.speech:Speech",
    "faces": "extractors.faces:FaceLandmarks",
    "prosody": "extractors.prosody:Prosody",
    "clip": "extractors.clip:PictureEmbedding",
    "egemaps": "extractors.egemaps:Egemaps",
    "openface": "extractors.openface:OpenFace",
    "ocr": "extractors.ocr:Ocr",
    "sensors": "extractors.sensors:Sensors",
    "speakers": "extractors.speakers:Diarization",
    "word_lists": "extractors.word_lists:WordLists",
}


def names() -> list[str]:
    """The measurements there are, in order of name."""
    return sorted({*BUILT_IN, *(point.name for point in importlib.metadata.entry_points(group=GROUP))})


def measure(name: str) -> type[Step]:
    """The step class of a measurement. Raises KeyError for an unknown name, MissingPart for one that is broken."""
    if name in BUILT_IN:
        module, _, attribute = BUILT_IN[name].partition(":")
        found = getattr(importlib.import_module(module), attribute)
    else:
        points = [point for point in importlib.metadata.entry_points(group=GROUP) if point.name == name]
        if not points:
            raise KeyError(name)
        try:
            found = points[0].load()
        except (ImportError, AttributeError) as error:
            raise MissingPart(f"the measurement {name!r} ({points[0].value}) cannot be loaded: {error}") from error
    if not (isinstance(found, type) and issubclass(found, Step)):
        raise MissingPart(f"the measurement {name!r} is {found!r}, not a Step class")
    return found
