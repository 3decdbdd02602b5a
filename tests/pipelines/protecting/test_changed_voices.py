"""Voices in published sound: less like their speaker, understood as before, on the same clock."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("parselmouth", reason="pip install 'affectloom[prosody]'")

from dataset_making import RATE, spoken
from recordings import FolderRecording
from speech_models import tiny_en
from spoken import RATE_HZ, say, silence

from extractors import voice_encoder, weights
from pipelines.exporting.published import open_published
from pipelines.protecting.beeps import beeped
from pipelines.protecting.voices import Shift, change, changed, shift_of
from pipelines.publishing.publish import publish
from pipelines.watching.media import Concealed, Media
from schemas.errors import UsageError
from schemas.facts import Facts, SoundStream
from schemas.privacy import Privacy
from schemas.publication import About, Publication

SAID = (
    "I opened the letter this morning and read it twice. The children are playing in the garden. "
    "Nothing better has happened to me all year."
)
SECRET = "a secret that is long enough"  # noqa: S105 - of nothing
VOICES = ("slt", "rms", "awb")
SHIFTS = [shift_of(who, SECRET) for who in ("one", "two", "three", "four", "five", "six")]
DEMO = Path(__file__).parents[3] / "pipelines" / "demo" / "media"


def test_each_speaker_has_a_shift_of_their_own_far_enough_from_none():
    many = [shift_of(f"s{at}", SECRET) for at in range(200)]
    assert len(set(many)) == 200
    assert shift_of("s0", SECRET) == many[0]
    assert shift_of("s0", SECRET + "!") != many[0]
    low = [one for one in many if one.formants < 1]
    assert 60 < len(low) < 140
    assert all(0.76 <= one.formants <= 0.82 and 0.65 <= one.pitch <= 0.75 for one in low)
    assert all(1.24 <= one.formants <= 1.32 and 1.35 <= one.pitch <= 1.5 for one in many if one not in low)


@pytest.fixture(scope="module")
def encoder():
    pytest.importorskip("torch")
    pytest.importorskip("librosa")
    if weights.find(voice_encoder.GE2E) is None:
        pytest.skip("pip install --no-deps Resemblyzer")
    return voice_encoder.load()


def voice_of(encoder, sound: np.ndarray) -> np.ndarray:
    raised = sound * voice_encoder.loudness_gain(float(np.mean(sound**2)))
    length = round(voice_encoder.WINDOW_S * RATE_HZ)
    windows = [raised[at : at + length] for at in range(0, len(raised) - length, length // 2)]
    mean = voice_encoder.embed(encoder, [one.astype(np.float32) for one in windows]).mean(axis=0)
    return mean / np.linalg.norm(mean)


def halves(sound: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return sound[: len(sound) // 2], sound[len(sound) // 2 :]


def test_an_encoder_of_voices_finds_the_speaker_less_alike(encoder):
    for name, shift in zip(VOICES, SHIFTS[:3], strict=True):
        sound = say(SAID, name).astype(np.float64)
        first, second = halves(sound)
        own = float(voice_of(encoder, first) @ voice_of(encoder, second))
        other = float(voice_of(encoder, first) @ voice_of(encoder, change(second, RATE_HZ, shift)))
        assert other < own - 0.1, (name, shift, own, other)


@pytest.mark.filterwarnings("ignore")
def test_whisper_understands_what_is_said_as_before():
    from faster_whisper import WhisperModel
    from jiwer import wer

    model = WhisperModel(str(tiny_en()), device="cpu", compute_type="int8")

    def heard(sound: np.ndarray) -> str:
        parts, _ = model.transcribe(sound.astype(np.float32), language="en", beam_size=5)
        return "".join(one for one in " ".join(part.text for part in parts).lower() if one.isalpha() or one == " ")

    wanted = "".join(one for one in SAID.lower() if one.isalpha() or one == " ")
    for name, shift in zip(VOICES[:2], SHIFTS[:2], strict=True):
        assert wer(wanted, heard(change(say(SAID, name).astype(np.float64), RATE_HZ, shift))) < 0.2, (name, shift)


@pytest.mark.parametrize("shift", [Shift(0.78, 0.7), Shift(1.28, 1.4)])
def test_pitch_and_formants_move_by_their_factors(shift: Shift):
    import parselmouth
    from voices import VOWEL, pulses, resonate

    def median_pitch(sound: np.ndarray, factor: float) -> float:
        found = parselmouth.Sound(sound, RATE_HZ).to_pitch_ac(pitch_floor=75 * factor, pitch_ceiling=600 * factor)
        voiced = found.selected_array["frequency"]
        return float(np.median(voiced[voiced > 0]))

    said = say(SAID, "rms").astype(np.float64)
    raised = median_pitch(change(said, RATE_HZ, shift), shift.pitch)
    assert raised == pytest.approx(median_pitch(said, 1.0) * shift.pitch, rel=0.04)

    vowel = resonate(pulses(np.arange(0.1, 2.9, 1 / 150), np.ones(420), 3.0), VOWEL).astype(np.float64)
    made = change(vowel, RATE_HZ, shift)
    assert len(made) == len(vowel)
    formants = parselmouth.Sound(made, RATE_HZ).to_formant_burg(maximum_formant=5000 * shift.formants)
    for number, hertz in ((2, 1500), (3, 2500)):
        seen = np.nanmedian([formants.get_value_at_time(number, at) for at in np.arange(1, 2, 0.05)])
        assert seen == pytest.approx(hertz * shift.formants, rel=0.06)


def opened(folder: Path, sound: np.ndarray) -> soundfile.SoundFile:
    soundfile.write(folder / "sound.flac", sound, RATE_HZ, subtype="PCM_16")
    return soundfile.SoundFile(folder / "sound.flac")


def loudness(sound: np.ndarray) -> np.ndarray:
    return np.sqrt(np.mean(sound[: len(sound) // 320 * 320].reshape(-1, 320) ** 2, axis=1))


def test_a_clip_keeps_its_length_and_its_clock(tmp_path: Path):
    said = say(SAID[:50]).astype(np.float64)
    sound = np.concatenate([silence(1.0), said, silence(0.7), said, silence(0.5)])
    with opened(tmp_path, sound) as file:
        whole = changed(file, 0, file.frames, SHIFTS[0])
        assert len(whole) == file.frames
        short = changed(file, 16_100, 16_900, SHIFTS[0])
        assert len(short) == 800, "shorter than what Praat takes"
        assert len(changed(file, 0, 1, SHIFTS[0])) == 1
        assert not changed(file, 0, 4000, SHIFTS[0]).any(), "nothing comes out of silence"
    before, after = loudness(sound), loudness(whole)
    lags = range(-5, 6)
    fits = [np.corrcoef(before[10:-10], np.roll(after, lag)[10:-10])[0, 1] for lag in lags]
    assert lags[int(np.argmax(fits))] == 0, "20 ms a step"
    assert max(fits) > 0.8


def test_pieces_of_a_long_stretch_are_joined_without_a_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    sound = np.concatenate([say(SAID).astype(np.float64)] * 2)
    with opened(tmp_path, sound) as file:
        whole = changed(file, 0, file.frames, SHIFTS[1])
        monkeypatch.setattr("pipelines.protecting.voices._PIECE_S", 3)
        pieces = changed(file, 0, file.frames, SHIFTS[1])
    assert len(pieces) == len(whole)
    one, other = loudness(whole), loudness(pieces)
    assert np.corrcoef(one, other)[0, 1] > 0.97
    loud = one > 0.02
    assert (other[loud] / one[loud]).min() > 0.3


def test_the_same_bytes_in_another_process(tmp_path: Path):
    script = (
        "import sys, hashlib, soundfile\nfrom pipelines.protecting.voices import changed, shift_of\n"
        "with soundfile.SoundFile(sys.argv[1]) as file:\n"
        "    made = changed(file, 8000, file.frames - 8000, shift_of('one', 'x' * 16))\n"
        "print(hashlib.sha256(made.tobytes()).hexdigest())"
    )
    opened(tmp_path, say(SAID)).close()
    command = [sys.executable, "-c", script, str(tmp_path / "sound.flac")]
    said = {
        subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    }
    assert len(said) == 1


def test_a_tone_takes_the_place_of_words_and_of_nothing_else():
    sound = np.random.default_rng(1).uniform(-0.5, 0.5, 3 * RATE_HZ)
    made = beeped(sound, RATE_HZ, 10.0, [(11.0, 11.5), (12.9, 20.0), (1.0, 2.0)])
    first, last = round(0.88 * RATE_HZ), round(1.62 * RATE_HZ)
    assert np.array_equal(made[:first], sound[:first])
    assert np.array_equal(made[last : round(2.78 * RATE_HZ)], sound[last : round(2.78 * RATE_HZ)])
    inside = made[first:last]
    assert np.abs(inside).max() <= 0.061
    assert abs(np.corrcoef(inside, sound[first:last])[0, 1]) < 0.05
    spectrum = np.abs(np.fft.rfft(inside))
    assert np.fft.rfftfreq(len(inside), 1 / RATE_HZ)[spectrum.argmax()] == pytest.approx(440, abs=2)
    assert np.abs(made[round(2.78 * RATE_HZ) :]).max() <= 0.061
    assert beeped(sound, RATE_HZ, 10.0, [(1.0, 2.0)]) is sound


def heard_in(data: bytes, rate_hz: int = RATE_HZ) -> np.ndarray:
    """The sound of any file, mono."""
    command = ["ffmpeg", "-v", "error", "-i", "pipe:0", "-ac", "1", "-ar", str(rate_hz), "-f", "f32le", "-"]
    done = subprocess.run(command, input=data, capture_output=True, check=True)
    return np.frombuffer(done.stdout, np.float32).astype(np.float64)


@pytest.fixture
def talk(tmp_path: Path) -> FolderRecording:
    """The demo's talk, with its sound as it is measured."""
    path = DEMO / "talk.mp4"
    made = FolderRecording(tmp_path / "talk", path)
    soundfile.write(made.folder / "audio.flac", heard_in(path.read_bytes()), RATE, subtype="PCM_16")
    return made


