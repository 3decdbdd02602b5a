import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from copied_media import COPIES, copy, film, melody, write_wave
from hypothesis import given, settings
from hypothesis import strategies as st
from made_media import ffmpeg
from typer.testing import CliRunner

from pipelines import work
from pipelines.acquiring.takedown import take_down
from pipelines.cli import app
from pipelines.engines import ENGINES
from pipelines.sifting.duplicates import copies_of, find, found_in
from schemas.duplicates import Found, Likeness

RECIPE = """
name: copies
sources: s.csv
duplicates: {{find: {find}, keep: {keep}}}
segment: {{by: whole}}
publish: {{media: [], group_by: recording, splits: {{a: 0.5, b: 0.5}}}}
"""


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two films that are unlike, all copies of the first, and a third: the first one's sound under other pictures."""
    folder = tmp_path_factory.mktemp("films")
    film(folder / "one.mp4", 1)
    film(folder / "other.mp4", 2)
    film(folder / "same-music.mp4", 3, sound=melody(1))
    for variant in COPIES:
        copy(folder / "one.mp4", folder / f"one-{variant}.mp4", variant)
    shutil.copy(folder / "one.mp4", folder / "one-renamed.mp4")
    write_wave(folder / "alone.wav", melody(4))
    write_wave(folder / "apart.wav", melody(5))
    ffmpeg("-i", folder / "alone.wav", "-c:a", "libmp3lame", "-b:a", "48k", folder / "alone-copy.mp3")
    ffmpeg("-i", folder / "one.mp4", "-frames:v", "1", folder / "picture.png")
    ffmpeg("-i", folder / "other.mp4", "-frames:v", "1", folder / "picture-apart.png")
    ffmpeg("-i", folder / "picture.png", "-vf", "scale=120:90", "-q:v", "8", folder / "picture-copy.jpg")
    return folder


def recipe(folder: Path, names: list[str], *, find: str = "near", keep: str = "first") -> Path:
    folder.joinpath("s.csv").write_text("id,path\n" + "".join(f"{name.rpartition('.')[0]},{name}\n" for name in names))
    path = folder / "r.yaml"
    path.write_text(RECIPE.format(find=find, keep=keep))
    return path


def build(films: Path, to: Path, *, keep: str = "first", names: list[str] | None = None) -> tuple[Path, Path, Found]:
    for path in films.iterdir():
        to.joinpath(path.name).symlink_to(path)
    names = names or sorted((path.name for path in films.iterdir()), key=lambda name: (name != "one.mp4", name))
    path = recipe(to, names, keep=keep)
    tally = work.build(path, str(to / "store"), workers=1)
    assert not tally.failed
    found = found_in(work.load(path).recipe, work.open_store(str(to / "store")))
    assert found is not None
    return path, to / "store", found


@pytest.fixture(scope="module")
def built(films: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Found]:
    return build(films, tmp_path_factory.mktemp("built"))


def test_every_copy_is_found_and_nothing_else(built: tuple[Path, Path, Found]):
    _, _, found = built
    of = {one.id: one.of for one in found.copies}
    assert of == {
        **{f"one-{variant}": "one" for variant in COPIES},
        "one-renamed": "one",
        # By id and in the table the copy comes first.
        "alone": "alone-copy",
        "picture": "picture-copy",
    }
    kinds = {one.id: one.kind for one in found.copies}
    assert kinds.pop("one-renamed") == "exact"
    assert set(kinds.values()) == {"near"}


def test_it_is_told_how_far_copies_are_alike(built: tuple[Path, Path, Found]):
    _, _, found = built
    links = {(link.one, link.other): link for link in found.likenesses}
    faster = links["one", "one-sped-up"]
    assert faster.speed == pytest.approx(1.02, abs=0.004)
    trimmed = links["one", "one-trimmed"]
    assert trimmed.shift_s == pytest.approx(-0.7, abs=0.1)
    assert links["one", "one-silent"].sound is None


def test_copies_are_not_measured_and_not_published(built: tuple[Path, Path, Found]):
    path, store, found = built
    copies = {one.id for one in found.copies}
    has_segments = {folder.name for folder in (store / "recordings").iterdir() if any(folder.glob("segments.*"))}
    every = {folder.name for folder in (store / "recordings").iterdir() if folder.is_dir()}
    assert every - has_segments == copies
    out = path.parent / "dataset"
    report = work.publish(path, str(store), out)
    assert report.copies == found.copies
    assert any(f"copies of others: {len(copies)}, 1 of them" in note for note in report.notes)
    rows = {row["recording"]: row for file in out.rglob("*.parquet") for row in pq.read_table(file).to_pylist()}
    assert rows.keys() == every - copies
    assert set(rows["one"]["extra"]["duplicates"].split()) == {"one-renamed", *(f"one-{name}" for name in COPIES)}
    assert rows["other"]["extra"]["duplicates"] is None


def test_what_is_alike_does_not_depend_on_the_order_and_the_largest_may_be_kept(built: tuple[Path, Path, Found]):
    path, store, found = built
    recipe, opened = work.load(path).recipe, work.open_store(str(store))
    names = sorted(folder.name for folder in (store / "recordings").iterdir() if folder.is_dir())
    largest = recipe.duplicates.model_copy(update={"keep": "largest"})
    again = find(recipe.model_copy(update={"duplicates": largest}), names[::-1], opened)
    assert again.likenesses == found.likenesses
    # Bars make a picture of more pixels.
    assert {one.of for one in again.copies if one.id.startswith("one")} == {"one-letter-boxed"}
    assert {one.id for one in again.copies} >= {"one", "one-renamed"}


