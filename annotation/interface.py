"""The labelling screen of a question spec: Label Studio's configuration, instructions, and what a task must hold.

Each view (text, audio, silent video, everything) is a project of its own, so that a rater sees, and a task holds,
nothing but what the view allows. Raters finish one view before they begin the next, in the order of
`QuestionSpec.views`: everything comes last.

The tags are those of Label Studio's community edition (https://labelstud.io/tags).
"""

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree as ET

from annotation.controls import (
    AUDIO,
    NONE,
    TRANSCRIPT,
    VIDEO,
    Control,
    Media,
    asked,
    controls,
    controls_of,
    main_object,
    needs_sound,
)
from schemas.question import (
    AnyQuestion,
    Asked,
    Choice,
    Choices,
    Link,
    QuestionSpec,
    Region,
    Scale,
    Show,
    Span,
    Text,
    When,
)

CONTEXT = "context"
_NOT_IN_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
OWN_TASKS = "Your tasks are in the tab with your name: the arrow beside Label All Tasks, then Label Tasks As Displayed."
"""The large button serves everybody's tasks, whatever the tab shows."""
_INLINE = 12
_COLOURS = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7")
"""Of labels of stretches, told apart by the colour-blind too: Okabe, Ito (2008), https://jfly.uni-koeln.de/color/."""
_STYLE = """
.al-screen {display: flex; flex-wrap: wrap; gap: 24px; align-items: flex-start}
.al-sample {flex: 3 1 440px; min-width: 0; max-width: 100%; overflow: hidden}
.al-questions {flex: 2 1 260px; min-width: 0}
.al-question {margin-bottom: 12px}
.al-context {max-height: 180px; overflow-y: auto; opacity: 0.8}
"""


def interface(spec: QuestionSpec, show: Show, media: Media = "video", *, context: bool = True) -> str:
    """Label Studio's XML configuration of one view.

    Args:
        spec: the questions.
        show: what the rater sees and hears; one of `spec.views`.
        media: what the project's samples have; it matters under `all` alone.
        context: whether earlier utterances of the dialogue are shown, where text is.

    Raises:
        ValueError: nothing is asked under this view.
    """
    questions = asked(spec, show, media)
    if not questions:
        raise ValueError(f"no question is asked under {show!r}; views: {', '.join(spec.views)}")
    root = ET.Element("View")
    ET.SubElement(root, "Style").text = _STYLE
    if spec.title:
        _header(root, spec.title, 4)
    screen = ET.SubElement(root, "View", className="al-screen")
    sample = ET.SubElement(screen, "View", className="al-sample")
    _sample(sample, spec, show, media, context=context)
    form = ET.SubElement(screen, "View", className="al-questions")
    for question in questions:
        _question(form, question, show, media)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode")


def data_keys(spec: QuestionSpec, show: Show, media: Media = "video", *, context: bool = True) -> tuple[str, ...]:
    """What the data of a task of this view must hold, and all that it may hold of the sample.

    `audio`, `video` and `silent_video` are links; a silent video is a file without a sound track, because a muted
    player can be unmuted. `text` is the transcript. `context` is a list of {speaker, text}. `fps` is the silent
    video's frame rate. `utterances` comes from `utterance_choices`, `faces` from `face_choices`.
    """
    root = ET.fromstring(interface(spec, show, media, context=context))  # noqa: S314 - our own text
    found = [value[1:] for tag in root.iter() for value in tag.attrib.values() if re.fullmatch(r"\$[a-z_]+", value)]
    return tuple(dict.fromkeys(found))


def instruction(spec: QuestionSpec, show: Show, *, assigned: bool = False) -> str:
    """HTML that is shown before the first task: consent, instructions, examples. All text of the spec is escaped.

    assigned: whether raters have tasks of their own: then it begins with how they come to them.
    """
    kinds: Mapping[Show, str] = {
        "text": "the transcript alone", "audio": "the sound alone", "silent-video": "the picture without sound",
        "all": "everything",
    }  # fmt: skip
    parts = [f"<p><b>{OWN_TASKS}</b></p>"] if assigned else []
    if len(spec.views) > 1:
        parts.append(f"<p>Here you judge from {kinds[show]}.</p>")
    if spec.consent:
        parts.append(f"<h4>Consent</h4>{_paragraphs(spec.consent)}")
    if spec.instructions:
        parts.append(f"<h4>Instructions</h4>{_paragraphs(spec.instructions)}")
    helped = [question for question in spec.asked_in(show) if question.help]
    parts.extend(f"<h5>{html.escape(question.heading)}</h5>{_paragraphs(question.help)}" for question in helped)
    if spec.examples:
        rows = "".join(
            f"<tr><td>{html.escape(one.text)}</td><td><b>{html.escape(one.answer)}</b></td>"
            f"<td>{html.escape(one.why)}</td></tr>"
            for one in spec.examples
        )
        parts.append(f"<h4>Examples</h4><table>{rows}</table>")
    return "".join(parts) if assigned or spec.consent or spec.instructions or spec.examples or helped else ""


