"""What each recipe is built of in the tests, and what must come out."""

from collections.abc import Callable
from dataclasses import dataclass, field

import recipe_checks
from recipe_materials import LANGUAGES, MEMES, TEXTS, clip, memes, picture, said, text

TALKERS = {"talk": "clara", "duo": "clara and ben", "reply": "ben", "noface": "carl", "voice": "hana"}


@dataclass(frozen=True)
class Case:
    """One recipe's small dataset. columns: those that its original reports, which must be published, filled somewhere.

    main: the column whose agreement is told; '' where nobody is asked. statistic: which, made again by its definition.
    """

    sources: list
    columns: tuple[str, ...]
    main: str
    raters: int = 3
    sure: float = 0.9
    statistic: str = "fleiss"
    answered: int | None = None
    """Samples with answers, where it is not all of them."""
    files: dict[str, str] = field(default_factory=dict)
    """Further files of the recipe, filled in."""
    labels: tuple[str, ...] = ()
    """Labels of an outside corpus; they stand in the recipe's own table, and nobody is asked."""
    check: Callable | None = None
    """What else must be so: called with the home, the published rows and what `publish` told."""


def _talks(**columns):
    return [clip(name, speaker=speaker, **columns) for name, speaker in TALKERS.items()]


def _scenes(**columns):
    return [
        said(name, dialogue=dialogue, turn=1, **columns)
        for name, dialogue in (("talk", "letter"), ("duo", "cinema"), ("reply", "appointment"))
    ]