def test_the_command_lists_copies(built: tuple[Path, Path, Found]):
    path, store, found = built
    told = CliRunner().invoke(app, ["duplicates", str(path), "--store", str(store)]).stdout
    assert "one-renamed is a copy of one (the same bytes)" in told
    assert f"{len(found.copies)} copies among {found.compared} recordings" in told
    data = json.loads(CliRunner().invoke(app, ["duplicates", str(path), "--store", str(store), "--json"]).stdout)
    assert Found.model_validate(data) == found


def test_all_copies_may_be_kept_and_are_then_in_one_split(films: Path, tmp_path: Path):
    names = ["one-trimmed.mp4", "other.mp4", "one.mp4", "one-sped-up.mp4", "one-renamed.mp4", "apart.wav", "alone.wav"]
    path, store, _ = build(films, tmp_path, keep="all", names=names)
    out = tmp_path / "dataset"
    sides: dict[str, str] = {}
    for seed in range(6):
        path.write_text(
            path.read_text().partition("publish")[0]
            + "publish: "
            + json.dumps(
                {
                    "media": [],
                    "group_by": "recording",
                    "splits": {"a": 0.5, "b": 0.5},
                    "seed": str(seed),
                    "audit": "skip",
                }
            )
        )
        work.publish(path, str(store), out)
        rows = {
            row["recording"]: (row, file.name[0])
            for file in out.rglob("*.parquet")
            for row in pq.read_table(file).to_pylist()
        }
        assert len(rows) == len(names)
        assert len({rows[name][1] for name in ("one", "one-trimmed", "one-sped-up", "one-renamed")}) == 1
        assert rows["one"][0]["extra"]["duplicate_of"] == "one-trimmed"
        sides |= {f"{name}{side}": side for name, (_, side) in rows.items()}
    assert {
        "othera",
        "otherb",
        "onea",
        "oneb",
    } <= sides.keys()  # dealt anew by each seed: the grouping was put to a test


def test_nothing_is_looked_for_unless_asked(films: Path, tmp_path: Path):
    for name in ("one.mp4", "one-renamed.mp4"):
        tmp_path.joinpath(name).symlink_to(films / name)
    path = recipe(tmp_path, ["one.mp4", "one-renamed.mp4"], find="nothing")
    tally = work.build(path, str(tmp_path / "store"), workers=1)
    assert (tally.copies, tally.with_samples) == (0, 2)
    told = CliRunner().invoke(app, ["duplicates", str(path), "--store", str(tmp_path / "store")])
    assert told.exit_code != 0
    path = recipe(tmp_path, ["one.mp4", "one-renamed.mp4"], find="exact")
    tally = work.build(path, str(tmp_path / "store"), workers=1)
    assert (tally.copies, tally.with_samples) == (1, 1)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("abcdefg"), st.sampled_from("abcdefg")), max_size=15), st.permutations("abcdefg")
)
def test_each_copy_is_like_the_one_that_is_kept_and_no_two_kept_are_alike(pairs, order):
    links = [Likeness(one=min(pair), other=max(pair), kind="near") for pair in pairs if pair[0] != pair[1]]
    ranks = {name: (float(order.index(name)),) for name in "abcdefg"}
    copies = list(copies_of(links, ranks))
    alike = {frozenset((link.one, link.other)) for link in links}
    gone = {one.id for one in copies}
    assert all(frozenset((one.id, one.of)) in alike and one.of not in gone for one in copies)
    assert all(ranks[one.of] < ranks[one.id] for one in copies)
    kept = set("abcdefg") - gone
    assert not any(pair <= kept for pair in alike)
    assert copies == list(copies_of(links[::-1], ranks))


@given(st.lists(st.tuples(st.sampled_from("abcdefg"), st.sampled_from("abcdefg")), max_size=12))
def test_linked_recordings_are_one_group(pairs):
    links = tuple(Likeness(one=a, other=b, kind="related") for a, b in pairs if a != b)
    groups = Found(of="", compared=7, likenesses=links).groups()
    assert groups.keys() == {name for link in links for name in (link.one, link.other)}
    for link in links:
        assert groups[link.one] == groups[link.other]
    for name, group in groups.items():  # reached from one another, by plain search
        reached = {name}
        while (
            more := {n for link in links for n in (link.one, link.other) if {link.one, link.other} & reached} - reached
        ):
            reached |= more
        assert group == min(reached)


@pytest.mark.filterwarnings("ignore")  # what Ray and Beam warn of in their own code is theirs to mend
@pytest.mark.timeout(280)
@pytest.mark.parametrize("name", sorted(ENGINES))
def test_every_engine_leaves_out_the_same_copies_and_what_was_taken_down(
    name: str, films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    options = ["--direct_running_mode=in_memory"] if name == "beam" else []
    for film_name in ("one", "one-sped-up", "other", "one-renamed"):
        tmp_path.joinpath(f"{film_name}.mp4").symlink_to(films / f"{film_name}.mp4")
    path, store = recipe(tmp_path, ["one.mp4", "one-sped-up.mp4", "other.mp4"]), str(tmp_path / "store")
    tally = work.build(path, store, engine=name, workers=2, options=options)
    assert (tally.copies, tally.with_samples, tally.failed) == (1, 2, set())
    take_down(work.open_store(store), ["one"])
    recipe(tmp_path, ["one-renamed.mp4", "one-sped-up.mp4", "other.mp4"])
    tally = work.build(path, store, engine=name, workers=2, options=options)
    assert (tally.copies, tally.with_samples, tally.failed) == (0, 1, {"one-renamed", "one-sped-up"})
    assert Path(tally.report).read_text().count("which was taken down") >= 1
