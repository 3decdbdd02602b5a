import re
from pathlib import Path

import pytest

from extractors.action_units import ACTION_UNITS, CHEEK_RISE, COLUMNS, NOT_SEPARABLE, WITHOUT_SHAPE, proxies
from extractors.face_landmarker import SHAPES

ASKED = {1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 18, 20, *range(22, 29), 43, 45}


def test_every_unit_asked_for_has_a_column_or_a_reason_why_not():
    given = {unit.number for unit in ACTION_UNITS}
    assert given | set(NOT_SEPARABLE) == ASKED
    assert not given & (set(NOT_SEPARABLE) | set(WITHOUT_SHAPE))


def test_no_shape_stands_for_two_units():
    shapes = [shape for unit in ACTION_UNITS for shape in unit.shapes]
    assert len(shapes) == len(set(shapes))
    assert set(shapes) <= {*SHAPES, CHEEK_RISE}


def test_every_row_says_where_it_comes_from_and_what_is_known():
    assert all(unit.source and unit.known for unit in ACTION_UNITS)
    assert {unit.number for unit in ACTION_UNITS if unit.validity == "dead"} == {9}


def test_columns_have_two_digits():
    assert all(re.fullmatch(r"au\d\d_proxy", column) for column in COLUMNS)
    assert tuple(sorted(COLUMNS)) == COLUMNS


@pytest.mark.parametrize(
    ("shapes", "column", "expected"),
    [
        ({"jawOpen": 0.7}, "au26_proxy", 0.7),
        ({"mouthSmileLeft": 0.4, "mouthSmileRight": 0.8}, "au12_proxy", 0.6),
        ({"eyeBlinkRight": 1.0}, "au45_proxy", 0.5),
        ({CHEEK_RISE: 0.2, "cheekSquintLeft": 0.0}, "au06_proxy", 0.2),
        ({"mouthRollUpper": 0.2, "mouthRollLower": 0.6}, "au28_proxy", 0.4),
    ],
)
def test_a_proxy_is_the_mean_of_its_shapes_and_nothing_else_moves(shapes, column, expected):
    found = dict(zip(COLUMNS, proxies(dict.fromkeys((*SHAPES, CHEEK_RISE), 0.0) | shapes), strict=True))
    assert found.pop(column) == pytest.approx(expected)
    assert set(found.values()) == {0.0}


def test_a_missing_shape_is_not_taken_for_zero():
    with pytest.raises(KeyError, match="jawOpen"):
        proxies({shape: 0.5 for shape in (*SHAPES, CHEEK_RISE) if shape != "jawOpen"})


def test_the_docs_show_the_same_table():
    docs = (Path(__file__).parents[2] / "docs" / "action_units.md").read_text()
    for unit in ACTION_UNITS:
        shapes = ", ".join(f"`{shape}`" for shape in unit.shapes)
        row = f"| {unit.number} {unit.name} | `{unit.column}` | {shapes} | {unit.validity} | {unit.known} |"
        assert row in docs
    for number, why in {**NOT_SEPARABLE, **WITHOUT_SHAPE}.items():
        assert f"| {number} | {why} |" in docs
