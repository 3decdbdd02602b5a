"""Published pictures against Pillow: the same pixels, and nothing that a camera wrote beside them."""

import io

import numpy as np
import pytest
from PIL import Image, ImageOps, PngImagePlugin

from pipelines.watching.stills import published_picture

PIXELS = np.random.default_rng(0).integers(0, 255, (40, 60, 3)).astype(np.uint8)
SECRET = b"Ann Smith"


def jpeg(turned, *, progressive=False, order=None):
    exif = Image.Exif()
    exif[0x0112] = turned
    exif[0x013B] = SECRET.decode()
    exif.get_ifd(0x8825)[1] = "N"
    if order:
        exif.endian = order
    sink = io.BytesIO()
    Image.fromarray(PIXELS).save(
        sink, "JPEG", exif=exif.tobytes(), comment=SECRET, icc_profile=b"profile" * 9, progressive=progressive
    )
    return sink.getvalue()


def as_seen(data):
    return np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))


@pytest.mark.parametrize("turned", [1, 3, 6, 8])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
def test_a_jpeg_keeps_pixels_profile_and_orientation_and_loses_remarks(tmp_path, turned, progressive, order):
    data = jpeg(turned, progressive=progressive, order=order)
    # A phone puts a film, or a second picture with its own place and time, behind the end.
    (tmp_path / "a.jpg").write_bytes(data + jpeg(1) + SECRET)
    bare, suffix = published_picture(tmp_path / "a.jpg")
    assert suffix == "jpg"
    assert np.array_equal(as_seen(bare), as_seen(data))
    assert Image.open(io.BytesIO(bare)).info["icc_profile"] == b"profile" * 9
    assert SECRET in data
    assert SECRET not in bare
    assert not Image.open(io.BytesIO(bare)).getexif().get_ifd(0x8825)


def test_a_png_keeps_pixels_and_orientation_and_loses_remarks(tmp_path):
    note = PngImagePlugin.PngInfo()
    note.add_text("Author", SECRET.decode())
    exif = Image.Exif()
    exif[0x0112], exif[0x013B] = 6, SECRET.decode()
    Image.fromarray(PIXELS).save(tmp_path / "a.png", pnginfo=note, exif=exif)
    data = (tmp_path / "a.png").read_bytes()
    bare, suffix = published_picture(tmp_path / "a.png")
    assert suffix == "png"
    assert SECRET in data
    assert SECRET not in bare
    assert np.array_equal(as_seen(bare), as_seen(data))
    assert as_seen(bare).shape == (60, 40, 3)


def test_another_format_becomes_png(tmp_path):
    Image.fromarray(PIXELS).save(tmp_path / "a.bmp")
    bare, suffix = published_picture(tmp_path / "a.bmp")
    assert suffix == "png"
    assert np.array_equal(as_seen(bare), PIXELS)
    assert published_picture(tmp_path / "a.bmp") == (bare, suffix)