def test_the_sound_of_a_video_is_the_changed_one_on_the_clock_of_its_pictures(talk: FolderRecording, encoder):
    facts = Facts(form="video", sound=SoundStream(codec="aac", rate_hz=44_100, channels=2))
    cuts = []
    for privacy in (Privacy(), Privacy(change_voices=True)):
        with Media(talk, facts, ["audio", "video"], privacy, SECRET) as media:
            cuts.append(media.cut("talk#0000", 0.4, 4.4, Concealed("clara")))
            assert media.problems == []
    plain, hidden = ({name: one["bytes"] for name, one in cut.items()} for cut in cuts)
    in_video, alone = heard_in(hidden["video"]), heard_in(hidden["audio"])
    assert len(alone) == 4 * RATE_HZ == len(heard_in(plain["audio"]))
    assert abs(len(in_video) - len(alone)) < 2048, "AAC counts in frames"
    count = min(len(in_video), len(alone))
    together = np.fft.irfft(np.fft.rfft(in_video[:count]) * np.conj(np.fft.rfft(alone[:count])))
    assert int(together.argmax()) in (0, count - 1, 1), "no shift between the two"
    assert np.corrcoef(in_video[:count], alone[:count])[0, 1] > 0.95
    same = voice_of(encoder, heard_in(plain["video"])) @ voice_of(encoder, heard_in(plain["audio"]))
    other = voice_of(encoder, heard_in(plain["video"])) @ voice_of(encoder, in_video)
    assert same > 0.97
    assert other < same - 0.1

    def pictures(data: bytes) -> bytes:
        command = ["ffmpeg", "-v", "error", "-i", "pipe:0", "-map", "0:v", "-f", "framemd5", "-"]
        return subprocess.run(command, input=data, capture_output=True, check=True).stdout

    assert pictures(hidden["video"]) == pictures(plain["video"])


