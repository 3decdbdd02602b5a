"""Which recipes there are, what each says of itself, and copying one."""

import difflib
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import UsageError

RECIPES = Path(__file__).parent
RECIPE, QUESTIONS = "recipe.yaml", "questions.yaml"
FAMILIES = (
    "monologue", "dialogue", "open and descriptive", "web video", "picture and text", "text", "curation",
)  # fmt: skip
_HEAD = re.compile(r"# (?P<family>[a-z ]+): (?P<what>.+)\n# After (?P<source>.+)\n")


@dataclass(frozen=True)
class Shelved:
    """One recipe. what: in one line; source: whose dataset it is like, and where to read of it."""

    name: str
    family: str
    what: str
    source: str
    folder: Path

    @property
    def files(self) -> tuple[Path, ...]:
        """What is copied, in order of name."""
        return tuple(sorted(path for path in self.folder.iterdir() if path.suffix in (".yaml", ".csv", ".jsonl")))

    @property
    def lines(self) -> int:
        """Lines of YAML, the recipe and its questions together, comments among them."""
        return sum(len(path.read_text("utf-8").splitlines()) for path in self.files if path.name in (RECIPE, QUESTIONS))


def recipes() -> tuple[Shelved, ...]:
    """All of them, by family and name."""
    found = [_shelved(path.parent) for path in RECIPES.glob(f"*/{RECIPE}")]
    return tuple(sorted(found, key=lambda one: (FAMILIES.index(one.family), one.name)))


def _shelved(folder: Path) -> Shelved:
    """What the first two lines of the recipe say. Raises ValueError where they say something else."""
    head = _HEAD.match((folder / RECIPE).read_text("utf-8"))
    if head is None or head["family"] not in FAMILIES:
        raise ValueError(f"{folder / RECIPE} does not begin with its family, what it is, and what it is after")
    return Shelved(folder.name, folder=folder, **head.groupdict())


def copy(name: str, folder: Path) -> tuple[Path, ...]:
    """Copy a recipe with all that lies beside it into a folder, which is made. What was written, the recipe first.

    Raises:
        UsageError: there is no such recipe, or one of its files is there already; then nothing was written.
    """
    every = {one.name: one for one in recipes()}
    if name not in every:
        near = difflib.get_close_matches(name, every, n=1)
        do = f"did you mean {near[0]}?" if near else "`affectloom recipes` lists them"
        raise UsageError(f"there is no recipe {name!r}", do=do)
    targets = {path: folder / path.name for path in every[name].files}
    taken = [target for target in targets.values() if target.exists()]
    if taken:
        raise UsageError(
            f"{taken[0]} is there already; nothing was written",
            do=f"give another folder: `affectloom recipes copy {name} FOLDER`",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, target in targets.items():
            shutil.copyfile(path, target)
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}", do="give a folder that can be") from error
    return tuple(sorted(targets.values(), key=lambda path: (path.name != RECIPE, path.name)))
