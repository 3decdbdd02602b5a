"""Run as a child process by the tests that kill a build."""

import json
from pathlib import Path

from steps_for_tests import After, Length, Moody, Uses

from pipelines.engines.local import LocalEngine
from pipelines.plan import Plan
from pipelines.store import Store
from schemas.recipe import Recipe
from schemas.source import SourceRow


def main(rows: str, store: str) -> None:
    plan = Plan(Recipe(name="t", sources="x"), (Length(), Moody(), After(), Uses()))
    given = [SourceRow.model_validate(row) for row in json.loads(Path(rows).read_text())]
    for _ in LocalEngine(2).run(plan, given, Store(store)):
        pass
