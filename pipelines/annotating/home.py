"""Where a recipe's questions to people, and all that came of them, are kept in its store."""

import json
import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from annotation import assign
from annotation.adjudicate import Contest
from annotation.assign import Assigned
from annotation.controls import Media
from annotation.ledger import Ledger
from annotation.pseudonyms import pseudonym
from annotation.voted import Group, as_written
from pipelines import work
from pipelines.build import LoadedRecipe
from pipelines.publishing.asked_answers import read_synonyms
from pipelines.sifting.gates import passed
from pipelines.store import Store
from schemas.errors import RecipeError, StoreError, UsageError
from schemas.question import QuestionSpec, Show
from schemas.source import Source
from schemas.step import Recording

SALT = work.SALT


@dataclass(frozen=True)
class Placed:
    """One of the recipe's projects on the server. expert: for contested items, whose votes it shows."""

    number: int
    show: Show
    media: Media
    expert: bool = False


class Home:
    """A recipe with questions, and its folder `annotations/NAME` in a store."""

    def __init__(self, recipe: Path, store_url: str) -> None:
        self.loaded: LoadedRecipe = work.load(recipe)
        self.store: Store = work.open_store(store_url)
        self.name = self.loaded.recipe.name
        self.how = self.loaded.recipe.annotate
        self.folder = f"{self.store.root}/annotations/{self.name}"

    @cached_property
    def spec(self) -> QuestionSpec:
        """The questions. Raises RecipeError where the recipe names none."""
        if self.loaded.spec is None:
            path = self.loaded.file.path
            raise RecipeError(f"{path}: no `ask`", do="name a file of questions: `ask: questions.yaml`")
        return self.loaded.spec

    @cached_property
    def group(self) -> Group:
        """Labels of open vocabularies to those that they count as. Raises SourceTableError as `read_synonyms`."""
        synonyms = self.how.synonyms
        return read_synonyms(self.loaded.folder / synonyms) if synonyms else as_written

    def recordings(self) -> Iterator[Recording]:
        """Those that have samples, in the order of the sources; without copies, and without what gates leave out."""
        for row in work.kept_rows(self.loaded, self.store):
            recording = self.store.open(row.id, self.loaded.plan.lineage)
            if recording.acquired and recording.has("samples"):
                kept = passed(recording, self.loaded.recipe.gates)
                if kept is not None:
                    yield kept

    def asks_about(self, source: Source) -> bool:
        """Whether raters are asked about a recording's samples; others are shown as what was said before."""
        told = {**source.extra, **source.model_dump(include={"id", "language", "speaker", "dialogue", "turn"})}
        return all(str(told.get(column, "")) == wanted for column, wanted in self.how.only.items())

    # Secrets

    @cached_property
    def salt(self) -> bytes:
        """What raters' pseudonyms are salted with: the publisher's secret."""
        return (os.environ.get(SALT) or self._secret("salt")).encode()

    @cached_property
    def media_secret(self) -> bytes:
        """What signs links to clips."""
        return self._secret("media-links").encode()

    def _secret(self, name: str) -> str:
        """A secret of the store. Of two programs that make it at the same time, both get the one that stayed."""
        path = f"{self.store.root}/private/{name}"
        if self.store.read_or_none(path) is None:
            self.store.write(path, secrets.token_hex(32).encode())
        kept = self.store.read_or_none(path)
        if not kept:
            raise StoreError(f"{path} cannot be read", do="check the rights of the store's folder `private`")
        return kept.decode()

    def pseudonym(self, rater: str) -> str:
        """A rater's, by e-mail address."""
        return pseudonym(rater.strip().lower(), self.salt)

    # What is kept

    @property
    def ledger_path(self) -> str:
        """All that raters ever did."""
        return f"{self.folder}/ledger.jsonl"

    def ledger(self) -> Ledger:
        """As at the last pull."""
        return Ledger.from_bytes(self.store.read_or_none(self.ledger_path) or b"", self.ledger_path)

    def projects(self) -> tuple[str, tuple[Placed, ...]]:
        """The server that was pushed to, and the projects there; empty before the first push."""
        kept = self._json("projects.json", {})
        return kept.get("server", ""), tuple(Placed(**one) for one in kept.get("projects", ()))

    def keep_projects(self, server: str, projects: Iterable[Placed]) -> None:
        """Remember where tasks are."""
        self._keep("projects.json", {"server": server, "projects": [asdict(one) for one in projects]})

    def pushed(self) -> tuple[str, tuple[Placed, ...]]:
        """As `projects`. Raises UsageError where nothing was pushed."""
        server, projects = self.projects()
        if not projects:
            raise UsageError(f"{self.name} was not pushed yet", do="`affectloom annotate push` first")
        return server, projects

    def assigned(self) -> list[Assigned]:
        """Who answers what; empty where everybody answers everything."""
        path = f"{self.folder}/assignments.jsonl"
        return assign.from_bytes(self.store.read_or_none(path) or b"", path)

    def keep_assigned(self, assigned: Iterable[Assigned]) -> None:
        """Remember who answers what."""
        self.store.write(f"{self.folder}/assignments.jsonl", assign.to_bytes(assigned))

    def contests(self) -> list[Contest]:
        """Items that went to another round."""
        rows = self._json("rounds.json", [])
        return [Contest(**{**row, "raters": tuple(row["raters"]), "asked": tuple(row["asked"])}) for row in rows]

    def keep_contests(self, contests: Sequence[Contest]) -> None:
        """Remember which items went to another round, and what was said of them before."""
        self._keep("rounds.json", [asdict(one) for one in contests])

    def raters(self, server: str) -> dict[str, str]:
        """A server's numbers of users to pseudonyms."""
        return dict(self._json("raters.json", {}).get(server, {}))

    def keep_raters(self, server: str, raters: dict[str, str]) -> None:
        """Remember which number is whom, under pseudonyms."""
        kept = self._json("raters.json", {})
        if kept.get(server) != raters:
            self._keep("raters.json", {**kept, server: raters})

    def _json(self, name: str, nothing: Any) -> Any:
        path = f"{self.folder}/{name}"
        data = self.store.read_or_none(path)
        if data is None:
            return nothing
        try:
            return json.loads(data)
        except ValueError as error:
            raise StoreError(f"{path} is damaged: {error}", do="remove it and push again") from error

    def _keep(self, name: str, data: Any) -> None:
        text = json.dumps(data, indent=1, ensure_ascii=False, sort_keys=True)
        self.store.write(f"{self.folder}/{name}", text.encode())
