"""The labelling screen: what it holds, what it does not, and what Label Studio's own library says of it."""

# ruff: noqa: S314 - the XML is our own

import json
import subprocess
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from label_studio_server import program
from question_specs import spec_of

from annotation.controls import controls
from annotation.interface import data_keys, face_choices, instruction, interface, utterance_choices

VIEWS = [
    ("text", "video"),
    ("audio", "video"),
    ("silent-video", "video"),
    *(("all", m) for m in ("video", "audio", "none")),
]
UNSEEN = {
    "text": {"audio", "video", "silent_video", "faces"},
    "audio": {"text", "context", "video", "silent_video", "utterances", "faces"},
    "silent-video": {"text", "context", "audio", "video", "utterances"},
}


@pytest.mark.parametrize("show", UNSEEN)
def test_a_task_of_one_modality_holds_nothing_of_the_others(show: str):
    assert not UNSEEN[show] & set(data_keys(spec_of(), show))


def test_every_view_says_what_its_tasks_hold():
    assert {(show, media): data_keys(spec_of(), show, media) for show, media in VIEWS} == {
        ("text", "video"): ("context", "text"),
        ("audio", "video"): ("audio",),
        ("silent-video", "video"): ("silent_video", "fps"),
        ("all", "video"): ("video", "context", "text", "utterances", "faces"),
        ("all", "audio"): ("audio", "context", "text", "utterances"),
        ("all", "none"): ("context", "text", "utterances"),
    }
    assert data_keys(spec_of(), "text", context=False) == ("text",)


@pytest.mark.parametrize(("show", "media"), VIEWS)
def test_controls_are_those_that_the_screen_has(show: str, media: str):
    spec = spec_of()
    root = ET.fromstring(interface(spec, show, media))
    on_screen = {(tag.get("name"), tag.tag, tag.get("toName")) for tag in root.iter() if tag.get("toName")}
    assert on_screen == {(one.name, one.tag, one.to_name) for one in controls(spec, show, media)}
    names = {tag.get("name") for tag in root.iter() if tag.get("name") and not tag.get("toName")}
    assert {to for _, _, to in on_screen} <= names


def test_a_condition_hides_the_question_and_a_title_keeps_the_name_stored():
    root = ET.fromstring(interface(spec_of(), "all"))
    (hidden,) = [tag for tag in root.iter("View") if tag.get("whenTagName") == "sarcastic"]
    assert hidden.get("whenChoiceValue") == "yes"
    assert [tag.get("name") for tag in hidden.iter("TextArea")] == ["why"]
    (negative,) = [tag for tag in root.iter("Choice") if tag.get("value") == "Not at all"]
    assert (negative.get("alias"), negative.get("hotkey")) == ("no", "n")


def test_a_view_that_asks_nothing_is_refused():
    spec = spec_of("questions: [{id: mood, kind: choice, choices: [a, b]}]")
    with pytest.raises(ValueError, match="no question is asked under 'audio'; views: all"):
        interface(spec, "audio")


@given(st.text(min_size=1).filter(str.strip))
def test_any_title_comes_through_xml_as_text(title: str):
    spec = spec_of("questions: [{id: mood, kind: choice, choices: [a, b]}]")
    (question,) = spec.questions
    titled = spec.model_copy(update={"questions": (question.model_copy(update={"title": title}),)})
    root = ET.fromstring(interface(titled, "all"))
    assert [tag.tag for tag in root.iter()].count("Choices") == 1
    (shown,) = [tag.get("value") for tag in root.iter("Header") if tag.get("value") not in ("Before", "Transcript")]
    assert [c for c in shown if c.isalnum()] == [c for c in title if c.isalnum()]
    assert data_keys(titled, "all") == ("video", "context", "text")


def test_instructions_are_escaped_and_say_what_is_seen():
    spec = spec_of().model_copy(update={"consent": "<script>alert(1)</script>"})
    said = instruction(spec, "audio")
    assert "<script>" not in said
    assert "the sound alone" in said
    assert "<p>Not what you feel.</p>" in said
    plain = spec_of("questions: [{id: mood, kind: choice, choices: [a, b]}]")
    assert instruction(plain, "all") == ""
    assert "Label Tasks As Displayed" in instruction(plain, "all", assigned=True)


def test_utterances_and_faces_can_be_none():
    assert utterance_choices([("talk#0000", "<b>Hi</b>")]) == [
        {"value": "1. <b>Hi</b>", "alias": "talk#0000"},  # shown as text by the screen: it has no `html`
        {"value": "none of these", "alias": "none"},
    ]
    assert face_choices({0: "left", 3: ""})[:2] == [
        {"value": "face 0: left", "alias": "0"}, {"value": "face 3", "alias": "3"},
    ]  # fmt: skip


def test_label_studio_accepts_every_view():
    check = (
        "import json, sys\nfrom label_studio_sdk.label_interface import LabelInterface\n"
        "for config in json.load(sys.stdin): LabelInterface(config).validate()\nprint('valid')"
    )
    configs = json.dumps([interface(spec_of(), show, media) for show, media in VIEWS])
    python = program().with_name("python")
    done = subprocess.run([python, "-c", check], input=configs, text=True, capture_output=True, check=False)
    assert done.stdout.strip() == "valid", done.stderr


def test_labels_of_stretches_have_colours_of_their_own():
    root = ET.fromstring(interface(spec_of(), "all"))
    for tag in ("Labels", "TimelineLabels"):
        colours = [label.get("background") for group in root.iter(tag) for label in group]
        if colours:
            assert None not in colours
    (group,) = [one for one in root.iter() if one.get("name") == "laugh"]
    assert len({label.get("background") for label in group}) == 2
