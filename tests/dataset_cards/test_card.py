import pytest
import yaml

from dataset_cards.card import card
from dataset_cards.columns import column_table, unit
from schemas.answer import Agreed, Question
from schemas.failure import Failure
from schemas.features import audio, card_features, class_label, list_of, value
from schemas.publication import About, Contents, MediaProblem, Publication, SplitShare, StepUsed

FEATURES = {
    "id": value("string"),
    "audio": audio(16_000),
    "prosody": {"times": list_of(value("float64")), "f0_hz": list_of(value("float32"))},
    "face": {"au12_proxy": list_of(value("float32"))},
    "mood": class_label(["happy", "sad"]),
    "mood_votes": list_of({"label": value("string"), "count": value("int64")}),
}


def contents(**other):
    given = {
        "features": FEATURES,
        "recordings": 3,
        "forms": {"video": 2, "text": 1},
        "rows": 1500,
        "seconds": 5400.0,
        "languages": {"ta": 1400, "en": 99, "unknown": 1},
        "speakers": 2,
        "present": {"audio": 1499, "text": 1500},
        "licences": {"CC BY 4.0": 2, "": 1},
        "consents": {"": 3},
        "splits": (
            SplitShare(name="train", asked=0.8, rows=1500, groups=2, seconds=5400.0),
            SplitShare(name="test", asked=0.2, rows=0, groups=0, seconds=0.0),
        ),
        "unpacked": {"train": 4_000, "test": 0},
        "bytes": 3_000_000,
        "ungrouped": 0,
    }
    return Contents(**(given | other))


def head_and_body(text):
    _, head, body = text.split("---\n", 2)
    return yaml.safe_load(head), body


def failure(recording, error="DecodeError", message="/home/ann/secret.mp4"):
    return Failure(recording=recording, step="watch.v2", kind="audio", error=error, expected=True, message=message)


def test_the_head_says_what_datasets_and_the_hub_read():
    head, _ = head_and_body(card(About(name="reviews", licence="CC BY 4.0"), contents(), Publication()))
    assert head["license"] == "cc-by-4.0"
    assert head["language"] == ["en", "ta"]
    assert head["pretty_name"] == "reviews"
    assert head["size_categories"] == ["1K<n<10K"]
    files = [{"split": "train", "path": "data/train-*.parquet"}]
    assert head["configs"][0] == {"config_name": "default", "data_files": files}
    info = head["dataset_info"]
    assert info["features"] == card_features(FEATURES)
    assert info["splits"] == [{"name": "train", "num_bytes": 4000, "num_examples": 1500}]
    assert (info["download_size"], info["dataset_size"]) == (3_000_000, 4000)


@pytest.mark.parametrize(
    ("own", "of_recordings", "published"),
    [
        ("mit", {"CC0": 1}, "mit"),
        (None, {"CC BY 4.0": 3}, "cc-by-4.0"),
        (None, {"CC BY 4.0": 2, "": 1}, "other"),
        (None, {"CC BY 4.0": 2, "CC0": 1}, "other"),
        (None, {"": 3}, "unknown"),
    ],
)
def test_the_licence_in_the_head_claims_no_more_than_is_known(own, of_recordings, published):
    head, _ = head_and_body(card(About(name="x", licence=own), contents(licences=of_recordings), Publication()))
    assert head["license"] == published


@pytest.mark.parametrize(("rows", "size"), [(999, "n<1K"), (1000, "1K<n<10K"), (999_999, "100K<n<1M"), (10**6, "n>1M")])
def test_size_categories_of_the_hub(rows, size):
    head, _ = head_and_body(card(About(name="x"), contents(rows=rows), Publication()))
    assert head["size_categories"] == [size]


def test_the_body_counts_what_there_is():
    _, body = head_and_body(card(About(name="reviews"), contents(), Publication()))
    assert "| recordings | 3 |" in body
    assert "1.50 h (5,400.0 s)" in body
    assert "ta 1,400, en 99, unknown 1" in body
    assert "| audio | 1,499 | 99.9% |" in body
    assert "| train | 80% | 1,500 | 100.0% | 5,400.0 | 2 |" in body
    assert "| test | 20% | 0 | 0.0% | 0.0 | 0 |" in body
    assert "| not stated | 1 |" in body
    assert "`f0_hz` (Hz)" in body
    assert "There are no labels by people" in body


def test_steps_stand_with_their_settings_and_weights():
    step = StepUsed(key="see.dino.v1", makes=("dinov2",), settings={"fps": "1"}, weights={"model.onnx": "ab" * 32})
    _, body = head_and_body(card(About(name="x", steps=(step,)), contents(), Publication()))
    assert "| `see.dino.v1` | `dinov2` | fps=1 |" in body
    assert f"| `see.dino.v1` | model.onnx | `{'ab' * 32}` |" in body


