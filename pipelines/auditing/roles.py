"""Which column means what: guessed by the names that corpora use, or said by a person."""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from schemas.errors import UsageError

ONE = {
    "id": ("id", "sampleid", "uid", "uttid", "clipid", "segmentid", "key", "name", "filename"),
    "split": ("split", "subset", "partition", "set"),
    "speaker": ("speaker", "speakerid", "spk", "spkid", "actor", "actorid", "participant", "participantid", "subject"),
    "recording": ("recording", "recordingid", "videoid", "video_id", "season+episode", "session", "sessionid"),
    "source": ("source", "uri", "url", "show", "corpus", "origin"),
    "sha256": ("sha256",),
    "dialogue": ("dialogue", "dialogueid", "dialog", "dialogid", "conversation", "conversationid", "convid"),
    "turn": ("turn", "turnid", "utteranceid", "utteranceindex", "uttindex", "utterancenumber"),
    "start": ("start", "starttime", "startsec", "starts", "begin", "begintime", "onset", "tstart"),
    "end": ("end", "endtime", "endsec", "ends", "stop", "stoptime", "tend"),
    "text": ("text", "utterance", "sentence", "transcript", "transcription", "caption", "utterances"),
    "words": ("words",),
    "language": ("language", "lang"),
    "licence": ("licence", "license"),
    "audio": ("audio", "wav", "audiopath"),
    "video": ("video", "videopath"),
    "image": ("image", "picture", "imagepath"),
}
"""Roles of one column, with the names it goes by: small letters and digits alone. `a+b`: the two together."""

LABEL_NAMES = (
    "label",
    "labels",
    "emotion",
    "emotions",
    "sentiment",
    "sarcasm",
    "valence",
    "arousal",
    "dominance",
    "polarity",
    "mood",
    "humor",
    "humour",
    "stance",
    "annotation",
    "majorityvote",
)
MEDIA = ("audio", "video", "image")

Roles = dict[str, tuple[str, ...]]
"""Role to its columns: several make one value together; of `label` each is a question."""


def guess(names: Sequence[str], classes: Sequence[str] = ()) -> Roles:
    """The roles of columns.

    names: all columns. classes: those whose type says that they are labels.
    A column that has `_votes` or `_answers` beside it is a label.
    """
    plain: dict[str, str] = {}
    for name in names:
        plain.setdefault(_plain(name), name)
    found: Roles = {}
    for role, ways in ONE.items():
        for way in ways:
            parts = tuple(plain.get(_plain(part), "") for part in way.split("+"))
            if all(parts):
                found[role] = parts
                break
    if "id" not in found and {"dialogue", "turn"} <= set(found):
        found["id"] = (*found["dialogue"], *found["turn"])
    asked = [name for name in names if f"{name}_votes" in names or f"{name}_answers" in names]
    labels = asked or [name for name in names if name in classes or _plain(name) in LABEL_NAMES]
    taken = {name for columns in found.values() for name in columns}
    if labels := [name for name in labels if name not in taken]:
        found["label"] = tuple(labels)
    return found


def told(guessed: Roles, said: Sequence[str], names: Sequence[str]) -> Roles:
    """The roles with those that a person says: `speaker=Actor`, `recording=Season+Episode`, `label=` for none.

    Raises:
        UsageError: there is no such role or column.
    """
    found = dict(guessed)
    for one in said:
        role, sign, columns = one.partition("=")
        role = role.strip()
        if not sign or role not in {*ONE, "label"}:
            near = get_close_matches(role, [*ONE, "label"], n=1)
            raise UsageError(
                f"{one!r} maps no column" + (f"; did you mean {near[0]!r}?" if near else ""),
                do=f"write ROLE=COLUMN, or ROLE=A+B; the roles are {', '.join([*ONE, 'label'])}",
            )
        parts = tuple(part.strip() for part in columns.split("+") if part.strip())
        for part in parts:
            if part not in names:
                near = get_close_matches(part, names, n=1)
                raise UsageError(
                    f"there is no column {part!r}" + (f"; did you mean {near[0]!r}?" if near else ""),
                    do=f"the columns are {', '.join(names)}",
                )
        if parts:
            found[role] = parts
        else:
            found.pop(role, None)
    return found


def shown(roles: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """For a report."""
    return {role: (", " if role == "label" else "+").join(columns) for role, columns in sorted(roles.items())}


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
