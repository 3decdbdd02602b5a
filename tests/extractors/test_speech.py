"""Speech with real models: true times, Whisper's known traps, both engines, and models that are not there."""

import resource

import numpy as np
import pytest
import soundfile
from pydantic import ValidationError
from recordings import FolderRecording
from speech_models import base, openai_tiny_en, tiny_en
from spoken import RATE_HZ, espeak, music, noise, recording, say, silence

from extractors import whisper_weights
from extractors.recognizer import Heard
from extractors.sound import SoundTrack
from extractors.speech import Speech
from extractors.voice_activity import VoiceActivity, load_detector
from extractors.word_times import Aligned
from schemas.errors import MeasurementError, MissingPart
from schemas.transcript import Span, Transcript
from schemas.transcript import VoiceActivity as Voice

SENTENCE = "it is easy to tell the depth of a well"


@pytest.fixture(scope="module")
def detector():
    pytest.importorskip("faster_whisper", reason="faster-whisper is not installed")
    return load_detector()


@pytest.fixture(scope="module")
def english():
    step = Speech(model=str(tiny_en()), device="cpu")
    return step, step.load()


def hear(made, speech, detector) -> Transcript:
    step, model = speech
    VoiceActivity().run([made], detector)
    step.run([made], model)
    return made.read("words", Transcript)


def plain(transcript: Transcript) -> list[str]:
    return ["".join(c for c in word.text.casefold() if c.isalnum()) for word in transcript.words]


def in_good_order(transcript: Transcript) -> bool:
    times = [time for word in transcript.words for time in (word.start, word.end)]
    return times == sorted(times) and all(word.start < word.end for word in transcript.words)


def spaced(texts: list[str], gap_s: float, before_s: float) -> tuple[np.ndarray, list[tuple[float, float]]]:
    """Words spoken one by one, and when."""
    sound, times, at = [silence(before_s)], [], before_s
    for text in texts:
        said = say(text)
        times.append((at, at + len(said) / RATE_HZ))
        sound += [said, silence(gap_s)]
        at = times[-1][1] + gap_s
    return np.concatenate([*sound, silence(1.0)]), times


@pytest.mark.parametrize(
    "text",
    ["seven people went to the market on monday morning", "the children are playing in the garden with a yellow ball"],
)
def test_word_times_are_those_of_words_put_together_at_known_times(tmp_path, english, detector, record_property, text):
    texts = text.split()
    sound, truth = spaced(texts, gap_s=0.12, before_s=2.0)
    found = hear(recording(tmp_path / "r", sound), english, detector)
    assert plain(found) == texts
    starts = np.array([word.start - start for word, (start, _) in zip(found.words, truth, strict=True)])
    ends = np.array([word.end - end for word, (_, end) in zip(found.words, truth, strict=True)])
    record_property("mean_start_error_s", float(np.abs(starts).mean()))
    record_property("mean_end_error_s", float(np.abs(ends).mean()))
    assert np.abs(starts).mean() < 0.1
    assert np.abs(starts).max() < 0.3
    assert np.abs(ends).mean() < 0.16
    assert in_good_order(found)


def test_the_transcript_says_what_is_known(tmp_path, english, detector):
    found = hear(recording(tmp_path / "r", np.concatenate([silence(1), say(SENTENCE), silence(1)])), english, detector)
    assert plain(found) == SENTENCE.split()
    assert found.text[0] != " "
    assert found.numbers == "int8"
    # An English model detects nothing: the language is known, its probability is not measured.
    assert (found.language, found.language_probability) == ("en", None)
    assert all(word.probability is not None and 0 <= word.probability <= 1 for word in found.words)
    assert found.words[-1].sentence_end
    assert all(word.start == round(word.start, 3) for word in found.words)


def test_the_same_sound_gives_the_same_bytes(tmp_path, english, detector):
    sound = np.concatenate([silence(1), say(SENTENCE), noise(1), say("it was a cold day")])
    first = hear(recording(tmp_path / "a", sound), english, detector)
    step, _ = english
    again = hear(recording(tmp_path / "b", sound), (step, step.load()), detector)
    assert first.to_bytes() == again.to_bytes()


