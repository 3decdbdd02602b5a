"""The pure parts of speech: chunks, words, times, repetitions, sentence ends."""

# ruff: noqa: RUF001 - marks of several scripts are what is tested
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractors.languages import english_only, whisper_code
from extractors.recognizer import Heard, finished, marked, openings
from extractors.speech_chunks import Chunk, cut_chunks, half, quietest_sample, windows
from extractors.transcribe import transcript, unheard, wordless
from extractors.transcript_checks import ends_sentence, is_no_speech, is_suspect, repetitions, without_loops
from extractors.word_times import Aligned, Timed, in_order, in_speech, trimmed, words_of
from schemas.transcript import Doubt

RATE = 16_000


def middle(first: int, last: int) -> int:
    return (first + last) // 2


# ---------------------------------------------------------------- chunks


@st.composite
def speech(draw):
    edges = np.cumsum(draw(st.lists(st.integers(50, 45_000), min_size=0, max_size=30))).tolist()
    spans = [(a / 1000, b / 1000) for a, b in zip(edges[::2], edges[1::2], strict=False)]
    tail = draw(st.integers(0, 3000))
    return spans, ((edges[-1] if edges else 0) + tail) * RATE // 1000


@given(speech())
def test_chunks_hold_all_speech_once_in_order_and_none_is_too_long(given_speech):
    spans, length = given_speech
    chunks = cut_chunks(spans, length, quietest=middle, longest_s=29.0, pad_s=0.6)
    pieces = [piece for chunk in chunks for piece in chunk.pieces]
    assert all(a < b <= length for a, b in pieces)
    assert all(b <= c for (_, b), (c, _) in pairwise(pieces))
    assert all(0 < len(chunk) <= 29 * RATE for chunk in chunks)
    heard = np.zeros(length, bool)
    for a, b in pieces:
        heard[a:b] = True
    for a, b in spans:
        assert heard[round(a * RATE) : round(b * RATE)].all()


