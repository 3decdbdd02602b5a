"""The pages say what the code says: fields, defaults, columns, commands, links."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from extractors import egemaps
from extractors.clip import PictureEmbedding
from extractors.face_landmarker import COLUMNS as FACE_COLUMNS
from extractors.faces import FaceLandmarks
from extractors.functionals import SPEECH_RATE_NAMES
from extractors.ocr import Ocr
from extractors.openface import OpenFace
from extractors.prosody import Prosody
from extractors.sensors import Sensor, Sensors
from extractors.speakers import Diarization
from extractors.speech import Speech
from extractors.word_lists import WordLists
from pipelines import cli, registry
from pipelines.acquiring.sources import _NAMES
from pipelines.acquiring.utterances import NAMES as UTTERANCE_NAMES
from pipelines.publishing.samples import Samples
from pipelines.recipe_file import read_yaml, validate
from pipelines.segmenting.align import RULES
from pipelines.segmenting.segment import Segment
from pipelines.sifting.rules import RULES as GATES
from schemas.acquire import Acquire, Web
from schemas.annotate import Annotate
from schemas.duplicates import Duplicates
from schemas.gates import Gate
from schemas.privacy import Privacy
from schemas.publication import Publication
from schemas.recipe import Recipe, Run
from schemas.rights import Rights
from schemas.sample import MODALITIES, sample_schema

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))]
BLOCKS: list[tuple[str, str, type[BaseModel]]] = [
    ("recipe.md", "The recipe", Recipe),
    ("recipe.md", "`acquire`", Acquire),
    ("recipe.md", "`acquire.web`", Web),
    ("recipe.md", "`rights`", Rights),
    ("duplicates.md", "Copies", Duplicates),
    ("gates.md", "Gates", Gate),
    ("recipe.md", "`segment`", Segment),
    ("recipe.md", "`align`", Samples),
    ("recipe.md", "`annotate`", Annotate),
    ("recipe.md", "`publish`", Publication),
    ("privacy.md", "`privacy`", Privacy),
    ("recipe.md", "`run`", Run),
    ("measurements.md", "`speech`", Speech),
    ("measurements.md", "`faces`", FaceLandmarks),
    ("measurements.md", "`prosody`", Prosody),
    ("measurements.md", "`egemaps`", egemaps.Egemaps),
    ("measurements.md", "`openface`", OpenFace),
    ("measurements.md", "`sensors`", Sensors),
    ("measurements.md", "`speakers`", Diarization),
    ("measurements.md", "`ocr`", Ocr),
    ("measurements.md", "`word_lists`", WordLists),
    ("measurements.md", "A track of a sensor", Sensor),
    ("measurements.md", "`clip`", PictureEmbedding),
]
FILLED_IN = {"contents", "folder", "tracks", "told", "voices", "ocr"}
"""Fields that no person writes."""


def section(page: str, heading: str) -> str:
    """What stands under a heading, up to the next one."""
    text = (DOCS / page).read_text("utf-8")
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"{page} has no heading {heading}"
    return found[1]


def table(text: str, head: str) -> dict[str, list[str]]:
    """The rows of the table whose first heading it is, by their first cell."""
    lines = text.splitlines()
    heads = (at for at, line in enumerate(lines) if line.startswith(f"| {head} |"))
    start = next(at for at in heads if lines[at + 1].startswith("|---"))
    found = {}
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        found[cells[0]] = cells[1:]
    return found


def default_of(model: type[BaseModel], name: str) -> Any:
    field = model.model_fields[name]
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return "required"
    return value if not isinstance(value, BaseModel) else "see below"


def as_told(cell: str) -> Any:
    text = cell.strip("`")
    return {"none": None}.get(text, text if text in ("required", "see below") else yaml.safe_load(text))


@pytest.mark.parametrize(("page", "heading", "model"), BLOCKS)
def test_every_field_is_told_with_its_default(page: str, heading: str, model: type[BaseModel]):
    told = {name.strip("`"): cells[0] for name, cells in table(section(page, heading), "field").items()}
    assert set(told) == set(model.model_fields) - (FILLED_IN - ({"tracks"} if model is Sensors else set()))
    for name, cell in told.items():
        default = default_of(model, name)
        assert as_told(cell) == (list(default) if isinstance(default, tuple) else default), name


def test_every_rule_of_the_gates_is_told():
    told = table(section("gates.md", "Gates"), "rule")
    assert {name.strip("`") for name in told} == set(GATES)


def test_every_measurement_has_its_section():
    assert {
        heading.strip("`") for page, heading, _ in BLOCKS if page == "measurements.md" and heading.startswith("`")
    } == set(registry.BUILT_IN)


@pytest.mark.parametrize(
    ("page", "heading", "names"),
    [
        ("recipe.md", "`sources`", _NAMES),
        ("corpora.md", "Long recordings with a table of utterances", UTTERANCE_NAMES),
    ],
)
def test_every_column_of_a_table_is_told(page: str, heading: str, names: dict[str, tuple[str, ...]]):
    told = table(section(page, heading), "column")
    assert {name.strip("`"): re.findall(r"`(\w+)`", cells[0]) for name, cells in told.items()} == {
        name: [other for other in ways if other != name] for name, ways in names.items()
    }


@pytest.mark.parametrize(
    ("heading", "head", "names"),
    [
        ("`segment`", "`by`", ("sentence", "subtitle", "pause", "turn", "shot", "window", "table", "whole")),
        ("`align`", "`how`", RULES),
    ],
)
def test_every_choice_is_told(heading: str, head: str, names: tuple[str, ...]):
    told = table(section("recipe.md", heading), head)
    assert {name for cell in told for name in re.findall(r"`(\w+)`", cell)} == set(names)


@pytest.mark.parametrize(("heading", "columns"), [("`faces`", FACE_COLUMNS), ("`prosody`", Prosody().columns)])
def test_every_column_of_a_track_is_told(heading: str, columns: tuple[str, ...]):
    told = re.findall(r"`(\w+)`", " ".join(table(section("measurements.md", heading), "column")))
    families = {"au12_proxy": r"au\d\d_proxy", "bs_mouthSmileLeft": r"bs_\w+"}
    families |= {"mfcc_01": r"mfcc_\d\d", "mfcc_01_delta": r"mfcc_\d\d_delta"}
    untold = [name for name in columns if not any(re.fullmatch(families.get(one, one), name) for one in told)]
    assert untold == []
    assert [one for one in told if one not in columns] == []


def test_every_column_of_a_row_is_told():
    told = table(section("dataset.md", "A row"), "column")
    named = {name for cell in told for name in re.findall(r"`(\w+)`", cell)}
    tracks = {"faces": ("mouth_open",), "prosody": ("f0_hz",)}
    made = set(sample_schema(tracks, "word", ("voiced_share",), (), voices=True, ocr=True).names)
    published = {"audio", "video", "image", "source", "licence", "consent", "sha256", "extra"}
    assert named == made | published
    assert all(f"`{name}`" in section("dataset.md", "What is not there") for name in MODALITIES)
    assert all(f"`{name}`" in section("measurements.md", "Functionals") for name in SPEECH_RATE_NAMES)


def test_every_command_and_option_is_told():
    group = typer.main.get_command(cli.app)
    told = table(section("store.md", "Commands"), "command")
    found = {cell.strip("`").split()[0]: set(re.findall(r"--\w[\w-]*", cells[0])) for cell, cells in told.items()}
    real = {
        name: {text for option in command.params for text in option.opts if text.startswith("--")} - {"--help"}
        for name, command in group.commands.items()
    }
    assert found == real


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_refers_to_is_there(page: Path):
    text = page.read_text("utf-8")
    names = set(typer.main.get_command(cli.app).commands)
    shell = "".join(re.findall(r"```(?:sh|bash)\n(.*?)```", text, re.DOTALL))
    commands = re.findall(r"^affectloom (\w+)", shell, re.MULTILINE) + re.findall(r"`affectloom (\w+)", text)
    assert set(commands) <= names
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        linked = (page.parent / name) if name else page
        assert linked.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", linked.read_text("utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}
            assert anchor in anchors, target


def test_the_recipe_of_the_readme_is_one(tmp_path: Path):
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert blocks
    for text in blocks:
        (tmp_path / "r.yaml").write_text(text)
        file = read_yaml(tmp_path / "r.yaml")
        recipe = validate(file, Recipe)
        assert validate(file, Segment, ("segment",)).by == "sentence"
        steps = [validate(file, registry.measure(name), ("measure", name)) for name in recipe.measure]
        assert Samples.of(recipe.align, steps).to == "word"
