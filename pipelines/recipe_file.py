"""Reading a recipe file, so that a mistake is reported with its line and the nearest valid name."""

import difflib
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from schemas.errors import RecipeError

M = TypeVar("M", bound=BaseModel)
Path_ = tuple[str | int, ...]


_MOST_CHARS = 2_000_000
_MOST_VALUES = 50_000
_MOST_DEPTH = 50


@dataclass(frozen=True)
class YamlFile:
    """Parsed YAML that remembers on which line each value stands."""

    path: Path
    data: Any
    lines: dict[Path_, int]

    def line(self, where: Path_) -> int:
        """The 1-based line of a value, or of the nearest enclosing one that is written."""
        while where not in self.lines and where:
            where = where[:-1]
        return self.lines.get(where, 1)


def read_yaml(path: Path) -> YamlFile:
    """Parse a YAML file of plain data. Raises RecipeError with the line of a syntax error or a doubled key."""
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError as error:
        near = difflib.get_close_matches(path.name, _siblings(path), n=1)
        do = f"did you mean {path.with_name(near[0])}?" if near else "check the path"
        raise RecipeError(f"{path}: there is no such file", do=do) from error
    except (OSError, UnicodeDecodeError) as error:
        why = (error.strerror if isinstance(error, OSError) else "it is not UTF-8 text") or str(error)
        raise RecipeError(f"{path}: cannot be read: {why}", do="name the recipe, a UTF-8 text file") from error
    if len(text) > _MOST_CHARS:
        raise RecipeError(f"{path}: {len(text):,} characters are no recipe", do="name the recipe, a small text file")
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is not None and _size(node) > _MOST_VALUES:
            raise RecipeError(f"{path}: it holds more than {_MOST_VALUES:,} values", do="write aliases out, or fewer")
        data = yaml.safe_load(text)
    except RecursionError as error:
        raise RecipeError(f"{path}: its values are nested too deep", do="a recipe is a few levels deep") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise RecipeError(
            f"{path}:{line}: not valid YAML: {error.problem or error}",
            do="indent with spaces; put a text that holds ': ' or '#' in quotes",
        ) from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise RecipeError(f"{path}: not valid YAML: {error}", do="a recipe is a UTF-8 text file") from error
    lines: dict[Path_, int] = {}
    if node is not None:
        _mark(path, node, (), lines)
    return YamlFile(path, data, lines)


def _size(node: yaml.Node, depth: int = 0) -> int:
    """How many values a node stands for, aliases written out; counting ends where there are too many.

    Raises RecursionError for an alias inside what it stands for.
    """
    if depth > _MOST_DEPTH:
        raise RecursionError
    inner: list[yaml.Node] = []
    if isinstance(node, yaml.MappingNode):
        inner = [each for pair in node.value for each in pair]
    elif isinstance(node, yaml.SequenceNode):
        inner = node.value
    size = 1
    for each in inner:
        size += _size(each, depth + 1)
        if size > _MOST_VALUES:
            break
    return size


def _siblings(path: Path) -> list[str]:
    try:
        return [item.name for item in path.parent.iterdir()]
    except OSError:
        return []