@given(speech())
def test_silence_is_heard_only_beside_speech(given_speech):
    spans, length = given_speech
    chunks = cut_chunks(spans, length, quietest=middle, pad_s=0.5)
    near = np.zeros(length, bool)
    for a, b in spans:
        near[max(round(a * RATE) - RATE // 2, 0) : round(b * RATE) + RATE // 2] = True
    for chunk in chunks:
        for a, b in chunk.pieces:
            assert near[a:b].all()


def test_chunks_end_at_the_longest_silence_near_their_end():
    # 2 s of speech, 0.2 s of silence, and so on, but for one silence of 0.8 s after 22 s.
    spans, at = [], 0.0
    for index in range(20):
        spans.append((at, at + 2.0))
        at += 2.0 + (0.8 if index == 9 else 0.2)
    chunks = cut_chunks(spans, round(at * RATE), quietest=middle)
    assert chunks[0].end_s == pytest.approx(spans[9][1] + 0.4)


def test_speech_without_a_pause_is_cut_where_it_is_quietest():
    chunks = cut_chunks([(0.0, 70.0)], 70 * RATE, quietest=lambda first, _last: first + 1000)
    step = 29 * RATE * 2 // 3 + 1000
    edges = [0, step, 2 * step, 3 * step, 70 * RATE]
    assert [chunk.pieces for chunk in chunks] == [((first, last),) for first, last in pairwise(edges)]


@given(speech())
def test_windows_hold_the_speech_of_their_chunk_and_nothing_else(given_speech):
    spans, length = given_speech
    for chunk in cut_chunks(spans, length, quietest=middle):
        parts = windows(chunk, spans, quietest=middle, longest_s=len(chunk) / RATE / 2 + 1)
        pieces = [piece for part in parts for piece in part.pieces]
        assert all(b <= c for (_, b), (c, _) in pairwise(pieces))
        assert sum(part.speech_s(spans) for part in parts) == pytest.approx(chunk.speech_s(spans), abs=1e-3)
        assert chunk.pieces[0][0] <= pieces[0][0]
        assert pieces[-1][1] <= chunk.pieces[-1][1]
        first = half(chunk, spans, quietest=middle)
        assert first is None or (first == parts[0] and len(first) < len(chunk))
        assert first is None or len(chunk) >= 10 * RATE


def test_the_quietest_place_is_found():
    sound = np.random.default_rng(0).standard_normal(5 * RATE).astype(np.float32)
    sound[3 * RATE : 3 * RATE + RATE // 5] *= 0.01
    assert abs(quietest_sample(sound) - (3 * RATE + RATE // 10)) <= RATE * 0.06


@given(speech(), st.data())
def test_a_chunks_clock_is_the_recordings(given_speech, data):
    spans, length = given_speech
    chunks = cut_chunks(spans, length, quietest=middle)
    if not chunks:
        return
    chunk = data.draw(st.sampled_from(chunks))
    inside = data.draw(st.integers(0, len(chunk) - 1))
    # The truth by brute force: the chunk's samples, numbered as in the recording.
    numbers = np.concatenate([np.arange(a, b) for a, b in chunk.pieces])
    start, end = chunk.on_clock(inside / RATE, (inside + 0.5) / RATE)
    assert start == pytest.approx(numbers[inside] / RATE, abs=1e-9)
    assert start <= end


def test_a_word_over_a_joint_stays_in_the_piece_with_more_of_it():
    chunk = Chunk(((0, RATE), (100 * RATE, 101 * RATE)))
    assert chunk.on_clock(0.5, 1.2) == pytest.approx((0.5, 1.0))
    assert chunk.on_clock(0.9, 1.5) == pytest.approx((100.0, 100.5))


def test_what_is_left_of_a_chunk():
    chunk = Chunk(((0, RATE), (100 * RATE, 101 * RATE)))
    assert chunk.after(0.25) == Chunk(((RATE // 4, RATE), (100 * RATE, 101 * RATE)))
    assert chunk.after(1.5) == Chunk(((100 * RATE + RATE // 2, 101 * RATE),))
    assert chunk.after(2.0) is None
    assert chunk.speech_s([(0.5, 100.5)]) == pytest.approx(1.0)


# ---------------------------------------------------------------- what the recogniser says


def test_an_unfinished_segment_is_left_to_the_next_window():
    first = 1000
    tokens = [first, 1, 2, first + 100, first + 110, 3, 4]
    assert finished(tokens, first) == ([first, 1, 2, first + 100], 2.0)
    assert finished([first, 1, 2, first + 55], first) == ([first, 1, 2, first + 55], pytest.approx(1.1))
    assert finished([first, 1, 2], first) == ([first, 1, 2], None)
    assert finished([], first) == ([], None)


def test_utterances_begin_after_timestamps():
    first = 1000
    assert openings([first, 1, 2, first + 100, first + 100, 3, first + 200], first) == {0, 2}
    parts = [Aligned(" a", 0, 1, 1, tokens=2), Aligned(" b", 1, 2, 1)]
    assert [part.opens for part in marked(parts, frozenset({0, 2}))] == [True, True]
    assert [part.opens for part in marked(parts, frozenset({1}))] == [False, False]


def test_whispers_own_rules_for_a_bad_chunk():
    assert is_suspect("thank you " * 30, -0.2)
    assert is_suspect("a plain sentence", -1.2)
    assert not is_suspect("The quick brown fox jumps over the lazy dog.", -0.4)
    assert not is_suspect("", -0.4)
    assert is_no_speech(0.9, -1.5)
    assert not is_no_speech(0.9, -0.5)


# ---------------------------------------------------------------- words


def parts_of(*texts):
    return [Aligned(text, float(n), n + 1.0, 0.5 + n / 100) for n, text in enumerate(texts)]


@pytest.mark.parametrize(
    ("language", "parts", "words"),
    [
        ("en", [" $", "5", "."], [" $5."]),
        ("en", [" 20", "24", ",", " 3", ".", "14", "%"], [" 2024,", " 3.14%"]),
        ("en", [" well", "-", "known"], [" well-known"]),
        ("en", [' "', "Hi", '"', ",", " he"], [' "Hi",', " he"]),
        ("en", ["...", " yes"], ["... yes"]),
        ("en", [" so", " -", " no"], [" so -", " no"]),
        ("en", [" ..."], []),
        ("es", [" ¿", "Qu", "é", "?"], [" ¿Qué?"]),
        ("fr", [" l", "'", "eau"], [" l'eau"]),
        ("zh", ["我", "们", "，", "20", "24", "年", "。"], ["我", "们，", "2024", "年。"]),
        ("zh", ["他", "说", "：", "「", "好", "」"], ["他", "说：", "「好」"]),
        ("ja", ["i", "Phone", "を"], ["iPhone", "を"]),
        ("hi", [" नम", "स्ते", "।"], [" नमस्ते।"]),
    ],
)
def test_parts_become_words_as_they_are_written(language, parts, words):
    assert [word.text for word in words_of(parts_of(*parts), language)] == words


@given(
    st.lists(st.sampled_from([" a", "b", " 12", "3", ",", ".", ' "', '"', " (", ")", " -", "-", "。", "好", ""])),
    st.sampled_from(["en", "zh"]),
)
def test_joining_words_gives_the_text_back(texts, language):
    words = words_of(parts_of(*texts), language)
    if words:
        assert "".join(word.text for word in words) == "".join(texts)
        assert all(any(character.isalnum() for character in word.text) for word in words)


def test_a_number_has_the_time_of_all_its_parts_and_marks_add_none():
    (word,) = words_of([Aligned(" 20", 1.0, 1.2, 0.9), Aligned("24", 1.2, 1.6, 0.5), Aligned(".", 1.6, 5.0, 0.1)], "en")
    assert (word.text, word.start_s, word.end_s, word.probability) == (" 2024.", 1.0, 1.6, pytest.approx(0.7))


def test_the_first_word_of_an_utterance_does_not_begin_in_the_pause_before_it():
    parts = [
        Aligned(" One", 0.0, 0.3, 1, opens=True),
        Aligned(" two.", 0.3, 0.6, 1),
        Aligned(" Three", 0.6, 4.0, 1),
        Aligned(" slooow", 4.0, 6.0, 1),
        Aligned(" four", 6.0, 6.3, 1),
    ]
    assert [(word.start_s, word.end_s) for word in trimmed(parts)] == [
        (0.0, 0.3),
        (0.3, 0.6),
        (pytest.approx(3.4), 4.0),
        (4.0, 6.0),
        (6.0, 6.3),
    ]


def test_a_word_is_cut_to_the_speech_that_holds_it():
    spans = [(1.0, 2.0), (5.0, 6.0)]
    assert in_speech(1.8, 4.0, spans, margin_s=0.1) == (1.8, 2.1, True)
    assert in_speech(3.0, 5.5, spans, margin_s=0.1) == (4.9, 5.5, True)
    assert in_speech(3.0, 3.5, spans, margin_s=0.1) == (3.0, 3.5, False)
    assert in_speech(1.2, 1.4, [], margin_s=0.1) == (1.2, 1.4, False)


# ---------------------------------------------------------------- times in order

timed_words = st.lists(
    st.tuples(st.integers(0, 30_000), st.integers(-500, 3000), st.sampled_from([" a", " word", " 2024", "好"])),
    max_size=40,
).map(lambda rows: [Timed(text, start, start + length, 0.5) for start, length, text in rows])


@given(timed_words)
def test_times_come_out_in_order_and_inside(words):
    found = in_order(words, 0, 30_000)
    assert [word.text for word in found] == [word.text for word in words]
    assert all(0 <= word.start_ms <= word.end_ms <= 30_000 for word in found)
    assert all(a.end_ms <= b.start_ms for a, b in pairwise(found))
    # There is room for all of them here.
    assert all(word.end_ms - word.start_ms >= 20 for word in found)


@given(timed_words)
def test_good_times_are_kept_and_what_is_changed_is_flagged(words):
    found = in_order(words, 0, 30_000)
    assert in_order(found, 0, 30_000) == found
    for before, after in zip(words, found, strict=True):
        if after.measured:
            assert abs(after.start_ms - before.start_ms) <= 20
            assert after.end_ms <= max(before.end_ms, after.start_ms + 20)


@given(timed_words, st.integers(0, 300))
def test_where_words_do_not_fit_they_are_in_order_still(words, room):
    found = in_order(words, 100, 100 + room)
    assert all(100 <= word.start_ms <= word.end_ms <= 100 + room for word in found)
    assert all(a.end_ms <= b.start_ms for a, b in pairwise(found))


def test_words_without_length_take_the_free_time_beside_them():
    words = [Timed(" one", 0, 500, 1), Timed(" two", 500, 500, 1), Timed(" six", 900, 1200, 1)]
    found = in_order(words, 0, 2000)
    assert [(word.start_ms, word.end_ms, word.measured) for word in found] == [
        (0, 500, True),
        (500, 710, False),
        (900, 1200, True),
    ]


# ---------------------------------------------------------------- repetitions


def slow_repetitions(texts):
    """The same rule, written down plainly."""
    found, at = [], 0
    while at < len(texts):
        readings = []
        for length in range(1, len(texts) - at + 1):
            times = 1
            while texts[at + times * length : at + (times + 1) * length] == texts[at : at + length]:
                times += 1
            if times >= 3 and length <= 30:
                readings.append((times * length, -length))
        if readings:
            covered, length = max(readings)
            found.append((at, -length, covered // -length))
            at += covered
        else:
            at += 1
    return found


@given(st.lists(st.sampled_from("ab"), max_size=40))
def test_repetitions_are_those_of_the_plain_rule(texts):
    assert [(found.first, found.length, found.times) for found in repetitions(texts)] == slow_repetitions(texts)


def spoken_words(text, letter_ms=70):
    words, at = [], 0
    for word in text.split():
        end = at + max(len(word) * letter_ms, 1)
        words.append(Timed(" " + word, at, end, 0.9))
        at = end
    return words


def test_what_was_really_repeated_is_kept_without_a_doubt():
    words = spoken_words("no no no no we will win we will win we will win I said")
    assert without_loops(words) == (words, [])


def test_a_loop_that_nobody_can_have_said_is_cut_and_doubted():
    words = [*spoken_words("well thank you"), *(Timed(" very much", 1000 + n, 1001 + n, 0.9) for n in range(60))]
    found, doubts = without_loops(words)
    assert [word.text for word in found] == [" well", " thank", " you", " very much"]
    assert [(doubt.reason, doubt.start, doubt.end) for doubt in doubts] == [("repetition", 1.0, 1.06)]


def test_a_loop_after_true_repetitions_leaves_those():
    true = spoken_words("thank you thank you thank you")
    end = true[-1].end_ms
    words = [*true, *(Timed(text, end, end, 0.9) for _ in range(40) for text in (" thank", " you"))]
    found, doubts = without_loops(words)
    assert [word.text for word in found][:6] == [word.text for word in true]
    # The true ones took more time than they need at 30 letters a second: a few more copies are possible, not 40.
    assert 6 <= len(found) <= 18
    assert [doubt.reason for doubt in doubts] == ["repetition"]


def test_a_long_repetition_of_possible_speed_is_kept_and_doubted():
    words = spoken_words("we will win " * 6)
    found, doubts = without_loops(words)
    assert found == words
    assert [doubt.reason for doubt in doubts] == ["repetition"]


# ---------------------------------------------------------------- sentences


@pytest.mark.parametrize(
    ("text", "following", "ends"),
    [
        (" done.", " Then", True),
        (" done", " then", False),
        (" really?", " yes", True),
        (' stop!"', " He", True),
        (" Mr.", " Smith", False),
        (" e.g.", " this", False),
        (" J.", " Smith", False),
        (" U.S.", " troops", False),
        (" 2024.", " Then", True),
        (" 3.14", " is", False),
        (" well...", " maybe", False),
        (" well...", " Maybe", True),
        (" well…", None, True),
        ("好。", "我", True),
        ("吗？", "我", True),
        (" है।", " वह", True),
        (" نعم؟", " لا", True),
        (" Dr.", None, True),
        ("", None, False),
    ],
)
def test_sentence_ends(text, following, ends):
    assert ends_sentence(text, following) is ends


# ---------------------------------------------------------------- the whole


def test_words_land_on_the_recordings_clock_through_a_chunk_of_two_pieces():
    chunk = Chunk(((10 * RATE, 12 * RATE), (500 * RATE, 502 * RATE)))
    heard = Heard(
        (Aligned(" Hello.", 0.5, 1.0, 0.91234), Aligned(" World", 2.5, 3.0, 0.2), Aligned(" 5", 3.0, 3.4, 0.1)),
        -0.2,
        0.0,
    )
    found = transcript(
        [(chunk, heard)],
        spans=[(10.4, 11.2), (500.4, 501.6)],
        length_ms=600_000,
        language="en",
        language_probability=None,
    )
    assert [(word.text, word.start, word.end, word.probability) for word in found.words] == [
        (" Hello.", 10.5, 11.0, 0.9123),
        (" World", 500.5, 501.0, 0.2),
        (" 5", 501.0, 501.4, 0.1),
    ]
    assert [word.sentence_end for word in found.words] == [True, False, False]
    assert [(doubt.reason, doubt.start, doubt.end) for doubt in found.doubts] == [("low-probability", 500.5, 501.4)]
    assert found.text == "Hello. World 5"


def test_a_chunk_that_the_model_takes_for_silence_gives_a_doubt_and_no_words():
    heard = Heard((Aligned(" Thanks", 0.0, 1.0, 0.1),), -1.4, 0.9)
    found = transcript(
        [(Chunk(((0, RATE),)), heard)], spans=[(0, 1)], length_ms=1000, language="en", language_probability=0.5
    )
    assert (found.words, found.language, found.language_probability) == ((), None, None)
    assert [doubt.reason for doubt in found.doubts] == ["no-speech"]


def said(until_s, *words, no_speech=0.0):
    parts = tuple(Aligned(text, start, end, 0.9, opens=True) for text, start, end in words)
    return Heard(parts, -0.2 if not no_speech else -1.5, no_speech, until_s)


def test_what_comes_after_the_models_last_segment_is_heard_again():
    chunk = Chunk(((0, 20 * RATE),))
    spans = [(1.0, 4.0), (10.0, 15.0)]
    assert unheard(chunk, said(4.0, (" one", 1.0, 4.0)), "en", spans) == Chunk(((4 * RATE, 20 * RATE),))
    # Nobody speaks there, the model says nothing about its end, or it came to the end: nothing is left.
    assert unheard(chunk, said(4.0, (" one", 1.0, 4.0)), "en", [(1.0, 4.0), (10.0, 10.9)]) is None
    assert unheard(chunk, said(None, (" one", 1.0, 4.0)), "en", spans) is None
    assert unheard(chunk, said(15.0, (" one", 1.0, 4.0), (" two", 10.0, 15.0)), "en", spans) is None


def test_a_rest_that_begins_inside_a_sentence_is_taken_up_at_the_pause_before_it():
    chunk = Chunk(((0, 20 * RATE),))
    spans = [(0.0, 9.0), (9.2, 10.0), (10.6, 18.0), (18.1, 19.0)]
    rest = unheard(chunk, said(13.0, (" one", 0.0, 9.0), (" two", 10.6, 13.0)), "en", spans)
    assert rest == Chunk(((round(10.3 * RATE), 20 * RATE),))  # the longest pause of the last seconds, not the last
    # A rest that begins in a pause is a sentence by itself; without a pause nearby it stays where it is.
    assert unheard(chunk, said(10.4, (" one", 0.0, 10.0)), "en", spans) == chunk.after(10.4)
    assert unheard(chunk, said(17.0, (" one", 0.0, 17.0)), "en", spans) == chunk.after(17.0)
    # No more than half of what was heard is heard again, lest the turns be many.
    assert unheard(chunk, said(3.0, (" one", 0.0, 3.0)), "en", [(0.0, 0.7), (0.9, 20.0)]) == chunk.after(3.0)


def test_what_was_heard_again_with_its_whole_sentence_replaces_what_was_heard_of_it():
    whole, rest = Chunk(((0, 6 * RATE),)), Chunk(((2 * RATE, 6 * RATE),))
    first = (whole, said(4.0, (" so", 0.5, 1.0), (" the", 2.5, 3.0), (" britches", 3.0, 4.0)))

    def texts(again):
        found = transcript(
            [first, (rest, again)], spans=[(0.4, 5.5)], length_ms=6000, language="en", language_probability=None
        )
        return [word.text.strip() for word in found.words]

    assert texts(said(3.0, (" the", 0.5, 1.0), (" bridge", 1.0, 2.0), (" is", 2.2, 2.6))) == [
        "so",
        "the",
        "bridge",
        "is",
    ]
    # Where the second hearing brought nothing, the first one stays.
    assert texts(said(None)) == ["so", "the", "britches"]
    assert texts(said(None, (" you", 0.5, 1.0), no_speech=0.9)) == ["so", "the", "britches"]


def test_an_utterance_that_the_model_skipped_before_its_end_is_heard_again():
    chunk = Chunk(((0, 20 * RATE),))
    spans = [(1.0, 2.0), (3.0, 4.0), (5.0, 6.0)]
    rest = unheard(chunk, said(6.0, (" one", 1.0, 2.0)), "en", spans)
    assert rest is not None
    assert 2.0 <= rest.start_s <= 3.0
    # Half a second of speech without a word is a breath or the tail of a word.
    assert unheard(chunk, said(6.0, (" one", 1.0, 5.5)), "en", [(1.0, 6.0)]) is None


def test_silence_is_passed_over_and_turns_come_to_an_end():
    chunk = Chunk(((0, 20 * RATE),))
    spans = [(0.0, 20.0)]
    assert unheard(chunk, said(2.0, (" you", 0.5, 2.0), no_speech=0.9), "en", spans) == Chunk(((2 * RATE, 20 * RATE),))
    assert unheard(chunk, said(0.3, (" you", 0.0, 0.3)), "en", spans) is None


def test_a_word_heard_on_both_sides_of_a_cut_is_one_word():
    whole, rest = Chunk(((0, 4 * RATE),)), Chunk(((2 * RATE, 4 * RATE),))
    heard = [
        (whole, said(2.0, (" so", 0.5, 1.0), (" because", 1.0, 2.0))),
        (rest, said(None, (" Because", 0.05, 0.4), (" of", 0.4, 0.8))),
    ]
    found = transcript(heard, spans=[(0.4, 3.0)], length_ms=4000, language="en", language_probability=None)
    assert [word.text for word in found.words] == [" so", " because", " of"]
    # Chunks that share no sound share no word: there it was said twice.
    apart = [(Chunk(((0, 2 * RATE),)), heard[0][1]), heard[1]]
    found = transcript(apart, spans=[(0.4, 3.0)], length_ms=4000, language="en", language_probability=None)
    assert [word.text for word in found.words] == [" so", " because", " Because", " of"]


@pytest.mark.parametrize(
    ("given_code", "code"),
    [("en", "en"), ("EN-us", "en"), ("zh_Hans_CN", "zh"), ("cmn", "zh"), ("tam", "ta"), ("ger", "de"), ("xx", "xx")],
)
def test_language_codes(given_code, code):
    assert whisper_code(given_code) == code


def test_english_only_models_are_known_by_name():
    assert english_only("tiny.en")
    assert english_only("Systran/faster-whisper-small.en")
    assert not english_only("small")


def test_a_word_that_was_put_too_early_and_heard_again_is_where_it_was_heard_again():
    first, rest = Chunk(((0, 14 * RATE),)), Chunk(((8 * RATE, 14 * RATE),))
    heard = [(first, said(8.6, (" we", 6.8, 7.1), (" because", 7.1, 7.5))), (rest, said(6.0, (" Because", 0.2, 0.5)))]
    spans = [(6.0, 7.6), (8.1, 9.0)]
    found = transcript(heard, spans=spans, length_ms=14_000, language="en", language_probability=None)
    assert [(word.text, word.start) for word in found.words] == [(" we", 6.8), (" Because", 8.2)]
    # Said after all that was understood at first, it was said twice.
    later = [heard[0], (rest, said(6.0, (" Because", 0.8, 1.0)))]
    found = transcript(later, spans=spans, length_ms=14_000, language="en", language_probability=None)
    assert [word.text for word in found.words] == [" we", " because", " Because"]


def test_speech_in_which_no_word_lies_is_told():
    words = [Timed(" one", 1000, 2000, 0.9), Timed(" two", 5000, 6000, 0.9)]
    spans = [(1.0, 7.05), (9.0, 9.9), (11.0, 13.0)]
    found = [(doubt.start, doubt.end, doubt.reason) for doubt in wordless(words, spans)]
    # Not the 0.95 s after the second word, nor the 0.9 s of a cough; the words' times are not sharper than 0.1 s.
    assert found == [(2.1, 4.9, "no-words"), (11.0, 13.0, "no-words")]
    assert wordless(words, spans, [Doubt(start=2.0, end=5.0, reason="no-speech")]) == [
        Doubt(start=11.0, end=13.0, reason="no-words")
    ]
    assert wordless([], [(0.0, 1.5)]) == [Doubt(start=0.0, end=1.5, reason="no-words")]


@given(speech(), st.data())
def test_what_is_told_as_wordless_is_all_speech_that_is_long_enough_and_has_no_word(given_speech, data):
    spans, length = given_speech
    times = sorted(data.draw(st.lists(st.integers(0, length * 1000 // RATE + 1), max_size=12)))
    words = [Timed("x", a, b, 0.9) for a, b in pairwise(times)][::2]
    clock = np.arange(0, length / RATE + 1, 0.01)

    def inside(stretches):
        return np.any([(clock >= a - 1e-6) & (clock < b - 1e-6) for a, b in stretches] or [clock < 0], axis=0)

    found = wordless(words, spans)
    told = inside([(doubt.start, doubt.end) for doubt in found])
    free = inside(spans) & ~inside([(w.start_ms / 1000 - 0.1, w.end_ms / 1000 + 0.1) for w in words])
    assert all(doubt.end - doubt.start > 0.99 for doubt in found)
    assert not (told & ~free).any() or (told & ~free).sum() <= 2 * len(found)
    # What is free and untold lies in stretches shorter than a second.
    edges = np.flatnonzero(np.diff(np.concatenate([[0], (free & ~told).astype(int), [0]])))
    assert all((stop - start) * 0.01 <= 1.03 for start, stop in zip(edges[::2], edges[1::2], strict=True))
