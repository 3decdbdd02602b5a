"""Splits with the shares of every label, on whole groups, that growth does not move."""

import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from dataset_making import spoken
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipelines.exporting.published import open_published
from pipelines.publishing.publish import publish
from pipelines.publishing.splits import split_of
from pipelines.publishing.stratified import FREE, strata_of, stratified
from schemas.errors import UsageError
from schemas.features import class_label, list_of, value
from schemas.publication import About, Publication

SHARES = (0.7, 0.15, 0.15)
SALT = "a secret that is long enough"
MOODS = ("calm", "glad", "grim")


def free(groups: int) -> np.ndarray:
    return np.full(groups, FREE)


def distance(counts, shares, found) -> float:
    """Pearson's chi-squared from the wanted rows, by plain sums."""
    total = 0.0
    for split, column in product(range(len(shares)), range(counts.shape[1])):
        wanted = shares[split] * sum(row[column] for row in counts)
        have = sum(row[column] for row, at in zip(counts, found, strict=True) if at == split)
        total += (have - wanted) ** 2 / wanted if wanted else 0.0
    return total


def names(groups: int) -> list[str]:
    return [f"g{at}" for at in range(groups)]


def dealt_by_hash(groups: int) -> list[int]:
    splits = {str(at): share for at, share in enumerate(SHARES)}
    return [int(split_of(name, splits)) for name in names(groups)]


@pytest.mark.parametrize("seed", range(4))
def test_every_label_of_three_questions_has_its_share(seed):
    """300 speakers whose labels lean: each stratum within one percent of its share, by hash up to ten times as far."""
    random = np.random.default_rng(seed)
    each = random.integers(1, 30, 300)
    lean = random.dirichlet([0.3] * 9, 300)
    labels = np.array([random.multinomial(rows, share) for rows, share in zip(each, lean, strict=True)])
    counts = np.column_stack([labels, each])
    found = stratified(counts, SHARES, names(300), free(300))
    have = np.zeros((3, 10))
    np.add.at(have, found, counts)
    assert np.abs(have / counts.sum(axis=0) - np.array(SHARES)[:, None]).max() < 0.01
    assert distance(counts, SHARES, found) < distance(counts, SHARES, dealt_by_hash(300)) / 20


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(1, 8)), min_size=1, max_size=6))
def test_no_single_move_is_better(table):
    """No move of a single group would be better."""
    counts = np.array([(a, b, a + b + rest) for a, b, rest in table])
    found = stratified(counts, (0.6, 0.4), names(len(table)), free(len(table)))
    mine = distance(counts, (0.6, 0.4), found)
    for at in range(len(table)):
        other = found.copy()
        other[at] = 1 - other[at]
        assert mine <= distance(counts, (0.6, 0.4), other) + 1e-6


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 5), st.integers(-1, 2)), min_size=1, max_size=25))
def test_what_is_fixed_stays_and_everything_is_dealt(table):
    counts = np.array([(a, a + rest) for a, rest, _ in table])
    fixed = np.array([at for *_, at in table])
    found = stratified(counts, SHARES, names(len(table)), fixed)
    assert (found[fixed != FREE] == fixed[fixed != FREE]).all()
    assert set(found.tolist()) <= {0, 1, 2}


def test_strata_are_classes_each_of_several_and_ranges_of_numbers():
    features = {"mood": class_label(MOODS), "tags": list_of(class_label(MOODS)), "score": value("float64")}
    rows = {
        "a": {"mood": 1, "tags": [0, 2], "score": -1.0},
        "b": {"mood": None, "tags": [], "score": 1.0},
        "c": {"score": 0.1},
    }
    assert strata_of(["mood", "tags", "score"], features, rows) == {
        "a": (("mood", 1), ("tags", 0), ("tags", 2), ("score", 0)),
        "b": (("score", 4),),
        "c": (("score", 2),),
    }
    with pytest.raises(UsageError, match="'moods', which no answer is about"):
        strata_of(["moods"], features, rows)
    with pytest.raises(UsageError, match="holds neither classes nor numbers"):
        strata_of(["votes"], {"votes": value("string")}, {"a": {"votes": [{"label": "x"}]}})


def dataset(folder: Path, speakers: range) -> tuple[list, Path]:
    """Two recordings a speaker, of two samples each; what they feel depends on who speaks."""
    recordings, lines = [], ["item,rater,question,value"]
    for at in speakers:
        for take in range(2):
            name = f"s{at:02d}_{take}"
            recordings.append(spoken(folder, name, [(0, 0.1), (0.1, 0.2)], seed=at, speaker=f"sp{at}"))
            lines += [f"{name}#{row:04d},ann,mood,{MOODS[at % 3]}" for row in range(2)]
            lines += [f"{name}#{row:04d},ann,score,{at % 5}" for row in range(2)]
    path = folder / "answers.csv"
    path.write_text("\n".join([*lines, ""]))
    return recordings, path


def where(out: Path) -> dict[str, str]:
    told = {}
    for row in open_published(out).rows():
        speaker = row["recording"][:3]
        assert told.setdefault(speaker, row["split"]) == row["split"], "a speaker on both sides"
    return told


