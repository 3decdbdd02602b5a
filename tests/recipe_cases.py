"""What each recipe is built of in the tests, and what must come out."""

import recipe_checks
from recipe_case import TALKERS, TRACKS, Case, scenes, talks
from recipe_cases_more import MORE
from recipe_materials import TEXTS, clip, said, text

CASES = {
    **MORE,
    "meld": Case(
        [
            said("talk", dialogue="letter", turn=1),
            said("duo", dialogue="cinema", turn=1),
            said("reply", dialogue="appointment", turn=1),
        ],
        ("emotion", "emotion_votes", "sentiment", "dialogue", "speaker", "audio", "video", *TRACKS),
        "emotion",
        check=recipe_checks.in_dialogues,
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
        check=recipe_checks.led_to,
    ),
    "mosei": Case(
        talks(topic="made"),
        ("sentiment", "sentiment_spread", *(f"emotion_{one}" for one in recipe_checks.SIX), "aligned", *TRACKS),
        "sentiment",
        statistic="krippendorff",
        check=recipe_checks.word_by_word,
    ),
    "dravidian-reviews": Case(
        talks(film="made"),
        ("sentiment", "sentiment_votes", "said_answers", "audio", "video", *TRACKS),
        "sentiment",
        check=recipe_checks.transcribed("said"),
    ),
    "iemocap": Case(
        [
            said("talk", session="one", dialogue="one", kind="scripted"),
            clip("duo", subtitles="", session="two", dialogue="two", kind="improvised"),
            said("reply", session="three", dialogue="three", kind="improvised"),
        ],
        (
            "emotion",
            "affect_valence",
            "affect_activation",
            "affect_dominance",
            "speaker",
            "dialogue",
            "voices",
            *TRACKS,
        ),
        "affect_valence",
        statistic="krippendorff",
        check=recipe_checks.two_voices,
    ),
    "mosi": Case(
        talks(),
        ("sentiment", "sentiment_spread", "aligned", *TRACKS),
        "sentiment",
        raters=5,
        statistic="krippendorff",
        check=recipe_checks.word_by_word,
    ),
    "modality-importance": Case(
        talks(),
        ("sentiment", "sentiment_text", "sentiment_audio", "sentiment_silent_video", *TRACKS),
        "sentiment",
        raters=5,
        statistic="krippendorff",
        check=recipe_checks.from_each_modality,
    ),
    "sarcasm-explained": Case(
        scenes(),
        ("sarcasm", "target_votes", "explanation_answers", "dialogue", "speaker", *TRACKS),
        "sarcasm",
        raters=2,
        statistic="cohen",
    ),
    "emotion-causes": Case(
        scenes(),
        ("emotion", "cause", "shown_in", "dialogue", "speaker", *TRACKS),
        "emotion",
        check=recipe_checks.linked("cause"),
    ),
    "open-vocabulary": Case(
        talks(), ("emotions", "emotions_votes", "clue_answers", *TRACKS), "emotions", raters=5, statistic="jaccard"
    ),
    "dbates": Case(
        talks(team="one", motion="made", side="government"),
        ("face", "prosody", "functionals", "word_lists", "aligned", "extra"),
        "",
        files={
            "scores.csv": "id,judge_score,won\n"
            + "".join(f"{name},{70 + at},{at % 2}\n" for at, name in enumerate(TALKERS)),
            "speakers.csv": "speaker,gender,first_language\n" + "".join(f"{one},f,en\n" for one in TALKERS.values()),
        },
        check=recipe_checks.judged,
    ),
    "m3ed": Case(
        scenes(series="made"), ("emotions", "emotions_votes", "dialogue", *TRACKS), "emotions", statistic="masi"
    ),
    "emotiontalk": Case(
        scenes(),
        ("emotion", "sentiment", "about_speaker_answers", "overall_answers", "dialogue", *TRACKS),
        "emotion",
        raters=5,
    ),
    "mmla": Case(
        scenes(),
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
            "elements_2_answers",
            "sentiment_2",
            "rationale_2_answers",
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
        check=recipe_checks.sextuples,
    ),
    "movie-scenes": Case(
        [clip(name, film=f"film-{name}") for name in ("talk", "duo", "reply", "noface")],
        ("states", "who", *(f"face_{number}" for number in range(6)), "video", "face"),
        "states",
        statistic="jaccard",
        check=recipe_checks.each_face,
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
    "mer-caption": Case(
        [clip(name, speaker=speaker, model_description=f"{name} is described") for name, speaker in TALKERS.items()],
        ("caption_answers", "emotion_words", "caption_is", "extra", *TRACKS),
        "caption_is",
        raters=2,
        statistic="cohen",
        files={
            "drafts.jsonl": "".join(
                f'{{"item": "{name}#0000", "question": "caption", "value": "{name} is described"}}\n'
                for name in TALKERS
            )
        },
        check=recipe_checks.captioned,
    ),
    "sentiment-reasoning": Case(
        talks(),
        ("sentiment", "sentiment_text", "why_answers", "why_text_answers", "said_answers", "words"),
        "sentiment",
        statistic="krippendorff",
        check=recipe_checks.corrected,
    ),
}
