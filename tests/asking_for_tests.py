"""The sample recordings that come with affectloom, built, with questions to people."""

import shutil
from pathlib import Path

from pipelines import work
from pipelines.annotating.home import Home

DEMO = Path(__file__).parents[1] / "pipelines" / "demo"
SPEC = """
title: How does it feel?
instructions: Judge what the speaker feels, not what you feel.
questions:
  - {id: sentiment, kind: choice, choices: [
      {name: negative, hotkey: a}, {name: neutral, hotkey: s}, {name: positive, hotkey: d}]}
  - {id: intensity, kind: scale, levels: [weak, middling, strong], blind: false, required: false}
"""


def built(folder, *, spec=SPEC, annotate="{raters: 5}", name="sample"):
    """The sample dataset, one sample a recording, without measurements. A `Home` on its store."""
    recipe = written(folder, spec=spec, annotate=annotate, name=name)
    assert work.build(recipe, str(folder / "store"), workers=1).exit_code == 0
    return Home(recipe, str(folder / "store"))


def written(folder, *, spec=SPEC, annotate="{raters: 5}", name="sample"):
    """The recipe, with its questions and sources beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(DEMO / "media", folder / "media", dirs_exist_ok=True)
    shutil.copyfile(DEMO / "sources.csv", folder / "sources.csv")
    (folder / "questions.yaml").write_text(spec)
    recipe = folder / "recipe.yaml"
    recipe.write_text(
        f"name: {name}\nsources: sources.csv\nsegment: {{by: whole}}\nask: questions.yaml\nannotate: {annotate}\n"
    )
    return recipe
