"""What each recipe is built of in the tests, and what must come out."""

from dataclasses import dataclass, field

from recipe_materials import LANGUAGES, MEMES, TEXTS, clip, memes, picture, said, text

TALKERS = {"talk": "clara", "duo": "clara and ben", "reply": "ben", "noface": "carl", "voice": "hana"}


@dataclass(frozen=True)
class Case:
    """One recipe's small dataset. columns: those that its original reports, which must be published, filled somewhere.

    main: the column whose agreement the original reports. needs: distributions without whose weights it is left out.
    """

    sources: list
    columns: tuple[str, ...]
    main: str
    raters: int = 3
    sure: float = 0.9
    statistic: str = "fleiss"
    answered: int | None = None
    """Samples with answers, where it is not all of them."""
    more: dict = field(default_factory=dict)
    """Further checks by name; see test_recipes.py."""


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
}
