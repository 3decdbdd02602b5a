"""Turning a recipe into a plan: which steps, with which settings, in which order."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from extractors.openface import OpenFace, contents_of
from extractors.sensors import Sensors, contents_of_all
from extractors.speaking import SpeakingFace
from extractors.word_lists import WordLists, read_lists
from pipelines import registry
from pipelines.acquiring.columns import columns_of
from pipelines.acquiring.joined import read_facts
from pipelines.acquiring.utterances import further_columns
from pipelines.annotating.question_file import read_questions
from pipelines.plan import Plan
from pipelines.publishing.samples import Samples
from pipelines.recipe_file import YamlFile, mistakes, read_yaml, unknown_name, validate
from pipelines.segmenting.segment import Segment
from pipelines.sifting.rules import RULES
from pipelines.sifting.scoring import Scoring, scoring
from pipelines.watching.probe import Probe
from pipelines.watching.watch import Watch
from schemas.errors import MeasurementError, MissingPart, RecipeError
from schemas.publication import GROUPS
from schemas.question import QuestionSpec
from schemas.recipe import Recipe
from schemas.step import Step
from schemas.watching import Watcher


@dataclass(frozen=True)
class LoadedRecipe:
    """A recipe, its file, and the plan it asks for."""

    file: YamlFile
    recipe: Recipe
    plan: Plan
    spec: QuestionSpec | None = None
    """The questions to people that the recipe names."""

    @property
    def joined(self) -> tuple[Path, ...]:
        """Tables of further facts."""
        return tuple(self.folder / table for table in _several(self.recipe.join))

    @property
    def cut(self) -> Segment:
        """How recordings become samples."""
        return next(step for step in self.plan.steps if isinstance(step, Segment))

    @property
    def folder(self) -> Path:
        """Where relative paths count from."""
        return self.file.path.parent


def load(path: Path) -> LoadedRecipe:
    """Read a recipe and work out its plan. Raises RecipeError with file, line, field, and what is allowed."""
    file = read_yaml(path)
    recipe = validate(file, Recipe)
    _there(file, ("labels",), recipe.labels)
    _there(file, ("map",), recipe.map)
    if recipe.map is not None and recipe.labels is None:
        raise RecipeError(
            f"{path}:{file.line(('map',))}: map: there are no labels to be mapped",
            do="name their table in `labels`, or leave `map` out",
        )
    _there(file, ("ask",), recipe.ask)
    _there(file, ("annotate", "synonyms"), recipe.annotate.synonyms)
    spec = read_questions(path.parent / recipe.ask) if recipe.ask is not None else None
    return LoadedRecipe(file, recipe, make_plan(file, recipe), spec)


def _there(file: YamlFile, where: tuple[str, ...], named: str | None) -> None:
    """Refuse a file that the recipe names and that is not there."""
    if named is not None and not (file.path.parent / named).is_file():
        field = ".".join(where)
        raise RecipeError(
            f"{file.path}:{file.line(where)}: {field}: there is no file {file.path.parent / named}",
            do=f"paths count from the recipe's folder; leave the line out where there are no {where[-1]}"
            if where != ("ask",)
            else "paths count from the recipe's folder; leave the line out where nothing is asked",
        )


def make_plan(file: YamlFile, recipe: Recipe) -> Plan:
    """The steps of a recipe, with all that they require. Raises RecipeError."""
    measures = [_measure(file, name) for name in recipe.measure]
    segment = validate(file, Segment, ("segment",)) if "segment" in recipe.model_fields_set else Segment()
    wanted: list[Step] = [*measures, segment]
    kinds = {kind for step in measures for kind in step.makes}
    if "faces" in kinds and kinds & {"words", "speakers"}:
        wanted.append(SpeakingFace())
    steps = _with_required(file, wanted)
    watchers = tuple(step for step in steps if isinstance(step, Watcher))
    others = [step for step in steps if not isinstance(step, Watcher)]
    fused: list[Step] = [Probe(), Watch(watchers=watchers), *others]
    told = _told(file, segment, recipe.join)
    _grouped(file, recipe, told)
    _protected(file, recipe, fused)
    samples = _samples(file, recipe, fused, told)
    if recipe.gates:
        fused.append(_scoring(file, recipe, fused))
    return Plan(recipe, (*fused, samples))


def _measure(file: YamlFile, name: str) -> Step:
    where = ("measure", name)
    try:
        kind = registry.measure(name)
    except KeyError:
        raise unknown_name(file, where, name, registry.names(), "measurement") from None
    step = validate(_placed(file, name), kind, where)
    if isinstance(step, OpenFace):
        step = _with_tables(file, step, where)
    elif isinstance(step, Sensors):
        step = _with_sensors(file, step, where)
    elif isinstance(step, WordLists):
        step = _with_lists(file, step, where)
    try:
        step.weights()
    except MissingPart as error:
        field = ".".join((*where, "model")) if "model" in kind.model_fields else ".".join(where)
        raise MissingPart(f"{file.path}:{file.line((*where, 'model'))}: {field}: {error.what}", do=error.do) from error
    return step


def _with_tables(file: YamlFile, step: OpenFace, where: tuple[str, ...]) -> OpenFace:
    """The step with its tables counted from the recipe's own folder, and what they hold. Raises RecipeError."""
    folder = file.path.parent.absolute()
    table = str(folder / step.table)
    place = f"{file.path}:{file.line((*where, 'table'))}: {'.'.join(where)}.table"
    try:
        contents = contents_of(table)
    except OSError as error:
        raise RecipeError(
            f"{place}: {error.filename} cannot be read: {error.strerror}", do="make it readable"
        ) from error
    if not contents:
        raise RecipeError(f"{place}: there is no file {table}", do="paths count from the recipe's folder")
    return step.model_copy(update={"contents": contents, "folder": str(folder)})


