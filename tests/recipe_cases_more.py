"""The same for recipes of web video, pictures, texts and curation."""

import recipe_checks
from recipe_case import TALKERS, TRACKS, Case, talks
from recipe_materials import LANGUAGES, MEMES, TEXTS, clip, memes, picture, said, text

MORE = {
    "memes": Case(
        memes(),
        ("sentiment", "emotions", "emotions_intensities", "written_answers", "image", "text", "ocr", "extra", "dinov2"),
        "sentiment",
        raters=5,
        statistic="krippendorff",
        check=recipe_checks.read_in_the_picture,
    ),
    "brighter": Case(
        [text(f"{code}-1", words, language=code, source_kind="made up") for code, words in LANGUAGES.items()],
        ("emotions", "emotions_intensities", "emotions_answers", "language", "text"),
        "emotions",
        raters=5,
        statistic="masi",
        check=recipe_checks.in_many_scripts,
    ),
    "aspects": Case(
        [text(f"r{number}", words, product=f"product-{number % 6}") for number, words in enumerate(TEXTS)],
        ("targets_answers", "polarity_answers", "aspects", *(f"of_{one}" for one in recipe_checks.ASPECTS), "text"),
        "aspects",
        raters=2,
        statistic="jaccard",
        check=recipe_checks.marked("targets", "polarity"),
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
        check=recipe_checks.each_with_its_reason,
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
        [said(name, channel=f"channel-{name}", abstract="made") for name in ("long", "reply", "noface")],
        ("in_portuguese_answers", "text", "words", "audio", "dinov2"),
        "in_portuguese",
        raters=2,
        statistic="wer",
        check=recipe_checks.translated,
    ),
    "summaries": Case(
        [clip(name, category=f"category-{name}", subcategory="made") for name in ("talk", "duo", "reply", "noface")],
        ("fits", "key_answers", "summary_answers", "aligned", "extra", "video"),
        "fits",
        raters=2,
        statistic="cohen",
        check=recipe_checks.key_stretches,
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
        check=recipe_checks.tagged,
    ),
    "event-retrieval": Case(
        [
            clip(
                name, event=f"event-{name}", article="https://example.org", title=name, channel="made", published="2024"
            )
            for name in ("titled", "duo", "reply", "noface")
        ],
        ("relevant", "made_by", "ocr", "words", "dinov2", "extra", "video"),
        "made_by",
        check=recipe_checks.every_way_to_find_it,
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
                text(
                    f"p{number}-document",
                    TEXTS[number],
                    path="",
                    part="document",
                    model_relation="",
                    dialogue=f"p{number}",
                    turn=1,
                ),
                text(
                    f"p{number}-claim",
                    TEXTS[number + 6],
                    path="media/memo.jpg" if number == 0 else "",
                    part="claim",
                    model_relation="refuted",
                    dialogue=f"p{number}",
                    turn=2,
                ),
            )
        ],
        ("relation", "where_answers", "dialogue", "turn", "extra", "image"),
        "relation",
        raters=2,
        statistic="cohen",
        answered=6,
        files={
            "model.jsonl": "".join(
                f'{{"item": "p{at}-claim#0000", "question": "relation", "value": "refuted"}}\n' for at in range(6)
            )
        },
        check=recipe_checks.by_model_and_people,
    ),
    "harmonised": Case(
        [text(f"t{number}", words, corpus=f"corpus-{number % 3}") for number, words in enumerate(TEXTS)],
        ("emotion", "emotion_original", "text", "extra"),
        "emotion",
        labels=("happiness", "joy", "rage", "sadness", "fear", "neutral"),
        check=recipe_checks.harmonised,
    ),
    "pseudo-labels": Case(
        talks(),
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
        check=recipe_checks.balanced,
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
            f"heart-{name}.csv": "time_s,heart_rate_bpm\n" + "".join(f"{at / 2},{60 + at}\n" for at in range(24))
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
    "livestream": Case(
        [clip(name, channel=f"channel-{name}", category="made") for name in ("long", *TALKERS)],
        ("activity", "activity_votes", "mood", "words", "prosody", "aligned", "context"),
        "activity",
        statistic="krippendorff",
        check=recipe_checks.long_tailed,
    ),
}