def test_neighbours_in_a_batch_change_nothing(tmp_path, english, detector):
    step, model = english
    texts = [SENTENCE, "we were happy to see you", "nobody knows the answer"]
    made = [recording(tmp_path / str(n), np.concatenate([silence(1), say(text)])) for n, text in enumerate(texts)]
    VoiceActivity().run(made, detector)
    step.run(made, model)
    together = [each.read("words", Transcript).to_bytes() for each in made]
    for each in made:
        step.run([each], model)
    assert [each.read("words", Transcript).to_bytes() for each in made] == together


@pytest.mark.parametrize(
    "sound",
    [silence(40), noise(40), music(40), noise(2), silence(0.001)],
    ids=["silence", "noise", "music", "short noise", "almost nothing"],
)
def test_no_words_are_invented_without_speech(tmp_path, english, detector, sound):
    found = hear(recording(tmp_path / "r", sound), english, detector)
    assert (found.words, found.language, found.text) == ((), None, "")


def test_music_and_noise_between_sentences_get_no_words(tmp_path, english, detector):
    said = say(SENTENCE)
    sound = np.concatenate([music(12), said, noise(12, 0.01), said, music(10)])
    found = hear(recording(tmp_path / "r", sound), english, detector)
    length = len(said) / RATE_HZ
    truth = [(12.0, 12.0 + length), (24.0 + length, 24.0 + 2 * length)]
    assert len(found.words) >= 18
    for word in found.words:
        assert any(start - 0.4 <= word.start and word.end <= end + 0.4 for start, end in truth)


def test_a_very_long_silence_holds_no_words_and_shifts_none(tmp_path, english, detector):
    said = say(SENTENCE)
    length = len(said) / RATE_HZ
    sound = np.concatenate([silence(1), said, silence(300), said, silence(30)])
    found = hear(recording(tmp_path / "r", sound), english, detector)
    assert plain(found) == SENTENCE.split() * 2
    first, second = found.words[:10], found.words[10:]
    assert first[-1].end <= 1 + length + 0.3
    assert second[0].start >= 301 + length - 0.3
    # The same words at the same places of the sentence, 300 s and one sentence later.
    late = np.array([b.start - a.start for a, b in zip(first, second, strict=True)])
    assert np.abs(late - 300 - length).max() < 0.3


def test_numbers_have_times_of_their_own(tmp_path, english, detector):
    parts = ["in the year", "twenty twenty four", "it costs", "five dollars", "and", "fifty percent", "is gone"]
    sound, truth = spaced(parts, gap_s=0.15, before_s=1.0)
    found = hear(recording(tmp_path / "r", sound), english, detector)
    digits = [word for word in found.words if any(character.isdigit() for character in word.text)]
    assert any("2024" in word.text for word in digits)
    assert any("5" in word.text for word in digits)
    for number, spoken in (("2024", truth[1]), ("5", truth[3])):
        word = next(word for word in digits if number in word.text)
        assert not word.interpolated
        assert word.end - word.start > 0.1
        assert spoken[0] - 0.3 <= word.start
        assert word.end <= spoken[1] + 0.35
    assert in_good_order(found)


def test_a_phrase_that_was_repeated_stays_repeated(tmp_path, english, detector):
    sound, _ = spaced(["we will never give up"] * 4, gap_s=0.3, before_s=1.0)
    found = hear(recording(tmp_path / "r", sound), english, detector)
    assert plain(found) == ["we", "will", "never", "give", "up"] * 4
    assert not [doubt for doubt in found.doubts if doubt.reason == "repetition"]


