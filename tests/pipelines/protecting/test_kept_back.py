"""Features or ids alone, and values that few people share."""

from collections import defaultdict
from pathlib import Path

import pytest
from dataset_making import spoken
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pipelines.exporting.published import MEDIA, open_published
from pipelines.protecting.rare import rare
from pipelines.publishing.publish import publish
from schemas.errors import UsageError
from schemas.publication import About, Publication

SALT = "a secret that is long enough"
ABOUT = About(name="x")


@given(
    st.lists(
        st.tuples(
            st.sampled_from([f"p{at}" for at in range(25)]), st.tuples(*[st.sampled_from(["a", "b", "c", None])] * 2)
        )
    ),
    st.integers(2, 5),
)
def test_what_is_left_is_shared_by_k_and_so_is_what_was_taken(people, k):
    hidden = rare(people, k)
    left = defaultdict(set)
    for who, values in people:
        left[(None, None) if values in hidden else values].add(who)
    nothing = left.pop((None, None), set())
    assert all(len(shared) >= k for shared in left.values())
    if hidden:
        assert len(nothing) >= k or not left
    assert all(any(one is not None for one in values) for values in hidden)


def test_the_rarest_go_first_and_no_more_than_must():
    people = [
        (f"{values[0]}{at}", values)
        for values, count in ((("x",), 9), (("y",), 5), (("z",), 4), (("w",), 1))
        for at in range(count)
    ]
    assert rare(people, 4) == {("w",), ("z",)}, "one alone would be known as the one without a value"
    assert rare(people, 5) == {("w",), ("z",)}
    assert rare(people, 6) == {("w",), ("z",), ("y",)}
    assert rare([*people, *((f"n{at}", (None,)) for at in range(4))], 4) == {("w",)}
    assert rare([], 3) == frozenset()


def rows_of(folder: Path):
    return list(open_published(folder).rows())


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    recordings = [
        spoken(
            folder, f"r{at}", [(0, 0.2), (0.2, 0.4)], seed=at, speaker=f"s{at // 2}",
            extra={"age": 30 if at < 6 else 80, "city": "Pune" if at < 8 else None, "take": at},
        )
        for at in range(10)
    ]  # fmt: skip
    (folder / "a.csv").write_text("item,rater,question,value\nr0#0000,x,said,hello world\nr1#0000,x,said,bye\n")
    return recordings, folder / "a.csv"


def published(made, out: Path, **how):
    publish(made[0], Publication(audit="skip", **how), str(out), labels=made[1], about=ABOUT, salt=SALT)
    return rows_of(out)


def test_values_that_few_speakers_share_are_published_as_nothing(made, tmp_path: Path):
    rows = published(made, tmp_path / "out", privacy={"suppress": {"columns": ["age", "city"], "k": 2}})
    told = {row["recording"]: row["extra"] for row in rows}
    # three speakers share (30, Pune); one has (80, Pune), one (80, none)
    assert {name: (one["age"], one["city"]) for name, one in told.items()} == {
        f"r{at}": (30, "Pune") if at < 6 else (None, None) for at in range(10)
    }
    assert [told[f"r{at}"]["take"] for at in range(10)] == list(range(10)), "other columns stay"
    card = (tmp_path / "out" / "README.md").read_text()
    assert "fewer than 2 people share are published as nothing" in card
    assert "not told, being too few: 2 of 5" in card


def test_another_person_who_shares_brings_values_back(made, tmp_path: Path):
    how = Publication(audit="skip", media=(), privacy={"suppress": {"columns": ["age"], "k": 3}})
    publish(made[0][:8], how, str(tmp_path / "out"), about=ABOUT)
    assert {row["extra"]["age"] for row in rows_of(tmp_path / "out")} == {None}, "one of 80 cannot be hidden alone"
    publish(made[0][:6], how, str(tmp_path / "out"), about=ABOUT)
    assert {row["extra"]["age"] for row in rows_of(tmp_path / "out")} == {30}


def test_a_column_that_is_not_there(made, tmp_path: Path):
    with pytest.raises(UsageError, match="'agee', which is no further column"):
        published(made, tmp_path / "out", privacy={"suppress": {"columns": ["agee"]}})


def test_features_have_nothing_to_see_hear_or_read(made, tmp_path: Path):
    rows = published(made, tmp_path / "out", privacy={"give": "features"})
    assert not {*MEDIA, "text"} & {*open_published(tmp_path / "out").columns}
    assert rows[0]["words"] == [{"start": 0.0, "end": 0.2, "probability": 0.5, "interpolated": None}]
    assert rows[0]["prosody"]["f0_hz"] == [120.0, None]
    assert rows[0]["said"] == "hello world", "what answers made is published"
    assert "words of r0" not in str(rows)
    assert "Given are measurements without media and texts" in (tmp_path / "out" / "README.md").read_text()


def test_ids_have_times_hashes_and_labels_alone(made, tmp_path: Path):
    published(made, tmp_path / "out", privacy={"give": "ids"})
    assert {*open_published(tmp_path / "out").columns} == {
        "id", "recording", "index", "start", "end", "language", "speaker", "dialogue", "turn",
        "source", "licence", "consent", "sha256", "extra", "said", "said_votes", "said_answers",
    }  # fmt: skip
    import datasets

    loaded = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert sum(len(loaded[name]) for name in loaded) == 20


def test_media_and_features_alone_contradict():
    assert Publication(privacy={"give": "ids"}).media == ()
    with pytest.raises(ValidationError, match="privacy gives features alone, media asks for audio"):
        Publication(privacy={"give": "features"}, media=["audio"])
