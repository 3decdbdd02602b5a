"""A tab of a project for each rater, with their tasks alone, and the votes on the screen of experts."""

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET

from annotation.label_studio import LabelStudio

_MARK = "affectloom_rater"


def settle_tabs(server: LabelStudio, project: int, raters: Mapping[str, str]) -> int:
    """Make the tabs that lack. How many were made.

    raters: pseudonym, as it stands in the field `raters` of tasks, to the e-mail address, whose first part is the
    tab's title. The community edition shows every tab to everybody: the title says whose it is.
    """
    there = {view["data"].get(_MARK) for view in server.ask("GET", f"/api/dm/views/?project={project}")}
    made = 0
    for rater, email in sorted(raters.items()):
        if rater not in there:
            server.ask("POST", "/api/dm/views/", {"project": project, "data": _tab(rater, email)}, again=False)
            made += 1
    return made


def _tab(rater: str, email: str) -> dict[str, Any]:
    mine = {"filter": "filter:tasks:data.raters", "operator": "contains", "type": "String", "value": rater}
    return {
        "title": email.split("@", maxsplit=1)[0],
        "type": "list",
        "target": "tasks",
        "ordering": ["tasks:id"],
        "filters": {"conjunction": "and", "items": [mine]},
        # Raters see nobody's answers and no predictions beside the tasks.
        "hiddenColumns": {
            "explore": ["tasks:annotations_results", "tasks:predictions_results", "tasks:annotators"],
            "labeling": ["tasks:annotations_results", "tasks:predictions_results", "tasks:annotators"],
        },
        _MARK: rater,
    }


def with_votes(config: str) -> str:
    """A labelling interface that also shows what was answered before, above everything else."""
    root = ET.fromstring(config)  # noqa: S314 - our own text
    box = ET.Element("View", style="border: 1px solid #c90; padding: 8px; margin-bottom: 12px")
    ET.SubElement(box, "Header", value="Answers so far", size="4")
    ET.SubElement(box, "Text", name="votes", value="$votes")
    root.insert(1, box)
    return ET.tostring(root, encoding="unicode")