def test_a_loop_of_the_model_does_not_reach_the_transcript(tmp_path, english, detector):
    """Nonsense (a slowed-down hum that passes for speech) makes Whisper run on; every word must be sayable."""
    made = recording(tmp_path / "r", np.concatenate([say("mmmm hmmm mmmm hmmm") for _ in range(6)]))
    VoiceActivity().run([made], detector)
    made.write("voice", Voice(spans=(Span(start=0.0, end=soundfile.info(made.folder / "audio.flac").duration),)))
    step, model = english
    step.run([made], model)
    found = made.read("words", Transcript)
    assert in_good_order(found)
    letters = sum(len(word) for word in plain(found))
    assert letters <= 30 * soundfile.info(made.folder / "audio.flac").duration


@pytest.mark.parametrize(("limit", "penalties"), [(32, [1.0]), (4, [1.0, 1.1])])
def test_text_that_runs_on_to_the_limit_is_decoded_again_against_loops(english, monkeypatch, limit, penalties):
    _, model = english
    monkeypatch.setattr("extractors.whisper_faster._TOKENS_PER_S", 0)
    monkeypatch.setattr("extractors.whisper_faster._TOKENS_SPARE", limit)
    used: list[float] = []
    generate = type(model._model.model).generate

    class Spied:
        def __getattr__(self, name):
            return getattr(engine, name)

        def generate(self, *told, **named):
            used.append(named["repetition_penalty"])
            found = generate(engine, *told, **named)
            assert all(len(one.sequences_ids[0]) <= limit for one in found)
            return found

    engine = model._model.model
    monkeypatch.setattr(model._model, "model", Spied())
    encoded = model.encode([say(SENTENCE)])
    (heard,) = model.recognize(encoded, [len(say(SENTENCE))], "en")
    assert used == penalties
    assert ("well" in heard.text) == (limit == 32)


def test_voice_where_there_is_none_gives_a_transcript_all_the_same(tmp_path, english):
    """A detector may be wrong: silence taken for speech must neither fail nor be believed without a doubt."""
    made = recording(tmp_path / "r", silence(20))
    made.write("voice", Voice(spans=(Span(start=2.0, end=18.0),)))
    step, model = english
    step.run([made], model)
    found = made.read("words", Transcript)
    assert found.words == ()
    assert {doubt.reason for doubt in found.doubts} == {"no-speech"}


def test_what_the_model_leaves_out_at_the_end_of_a_chunk_is_heard(tmp_path, english, detector):
    texts = ["place red at six please", "lay green by eight now", "the weather is nice", "open the second window"]
    sound, truth = spaced(texts, gap_s=1.2, before_s=0.5)
    found = hear(recording(tmp_path / "r", sound), english, detector)
    for start, end in truth:
        inside = [word for word in found.words if word.start >= start - 0.3 and word.end <= end + 0.3]
        assert len(inside) >= 3


def test_two_hours_have_bounded_memory_and_no_drift(tmp_path, english, detector):
    said = say(SENTENCE)
    at_s = [10.0, 1800.0, 3601.25, 5400.0, 7190.0]
    made = FolderRecording(tmp_path / "r")
    with soundfile.SoundFile(made.folder / "audio.flac", "w", RATE_HZ, 1, subtype="PCM_16", format="FLAC") as file:
        written = 0
        for start in at_s:
            gap = round(start * RATE_HZ) - written
            for first in range(0, gap, RATE_HZ * 60):
                file.write(np.zeros(min(RATE_HZ * 60, gap - first), np.int16))
            file.write(said)
            written += gap + len(said)
        file.write(np.zeros(7200 * RATE_HZ - written, np.int16))
    before_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found = hear(made, english, detector)
    grown_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before_mb
    # The samples alone would be 460 MB.
    assert grown_mb < 150
    # A small model may take "a" for "the"; none may be dropped or invented.
    assert sum(heard == said for heard, said in zip(plain(found), SENTENCE.split() * 5, strict=True)) >= 48
    offsets = np.array([word.start for word in found.words[::10]]) - at_s
    assert np.abs(offsets).max() < 0.3
    assert np.ptp(offsets) < 0.2