HOW = Publication(stratify=["mood", "score"], splits={"train": 0.6, "test": 0.4}, media=(), audit="skip")


def test_growth_and_other_labels_move_nobody(tmp_path: Path):
    few, answers = dataset(tmp_path / "few", range(15))
    given = {"about": About(name="x"), "salt": SALT}
    publish(few, HOW, str(tmp_path / "out"), labels=answers, **given)
    before = where(tmp_path / "out")
    rows = dict.fromkeys(product(MOODS, ("train", "test")), 0)
    for row in open_published(tmp_path / "out").rows():
        rows[row["mood"], row["split"]] += 1
    # five speakers of four samples a mood: 3 in train and 2 in test are the shares exactly
    assert set(rows.values()) == {12, 8}
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert len(manifest["dealt"]) == 15
    assert "sp1" not in json.dumps(manifest["dealt"])
    assert "iterative stratification" in (tmp_path / "out" / "README.md").read_text()

    more, others = dataset(tmp_path / "more", range(30))
    others.write_text(others.read_text().replace("mood,calm", "mood,grim"))
    publish(more, HOW, str(tmp_path / "fresh"), labels=others, **given)
    assert {name: where(tmp_path / "fresh")[name] for name in before} != before, "the test shows nothing"
    continued = HOW.model_copy(update={"continues": str(tmp_path / "out" / "manifest.json")})
    publish(more, continued, str(tmp_path / "new"), labels=others, **given)
    publish(more[::-1], HOW, str(tmp_path / "out"), labels=others, **given)
    after = where(tmp_path / "out")
    assert {name: after[name] for name in before} == before
    assert len(after) == 30
    assert {path.name: path.read_bytes() for path in (tmp_path / "new").rglob("*") if path.is_file()} == {
        path.name: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()
    }


def test_a_manifest_without_stratified_splits_cannot_be_continued(tmp_path: Path):
    few, answers = dataset(tmp_path / "few", range(2))
    (tmp_path / "manifest.json").write_text('{"files": []}')
    how = HOW.model_copy(update={"continues": str(tmp_path / "manifest.json")})
    with pytest.raises(UsageError, match="is no manifest of a dataset with stratified splits"):
        publish(few, how, str(tmp_path / "out"), labels=answers, about=About(name="x"), salt=SALT)
    assert not (tmp_path / "out").exists()


def test_a_recording_of_two_speakers_is_dealt_by_its_parts(tmp_path: Path):
    """Samples know their own speakers: each part's labels count for its own group."""
    import pyarrow as pa

    from schemas.sample import SampleRows

    recordings, lines = [], ["item,rater,question,value"]
    for at in range(4):
        one = spoken(tmp_path, f"r{at}", [(0, 0.1), (0.1, 0.2)], seed=at)
        table = one.read("samples", SampleRows).table
        names_ = pa.array([f"anna{at}", f"bela{at}"], pa.string())
        one.write("samples", SampleRows(table.set_column(table.schema.get_field_index("speaker"), "speaker", names_)))
        recordings.append(one)
        lines += [f"r{at}#0000,x,mood,calm", f"r{at}#0001,x,mood,grim"]
    (tmp_path / "a.csv").write_text("\n".join([*lines, ""]))
    how = HOW.model_copy(update={"stratify": ("mood",), "splits": {"train": 0.5, "test": 0.5}})
    publish(recordings, how, str(tmp_path / "out"), labels=tmp_path / "a.csv", about=About(name="x"), salt=SALT)
    found = [(row["split"], row["mood"]) for row in open_published(tmp_path / "out").rows()]
    assert sorted(found) == sorted([("train", "calm"), ("train", "grim"), ("test", "calm"), ("test", "grim")] * 2)


def test_folds_are_splits_of_equal_shares(tmp_path: Path):
    how = Publication(splits={"folds": 3}, stratify="mood", media=(), audit="skip")
    assert list(how.splits) == ["fold_0", "fold_1", "fold_2"]
    assert Publication.model_validate(how.model_dump()) == how
    made, answers = dataset(tmp_path / "few", range(9))
    report = publish(made, how, str(tmp_path / "out"), labels=answers, about=About(name="x"), salt=SALT)
    assert [(one.name, one.rows, one.groups) for one in report.splits] == [(f"fold_{at}", 12, 3) for at in range(3)]
    import datasets

    rest = datasets.load_dataset(str(tmp_path / "out"), split="fold_1+fold_2", cache_dir=str(tmp_path / "cache"))
    assert len(rest) == 24


@pytest.mark.parametrize("folds", [1, 101, 2.5, True, "5"])
def test_a_number_of_folds_that_cannot_be_is_refused(folds):
    with pytest.raises(ValidationError):
        Publication(splits={"folds": folds})


def test_what_contradicts_is_refused():
    with pytest.raises(ValidationError, match="have nothing to deal out"):
        Publication(splits="set", stratify=["mood"])
    with pytest.raises(ValidationError, match="continues goes with stratify"):
        Publication(continues="manifest.json")