def utterance_choices(utterances: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """The task's `utterances` from (sample id, what is read), in the dialogue's order; the ids are stored."""
    read = [f"{place}. {text}" for place, (_, text) in enumerate(utterances, 1)]
    offered = [{"value": text, "alias": name} for (name, _), text in zip(utterances, read, strict=True)]
    return [*offered, {"value": "none of these", "alias": NONE}]


def face_choices(faces: Mapping[int, str]) -> list[dict[str, Any]]:
    """The task's `faces` from the numbers of faces and what is read of each, such as `left, in a red coat`."""
    offered = [
        {"value": f"face {face}: {said}" if said else f"face {face}", "alias": str(face)}
        for face, said in faces.items()
    ]
    return [*offered, {"value": "none of these", "alias": NONE}]


def _sample(into: ET.Element, spec: QuestionSpec, show: Show, media: Media, *, context: bool) -> None:
    main = main_object(show, media)
    heard = needs_sound(spec, show, media)
    if main == VIDEO:
        silent = show == "silent-video"
        video = ET.SubElement(into, "Video", name=VIDEO, value="$silent_video" if silent else "$video", height="360")
        if silent:
            video.set("muted", "true")
            if any(control.tag == "TimelineLabels" for control in controls(spec, show, media)):
                video.set("frameRate", "$fps")
        elif heard:
            video.set("sync", AUDIO)
    if heard:
        audio = ET.SubElement(into, "Audio", name=AUDIO, value="$video" if main == VIDEO else "$audio")
        if main == VIDEO:
            audio.set("sync", VIDEO)
    if show in ("text", "all"):
        if context:
            _header(into, "Before", 5)
            box = ET.SubElement(into, "View", className="al-context")
            shape = {"layout": "dialogue", "nameKey": "speaker", "textKey": "text"}
            ET.SubElement(box, "Paragraphs", {"name": CONTEXT, "value": "$context", **shape})
        _header(into, "Transcript", 5)
        ET.SubElement(into, "Text", name=TRANSCRIPT, value="$text", granularity="word")


def _question(into: ET.Element, question: AnyQuestion, show: Show, media: Media) -> None:
    box = ET.SubElement(into, "View", {"className": "al-question", **_condition(question.when)})
    _header(box, question.heading + ("" if question.required else " (optional)"), 5)
    for control in controls_of(question, show, media):
        if control.part == "intensity":
            only = ET.SubElement(box, "View", _chosen(question.id, (control.of,)))
            title = next(option.shown for option in question.options if option.name == control.of)
            _header(only, f"How strong: {title}", 6)
            _control(only, control)
        else:
            if control.part == "dimension" and isinstance(question, Scale):
                _header(box, _dimension(question, control.of), 6)
            _control(box, control)


def _dimension(question: Scale, name: str) -> str:
    one = next(dimension for dimension in question.dimensions if dimension.id == name)
    ends = f" ({one.low or 'low'} to {one.high or 'high'})" if one.low or one.high else ""
    return (one.title or one.id) + ends


def _condition(when: When | None) -> dict[str, str]:
    return _chosen(when.question, when.is_) if when else {}


def _chosen(question: str, names: Sequence[str]) -> dict[str, str]:
    return {"visibleWhen": "choice-selected", "whenTagName": question, "whenChoiceValue": ",".join(names)}


def _control(into: ET.Element, control: Control) -> None:
    question = control.question
    attributes = {"name": control.name, "toName": control.to_name}
    if _required(control):
        attributes |= {"required": "true", "requiredMessage": f"Please answer: {_plain(question.heading)}"}
    if control.tag == "Choices":
        several = isinstance(question, Choices) and control.part == "value"
        if isinstance(question, Link | Region):
            several = question.several
            attributes["value"] = "$utterances" if isinstance(question, Link) else "$faces"
        attributes["choice"] = "multiple" if several else "single-radio"
        attributes["showInline"] = "true" if 0 < len(control.options) <= _INLINE else "false"
    elif control.tag == "Number" and isinstance(question, Scale):
        attributes |= {"min": f"{question.lowest:g}", "max": f"{question.highest:g}", "step": f"{question.step:g}"}
    elif control.tag == "TextArea":
        attributes |= _writing(question, control)
    tag = ET.SubElement(into, control.tag, attributes)
    for place, option in enumerate(control.options):
        kind = "Choice" if control.tag == "Choices" else "Label"
        offered = ET.SubElement(tag, kind, value=_plain(option.shown))
        if kind == "Label":
            offered.set("background", _COLOURS[place % len(_COLOURS)])
        if option.shown != option.name:
            offered.set("alias", option.name)
        if option.hotkey:
            offered.set("hotkey", option.hotkey)


def _writing(question: Asked, control: Control) -> dict[str, str]:
    if control.part == "other":
        several = isinstance(question, Choices)
        return {
            "placeholder": "in your own words",
            **({"rows": "1"} if several else {"rows": "1", "maxSubmissions": "1"}),
        }
    attributes = {"maxSubmissions": "1", "editable": "true"}
    if isinstance(question, Text):
        attributes["rows"] = str(question.rows)
        if question.purpose == "transcript":
            attributes["value"] = "$text"
    return attributes


def _required(control: Control) -> bool:
    """Whether the screen insists. None of several labels is an answer too, so it cannot insist on one there."""
    question = control.question
    if not question.required:
        return False
    if isinstance(question, Choice | Choices) and question.open and (control.part == "value" or question.choices):
        return False
    if isinstance(question, Choices) and control.part in ("value", "other"):
        return question.least > 0
    return not isinstance(question, Span) or question.least > 0


def _header(into: ET.Element, text: str, size: int) -> None:
    ET.SubElement(into, "Header", value=_plain(text), size=str(size))


def _plain(text: str) -> str:
    """Text that no reader of the XML stumbles over, and in which the screen finds no name of a field of the task."""
    return _NOT_IN_XML.sub("", text).replace("$", "$\u200b")


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{html.escape(part.strip())}</p>" for part in re.split(r"\n\s*\n", text) if part.strip())
