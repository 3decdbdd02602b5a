"""Text in pictures: drawn text of known place, the two networks' outputs against what is drawn into them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictured_text import SENTENCES, inked, pictured

from extractors import weights
from extractors.text_over_time import overlap
from extractors.text_reader import DETECTOR, Reader, decoded, lines_of

cv2 = pytest.importorskip("cv2")


@pytest.fixture(scope="module")
def reader():
    pytest.importorskip("onnxruntime")
    if weights.find(DETECTOR) is None:
        pytest.skip("pip install --no-deps rapidocr")
    return Reader.load()


def edits(one: str, other: str) -> int:
    """Levenshtein's distance, by its definition."""
    row = list(range(len(other) + 1))
    for at, mine in enumerate(one, 1):
        before, row[0] = row[0], at
        for place, theirs in enumerate(other, 1):
            before, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, before + (mine != theirs))
    return row[-1]


def character_error_rate(reader, **drawn) -> float:
    wrong = 0
    for sentence in SENTENCES:
        read = sorted(reader.lines(pictured((sentence, (180, 250)), **drawn)), key=lambda line: line.box[0])
        wrong += edits(sentence, " ".join(line.text for line in read))
    return wrong / sum(map(len, SENTENCES))


@pytest.mark.parametrize(
    ("drawn", "most"),
    [
        ({}, 0.0),
        ({"size": 16}, 0.02),
        ({"size": 10}, 0.06),
        ({"turned_deg": 20}, 0.02),
        ({"turned_deg": -45}, 0.02),
        ({"turned_deg": 180}, 0.02),
        ({"ink": 144, "paper": 128}, 0.05),
        ({"ink": 20, "paper": 230}, 0.02),
        ({"picture": (960, 300)}, 0.02),
    ],
    ids=str,
)
def test_drawn_sentences_are_read(reader, record_property, drawn, most):
    rate = character_error_rate(reader, **drawn)
    record_property("character_error_rate", rate)
    assert rate <= most


def test_lines_are_where_they_are_drawn_from_above_to_below(reader):
    places = [(60, 40), (400, 300), (30, 470)]
    lines = list(zip(SENTENCES, places, strict=False))
    found = reader.lines(pictured(*lines))
    assert [line.text for line in found] == SENTENCES[:3]
    for line, drawn in zip(found, lines, strict=True):
        left, top, right, bottom = inked(pictured(drawn))
        # A little wider than the ink, never cutting it.
        assert overlap(line.box, (left, top, right, bottom)) > 0.6
        assert line.box[0] <= left + 0.005
        assert line.box[2] >= right - 0.005
        assert line.confidence > 0.9


@pytest.mark.parametrize("picture", [np.zeros((540, 960, 3), np.uint8), np.full((9, 700, 3), 90, np.uint8)])
def test_nothing_is_read_where_nothing_is_written(reader, picture):
    assert reader.lines(picture) == []


def test_the_same_picture_reads_the_same_whatever_was_read_before(reader):
    picture = pictured((SENTENCES[0], (100, 100)))
    first = reader.lines(picture)
    reader.lines(pictured((SENTENCES[1], (10, 30)), picture=(500, 200)))
    assert reader.lines(picture) == first


@pytest.mark.parametrize(("angle", "width", "height"), [(0, 200, 20), (12, 150, 30), (-25, 180, 16)])
def test_a_patch_of_ink_is_a_line_grown_by_the_shrink_that_it_was_found_with(angle, width, height):
    heat = np.zeros((300, 400), np.float32)
    corners = cv2.boxPoints(((200, 150), (width, height), angle))
    cv2.fillPoly(heat, [np.round(corners).astype(np.int32)], 0.9)
    (found,) = lines_of(heat)
    more = 1.6 * width * height / (width + height)
    # Drawn edges and the joining of neighbours add some pixels.
    assert np.linalg.norm(found[1] - found[0]) == pytest.approx(width + more, abs=6)
    assert np.linalg.norm(found[3] - found[0]) == pytest.approx(height + more, abs=6)
    assert found.mean(axis=0) == pytest.approx([200, 150], abs=1.5)
    # The first corner is the upper left one, and they go with the clock.
    slope = np.degrees(np.arctan2(*(found[1] - found[0])[::-1]))
    assert slope == pytest.approx(angle, abs=1.5)
    along, down = found[1] - found[0], found[2] - found[1]
    assert along[0] * down[1] - along[1] * down[0] > 0


def test_faint_and_tiny_patches_are_no_lines():
    heat = np.zeros((100, 200), np.float32)
    heat[20:40, 20:120] = 0.4
    heat[80:82, 20:22] = 0.9
    assert lines_of(heat) == []


ALPHABET = ("", *"abcdefg", " ")


@given(st.lists(st.tuples(st.integers(1, 7), st.integers(1, 3)), max_size=8), st.data())
def test_runs_of_one_class_are_one_character_and_blanks_part_equal_ones(runs, data):
    path: list[int] = []
    for number, (label, length) in enumerate(runs):
        if number and runs[number - 1][0] == label:
            path.append(0)
        elif data.draw(st.booleans()):
            path += [0, 0]
        path += [label] * length
    probability = 0.75
    classes = np.full((len(path) + 1, len(ALPHABET)), (1 - probability) / (len(ALPHABET) - 1), np.float32)
    classes[np.arange(len(path) + 1), [*path, 0]] = probability
    text, confidence = decoded(classes, ALPHABET)
    assert text == "".join(ALPHABET[label] for label, _ in runs)
    assert confidence == (pytest.approx(probability) if runs else 0)


def test_spaces_at_the_ends_and_in_a_row_are_no_text():
    classes = np.eye(len(ALPHABET), dtype=np.float32)[[8, 1, 8, 0, 8, 2, 8]]
    assert decoded(classes, ALPHABET) == ("a b", 1.0)
    assert decoded(np.eye(len(ALPHABET), dtype=np.float32)[[8, 0]], ALPHABET) == ("", 0.0)
