"""Weights and a selection in what is published, and the counts that `affectloom balance` tells."""

import json
from collections import Counter
from pathlib import Path

import pytest
from dataset_making import spoken
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.exporting.published import open_published
from pipelines.publishing.publish import publish
from schemas.errors import UsageError
from schemas.publication import About, Publication

SALT = "a secret that is long enough"
FEELS = {"ann": "ggggggsg", "bob": "gsgsggss", "cid": "ggggsggg", "dee": "sgggggss"}
HOW = Publication(
    balance=["mood", "speaker"], splits={"train": 0.5, "test": 0.5}, group_by="take", media=(), audit="skip"
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Four speakers who are glad or sad, unevenly; each take of eight samples is a group."""
    folder = tmp_path_factory.mktemp("made")
    recordings, lines = [], ["item,rater,question,value"]
    for speaker, moods in FEELS.items():
        for take in range(2):
            name = f"{speaker}{take}"
            cuts = [(at / 10, (at + 1) / 10) for at in range(8)]
            recordings.append(spoken(folder, name, cuts, seed=take, speaker=speaker, extra={"take": take}))
            given = {"g": "glad", "s": "sad"}
            lines += [f"{name}#{at:04d},x,mood,{given[mood]}" for at, mood in enumerate(moods) if (at, take) != (0, 1)]
    (folder / "a.csv").write_text("\n".join([*lines, ""]))
    return recordings, folder / "a.csv"


def published(made, out: Path, how: Publication = HOW):
    return publish(made[0], how, str(out), labels=made[1], about=About(name="x"), salt=SALT)


def test_values_have_the_same_weight_in_every_split(made, tmp_path: Path):
    report = published(made, tmp_path / "out")
    rows = list(open_published(tmp_path / "out").rows())
    for split in report.splits:
        mine = [row for row in rows if row["split"] == split.name]
        if not mine:
            continue
        assert sum(row["weight"] for row in mine) == pytest.approx(len(mine), abs=1e-4)
        for column in ("mood", "speaker"):
            sums: Counter[str] = Counter()
            for row in mine:
                sums[row[column] or ""] += row["weight"]
            sums.pop("", None)
            assert max(sums.values()) == pytest.approx(min(sums.values()), abs=1e-3)
        kept = Counter(row["mood"] for row in mine if row["balanced"] and row["mood"])
        assert abs(kept["glad"] - kept["sad"]) <= len(FEELS)
    assert any("raking" in note for note in [*(tmp_path / "out" / "README.md").read_text().splitlines()])
    import datasets

    loaded = datasets.load_dataset(str(tmp_path / "out"), "balanced", cache_dir=str(tmp_path / "cache"))
    assert {name: len(loaded[name]) for name in loaded} == Counter(row["split"] for row in rows if row["balanced"])


def test_the_same_bytes_whatever_the_order(made, tmp_path: Path):
    published(made, tmp_path / "one")
    published((made[0][::-1], made[1]), tmp_path / "two")
    each = [
        {path.name: path.read_bytes() for path in (tmp_path / name).rglob("*") if path.is_file()}
        for name in ("one", "two")
    ]
    assert each[0] == each[1]


def test_pairs(made, tmp_path: Path):
    how = Publication(balance={"by": ["mood", "speaker"], "pairs": True}, splits={"all_": 1}, media=(), audit="skip")
    published(made, tmp_path / "out", how)
    sums: Counter[tuple[str, str]] = Counter()
    for row in open_published(tmp_path / "out").rows():
        if row["mood"]:
            sums[row["mood"], row["speaker"]] += row["weight"]
    assert list(sums.values()) == pytest.approx([next(iter(sums.values()))] * 8, abs=1e-4)


def test_what_cannot_be_balanced_is_told(made, tmp_path: Path):
    with pytest.raises(UsageError, match="'mod', which is no column"):
        published(
            made, tmp_path / "out", HOW.model_copy(update={"balance": HOW.balance.model_copy(update={"by": ("mod",)})})
        )
    votes = HOW.balance.model_copy(update={"by": ("mood_votes",)})
    with pytest.raises(UsageError, match="several values a sample"):
        published(made, tmp_path / "out", HOW.model_copy(update={"balance": votes}))
    assert not (tmp_path / "out").exists()


def test_the_command_counts_alone_and_two_by_two(made, tmp_path: Path):
    published(made, tmp_path / "out")
    run = CliRunner().invoke(app, ["balance", str(tmp_path / "out"), "--json"])
    assert run.exit_code == 0, run.output
    told = json.loads(run.output)
    assert told["samples"] == 64
    alone = {one["column"]: one["rows"] for one in told["alone"]}
    glad = sum(moods.count("g") for moods in FEELS.values())
    first = Counter(moods[0] for moods in FEELS.values())
    assert alone["mood"] == {"glad": 2 * glad - first["g"], "sad": 64 - 2 * glad - first["s"], "(none)": 4}
    assert alone["speaker"] == dict.fromkeys(FEELS, 16)
    pair = next(one for one in told["pairs"] if set(one["columns"]) == {"mood", "speaker"})
    assert sum(sum(row.values()) for row in pair["rows"].values()) == 64
    assert 0.2 < pair["strength"] < 0.6
    by = CliRunner().invoke(app, ["balance", str(tmp_path / "out"), "--by", "take", "--by", "mood"])
    assert by.exit_code == 0, by.output
    assert "take by mood: V = 0.00" in by.output
    wrong = CliRunner().invoke(app, ["balance", str(tmp_path / "out"), "--by", "tak"])
    assert isinstance(wrong.exception, UsageError) or wrong.exit_code == 2
