"""What we push is what Label Studio's own SDK expects: it reads the tasks, and finds answers and suggestions valid."""

import json
import subprocess

import label_studio_server
import pytest
from asking_for_tests import built
from label_studio_server import TOKEN

from annotation.label_studio import LabelStudio
from pipelines.annotating.push import push_recipe

SPEC = """
questions:
  - {id: mood, kind: choice, choices: [good, bad], blind: false}
  - {id: tags, kind: choices, choices: [warm, cold], blind: false, required: false}
  - {id: vad, kind: scale, range: [1, 9], dimensions: [valence, arousal], blind: false}
  - {id: note, kind: text, blind: false}
"""
SAID = [
    {"item": "note#0000", "question": "mood", "value": "bad", "model": "m-1"},
    {"item": "note#0000", "question": "tags", "value": ["cold"], "model": "m-1"},
    {"item": "note#0000", "question": "vad", "value": {"valence": 2, "arousal": 6}, "model": "m-1"},
    {"item": "note#0000", "question": "note", "value": "a train was cancelled", "model": "m-1"},
]
SCRIPT = """
import json, sys
from label_studio_sdk import LabelStudio
from label_studio_sdk.label_interface import LabelInterface
server = LabelStudio(base_url=sys.argv[1], api_key=sys.argv[2])
told = []
for number in map(int, sys.argv[3:]):
    interface = LabelInterface(server.projects.get(number).label_config)
    for task in server.tasks.list(project=number, fields="all"):
        task = server.tasks.get(task.id)
        interface.validate_task({"data": task.data}, validate_regions_only=False)
        for one in task.predictions or []:
            one = one if isinstance(one, dict) else one.dict()
            kept = {"result": one["result"], "model_version": one["model_version"], "score": one.get("score") or 0.0}
            told.append([task.data["affectloom_id"], interface.validate_prediction(kept)])
        told.append([task.data["affectloom_id"], None])
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def pushed(tmp_path_factory, label_studio):
    folder = tmp_path_factory.mktemp("sdk")
    (folder / "model.jsonl").write_text("".join(json.dumps(row) + "\n" for row in SAID))
    home = built(folder, spec=SPEC, annotate="{prelabel: {file: model.jsonl}}", name="sdk")
    return push_recipe(home, LabelStudio(label_studio.url, TOKEN))


def test_the_sdk_reads_and_accepts_what_was_pushed(pushed, label_studio):
    python = label_studio_server.home() / "bin" / "python"
    numbers = [str(one.project) for _, one in pushed.projects]
    token = label_studio.personal_token(TOKEN)
    done = subprocess.run(
        [str(python), "-c", SCRIPT, label_studio.url, token, *numbers],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert len({item for item, _ in told}) == 7
    assert ["note#0000", True] in told
    assert [item for item, valid in told if valid is False] == []