def _with_sensors(file: YamlFile, step: Sensors, where: tuple[str, ...]) -> Sensors:
    """The same for sensors."""
    folder = file.path.parent.absolute()
    try:
        contents, lacking = contents_of_all(step.tracks, folder)
    except OSError as error:
        raise RecipeError(
            f"{file.path}:{file.line(where)}: {'.'.join(where)}: {error.filename} cannot be read: {error.strerror}",
            do="make it readable",
        ) from error
    for name in lacking:
        at = (*where, "tracks", name, "table")
        raise RecipeError(
            f"{file.path}:{file.line(at)}: {'.'.join(at)}: there is no file {folder / step.tracks[name].table}",
            do="paths count from the recipe's folder",
        )
    return step.model_copy(update={"contents": contents, "folder": str(folder)})


def _with_lists(file: YamlFile, step: WordLists, where: tuple[str, ...]) -> WordLists:
    """The same for lists of words. Every category must be in the table."""
    path = file.path.parent.absolute() / step.table
    try:
        lists = read_lists(path)
        contents = contents_of(str(path))
    except (MeasurementError, OSError) as error:
        raise RecipeError(
            f"{file.path}:{file.line((*where, 'table'))}: {'.'.join(where)}.table: {error}",
            do="paths count from the recipe's folder; the columns are word and category",
        ) from error
    there = sorted({name for names in lists.values() for name in names})
    for name in step.categories:
        if name not in there:
            raise unknown_name(file, (*where, "categories"), name, there, "category")
    return step.model_copy(update={"contents": contents, "folder": str(path.parent), "table": path.name})


def _placed(file: YamlFile, name: str) -> YamlFile:
    """The recipe with the measurement's model folder, if it has one, counted from the recipe's own folder."""
    fields = file.data["measure"][name]
    model = fields.get("model") if isinstance(fields, dict) else None
    if not isinstance(model, str) or not model.startswith(("./", "../")):
        return file
    placed = {**fields, "model": str((file.path.parent / model).resolve())}
    return replace(file, data={**file.data, "measure": {**file.data["measure"], name: placed}})


def _with_required(file: YamlFile, wanted: Sequence[Step]) -> list[Step]:
    """The steps and all that they require, each artifact made once."""
    steps: list[Step] = []
    queue = list(wanted)
    while queue:
        step = queue.pop(0)
        same = [other for other in steps if set(other.makes) & set(step.makes)]
        if same and same[0] != step:
            kinds = ", ".join(sorted(set(same[0].makes) & set(step.makes)))
            raise RecipeError(
                f"{file.path}: two measurements ask for different {kinds}: {same[0]!r} and {step!r}",
                do="give them the same settings",
            )
        if not same:
            steps.append(step)
            queue.extend(step.requires())
    return steps


