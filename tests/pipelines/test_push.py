"""A publication sent to a hub: nothing twice, all or nothing, and what was published loads from there."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from dataset_making import spoken
from hub import LARGE, TOKEN, Hub, serving
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.publishing.publish import publish
from pipelines.publishing.push import push
from schemas.errors import UsageError
from schemas.publication import About, Publication

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of httpx, in the hub's own client
HOW = Publication(splits={"train": 0.6, "test": 0.4}, group_by="recording", audit="skip")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with serving() as made:
        monkeypatch.setenv("HF_ENDPOINT", made.url)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda _seconds: None)
        yield made


def published(folder: Path, *, recordings: int = 6, version: str = "0.1.0") -> Path:
    made = [spoken(folder, f"r{number}", [(0, 2.0), (2, 3.5)], seed=number) for number in range(recordings)]
    publish(made, HOW, str(folder / "out"), about=About(name="things", version=version))
    return folder / "out"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_push_is_private_tagged_and_whole_and_a_second_sends_nothing(hub: Hub, tmp_path: Path):
    out = published(tmp_path)
    lines: list[str] = []
    done = push(out, "lab/things", told=lines.append)
    assert hub.files("lab/things") == contents(out)
    assert hub.repos["lab/things"]["private"] is True
    assert hub.repos["lab/things"]["tags"] == {"v0.1.0": done.commit}
    assert (done.new, done.kept, done.remove, set(done.send)) == (True, (), (), set(contents(out)))
    assert len(lines) == len(done.send)
    assert len(hub.puts()) == sum(len(data) > LARGE for data in contents(out).values())
    commits, puts = len(hub.repos["lab/things"]["commits"]), len(hub.puts())
    again = push(out, "lab/things")
    assert (again.send, again.remove, again.commit, again.new) == ({}, (), None, False)
    assert set(again.kept) == set(contents(out))
    assert (len(hub.repos["lab/things"]["commits"]), len(hub.puts())) == (commits, puts)


def test_a_dry_run_tells_and_makes_nothing(hub: Hub, tmp_path: Path):
    out = published(tmp_path)
    told = push(out, "lab/things", dry_run=True)
    assert told.new
    assert told.send == {path: len(data) for path, data in contents(out).items()}
    assert hub.repos == {}
    assert all(method == "GET" for method, _ in hub.asked)


def test_a_public_repository_is_asked_for(hub: Hub, tmp_path: Path):
    push(published(tmp_path), "lab/things", public=True)
    assert hub.repos["lab/things"]["private"] is False


def test_a_new_version_sends_what_changed_and_removes_what_is_gone(hub: Hub, tmp_path: Path):
    push(published(tmp_path / "old", recordings=3), "lab/things")
    hub.files("lab/things")["data/extra-00000-of-00001.parquet"] = b"of a split that is no more"
    hub.files("lab/things")["notes.txt"] = b"somebody's own"
    out = published(tmp_path / "new", recordings=5, version="0.2.0")
    done = push(out, "lab/things")
    assert done.remove == ("data/extra-00000-of-00001.parquet",)
    assert hub.files("lab/things") == {**contents(out), "notes.txt": b"somebody's own"}
    assert set(hub.repos["lab/things"]["tags"]) == {"v0.1.0", "v0.2.0"}


def test_other_files_under_a_version_that_is_there_are_refused(hub: Hub, tmp_path: Path):
    push(published(tmp_path / "old", recordings=3), "lab/things")
    before = dict(hub.files("lab/things"))
    with pytest.raises(UsageError, match=r"version 0\.1\.0 already") as told:
        push(published(tmp_path / "new", recordings=5), "lab/things")
    assert "version" in told.value.do
    assert hub.files("lab/things") == before


@pytest.mark.parametrize("where", ["POST .*/commit/", "PUT /upload", "POST .*/preupload", "POST .*/batch"])
def test_a_hub_that_fails_leaves_what_was_there_and_the_next_push_goes_on(hub: Hub, tmp_path: Path, where: str):
    push(published(tmp_path / "old", recordings=3), "lab/things")
    before = dict(hub.files("lab/things"))
    out = published(tmp_path / "new", recordings=8, version="0.2.0")
    hub.fail = where
    with pytest.raises(UsageError, match="failed in the middle") as told:
        push(out, "lab/things")
    assert "the same command goes on" in told.value.do
    assert hub.files("lab/things") == before
    hub.fail, hub.asked = None, []
    held = set(hub.objects)
    push(out, "lab/things")
    assert hub.files("lab/things") == contents(out)
    assert not {path.rpartition("/")[2] for path in hub.puts()} & held, "what had arrived is not sent again"


def test_a_commit_without_its_tag_gets_it_the_next_time(hub: Hub, tmp_path: Path):
    out = published(tmp_path)
    hub.fail = "POST .*/tag/"
    with pytest.raises(UsageError, match="failed in the middle"):
        push(out, "lab/things")
    hub.fail = None
    push(out, "lab/things")
    assert hub.repos["lab/things"]["tags"] == {"v0.1.0": hub.repos["lab/things"]["commits"][-1][0]}
    assert len(hub.repos["lab/things"]["commits"]) == 2


def test_wrong_use_is_told(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    out = published(tmp_path)
    with pytest.raises(UsageError, match="does not let this token write to theirs/things"):
        push(out, "theirs/things")
    for name in ("things", "a/b/c", "../x/y", ""):
        with pytest.raises(UsageError, match="names no dataset"):
            push(out, name)
    with pytest.raises(UsageError, match="no published dataset"):
        push(tmp_path, "lab/things")
    shard = next((out / "data").iterdir())
    shard.write_bytes(shard.read_bytes()[:-100])
    with pytest.raises(UsageError, match="not what was published"):
        push(out, "lab/things")
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(UsageError, match="does not let this token"):
        push(published(tmp_path / "again"), "lab/things")
    assert hub.repos == {}


def test_it_loads_from_the_hub(hub: Hub, tmp_path: Path):
    from huggingface_hub import snapshot_download

    out = published(tmp_path)
    push(out, "lab/things")
    got = snapshot_download(
        "lab/things", repo_type="dataset", revision="v0.1.0", endpoint=hub.url, cache_dir=tmp_path / "c"
    )
    assert contents(Path(got)) == contents(out)


def test_the_command(hub: Hub, tmp_path: Path):
    (tmp_path / "notes.csv").write_text("id,text\na,one text\nb,another one\n")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("name: notes\nsources: notes.csv\npublish: {audit: skip}\n")
    run = CliRunner().invoke
    store = ["--store", str(tmp_path / "store")]
    assert run(app, ["build", str(recipe), *store, "--quiet"]).exit_code == 0
    out = ["--out", str(tmp_path / "out"), "--push", "lab/notes"]
    told = run(app, ["publish", str(recipe), *store, *out, "--dry-run"])
    assert told.exit_code == 0, told.output
    assert "would send" in told.output
    assert hub.repos == {}
    told = run(app, ["publish", str(recipe), *store, *out])
    assert told.exit_code == 0, told.output
    assert f"{hub.url}/datasets/lab/notes" in told.output
    assert hub.files("lab/notes") == contents(tmp_path / "out")
    told = run(app, ["publish", str(recipe), *store, *out, "--json"])
    assert json.loads(told.output)["pushed"]["send"] == {}
    told = run(app, ["publish", str(recipe), *store, "--out", str(tmp_path / "out"), "--dry-run"])
    assert isinstance(told.exception, UsageError)
    assert "--push" in str(told.exception)


def test_a_draft_is_not_made_public_and_what_it_lacks_is_listed(hub: Hub, tmp_path: Path):
    (tmp_path / "notes.csv").write_text("id,text\na,one text\nb,another one\n")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("name: notes\nlicence: cc0-1.0\nsources: notes.csv\npublish: {audit: skip}\n")
    run, store = CliRunner().invoke, ["--store", str(tmp_path / "store")]
    assert run(app, ["build", str(recipe), *store, "--quiet"]).exit_code == 0
    public = ["publish", str(recipe), *store, "--out", str(tmp_path / "out"), "--push", "lab/notes", "--public"]
    told = run(app, public)
    assert isinstance(told.exception, UsageError)
    for field in ("card.creators", "card.contact", "card.purpose", "card.collection"):
        assert field in str(told.exception)
    assert "licence" not in str(told.exception)
    assert hub.repos == {}
    assert not (tmp_path / "out").exists()
    facts = "{creators: Ann, contact: ann@example.org, purpose: to try, collection: written}"
    recipe.write_text(f"{recipe.read_text()}card: {facts}\n")
    told = run(app, public)
    assert told.exit_code == 0, told.output
    assert hub.repos["lab/notes"]["private"] is False
    recipe.write_text(recipe.read_text().replace("ann@example.org", "Ann"))
    told = run(app, public)
    assert "card.contact" in str(told.exception)
    assert "mail address" in str(told.exception)
