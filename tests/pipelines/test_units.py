"""Which recordings share a shard."""

from hypothesis import given
from hypothesis import strategies as st

from pipelines.publishing.survey import Placed
from pipelines.publishing.units import units

SHARD = 1000
recordings = st.dictionaries(
    st.text("abcdef0123456789", min_size=1, max_size=6),
    st.tuples(st.integers(0, 400), st.sampled_from(["train", "test"])),
    min_size=1,
    max_size=120,
)


def cut(table, base=0, labels=None):
    placed = (Placed(name, "m" + name, size, split, None) for name, (size, split) in sorted(table.items()))
    return list(units(placed, SHARD, base, labels or {}))


def ids(unit):
    return tuple(member.id for member in unit.members)


@given(recordings)
def test_every_recording_is_in_one_unit_of_its_split_in_order(table):
    made = cut(table)
    for split in ("train", "test"):
        mine = sorted((unit for unit in made if unit.split == split), key=lambda unit: unit.number)
        assert [unit.number for unit in mine] == list(range(len(mine)))
        assert [name for unit in mine for name in ids(unit)] == sorted(n for n in table if table[n][1] == split)
    assert len({unit.digest for unit in made}) == len(made)


@given(recordings)
def test_units_keep_to_their_size(table):
    for split in ("train", "test"):
        mine = [unit for unit in cut(table) if unit.split == split]
        sizes = [sum(table[name][0] for name in ids(unit)) for unit in mine]
        assert all(size <= SHARD for size in sizes)
        following = [table[ids(unit)[0]][0] for unit in mine[1:]]
        for size, after in zip(sizes, following, strict=False):
            assert size * 4 >= SHARD or size + after > SHARD


def test_a_recording_that_is_added_or_removed_changes_few_units():
    table = {f"{number:05d}": (20 + number % 7 * 10, "train") for number in range(4000)}
    before = {unit.digest for unit in cut(table)}
    assert len(before) > 200
    mean = sum(size for size, _ in table.values()) / len(before)
    assert 0.4 * SHARD < mean < 0.7 * SHARD
    worst = []
    for place in range(0, 4000, 97):
        more = {**table, f"{place:05d}x": (40, "train")}
        worst.append(len({unit.digest for unit in cut(more)} - before))
        less = {name: what for name, what in table.items() if name != f"{place:05d}"}
        worst.append(len({unit.digest for unit in cut(less)} - before))
    assert sum(worst) / len(worst) < 2.5
    assert max(worst) < 12


def test_a_unit_has_not_too_many_recordings():
    placed = (Placed(f"{number:06d}", "m", 100, "train", None) for number in range(50_000))
    made = list(units(placed, 10**9, 0, {}))
    assert sum(len(unit.members) for unit in made) == 50_000
    assert all(len(unit.members) <= 20_000 for unit in made)
    assert all(len(unit.members) >= 5_000 for unit in made[:-1])


def test_a_digest_depends_on_all_that_goes_in():
    table = {"a": (10, "train"), "b": (10, "train")}
    (one,) = cut(table)
    (again,) = cut(table)
    assert one.digest == again.digest
    (moved,) = cut(dict.fromkeys(table, (10, "test")))
    assert moved.digest == one.digest  # a unit may change its split as it is
    others = [
        cut(table, base=1),
        cut({**table, "c": (10, "train")}),
        cut(table, labels={"a": {"a#0": {"mood": 1}}}),
        list(units([Placed("a", "ma", 10, "train", None), Placed("b", "other", 10, "train", None)], SHARD, 0, {})),
        list(units([Placed("a", "ma", 10, "train", None), Placed("b", "mb", 10, "train", (("x",),))], SHARD, 0, {})),
    ]
    assert len({one.digest, *(unit.digest for (unit,) in others)}) == len(others) + 1