def test_one_sentence_said_ten_times_is_heard_ten_times(tmp_path, english, detector):
    """Text that zlib makes very small is no loop if it was said; repeating it less would be the invention."""
    sound, truth = spaced([SENTENCE] * 10, gap_s=1.0, before_s=0.5)
    found = hear(recording(tmp_path / "r", sound), english, detector)
    right = [heard == said for heard, said in zip(plain(found), SENTENCE.split() * 10, strict=True)]
    assert sum(right) >= 97
    starts = np.array([word.start for word in found.words[::10]])
    assert np.abs(starts - [start for start, _ in truth]).max() < 0.3


# ---------------------------------------------------------------- the order of work, without a model


class Parrot:
    """Hears one word for each chunk, `w` and the number of samples; in chunks over `sane` seconds it runs in a loop."""

    languages = frozenset({"en", "de"})
    numbers = "int8"
    batch = 4

    def __init__(self, *, mixes: bool, sane: float = 30.0, likely: str = "en") -> None:
        self.mixes = mixes
        self.sane = sane
        self.likely = likely
        self.batches: list[tuple[str, int]] = []

    def encode(self, sounds):
        return list(sounds)

    def detect(self, encoded):
        return [{self.likely: 0.75, "xx": 0.25} for _ in encoded]

    def recognize(self, encoded, lengths, language):
        assert [len(sound) for sound in encoded] == list(lengths)
        self.batches.append((language, len(encoded)))
        return [self._one(length) for length in lengths]

    def _one(self, length):
        seconds = length / RATE_HZ
        if seconds > self.sane:
            return Heard(tuple(Aligned(" loop", 0.0, 0.0, 0.9) for _ in range(100)), -0.1, 0.0)
        return Heard((Aligned(f" w{length}", 0.6, min(1.0, seconds), 0.9),), -0.1, 0.0)


def with_voice(folder, seconds, spans, **known):
    made = recording(folder, noise(seconds), **known)
    made.write("voice", Voice(spans=tuple(Span(start=a, end=b) for a, b in spans)))
    return made


def test_chunks_of_several_recordings_share_a_batch_only_where_the_model_mixes(tmp_path):
    alone = [("en", 1)] * 6 + [("de", 1)] * 3
    for mixes, expected in ((True, [("en", 2)] * 3 + [("de", 1)] * 3), (False, alone)):
        spans = [(1.0, 26.0), (31.0, 56.0), (61.0, 86.0)]
        made = [
            with_voice(tmp_path / f"{mixes}{number}", 90, spans, language=language)
            for number, language in enumerate(["en", "en", "de"])
        ]
        parrot = Parrot(mixes=mixes)
        Speech().run(made, parrot)
        assert parrot.batches == expected
        for each in made:
            words = each.read("words", Transcript).words
            assert [round(word.start) for word in words] == [1, 31, 61]


def test_the_language_is_that_of_most_of_the_sound(tmp_path):
    made = with_voice(tmp_path / "r", 20, [(1.0, 9.0)])
    Speech().run([made], Parrot(mixes=False, likely="de"))
    found = made.read("words", Transcript)
    assert (found.language, found.language_probability) == ("de", 0.75)


def test_a_chunk_in_a_loop_is_heard_again_in_halves(tmp_path):
    made = with_voice(tmp_path / "r", 30, [(1.0, 12.0), (13.0, 24.0)])
    Speech().run([made], Parrot(mixes=False, sane=15.0))
    found = made.read("words", Transcript)
    assert [round(word.start) for word in found.words] == [1, 13]
    # The parrot says a short word in each, and no more for ten seconds: that is told. There is no loop.
    assert [(doubt.reason, doubt.start, doubt.end) for doubt in found.doubts] == [
        ("no-words", found.words[0].end + 0.1, 12.0),
        ("no-words", found.words[1].end + 0.1, 24.0),
    ]