def test_failures_are_counted_by_reason_and_show_no_path():
    failures = (failure("a"), failure("b"), failure("a", error="TooLong"), failure("c", error="SegmentationFault"))
    _, body = head_and_body(card(About(name="x", failures=failures), contents(), Publication()))
    assert "wholly or in part: 3." in body
    assert "`watch.v2`, 2: the media cannot be decoded (`a`, `b`)" in body
    assert "`watch.v2`, 1: a limit on size, duration, time or memory was exceeded (`a`)" in body
    assert "SegmentationFault (`c`)" in body
    assert "/home" not in body


def test_labels_are_described_with_their_distribution():
    question = Question("mood", ("happy", "sad"), 10, 30, 3, 1, (("happy", 6), ("sad", 3)))
    _, body = head_and_body(card(About(name="x"), contents(questions=(question,)), Publication()))
    assert "answers 30, raters 3, samples 10" in body
    assert "null where two were given equally often. Tied: 1." in body
    assert "| happy | 6 | 60.0% |" in body


def test_agreement_stands_with_its_interval_or_why_there_is_none():
    agreed = (
        Agreed("Krippendorff's alpha, nominal", 0.4302, (0.3804, -0.00001), 30, 6),
        Agreed("Fleiss' kappa", None, None, 30, 6, "only one category was used"),
        Agreed("ICC(2,1)", 0.5, None, 1, 6, "only one item"),
    )
    question = Question("mood", ("happy", "sad"), 30, 180, 6, 0, (), agreement=agreed)
    _, body = head_and_body(card(About(name="x"), contents(questions=(question,)), Publication()))
    assert "| Krippendorff's alpha, nominal | 0.430 | 0.380 to 0.000 | 30 | 6 |" in body
    assert "| Fleiss' kappa | undefined: only one category was used |  | 30 | 6 |" in body
    assert "| ICC(2,1) | 0.500 | none: only one item | 1 | 6 |" in body
    assert "percentiles of a bootstrap over samples" in body
    plain = Question("mood", ("happy", "sad"), 30, 180, 6, 0, ())
    assert "bootstrap" not in card(About(name="x"), contents(questions=(plain,)), Publication())


def test_known_limits_follow_from_what_is_published():
    with_units = head_and_body(card(About(name="x"), contents(), Publication()))[1]
    assert "not action units coded by" in with_units.replace("\n", " ")
    plain = {"id": value("string")}
    problems = (MediaProblem(sample="a#0000", medium="video", message="/home/ann"),)
    body = head_and_body(card(About(name="x"), contents(features=plain, problems=problems), Publication()))[1]
    assert "action units" not in body
    assert "are null: 1." in body
    assert "/home" not in body


def test_text_from_outside_breaks_neither_table_nor_template_nor_head():
    about = About(name="a: $b | c\n# d", description="$name ${x} --- \n---\n", licence="x: |\n y")
    text = card(about, contents(licences={"a|b\nc": 3}), Publication(group_by=("speaker", "dialogue"), seed="`x"))
    head, body = head_and_body(text)
    assert head["pretty_name"] == "a: $b | c\n# d"
    assert "| a\\|b c | 3 |" in body
    assert "# a: $b | c # d" in body
    assert "joins two groups" in body


def test_the_same_facts_give_the_same_card():
    assert card(About(name="x"), contents(), Publication()) == card(About(name="x"), contents(), Publication())


@pytest.mark.parametrize(
    ("name", "expected"),
    [("f0_hz", "Hz"), ("rate_per_s", "1/s"), ("length_s", "s"), ("yaw_deg", "degrees"), ("jitter", "")],
)
def test_units_are_read_from_names(name, expected):
    assert unit(name) == expected


def test_long_structs_are_cut_short():
    table = column_table({"face": {f"b{number}": value("float32") for number in range(60)}})
    assert "`b23` and 36 more" in table
    assert "`b24`" not in table


def test_the_card_says_what_voice_prints_and_text_on_the_screen_can_give_away():
    seen = list_of({"text": value("string")})
    features = FEATURES | {"speaker_embedding": {"embedding": list_of(list_of(value("float32")))}, "ocr": seen}
    text = card(About(name="a", licence="CC0"), contents(features=features), Publication())
    assert "`speaker_embedding`: a voice print" in text
    assert "an embedding of pictures" not in text
    assert "`ocr`: text on the screen" in text
    assert "voice print: by" not in card(About(name="a", licence="CC0"), contents(), Publication())
