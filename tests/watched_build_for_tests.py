"""Run as a child process by the tests that watch a build from outside."""

import json
from pathlib import Path

from steps_for_tests import After, Length, Moody, Uses

from pipelines.engines.local import LocalEngine
from pipelines.plan import Plan
from pipelines.reporting.beat import Run
from pipelines.reporting.progress import Tally, follow
from pipelines.reporting.report import recorded
from pipelines.store import Store
from schemas.recipe import Recipe
from schemas.source import SourceRow


def plan() -> Plan:
    return Plan(Recipe(name="t", sources="x"), (Length(), Moody(), After(), Uses()))


def main(rows: str, url: str) -> None:
    given = [SourceRow.model_validate(row) for row in json.loads(Path(rows).read_text())]
    the_plan, store, tally = plan(), Store(url), Tally()
    run = Run(the_plan, store, "0" * 16, "local", 2)
    with recorded(run, tally, every_s=0.2):
        follow(LocalEngine(2).run(the_plan, given, store), "test.uses.v1", quiet=True, tally=tally)