def _mark(path: Path, node: yaml.Node, where: Path_, lines: dict[Path_, int]) -> None:
    lines.setdefault(where, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        seen: dict[Hashable, int] = {}
        for key, value in node.value:
            name = key.value
            line = key.start_mark.line + 1
            if name in seen:
                raise RecipeError(
                    f"{path}:{line}: {name!r} is written twice, first on line {seen[name]}", do="keep one of them"
                )
            seen[name] = line
            lines[(*where, name)] = line
            _mark(path, value, (*where, name), lines)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _mark(path, item, (*where, index), lines)


def validate(file: YamlFile, model: type[M], at: Path_ = ()) -> M:
    """The model of the value at a path of the file. Raises RecipeError that lists every mistake there."""
    value: Any = file.data
    for key in at:
        value = value[key]
    if value is None:
        if not at:
            raise RecipeError(f"{file.path}: the recipe is empty", do="it needs at least `name` and `sources`")
        value = {}
    if not isinstance(value, dict):
        name = ".".join(map(str, at)) or "the recipe"
        raise RecipeError(
            f"{file.path}:{file.line(at)}: {name}: found {_short(value)}, allowed: a block of fields",
            do=f"fields: {', '.join(model.model_fields)}",
        )
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise mistakes(file, model, error, at) from error


def mistakes(file: YamlFile, model: type[BaseModel], error: ValidationError, at: Path_ = ()) -> RecipeError:
    """What a person needs to mend each mistake, in the order of lines."""
    found: dict[Path_, list[Any]] = {}
    for item in error.errors():
        found.setdefault((*at, *_written(file, at, item["loc"])), []).append(item)
    # Of a value that may be a word or a block, what is wrong inside the block says more than that it is no word.
    deepest = [where for where in found if not any(other[: len(where)] == where != other for other in found)]
    lines = []
    for where in sorted(deepest, key=lambda where: (file.line(where), ".".join(map(str, where)))):
        first, *others = found[where]
        blocks = [fields for item in others if (fields := _fields_of_block(item, model))]
        field = ".".join(map(str, where)) or "the recipe"
        shapes = _shapes(str(where[-1]), found[where]) if where else ""
        text = _explain(first, model, tuple(first["loc"]), blocks, shapes)
        lines.append(f"{file.path}:{file.line(where)}: {field}: {text}")
    return RecipeError("\n".join(lines))


def unknown_name(file: YamlFile, where: Path_, found: str, allowed: Sequence[str], what: str) -> RecipeError:
    """An unknown name, the allowed ones, and the nearest."""
    field = ".".join(map(str, where))
    return RecipeError(f"{file.path}:{file.line(where)}: {field}: unknown {what} {found!r}{_choices(found, allowed)}")


_SHAPES = {
    "string_type": "a text, such as `{0}: {1}`",
    "tuple_type": "a list, such as `{0}: [{1}]`",
    "dict_type": "a block of fields, such as `{0}: {{{1}}}`",
}
"""What a value of the wrong shape may be instead; 0: the field, 1: an example."""
_EXAMPLES = {
    ("sources", "string_type"): "sources.csv",
    ("sources", "tuple_type"): "talks, more.csv",
    ("media", "tuple_type"): "audio, video",
    ("splits", "dict_type"): "train: 0.8, validation: 0.1, test: 0.1",
}

_PLAIN = frozenset({"str", "int", "float", "bool"})
"""What pydantic calls members of unions that are no blocks; no field is called so."""


def _written(file: YamlFile, at: Path_, loc: tuple[int | str, ...]) -> Path_:
    """The part of pydantic's location that a person wrote: without the names of union members."""
    where: list[int | str] = []
    for key in loc:
        if (*at, *where, key) in file.lines or key == loc[-1]:
            where.append(key)
    if where and (*at, *where) not in file.lines and len(where) > 1 and (*at, *where[:-1]) in file.lines:
        value = file.data
        for key in (*at, *where[:-1]):
            value = value[key]
        # It names a member of a union (a plain type, or one with brackets), not a field.
        if not isinstance(value, dict) or "[" in str(where[-1]) or where[-1] in _PLAIN:
            where.pop()
    return tuple(where)


def _explain(
    item: Any, model: type[BaseModel], loc: tuple[int | str, ...], blocks: Sequence[str] = (), shapes: str = ""
) -> str:
    """What is wrong with a value. blocks: which blocks would have done as well; shapes: which kinds of values."""
    kind, value, context = item["type"], item["input"], item.get("ctx", {})
    if kind == "extra_forbidden":
        allowed = _fields_at(model, loc[:-1])
        return f"unknown field, found {_short(value)}{_choices(str(loc[-1]), allowed)}"
    if kind == "missing":
        return "this field is missing; it must be given"
    if kind in ("literal_error", "enum"):
        allowed = [part.strip().strip("'") for part in context["expected"].replace(" or ", ", ").split(",")]
        return f"found {_short(value)}{_choices(str(value), [*allowed, *blocks])}"
    if kind in ("string_type", "tuple_type") or " or " in shapes:
        return f"found {_short(value)}; allowed: {shapes}"
    if kind in ("dict_type", "model_type"):
        return f"found {_short(value)}, allowed: a block of fields, such as {_block(loc, value)}"
    message = str(item["msg"]).removeprefix("Value error, ")
    return f"found {_short(value)}; {message[:1].lower()}{message[1:]}"


def _shapes(field: str, items: Sequence[Any]) -> str:
    """Every shape that a value may have, with an example of each."""
    kinds = dict.fromkeys(item["type"] for item in items if item["type"] in _SHAPES)
    return " or ".join(_SHAPES[kind].format(field, _EXAMPLES.get((field, kind), "...")) for kind in kinds)


def _fields_of_block(item: Any, model: type[BaseModel]) -> str:
    """The block that a value may be besides a word, as it is written; empty if the mistake tells of none."""
    if item["type"] != "model_type" or len(item["loc"]) < 2:  # noqa: PLR2004 - a field, and a member of its union
        return ""
    field = model.model_fields.get(str(item["loc"][-2]))
    for member in get_args(field.annotation) if field else ():
        if isinstance(member, type) and issubclass(member, BaseModel) and member.__name__ == item["loc"][-1]:
            return "{" + ", ".join(f"{name}: ..." for name in member.model_fields) + "}"
    return ""


def _block(loc: tuple[int | str, ...], value: object) -> str:
    """How a block might be written by one who wrote this value instead."""
    key = {"measure": "{prosody: {}}", "segment": "{by: sentence}", "align": "{to: word}"}.get(str(loc[-1]), "{}")
    if loc == ("measure",):
        named = [value] if isinstance(value, str) else value if isinstance(value, list) else []
        plain = [name for name in named if isinstance(name, str)]
        key = "{" + ", ".join(f"{name}: {{}}" for name in plain) + "}" if plain else key
    return f"`{loc[-1]}: {key}`"


def _fields_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    current: type[BaseModel] = model
    members: tuple[Any, ...] = ()
    for key in loc:
        field = current.model_fields.get(str(key))
        inner = field.annotation if field else None
        members = get_args(inner) if field else members
        named = (member for member in members if getattr(member, "__name__", "") == key)
        inner = inner if field else next(named, None)
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            current = inner
    return list(current.model_fields)


def _choices(found: str, allowed: Sequence[str]) -> str:
    near = difflib.get_close_matches(found, allowed, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]}?" if near else ""
    return f"; allowed: {', '.join(allowed) or 'none'}.{hint}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."  # noqa: PLR2004 - a line of a terminal
