"""Pieces of a recording: every word in one of them, none overlapping, as long as was asked where that can be."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from recordings import FolderRecording

from extractors.shots import Shots
from pipelines.segmenting.cuts import Units, equal_parts, sentence_ends, windows
from pipelines.segmenting.segment import Segment, at, by_cues, by_words, shots
from pipelines.segmenting.subtitles import ReadSubtitles
from schemas.facts import Facts, Watched
from schemas.screen_text import Box, ScreenText, SeenText
from schemas.segment import Cue, Segments, Subtitles
from schemas.shots import Cuts
from schemas.source import Source
from schemas.speakers import Speakers, Turn, Voice
from schemas.speaking import Speaking
from schemas.transcript import Transcript, Word


def said(text: str, *, start: float = 0.0, each: float = 0.4, gap: float = 0.1) -> list[Word]:
    """Words of equal length; `|` in the text is a pause of a second, `#` one of three."""
    words = []
    for part in text.split():
        if part in ("|", "#"):
            start += 1.0 if part == "|" else 3.0
            continue
        words.append(Word(start=round(start, 3), end=round(start + each, 3), text=f" {part}"))
        start += each + gap
    return words


def texts(pieces) -> list[str | None]:
    return [piece.text for piece in pieces]


@st.composite
def transcripts(draw):
    """Words in order of start, with pauses, overlaps, and words without length."""
    words, start = [], 0
    for _ in range(draw(st.integers(0, 40))):
        start += draw(st.sampled_from([0, 10, 50, 200, 400, 900, 2500]))
        length = draw(st.sampled_from([0, 10, 100, 300, 1200]))
        text = draw(st.sampled_from([" a", " b,", " c.", " D", " e?", " Dr."]))
        words.append(Word(start=start / 1000, end=(start + length) / 1000, text=text))
    return words


@given(words=transcripts(), by=st.sampled_from(["sentence", "pause"]), low=st.floats(0, 3), more=st.floats(0.1, 8))
@settings(deadline=None, max_examples=300)
def test_every_word_is_in_one_piece_and_none_overlap(words, by, low, more):
    how = Segment(by=by, min_s=low, max_s=low + more)
    pieces = by_words(words, how)
    covered = [place for piece in pieces for place in range(piece.first_word, piece.last_word + 1)]
    assert covered == list(range(len(words)))
    for piece in pieces:
        assert piece.end > piece.start
        assert piece.start == words[piece.first_word].start
        assert words[piece.last_word].start < piece.end or words[piece.last_word].start == words[piece.last_word].end
    for one, other in itertools.pairwise(pieces):
        assert one.end <= other.start
    for piece in pieces:
        assert piece.end - piece.start <= how.max_s + 1e-6 or uncuttable(words[piece.first_word : piece.last_word + 1])


def uncuttable(words: list[Word]) -> bool:
    """No cut would leave something on both sides."""
    begins = {word.start for word in words}
    return (
        len(words) == 1
        or len(begins) == 1
        or any(word.end == word.start or sum(other.start == word.start for other in words) > 1 for word in words)
    )


@given(words=transcripts(), low=st.floats(0.1, 3), more=st.floats(0.1, 8), join=st.floats(0, 3))
@settings(deadline=None, max_examples=200)
def test_a_short_piece_is_left_only_where_no_neighbour_can_take_it(words, low, more, join):
    how = Segment(by="sentence", min_s=low, max_s=low + more, join_s=join)
    pieces = by_words(words, how)
    for one, other in itertools.pairwise(pieces):
        if min(one.end - one.start, other.end - other.start) < low - 1e-6:
            pause = other.start - max(word.end for word in words[one.first_word : one.last_word + 1])
            until = max(word.end for word in words[one.first_word : other.last_word + 1])
            assert pause >= join - 2e-6 or until - one.start > how.max_s - 2e-6


def test_sentences_end_at_their_punctuation():
    words = said("He left. Why? Nobody knows! (He said.) Yes")
    assert texts(by_words(words, Segment(min_s=0))) == ["He left.", "Why?", "Nobody knows!", "(He said.)", "Yes"]


@pytest.mark.parametrize(
    "text",
    [
        "I saw Dr. Miller at 3.14 and J. R. Smith there",
        "It is e.g. Monday",
        "It costs 3. something",
        "Well... maybe not",
        '"Why?" he asked',
    ],
)
def test_these_are_one_sentence(text):
    assert texts(by_words(said(text), Segment(min_s=0))) == [text]


def test_sentences_of_other_scripts():
    assert sentence_ends(said("你好。 再见！ नमस्ते। مرحبا؟ ok")) == [  # noqa: RUF001
        True,
        True,
        True,
        True,
        False,
    ]
    assert sentence_ends(said("all small. letters here. ok")) == [False, True, False, True, False]


def test_the_recognisers_own_sentence_end_counts():
    words = said("no marks here")
    words[1] = words[1].model_copy(update={"sentence_end": True})
    assert texts(by_words(words, Segment(min_s=0))) == ["no marks", "here"]


def test_a_long_silence_ends_a_piece_inside_a_sentence():
    assert texts(by_words(said("we were # interrupted | today"), Segment(min_s=0))) == ["we were", "interrupted today"]


def test_a_long_sentence_is_cut_at_its_longest_pause_then_at_a_comma():
    words = said("one two three | four five six, seven eight nine ten", each=0.4, gap=0.1)
    assert texts(by_words(words, Segment(min_s=0.5, max_s=4))) == [
        "one two three",
        "four five six, seven eight nine ten",
    ]
    assert texts(by_words(words, Segment(min_s=0.5, max_s=2))) == [
        "one two three",
        "four five six,",
        "seven eight nine ten",
    ]


def test_a_long_word_stays_and_the_reason_is_given(tmp_path):
    how = Segment(max_s=5)
    made = cut(tmp_path, how, words=[Word(start=0, end=9, text=" Aaah.")])
    assert texts(made.segments) == ["Aaah."]
    assert made.notes == ("segment 0 lasts 9.00 s, more than 5: it cannot be cut further",)


def test_a_short_sentence_joins_the_nearer_neighbour_unless_it_is_far():
    words = said("That is how it was done. Yes. | I know that it was so. # No.")
    assert texts(by_words(words, Segment(min_s=1))) == [
        "That is how it was done. Yes.",
        "I know that it was so.",
        "No.",
    ]


def test_pauses_cut_whatever_is_said():
    assert texts(by_words(said("one. two | three"), Segment(by="pause", min_s=0))) == ["one. two", "three"]


CUES = [
    Cue(start=0, end=2, text="Hello there.", speaker="Ann"),
    Cue(start=2, end=4, text="How are you?"),
    Cue(start=4, end=6, text="Fine.", speaker="Bo"),
    Cue(start=6, end=9, text="Good.", speaker="Ann"),
]


NINE = [Word(start=n + 0.1, end=n + 0.9, text=f" w{n}") for n in range(9)]


def test_turns_change_with_the_speaker_named_in_the_cues(tmp_path):
    found = cut(tmp_path, Segment(by="turn", min_s=0), words=NINE, cues=CUES)
    assert [(piece.speaker, piece.turn, piece.text) for piece in found.segments] == [
        ("Ann", 0, "w0 w1 w2 w3"),
        ("Bo", 1, "w4 w5"),
        ("Ann", 2, "w6 w7 w8"),
    ]


def test_turns_of_cues_alone(tmp_path):
    found = cut(tmp_path, Segment(by="turn", min_s=0), cues=CUES)
    assert [(piece.speaker, piece.start, piece.end, piece.text, piece.first_word) for piece in found.segments] == [
        ("Ann", 0, 4, "Hello there. How are you?", None),
        ("Bo", 4, 6, "Fine.", None),
        ("Ann", 6, 9, "Good.", None),
    ]


def test_a_long_turn_is_cut_but_keeps_its_number_and_short_ones_are_not_joined(tmp_path):
    found = cut(tmp_path, Segment(by="turn", min_s=1.5, max_s=2), words=NINE, cues=CUES)
    assert [piece.turn for piece in found.segments] == [0, 0, 1, 2, 2]
    assert all(piece.end - piece.start <= 2 for piece in found.segments)


def seen_to_speak(who: str) -> Speaking:
    """One letter a second: the face (0 or 1) that speaks, or `-` for none."""
    count = len(who)
    spans = np.stack([np.arange(count), np.arange(count) + 1], axis=1).astype(np.int64) * 1_000_000
    score = np.array([[float(letter == str(face)) for face in (0, 1)] for letter in who], np.float32)
    frame, face = np.repeat(np.arange(count), 2), np.tile([0, 1], count)
    return Speaking(np.arange(count, dtype=float), spans, np.ones(count, np.float32), frame, face, score.reshape(-1))


def test_turns_change_with_the_face_that_speaks(tmp_path):
    how = Segment(by="turn", min_s=0)
    made = recording(tmp_path, words=NINE)
    made.write("speaking", seen_to_speak("-00-11110"))
    how.run([made], None)
    found = made.read("segments", Segments).segments
    # The last word alone is too brief to be a turn.
    assert [(piece.speaker, piece.text) for piece in found] == [
        (f"{made.id} face 0", "w0 w1 w2 w3"),
        (f"{made.id} face 1", "w4 w5 w6 w7 w8"),
    ]


def test_turns_change_with_the_voice_whatever_the_faces_do(tmp_path):
    made = recording(tmp_path, words=NINE)
    made.write("speaking", seen_to_speak("-00-11110"))
    times = ((1.0, 2.9, 0), (3.1, 6.0, 1), (6.0, 8.0, 0))
    turns = tuple(Turn(start=start, end=end, voice=voice, score=0.9, margin=0.1) for start, end, voice in times)
    made.write("speakers", Speakers(turns=turns, voices=(Voice(seconds=3.9), Voice(seconds=2.9))))
    Segment(by="turn", min_s=0).run([made], None)
    found = made.read("segments", Segments).segments
    # A word that no turn touches goes with the one before; before the first, with the first.
    assert [(piece.speaker, piece.text) for piece in found] == [
        (f"{made.id} voice 0", "w0 w1 w2"),
        (f"{made.id} voice 1", "w3 w4 w5"),
        (f"{made.id} voice 0", "w6 w7 w8"),
    ]


def test_nobody_seen_to_speak_makes_no_turns(tmp_path):
    made = recording(tmp_path, words=NINE)
    made.write("speaking", seen_to_speak("---------"))
    Segment(by="turn").run([made], None)
    assert "no face is seen to speak" in made.absences["segments"]


def test_silence_has_no_turns(tmp_path):
    assert cut(tmp_path, Segment(by="turn"), words=[]).segments == ()


def test_subtitles_keep_their_text_and_hold_the_words_shown():
    words = [
        Word(start=0.5, end=1, text=" hello"),
        Word(start=1.5, end=2.2, text=" there"),
        Word(start=20, end=21, text=" x"),
    ]
    pieces = by_cues(CUES[:2], words, Segment(by="subtitle", min_s=0))
    assert [(piece.text, piece.first_word, piece.last_word) for piece in pieces] == [
        ("Hello there.", 0, 1),
        ("How are you?", None, None),
    ]


def test_overlapping_subtitles_do_not_make_overlapping_pieces():
    cues = [Cue(start=1, end=6, text="a"), Cue(start=5, end=7, text="b"), Cue(start=5, end=8, text="c")]
    pieces = by_cues(cues, [], Segment(by="subtitle", min_s=0))
    assert [(piece.start, piece.end, piece.text) for piece in pieces] == [(1, 5, "a"), (5, 8, "b c")]


def test_short_subtitles_are_joined_but_not_across_speakers():
    cues = [
        Cue(start=0, end=0.4, text="a"),
        Cue(start=0.5, end=2, text="b"),
        Cue(start=2, end=2.4, text="c", speaker="Bo"),
    ]
    pieces = by_cues(cues, [], Segment(by="subtitle", min_s=1))
    assert [(piece.text, piece.speaker) for piece in pieces] == [("a b", None), ("c", "Bo")]


def test_shots_tile_the_recording():
    how = Segment(by="shot", min_s=1, max_s=4)
    second = 1_000_000
    assert shots([3 * second, 3_200_000, 12 * second, 99 * second], 12 * second, how) == [
        (0, 3_200_000),
        (3_200_000, 6_133_333),
        (6_133_333, 9_066_666),
        (9_066_666, 12_000_000),
    ]


def test_shots_are_cut_where_the_camera_changes(tmp_path):
    made = recording(tmp_path, words=NINE, duration=9.0)
    made.write("shots", Cuts(cuts=(4.0, 6.5), threshold=8))
    Segment(by="shot").run([made], None)
    found = made.read("segments", Segments).segments
    assert [(piece.start, piece.end, piece.text) for piece in found] == [
        (0, 4, "w0 w1 w2 w3"),
        (4, 6.5, "w4 w5"),
        (6.5, 9, "w6 w7 w8"),
    ]


def test_what_makes_the_cuts_is_asked_for():
    assert Segment(by="shot").requires() == (Shots(),)
    assert Segment(by="turn").requires() == Segment(by="subtitle").requires() == (ReadSubtitles(),)
    assert Segment().requires() == ()


@given(
    duration=st.integers(1, 10**8), window=st.integers(10**5, 10**7), share=st.floats(0.2, 1), low=st.integers(0, 10**6)
)
def test_windows_cover_the_recording(duration, window, share, low):
    hop = max(1, int(window * share))
    spans = windows(duration, window, hop, low)
    assert spans[0][0] == 0
    assert spans[-1][1] == duration
    for one, other in itertools.pairwise(spans):
        assert other[0] - one[0] == hop
        assert one[1] >= other[0]
    assert all(end - start == window for start, end in spans[:-1])
    if len(spans) > 1:
        assert spans[-1][1] - spans[-1][0] >= min(low, window)


@given(start=st.integers(0, 100), length=st.integers(1, 1000), most=st.integers(1, 300))
def test_equal_parts_are_equal(start, length, most):
    parts = equal_parts(start, start + length, most)
    sizes = {end - begin for begin, end in parts}
    assert max(sizes) <= most
    assert max(sizes) - min(sizes) <= 1
    assert [parts[0][0], parts[-1][1]] == [start, start + length]


@given(words=transcripts(), count=st.integers(1, 8))
@settings(deadline=None)
def test_pieces_that_tile_the_clock_hold_every_word_once(words, count):
    pieces = at([(n * 2_000_000, (n + 1) * 2_000_000) for n in range(count)], words, tiled=True)
    covered = [n for p in pieces if p.first_word is not None for n in range(p.first_word, p.last_word + 1)]
    assert covered == list(range(len(words)))


def test_a_word_is_where_its_middle_is():
    words = [Word(start=0.8, end=1.4, text=" a"), Word(start=1.6, end=2.2, text=" b")]
    pieces = at([(0, 1_000_000), (1_000_000, 2_000_000), (2_000_000, 3_000_000)], words, tiled=True)
    assert texts(pieces) == [None, "a b", None]


def test_units_know_their_gaps():
    units = Units.of([(0, 10), (2, 4), (12, 14)])
    assert units.gaps().tolist() == [-8, 2]


def recording(tmp_path, *, words=None, cues=None, form="video", duration=None, text=None) -> FolderRecording:
    made = FolderRecording(tmp_path / "r", source=Source(id="r", uri=None, sha256="0", text=text))
    made.write("facts", Facts(form=form))
    if words is not None:
        made.write("words", Transcript(language="en", language_probability=None, words=tuple(words)))
    if cues is not None:
        made.write("cues", Subtitles(cues=tuple(cues)))
    if duration is not None:
        made.write("watched", Watched(duration_s=duration))
    return made


def cut(tmp_path, how: Segment, **has) -> Segments:
    made = recording(tmp_path, **has)
    how.run([made], None)
    return made.read("segments", Segments)


@pytest.mark.parametrize("form", ["text", "image"])
@pytest.mark.parametrize("by", ["sentence", "subtitle", "shot", "window", "whole", "turn", "pause"])
def test_a_text_and_a_picture_are_one_piece_without_times(tmp_path, form, by):
    (only,) = cut(tmp_path, Segment(by=by), form=form, text="So it is.").segments
    assert (only.start, only.end, only.text) == (None, None, "So it is.")


@pytest.mark.parametrize("words", [None, []])
def test_where_nobody_speaks_what_there_is_to_see_is_kept_in_parts(tmp_path, words):
    found = cut(tmp_path, Segment(max_s=2), words=words, duration=5.0)
    assert [(piece.start, piece.end, piece.text) for piece in found.segments] == [
        (0, pytest.approx(5 / 3, abs=1e-6), None),
        (pytest.approx(5 / 3, abs=1e-6), pytest.approx(10 / 3, abs=1e-6), None),
        (pytest.approx(10 / 3, abs=1e-6), 5, None),
    ]
    assert "no words" in found.notes[0]


def test_words_that_could_not_be_made_are_no_silence(tmp_path):
    made = recording(tmp_path, duration=3.0)
    made.failures.add("words")
    Segment().run([made], None)
    assert "could not be made" in made.absences["segments"]


@pytest.mark.parametrize(
    ("by", "reason"),
    [("subtitle", "no subtitles"), ("turn", "no subtitles"), ("shot", "no moving")],
)
def test_what_is_lacking_is_said(tmp_path, by, reason):
    made = recording(tmp_path, duration=3.0)
    Segment(by=by).run([made], None)
    assert reason in made.absences["segments"]


def test_turns_want_names(tmp_path):
    made = recording(tmp_path, words=said("a b"), cues=[Cue(start=0, end=1, text="a b")])
    Segment(by="turn").run([made], None)
    assert "no subtitles name" in made.absences["segments"]


def test_windows_and_wholes_run_from_start_to_end(tmp_path):
    found = cut(tmp_path, Segment(by="window", window_s=2, context=3), words=said("a b c d e f g h"), duration=4.5)
    assert [(piece.start, piece.end) for piece in found.segments] == [(0, 2), (2, 4.5)]
    assert (found.by, found.context, found.notes) == ("window", 3, ())
    assert texts(found.segments) == ["a b c d", "e f g h"]
    (only,) = cut(tmp_path, Segment(by="whole"), duration=40.0, words=said("a. B")).segments
    assert (only.start, only.end, only.text) == (0, 40, "a. B")


@pytest.mark.parametrize(
    ("by", "own", "read", "text"),
    [
        ("whole", None, ("ONE", "two"), "ONE\ntwo"),
        ("whole", "given", ("ONE",), "given"),
        ("whole", None, (), None),
        ("sentence", None, ("ONE",), None),
    ],
)
def test_a_picture_without_a_text_has_what_is_read_in_it_by_whole(tmp_path, by, own, read, text):
    made = FolderRecording(tmp_path / "r", source=Source(id="r", uri="r.png", text=own, sha256="0" * 64, bytes=1))
    made.write("facts", Facts(form="image"))
    box = Box(left=0, top=0, width=1, height=1)
    lines = tuple(SeenText(text=one, start=0, end=0, box=box, confidence=1, frames=1) for one in read)
    made.write("ocr", ScreenText(items=lines, looks=1))
    step = Segment(by=by)
    step.run([made], None)
    (only,) = made.read("segments", Segments).segments
    assert only.text == text
    assert ("ocr" in step.uses) == (by == "whole")


def test_limits_that_contradict_each_other_are_refused():
    with pytest.raises(ValidationError, match="below max_s"):
        Segment(min_s=5, max_s=5)
    with pytest.raises(ValidationError, match="by"):
        Segment(by="utterance")


def test_only_what_the_cut_looks_at_is_used():
    assert Segment().uses == ("words", "watched")
    assert Segment(by="window").uses == ("words", "watched")
    assert Segment(by="subtitle").uses == ("words", "cues")
    assert Segment(by="turn").uses == ("words", "cues", "speakers", "speaking")
    assert Segment(by="shot").uses == ("words", "shots", "watched")