def test_a_loop_that_stays_in_halves_is_cut_and_doubted(tmp_path):
    made = with_voice(tmp_path / "r", 30, [(1.0, 12.0), (13.0, 24.0)])
    Speech().run([made], Parrot(mixes=False, sane=1.0))
    found = made.read("words", Transcript)
    assert {doubt.reason for doubt in found.doubts} == {"repetition"}
    assert in_good_order(found)


# ---------------------------------------------------------------- languages


@pytest.fixture(scope="module")
def multilingual():
    step = Speech(model=str(base()), device="cpu")
    return step, step.load()


def test_the_language_is_detected_with_its_probability(tmp_path, multilingual, detector):
    said = espeak("Guten Tag, meine Damen und Herren. Heute ist das Wetter sehr schön.", "de")
    found = hear(recording(tmp_path / "r", np.concatenate([silence(1), said])), multilingual, detector)
    assert found.language == "de"
    assert found.language_probability is not None
    assert 0.5 < found.language_probability <= 1


def test_the_sources_language_wins_and_is_not_detected(tmp_path, multilingual, detector):
    _, model = multilingual
    said = espeak("Buenos días, señoras y señores. Hoy hace muy buen tiempo.", "es")
    made = recording(tmp_path / "r", np.concatenate([silence(1), said]), language="es-MX")
    found = hear(made, (Speech(model=str(base()), device="cpu", language="de"), model), detector)
    assert (found.language, found.language_probability) == ("es", None)
    assert "buen" in found.text.casefold()


def test_chinese_is_joined_without_spaces(tmp_path, multilingual, detector):
    said = espeak("今天天气很好,我们去公园。", "cmn")
    made = recording(tmp_path / "r", np.concatenate([silence(1), said, silence(1)]), language="zh")
    found = hear(made, multilingual, detector)
    assert len(found.words) >= 3
    assert " " not in found.text
    assert found.text == "".join(word.text for word in found.words)
    assert in_good_order(found)


def test_a_language_that_the_model_does_not_know_is_refused(tmp_path, english, detector):
    made = recording(tmp_path / "r", np.concatenate([silence(1), say(SENTENCE)]), language="fr")
    with pytest.raises(MeasurementError, match="English only"):
        hear(made, english, detector)


def test_a_recipe_cannot_ask_an_english_model_for_french():
    with pytest.raises(ValidationError, match="knows English only"):
        Speech(model="tiny.en", language="fr")
    assert Speech(model="tiny.en", language="en-GB").language == "en-GB"


# ---------------------------------------------------------------- openai-whisper


