"""A recipe turned into steps: what would run, in which order, under which fingerprints."""

from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import yaml

from pipelines.lineage import Lineage, identity_of
from pipelines.recording import StoredRecording
from pipelines.watching import ffmpeg
from schemas.acquire import Acquire
from schemas.errors import MissingPart
from schemas.recipe import Recipe
from schemas.step import Step


@dataclass(frozen=True)
class Plan:
    """The steps of a recipe. Small and picklable: engines send it to their workers."""

    recipe: Recipe
    steps: tuple[Step, ...]

    @property
    def lineage(self) -> Lineage:
        """The steps' order and fingerprints."""
        return Lineage(self.steps)

    @property
    def acquire(self) -> Acquire:
        """How sources are fetched."""
        return self.recipe.acquire

    def filled(self) -> str:
        """The recipe with every default spelled out and every step, version and weight pinned. YAML."""
        lineage = self.lineage
        steps = [
            {
                "step": step.key,
                "reads": list(lineage.inputs(step)),
                "makes": {kind: identity_of(step, kind) for kind in step.makes},
                "needs": step.needs.model_dump(),
                "versions": versions(step),
            }
            for step in lineage.steps
        ]
        data = {"recipe": self.recipe.model_dump(mode="json"), "steps": steps}
        return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=120, default_flow_style=None)


def versions(step: Step) -> dict[str, str]:
    """The installed versions of what bears on a step's numbers; the decoder's where the step decodes."""
    watchers: tuple[Step, ...] = getattr(step, "watchers", ())
    names = {name for each in (step, *watchers) for name in each.packages}
    found = {}
    for name in sorted(names):
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    if watchers:
        with suppress(MissingPart):
            found["ffmpeg"] = ffmpeg.version()
    return found


def is_todo(recording: StoredRecording, step: Step) -> bool:
    """Whether the step has something to do for the recording, now or once the steps before it are done."""
    return any(recording.state(kind) == "todo" for kind in step.makes)