_MADE_BY = {"voice": "speech", "words": "speech", "speaking": "faces and speech", "clip_text": "clip, with text: true"}


def _scoring(file: YamlFile, recipe: Recipe, steps: Sequence[Step]) -> Scoring:
    """What scores the samples by the recipe's rules. Raises RecipeError for one that is unknown or lacks something."""
    for name, gate in recipe.gates.items():
        if name not in RULES:
            raise unknown_name(file, ("gates", name), name, list(RULES), "rule")
        if (name == "language") != bool(gate and gate.allow):
            raise RecipeError(
                f"{file.path}:{file.line(('gates', name))}: gates.{name}: "
                + ("it must say which languages are wanted" if name == "language" else "`allow` is for languages"),
                do="gates: {language: {allow: [en], least: 0.5}}",
            )
    allow = next((gate.allow for gate in recipe.gates.values() if gate and gate.allow), ())
    try:
        return scoring(tuple(recipe.gates), [kind for step in steps for kind in step.makes], allow)
    except KeyError as error:
        name, kind = error.args
        raise RecipeError(
            f"{file.path}:{file.line(('gates', name))}: gates.{name}: it is judged by `{kind}`, which this recipe does "
            "not make",
            do=f"add to measure: {_MADE_BY.get(kind, kind)}",
        ) from None


def _several(written: str | tuple[str, ...]) -> tuple[str, ...]:
    return (written,) if isinstance(written, str) else written


def _told(file: YamlFile, segment: Segment, joined: str | tuple[str, ...]) -> tuple[str, ...] | None:
    """The further columns of utterances; None without a table of them. Raises RecipeError or SourceTableError."""
    for table in _several(joined):
        _there(file, ("join",), table)
    if segment.table is None:
        return None
    _there(file, ("segment", "table"), segment.table)
    folder = file.path.parent
    facts = [read_facts(folder / table) for table in _several(joined)]
    more = {name for table in facts if table.of_utterances for name in table.columns}
    return tuple(sorted({*further_columns(folder / segment.table), *more}))


def _grouped(file: YamlFile, recipe: Recipe, told: Sequence[str] | None) -> None:
    """Refuse a column to group by, or to split by, that nothing has. Raises RecipeError."""
    folder = file.path.parent
    own = columns_of(_several(recipe.sources), folder)
    if own is None:
        return
    joined = [name for table in _several(recipe.join) for name in read_facts(folder / table).columns]
    known = [*GROUPS, *sorted({*own, *joined, *(told or ())} - set(GROUPS))]
    how = recipe.publish
    where = ("publish", "splits") if how.official is not None else ("publish", "group_by")
    for name in how.groups if {"group_by", "splits"} & how.model_fields_set else ():
        if name not in known:
            raise unknown_name(file, where, name, known, "column")


def _protected(file: YamlFile, recipe: Recipe, steps: Sequence[Step]) -> None:
    """Refuse to hide what nothing finds. Raises RecipeError."""
    if recipe.publish.privacy.blur_faces and not any("faces" in step.makes for step in steps):
        where = ("publish", "privacy", "blur_faces")
        raise RecipeError(
            f"{file.path}:{file.line(where)}: {'.'.join(where)}: nothing in this recipe finds faces",
            do="add to measure: faces: {}",
        )


def _samples(file: YamlFile, recipe: Recipe, steps: Sequence[Step], told: tuple[str, ...] | None) -> Samples:
    fields = [name for name in Samples.model_fields if name not in ("tracks", "told", "voices")]  # those are filled in
    for name in recipe.align:
        if name == "grid_s":
            raise RecipeError(
                f"{file.path}:{file.line(('align', name))}: align.grid_s: a grid is written under `to`",
                do=f"align: {{to: {{grid_s: {recipe.align[name]}}}}}",
            )
        if name not in fields:
            raise unknown_name(file, ("align", name), name, fields, "field")
    try:
        return Samples.of(recipe.align, steps, told)
    except ValidationError as error:
        raise mistakes(file, Samples, error, ("align",)) from error