TRACKS = ("words", "face", "prosody")
CASES = {
    "meld": Case(
        [
            said("talk", dialogue="letter", turn=1),
            said("duo", dialogue="cinema", turn=1),
            said("reply", dialogue="appointment", turn=1),
        ],
        ("emotion", "emotion_votes", "sentiment", "dialogue", "speaker", "audio", "video", *TRACKS),
        "emotion",
    ),
    "mustard": Case(
        [
            clip("talk", part="context", dialogue="one", turn=1, speaker="clara", show="made"),
            clip("reply", part="utterance", dialogue="one", turn=2, speaker="ben", show="made"),
            clip("voice", part="context", dialogue="two", turn=1, speaker="hana", show="made"),
            clip("noface", part="utterance", dialogue="two", turn=2, speaker="carl", show="made"),
            clip("duo", part="utterance", dialogue="three", turn=1, speaker="both", show="made"),
        ],
        ("sarcasm", "sarcasm_votes", "dialogue", "turn", "speaker", "extra", *TRACKS),
        "sarcasm",
        raters=5,
        sure=0.9,
        answered=3,
    ),
    "mosei": Case(
        _talks(topic="made"),
        ("sentiment", "sentiment_spread", "emotion_happiness", "emotion_surprise", "aligned", *TRACKS),
        "sentiment",
        statistic="krippendorff",
    ),
    "dravidian-reviews": Case(
        _talks(film="made"), ("sentiment", "sentiment_votes", "said_answers", "audio", "video", *TRACKS), "sentiment"
    ),
    "iemocap": Case(
        [
            said("talk", session="one", dialogue="one", kind="scripted"),
            said("duo", session="two", dialogue="two", kind="scripted"),
            said("reply", session="three", dialogue="three", kind="improvised"),
        ],
        ("emotion", "affect_valence", "affect_activation", "affect_dominance", "speaker", "dialogue", *TRACKS),
        "affect_valence",
        statistic="krippendorff",
    ),
    "mosi": Case(
        _talks(), ("sentiment", "sentiment_spread", "aligned", *TRACKS), "sentiment", raters=5, statistic="krippendorff"
    ),
    "memes": Case(
        memes(),
        ("sentiment", "aims", "aims_intensities", "written_answers", "image", "text", "extra", "dinov2"),
        "sentiment",
        raters=5,
        statistic="krippendorff",
    ),
    "brighter": Case(
        [text(f"{code}-1", words, language=code, source_kind="made up") for code, words in LANGUAGES.items()],
        ("emotions", "emotions_intensities", "emotions_answers", "language", "text"),
        "emotions",
        raters=5,
        statistic="masi",
    ),
    "aspects": Case(
        [text(f"r{number}", words, product=f"product-{number % 6}") for number, words in enumerate(TEXTS)],
        ("aspects_answers", "categories", "text"),
        "categories",
        raters=2,
        statistic="jaccard",
    ),
    "modality-importance": Case(
        _talks(),
        ("sentiment", "sentiment_text", "sentiment_audio", "sentiment_silent_video", *TRACKS),
        "sentiment",
        raters=5,
        statistic="krippendorff",
    ),
    "sarcasm-explained": Case(
        _scenes(),
        ("sarcasm", "target_votes", "explanation_answers", "dialogue", "speaker", *TRACKS),
        "sarcasm",
        raters=2,
        statistic="cohen",
    ),
    "emotion-causes": Case(_scenes(), ("emotion", "cause", "shown_in", "dialogue", "speaker", *TRACKS), "emotion"),
    "open-vocabulary": Case(
        _talks(), ("emotions", "emotions_votes", "clue_answers", *TRACKS), "emotions", raters=5, statistic="jaccard"
    ),
    "socratis": Case(
        [
            picture(name, f"A picture that says {words.lower()}", path=f"media/{name}.png")
            for name, (_, words) in MEMES.items()
        ],
        ("feels_answers", "feels_votes", "because_answers", "image", "text", "dinov2"),
        "feels",
        raters=8,
        statistic="krippendorff",
    ),
    "dbates": Case(
        _talks(team="one", motion="made", side="government"),
        ("face", "prosody", "functionals", "aligned", "extra"),
        "",
        files={
            "scores.csv": "id,judge_score,won\n"
            + "".join(f"{name},{70 + at},{at % 2}\n" for at, name in enumerate(TALKERS)),
            "speakers.csv": "speaker,gender,first_language\n" + "".join(f"{one},f,en\n" for one in TALKERS.values()),
        },
        check=recipe_checks.judged,
    ),
    "m3ed": Case(
        _scenes(series="made"), ("emotions", "emotions_votes", "dialogue", *TRACKS), "emotions", statistic="masi"
    ),
    "emotiontalk": Case(
        _scenes(),
        ("emotion", "sentiment", "about_speaker_answers", "overall_answers", "dialogue", *TRACKS),
        "emotion",
        raters=5,
    ),
    "mmla": Case(
        _scenes(),
        ("intent", "emotion", "sentiment", "dialogue_act", "speaking_style", "behaviour", "dialogue", *TRACKS),
        "intent",
    ),
    "panosent": Case(
        [
            text(
                f"u{turn}",
                words,
                path="media/memo.jpg" if turn == 3 else "",
                speaker="ann" if turn % 2 else "ben",
                dialogue=f"d{turn // 6}",
                turn=turn,
            )
            for turn, words in enumerate(TEXTS)
        ],
        (
            "elements_answers",
            "sentiment",
            "rationale_answers",
            "flips",
            "flipped",
            "trigger",
            "dialogue",
            "turn",
            "image",
        ),
        "sentiment",
        raters=2,
        statistic="cohen",
    ),
    "movie-scenes": Case(
        [clip(name, film=f"film-{name}") for name in ("talk", "duo", "reply", "noface")],
        ("states", "who", "their_states", "video", "face"),
        "states",
        statistic="jaccard",
    ),
    "emer": Case(
        [clip(name, speaker=speaker, model_description=f"{name} is described") for name, speaker in TALKERS.items()],
        ("description_answers", "emotions", "draft", "extra", *TRACKS),
        "draft",
        raters=2,
        statistic="cohen",
        files={
            "drafts.jsonl": "".join(
                f'{{"item": "{name}#0000", "question": "description", "value": "{name} is described"}}\n'
                for name in TALKERS
            )
        },
        check=recipe_checks.drafted,
    ),
    "sentiment-reasoning": Case(
        _talks(),
        ("sentiment", "sentiment_text", "why_answers", "why_text_answers", "said_answers", "words"),
        "sentiment",
        statistic="krippendorff",
    ),
    "misleading-headlines": Case(
        [
            clip(name, text=f"{name}: you will not believe it", outlet=f"outlet-{name}", platform="made")
            for name in ("talk", "duo", "reply", "noface")
        ],
        ("headline", "rationale", "knew_answers", "sure", "text", "words", "dinov2", "video"),
        "headline",
        check=recipe_checks.headlines,
    ),
    "how2": Case(
        [said(name, channel=f"channel-{name}", abstract="made") for name in ("talk", "duo", "reply", "noface")],
        ("in_portuguese_answers", "text", "words", "audio", "dinov2"),
        "in_portuguese",
        raters=2,
        statistic="wer",
    ),
    "summaries": Case(
        [clip(name, category=f"category-{name}", subcategory="made") for name in ("talk", "duo", "reply", "noface")],
        ("fits", "key_answers", "summary_answers", "aligned", "extra", "video"),
        "fits",
        raters=2,
        statistic="cohen",
    ),
    "trailers": Case(
        [clip(name, title=name, genre="made") for name in ("talk", "duo", "reply", "noface")],
        ("picture_answers", "sound_answers", "mood", "video", "dinov2"),
        "mood",
        raters=2,
        statistic="cohen",
        check=recipe_checks.cut_at_shots,
    ),
    "platform-tags": Case(
        [
            clip(name, channel=f"channel-{name}", category="made", tags="one|two")
            for name in ("talk", "duo", "reply", "noface")
        ],
        ("extra", "words", "dinov2"),
        "",
    ),
    "event-retrieval": Case(
        [
            clip(name, event=f"event-{name}", article="https://example.org")
            for name in ("talk", "duo", "reply", "noface")
        ],
        ("relevant", "made_by", "writing_answers", "words", "dinov2", "extra", "video"),
        "made_by",
    ),
    "stickers": Case(
        [
            row
            for number, (name, (template, _)) in enumerate(MEMES.items())
            for row in (
                text(
                    f"c{number}-1",
                    TEXTS[number],
                    path="",
                    part="context",
                    message=f"c{number}",
                    speaker="ann",
                    dialogue=f"c{number}",
                    turn=1,
                ),
                text(
                    f"c{number}-2",
                    f"Of course, {template}",
                    path=f"media/{name}.png",
                    part="message",
                    message=template,
                    speaker="ben",
                    dialogue=f"c{number}",
                    turn=2,
                ),
            )
        ],
        ("sentiment", "intent", "image", "text", "dialogue", "dinov2"),
        "intent",
        answered=6,
        check=recipe_checks.on_one_side("message"),
    ),
    "post-images": Case(
        [
            picture(
                name,
                f"Never again, {words.lower()}",
                path=f"media/{name}.png",
                alternative_text=words,
                author=f"author-{name}",
            )
            for name, (_, words) in MEMES.items()
        ],
        ("sentiment", "sentiment_text", "alternative_fits", "image", "text", "extra", "dinov2"),
        "sentiment",
    ),
    "news-pairs": Case(
        [
            row
            for number in range(6)
            for row in (
                text(f"p{number}-document", TEXTS[number], path="", part="document", dialogue=f"p{number}", turn=1),
                text(
                    f"p{number}-claim",
                    TEXTS[number + 6],
                    path="media/memo.jpg" if number == 0 else "",
                    part="claim",
                    dialogue=f"p{number}",
                    turn=2,
                ),
            )
        ],
        ("relation", "where_answers", "dialogue", "turn", "image"),
        "relation",
        raters=2,
        statistic="cohen",
        answered=6,
        files={
            "model.jsonl": "".join(
                f'{{"item": "p{at}-claim#0000", "question": "relation", "value": "refuted"}}\n' for at in range(6)
            )
        },
        check=recipe_checks.on_one_side("dialogue"),
    ),
    "harmonised": Case(
        [text(f"t{number}", words, corpus=f"corpus-{number % 3}") for number, words in enumerate(TEXTS)],
        ("emotion", "emotion_original", "text", "extra"),
        "emotion",
        labels=("happiness", "joy", "rage", "sadness", "fear", "neutral"),
        check=recipe_checks.harmonised,
    ),
    "pseudo-labels": Case(
        _talks(),
        ("emotion", "emotion_soft", "emotion_votes", *TRACKS),
        "emotion",
        sure=0.7,
        statistic="krippendorff",
        check=recipe_checks.disputed,
    ),
    "balanced-qa": Case(
        [
            picture(name, f"Is somebody glad at the {template}?", path=f"media/{name}.png", pair=template)
            for name, (template, _) in MEMES.items()
        ],
        ("answer", "answer_votes", "sure", "image", "text", "dinov2"),
        "answer",
        raters=10,
        check=recipe_checks.on_one_side("pair"),
    ),
    "filtered-pairs": Case(
        [picture(name, words, path=f"media/{name}.png") for name, (_, words) in MEMES.items()],
        ("image", "text", "clip"),
        "",
        check=recipe_checks.filtered,
    ),
    "with-sensors": Case(
        [clip(name, speaker=speaker, dialogue=f"debate-{name}") for name, speaker in TALKERS.items()],
        ("affect_arousal", "affect_valence", "heart", "aligned", *TRACKS),
        "affect_arousal",
        raters=5,
        statistic="krippendorff",
        files={
            f"heart/{name}.csv": "time_s,heart_rate_bpm\n" + "".join(f"{at / 2},{60 + at}\n" for at in range(24))
            for name in ("talk", "duo", "reply")
        },
        check=recipe_checks.beating,
    ),
    "missing-modalities": Case(
        [
            *(clip(name, text="", speaker=speaker) for name, speaker in TALKERS.items()),
            picture("memo", "The best coffee I have had all week.", speaker="dora"),
            text("note", TEXTS[2], path="", speaker="finn"),
        ],
        ("emotion", "present", "audio", "video", "image", *TRACKS),
        "emotion",
        check=recipe_checks.masked,
    ),
}
