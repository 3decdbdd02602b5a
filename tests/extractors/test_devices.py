"""Which device and which numbers each `device` setting takes, with stand-ins for the GPU: none was at hand.

What is computed on a GPU is not tested here, only what the engines are asked for.
"""

from types import SimpleNamespace

import pytest
from pydantic import ValidationError
from speech_models import tiny_en

from extractors import picture_encoders, whisper_faster, whisper_openai
from extractors.clip import PictureEmbedding
from extractors.dinov2 import NAME
from extractors.speech import Speech

# gpus there, the recipe's device, what the engine is asked for
TAKEN = [(0, "auto", "cpu"), (0, "cpu", "cpu"), (1, "auto", "cuda"), (1, "cpu", "cpu"), (1, "cuda", "cuda")]


@pytest.mark.parametrize(("gpus", "device", "taken"), TAKEN)
def test_faster_whisper_takes_float16_on_a_gpu_and_int8_elsewhere(monkeypatch, gpus, device, taken):
    ctranslate2 = pytest.importorskip("ctranslate2", reason="faster-whisper is not installed")
    faster_whisper = pytest.importorskip("faster_whisper", reason="faster-whisper is not installed")
    asked = {}

    def model(folder, **how):
        asked.update(how)
        return SimpleNamespace(model=SimpleNamespace(device=how["device"]), supported_languages=["en"])

    monkeypatch.setattr(ctranslate2, "get_cuda_device_count", lambda: gpus)
    monkeypatch.setattr(faster_whisper, "WhisperModel", model)
    loaded = Speech(model=str(tiny_en()), device=device).load()
    assert (asked["device"], asked["compute_type"]) == (taken, "float16" if taken == "cuda" else "int8")
    # Recordings share passes where that gains something and changes nothing: on a GPU.
    assert loaded.mixes == (taken == "cuda")
    assert (loaded.batch == whisper_faster._GPU_BATCH) == (taken == "cuda")
    assert loaded.numbers == asked["compute_type"]


@pytest.mark.parametrize(("gpus", "device", "taken"), TAKEN)
def test_openai_whisper_takes_float16_on_a_gpu_and_float32_elsewhere(monkeypatch, tmp_path, gpus, device, taken):
    torch = pytest.importorskip("torch")
    whisper = pytest.importorskip("whisper", reason="openai-whisper is not installed")
    asked = {}

    def load_model(name, **how):
        asked.update(how)
        return SimpleNamespace(device=SimpleNamespace(type=how["device"]), is_multilingual=False)

    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(whisper, "load_model", load_model)
    loaded = whisper_openai.load(tmp_path / "mine.pt", model=str(tmp_path / "mine.pt"), device=device, beam_size=5)
    assert asked == {"device": taken}
    assert loaded.mixes == (taken == "cuda")
    assert loaded.numbers == ("float16" if taken == "cuda" else "float32")


@pytest.mark.parametrize(("gpus", "device", "taken"), TAKEN)
def test_pictures_go_where_the_recipe_says(monkeypatch, tmp_path, gpus, device, taken):
    torch = pytest.importorskip("torch")
    pytest.importorskip("transformers")
    (tmp_path / "config.json").write_text('{"model_type": "clip"}')
    (tmp_path / "model.safetensors").touch()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    asked = []
    monkeypatch.setattr(picture_encoders, "_load", lambda *how, **_: asked.append(how))
    picture_encoders.load(str(tmp_path), None, device, texts=False)
    assert asked == [("clip", tmp_path, taken)]


@pytest.mark.parametrize("step", [Speech, PictureEmbedding])
@pytest.mark.parametrize(
    ("there", "device", "asked"), [(0, "cuda", 1), (4, "cuda", 1), (0, "auto", 0), (4, "auto", 1), (4, "cpu", 0)]
)
def test_a_gpu_is_asked_of_an_engine_where_the_recipe_names_it_or_there_is_one(step, there, device, asked):
    needs = step(device=device).needs.where(there)
    assert needs.gpus == asked
    assert needs.batch == (16 if asked and step is Speech else step(device=device).needs.batch)
    # Nothing is left open, and asking again changes nothing.
    assert needs.where(there) == needs


def test_the_package_that_runs_on_the_processor_takes_no_gpu():
    assert PictureEmbedding(model=NAME).needs.where(4).gpus == 0
    with pytest.raises(ValidationError, match="runs on the processor alone"):
        PictureEmbedding(model=NAME, device="cuda")