# openai-whisper leaves its vocabulary file for the garbage collector to close.
@pytest.mark.filterwarnings("ignore:Exception ignored in.*:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_openai_whisper_says_the_same_with_the_same_weights(tmp_path, english, detector):
    step = Speech(engine="openai-whisper", model=str(openai_tiny_en()), device="cpu")
    sound = np.concatenate([silence(2), say(SENTENCE), silence(3), say("it was a cold day in the year two thousand")])
    model = step.load()
    ours = hear(recording(tmp_path / "a", sound), (step, model), detector)
    other = hear(recording(tmp_path / "b", sound), english, detector)
    assert plain(ours)[:10] == SENTENCE.split()
    assert plain(ours) == plain(other)
    starts = np.array([a.start - b.start for a, b in zip(ours.words, other.words, strict=True)])
    assert np.abs(starts).mean() < 0.06
    assert in_good_order(ours)
    assert (ours.language, ours.language_probability) == ("en", None)
    assert step.weights() == {"tiny.en.pt": whisper_weights.weights.file_sha256(openai_tiny_en())}
    assert hear(recording(tmp_path / "c", silence(3)), (step, model), detector).words == ()


def test_openai_names_are_pinned_by_its_own_hashes():
    pytest.importorskip("whisper", reason="openai-whisper is not installed")
    pin = Speech(engine="openai-whisper", model="tiny.en").weights()
    assert pin == {"openai-whisper:tiny.en": "d3dd57d32accea0b295c96e26691aa14d8822fac7d9d27d5dc00b4ca2826dd03"}
    with pytest.raises(MissingPart, match="no model called 'huge'"):
        Speech(engine="openai-whisper", model="huge").weights()


# ---------------------------------------------------------------- weights and configuration


def test_a_step_asks_for_sound_and_voice():
    step = Speech()
    assert step.requires() == (SoundTrack(), VoiceActivity())
    assert step.makes == ("words",)
    assert step.reads == ("audio", "voice", "language")
    assert (step.needs.where(0).batch, step.needs.where(0).gpus) == (1, 0)
    assert step.needs.where(2) == Speech(device="cuda").needs
    assert Speech(device="cpu").needs.where(2).gpus == 0
    on_gpu = Speech(device="cuda").needs
    assert on_gpu.gpus == 1
    assert on_gpu.batch > 1


def test_weights_are_named_without_a_download():
    assert Speech(model="small").weights() == {
        "Systran/faster-whisper-small": "536b0662742c02347bc0e980a01041f333bce120"
    }
    assert Speech(model="small", revision="abc").weights() == {"Systran/faster-whisper-small": "abc"}
    assert Speech(model="owner/some-whisper").weights() == {"owner/some-whisper": "main"}
    assert Speech(model="owner/a").identity() != Speech(model="owner/a", revision="b").identity()


def test_a_local_folder_is_known_by_its_content(tmp_path):
    (tmp_path / "model.bin").write_bytes(b"one")
    first = Speech(model=str(tmp_path)).weights()
    (tmp_path / "model.bin").write_bytes(b"other")
    assert Speech(model=str(tmp_path)).weights() != first


def test_tiny_en_comes_out_of_a_package(monkeypatch):
    folder = tiny_en()
    assert whisper_weights.converted_folder("tiny.en", None) == folder
    assert set(Speech(model="tiny.en").weights().values()) >= {
        "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"
    }


@pytest.mark.parametrize("model", ["./no-such-folder", "/no/such/folder"])
def test_a_missing_folder_is_named(model):
    with pytest.raises(MissingPart, match="is no folder"):
        Speech(model=model).weights()


def test_an_unknown_name_lists_what_there_is():
    with pytest.raises(MissingPart, match="no speech model is called 'smal'") as caught:
        Speech(model="smal").weights()
    assert "small" in caught.value.do


def test_a_model_that_cannot_be_fetched_says_what_to_do(monkeypatch, tmp_path):
    huggingface_hub = pytest.importorskip("huggingface_hub", reason="faster-whisper is not installed")
    from huggingface_hub.errors import LocalEntryNotFoundError

    def offline(*_, **__):
        raise LocalEntryNotFoundError("no connection")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", offline)
    with pytest.raises(MissingPart, match="Systran/faster-whisper-small") as caught:
        Speech(model="small").load()
    assert "536b0662742c02347bc0e980a01041f333bce120" in caught.value.do


def test_a_folder_without_a_model_is_refused(tmp_path):
    pytest.importorskip("faster_whisper", reason="faster-whisper is not installed")
    (tmp_path / "model.bin").write_bytes(b"not a model")
    with pytest.raises(MissingPart, match="cannot be loaded"):
        Speech(model=str(tmp_path), device="cpu").load()


def test_a_gpu_that_is_not_there_is_missed():
    ctranslate2 = pytest.importorskip("ctranslate2", reason="faster-whisper is not installed")
    if ctranslate2.get_cuda_device_count():
        pytest.skip("there is a GPU here")
    with pytest.raises(MissingPart, match="no GPU"):
        Speech(model=str(tiny_en()), device="cuda").load()


def test_another_file_under_the_packages_name_is_not_taken(monkeypatch):
    tiny_en()
    distribution, inside, files = whisper_weights.CARRIED["tiny.en"]
    monkeypatch.setitem(whisper_weights.CARRIED, "tiny.en", (distribution, inside, files | {"config.json": "0" * 64}))
    assert whisper_weights.carried_folder("tiny.en") is None