def test_where_the_sound_was_not_decoded_there_is_none(talk: FolderRecording):
    (talk.folder / "audio.flac").unlink()
    facts = Facts(form="video", sound=SoundStream(codec="aac", rate_hz=44_100, channels=2))
    with Media(talk, facts, ["audio", "video"], Privacy(change_voices=True), SECRET) as media:
        assert media.cut("talk#0000", 0.0, 1.0) == {"audio": None, "video": None}
    assert {one.medium for one in media.problems} == {"audio", "video"}
    assert "the sound was not decoded" in media.problems[0].message


def test_a_publication_has_other_sound_and_the_prosody_that_was_measured(tmp_path: Path):
    recordings = [spoken(tmp_path, f"r{at}", [(0, 1.0), (1.0, 2.5)], seed=at, speaker=f"s{at // 2}") for at in range(4)]
    for at, one in enumerate(recordings):
        sound = say(SAID, VOICES[at // 2])[: round(2.5 * RATE)]
        soundfile.write(one.folder / "audio.flac", sound, RATE, subtype="PCM_16")

    def published(out: str, secret: str = SECRET, **privacy):
        how = Publication(audit="skip", media=["audio"], privacy=privacy)
        publish(recordings, how, str(tmp_path / out), about=About(name="x"), salt=secret)
        return {row["id"]: row for row in open_published(tmp_path / out).rows()}

    plain, hidden = published("plain"), published("hidden", change_voices=True)
    again, other = published("again", change_voices=True), published("other", SECRET + "2", change_voices=True)
    for name, row in hidden.items():
        assert row["prosody"] == plain[name]["prosody"]
        assert row["words"] == plain[name]["words"]
        before, after = (soundfile.read(io.BytesIO(one["audio"]["bytes"]))[0] for one in (plain[name], row))
        assert len(before) == len(after)
        assert np.abs(np.corrcoef(before, after)[0, 1]) < 0.9
        assert again[name]["audio"]["bytes"] == row["audio"]["bytes"]
        assert other[name]["audio"]["bytes"] != row["audio"]["bytes"]
    manifests = [(tmp_path / out / "manifest.json").read_text() for out in ("plain", "hidden", "again", "other")]
    assert manifests[1] == manifests[2]
    assert len(set(manifests)) == 3
    card = (tmp_path / "hidden" / "README.md").read_text()
    assert "Voices in `audio` and `video` are changed" in card
    assert "so that it can be changed back" in card
    assert SECRET not in card + manifests[1]


def test_a_secret_is_needed(tmp_path: Path):
    how = Publication(audit="skip", privacy={"change_voices": True})
    with pytest.raises(UsageError, match="change_voices needs a secret of at least 16 bytes"):
        publish([spoken(tmp_path, "r", [(0, 1)])], how, str(tmp_path / "out"), about=About(name="x"), salt="short")
    assert not (tmp_path / "out").exists()
