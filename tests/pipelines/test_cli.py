"""The command as a newcomer meets it: every mistake is told, every exit code is the documented one."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipelines import cli
from pipelines.doctor import EXTRAS

MEDIA = Path(__file__).parents[2] / "pipelines" / "demo" / "media"
WHOLE = "segment: {by: whole}\n"


@dataclass
class Done:
    code: int
    out: str
    err: str


Command = Callable[..., Done]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Run `affectloom ...` here, in an empty folder and a wide terminal."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.delenv("AFFECTLOOM_STORE", raising=False)

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["affectloom", *arguments])
        code: object = 0
        try:
            cli.main()
        except SystemExit as ended:
            code = ended.code
        told = capfd.readouterr()
        return Done(int(str(code or 0)), told.out, told.err)

    return run


def write(text: str = "", *, measure: str = "{prosody: {}}", sources: str = "a.flac") -> str:
    Path("r.yaml").write_text(f"name: t\nsources: {sources}\nmeasure: {measure}\n{text or WHOLE}")
    return "r.yaml"


def files(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# Mistakes in a recipe: found by `plan`, told with file, line, field, what is allowed and what was meant.


@pytest.mark.parametrize(
    ("recipe", "told"),
    [
        ("name: t\nsources: a.flac\nmeasur: {}\n", ["r.yaml:3: measur: unknown field", "Did you mean measure?"]),
        (
            "name: t\nsources: a.flac\nmeasure: {prosdy: {}}\n",
            ["r.yaml:3: measure.prosdy", "unknown measurement", "allowed: clip,", "Did you mean prosody?"],
        ),
        (
            "name: t\nsources: a.flac\nmeasure:\n  prosody:\n    hop: 5\n",
            ["r.yaml:5: measure.prosody.hop: unknown field, found 5", "Did you mean hop_ms?"],
        ),
        (
            "name: t\nsources: a.flac\nmeasure: {speech: {engine: fast-whisper}}\n",
            ["measure.speech.engine: found 'fast-whisper'", "openai-whisper", "Did you mean faster-whisper?"],
        ),
        (
            "name: t\nsources: a.flac\nmeasure:\n  speech:\n    model: gigantic\n",
            ["r.yaml:5: measure.speech.model: no speech model is called 'gigantic'", "small"],
        ),
        ("name: t\nsources: a.flac\nmeasure: {faces: {fps: -1}}\n", ["measure.faces.fps: found -1", "greater than 0"]),
        ("name: t\nsources: a.flac\nmeasure: faces\n", ["measure: found 'faces'", "`measure: {faces: {}}`"]),
        ("name: t\nsources: a.flac\nmeasure: [faces]\n", ["`measure: {faces: {}}`"]),
        ("name: t\nsources: a.flac\nmeasure: {faces: yes}\n", ["measure.faces: found True", "`faces: {}`"]),
        ("name: t\nsources: a.flac\nsegment: sentence\n", ["`segment: {by: sentence}`"]),
        ("name: t\nsources: a.flac\nsegment: {by: sentnce}\n", ["segment.by: found 'sentnce'", "mean sentence?"]),
        (
            "name: t\nsources: a.flac\nalign: {to: words}\n",
            ["align.to: found 'words'; allowed: word, segment, {grid_s: ...}. Did you mean word?"],
        ),
        (
            "name: t\nsources: a.flac\nalign:\n  to: {grid_s: 0}\n",
            ["r.yaml:4: align.to.grid_s: found 0; input should be greater than or equal to 0.001\n"],
        ),
        ("name: t\nsources: a.flac\nalign: {grid_s: 0.1}\n", ["r.yaml:3: align.grid_s", "{to: {grid_s: 0.1}}"]),
        ("name: t\nsources: a.flac\nalign: {tracks: {}}\n", ["unknown field 'tracks'", "allowed: to, how, face, ocr."]),
        ("name: t\nsources: a.flac\nlabels: answers.csv\n", ["r.yaml:3: labels: there is no file answers.csv"]),
        ("name: t\nsources: a.flac\nask: q.yaml\n", ["r.yaml:3: ask: there is no file q.yaml"]),
        (
            "name: t\nsources: a.flac\nannotate:\n  synonyms: s.csv\n",
            ["r.yaml:4: annotate.synonyms: there is no file s.csv"],
        ),
        ("name: t\nsources: a.flac\nask: r.yaml\n", ["r.yaml:1: questions: a list with at least one question"]),
        ("name: t\nsources: a.flac\npublish: {splits: {train: 0.5}}\n", ["publish.splits", "sum to 0.5, not 1"]),
        ("name: t\nsources: a.flac\npublish: {media: [sound]}\n", ["found 'sound'", "audio, video, image"]),
        ("sources: a.flac\n", ["r.yaml:1: name: this field is missing"]),
        ("name: t\nsources: [\n", ["r.yaml:3: not valid YAML"]),
        ("", ["the recipe is empty", "`name` and `sources`"]),
        ("name: t\nsources: b.flac\n", ["r.yaml:2: sources: b.flac does not exist", "did you mean a.flac?"]),
        ("name: t\nsources: 'x/*.mp4'\n", ["r.yaml:2: sources: x/*.mp4: no file matches"]),
        ("name: t\nsources:\n  - a.flac\n  - b.csv\n", ["r.yaml:4: sources: b.csv does not exist"]),
        ("name: t\nsources: empty.csv\n", ["the table is empty", "id,path"]),
        ("name: t\nsources: wrong.csv\n", ["no column says where", "pth (did you mean path?)"]),
    ],
)
def test_a_mistake_in_a_recipe_is_told_with_its_line(command: Command, recipe: str, told: list[str]):
    Path("a.flac").write_bytes(b"x")
    Path("empty.csv").touch()
    Path("wrong.csv").write_text("id,pth\n1,a.flac\n")
    Path("r.yaml").write_text(recipe)
    done = command("plan", "r.yaml")
    assert done.code == 2
    assert [text for text in told if text not in done.err] == [], done.err
    assert "Traceback" not in done.err
    assert "literal[" not in done.err
    assert done.out == ""


def test_a_recipe_that_is_not_there_offers_the_nearest(command: Command):
    write()
    done = command("build", "rr.yaml")
    assert (done.code, "did you mean r.yaml?" in done.err) == (2, True)
    assert "Is a directory" in command("plan", ".").err


@pytest.mark.parametrize(
    "arguments", [("biuld", "r.yaml"), ("build",), ("build", "r.yaml", "--workers", "0"), ("publish", "r.yaml")]
)
def test_wrong_use_of_the_command_is_2(command: Command, arguments: tuple[str, ...]):
    write()
    done = command(*arguments)
    assert done.code == 2
    assert "affectloom" in done.err
    assert "Traceback" not in done.err


def test_an_unknown_engine_is_told_with_those_there_are(command: Command):
    write()
    done = command("build", "r.yaml", "--engine", "spark")
    assert done.code == 2
    assert "'spark' is not one of 'local'" in done.err


# Stores.


def test_plan_writes_nothing(command: Command, tmp_path: Path):
    shutil.copy(MEDIA / "voice.flac", "a.flac")
    write()
    before = files(tmp_path)
    done = command("plan", "r.yaml")
    assert done.code == 0
    assert "# prosody.praat.v1: 1 todo" in done.out
    assert json.loads(command("plan", "r.yaml", "--json").out)["recordings"] == 1
    assert files(tmp_path) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.flac", "r.yaml"]


@pytest.mark.parametrize("store", ["a.flac", "a.flac/below", "/proc/nowhere"])
def test_a_store_that_cannot_be_a_folder_is_told(command: Command, store: str):
    shutil.copy(MEDIA / "voice.flac", "a.flac")
    done = command("build", write(), "--store", store)
    assert done.code == 2
    assert "the store cannot be written" in done.err
    assert "--store" in done.err
    assert Path("a.flac").read_bytes() == (MEDIA / "voice.flac").read_bytes()


def test_a_store_of_an_unknown_kind_is_told(command: Command):
    Path("a.flac").touch()
    done = command("build", write(), "--store", "foo://bar")
    assert (done.code, "foo" in done.err and "fsspec URL" in done.err) == (2, True)
    done = command("build", write(), "--store", "memory://x")
    assert (done.code, "gone when the command ends" in done.err) == (2, True)


NOT_ROOT = """
import contextlib, os, sys
from pipelines import cli
from pipelines.doctor import EXTRAS
sys.argv = ["affectloom", "plan", "r.yaml"]
with contextlib.suppress(SystemExit), contextlib.redirect_stdout(None):
    cli.main()  # Python itself may be out of reach for the other one: have all imported
os.setegid(65534), os.seteuid(65534)
sys.argv = ["affectloom", "build", "r.yaml"]
cli.main()
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes somebody else")
def test_a_folder_that_is_not_ours_is_told():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        shutil.copy(MEDIA / "voice.flac", folder / "a.flac")
        (folder / "r.yaml").write_text(f"name: t\nsources: a.flac\nmeasure: {{prosody: {{}}}}\n{WHOLE}")
        done = subprocess.run([sys.executable, "-c", NOT_ROOT], cwd=folder, capture_output=True, text=True, check=False)
        assert sorted(path.name for path in folder.iterdir()) == ["a.flac", "r.yaml"]
    assert done.returncode == 2, done.stderr
    assert "the store cannot be written" in done.stderr
    assert "Permission denied" in done.stderr
    assert "the right to write there" in done.stderr
    assert "Traceback" not in done.stderr


def test_before_a_build_there_is_nothing_to_publish_list_or_look_at(command: Command):
    shutil.copy(MEDIA / "voice.flac", "a.flac")
    write()
    published = command("publish", "r.yaml", "--out", "out")
    assert (published.code, "nothing to publish" in published.err) == (2, True)
    assert "`affectloom build r.yaml --store store` first" in published.err
    listed = command("failures", "r.yaml")
    assert (listed.code, "no recording of r.yaml is in" in listed.err) == (2, True)
    seen = command("inspect", "r.yaml", "a")
    assert (seen.code, "a is not in the store" in seen.err) == (2, True)
    assert not Path("store").exists()
    assert not Path("out").exists()


def test_build_tells_why_there_are_no_samples(command: Command):
    shutil.copy(MEDIA / "noface.mp4", "a.mp4")
    write("segment: {by: turn}\n", measure="{}", sources="a.mp4")
    why = "cannot be cut by turn: no subtitles come with it, and no words are known of it"
    done = command("build", "r.yaml")
    assert done.code == 2
    assert f"1 without samples: {why} (no sound, or no `speech` in the recipe), such as a" in done.out
    (again,) = json.loads(command("build", "r.yaml", "--json").out)["uncut"]
    assert (again["count"], why in again["why"]) == (1, True), "told when nothing is left to do, too"


def test_a_table_without_rows_is_told(command: Command):
    Path("s.csv").write_text("id,path\n")
    done = command("build", write(sources="s.csv"))
    assert (done.code, "the sources of r.yaml hold no recording" in done.err) == (2, True)


def test_a_wrong_name_in_a_block_of_a_union_is_told_with_that_block_s_fields(command: Command):
    shutil.copy(MEDIA / "noface.mp4", "a.mp4")
    done = command("plan", write("align: {to: {grid: 0.1}}\n", sources="a.mp4"))
    assert done.code == 2
    assert "align.to.grid: unknown field, found 0.1; allowed: grid_s. Did you mean grid_s?" in done.err


def test_doctor_knows_every_extra():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert set(EXTRAS) == set(project["optional-dependencies"]) - {"all", "dev"}


def test_doctor_tells_what_is_there(command: Command):
    done = command("doctor")
    assert done.code == 0
    assert "ffmpeg" in done.out
    told = json.loads(command("doctor", "--json").out)
    assert told


# Bad media.

PLAYLISTS = {
    "hls.mp4": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
    "net.ts": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n",
    "concat.mp4": "ffconcat version 1.0\nfile /etc/passwd\n",
    "dash.mp4": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period/></MPD>',
}
TOLD = {
    "gone": ("acquire", "does not exist"),
    "zero": ("probe.v1", "the file is empty (0 bytes)"),
    "blank": ("probe.v1", "the text is empty"),
    "prose": ("probe.v1", "not media"),
    "subtitles": ("probe.v1", "neither pictures nor sound"),
    "hls": ("probe.v1", "playlist"),
    "net": ("probe.v1", "playlist"),
    "concat": ("probe.v1", "playlist"),
    "dash": ("probe.v1", "not media"),
    "beheaded": ("probe.v1", "not media"),
}
GOOD = ("cut", "voice", "note")


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a recipe over everything that can be wrong with a recording, and its store."""
    folder = tmp_path_factory.mktemp("bad")
    talk = (MEDIA / "talk.mp4").read_bytes()
    (folder / "zero.mp4").touch()
    (folder / "blank.txt").write_text(" \n")
    (folder / "prose.mp4").write_text("Dear Sir or Madam, this is not a video at all.\n" * 20)
    for name, text in PLAYLISTS.items():
        (folder / name).write_text(text)
    ffmpeg(folder, "-i", str(MEDIA / "talk.mp4"), "-c", "copy", "-movflags", "+faststart", "whole.mp4")
    (folder / "cut.mp4").write_bytes((folder / "whole.mp4").read_bytes()[: len(talk) // 2])
    (folder / "whole.mp4").unlink()
    (folder / "beheaded.mp4").write_bytes(talk[len(talk) // 2 :])
    ffmpeg(folder, "-i", str(MEDIA / "talk.srt"), "-c:s", "mov_text", "subtitles.mp4")
    shutil.copy(MEDIA / "voice.flac", folder)
    names = ["gone.mp4", "cut.mp4", *sorted(path.name for path in folder.iterdir() if path.name != "cut.mp4")]
    rows = [f"{Path(name).stem},{name}," for name in names]
    (folder / "s.csv").write_text("\n".join(["id,path,text", *rows, "note,,Words alone."]) + "\n")
    (folder / "r.yaml").write_text(
        f"name: bad\nsources: s.csv\n{WHOLE}measure: {{prosody: {{}}, faces: {{fps: 1}}}}\npublish: {{media: []}}\n"
    )
    done = affectloom(folder, "build", "r.yaml", "--workers", "2")
    assert done.returncode == 1, done.stderr
    (folder / "told.out").write_text(done.stdout)
    (folder / "told.err").write_text(done.stderr)
    return folder


def ffmpeg(folder: Path, *arguments: str) -> None:
    from pipelines.watching.ffmpeg import find

    subprocess.run([str(find()), "-v", "error", "-y", *arguments], cwd=folder, check=True)


def affectloom(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """The command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", "from pipelines.cli import main; main()", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"COLUMNS": "300"},
    )


def test_each_bad_recording_has_one_clear_failure(bad: Path, command: Command, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(bad)
    done = command("failures", "r.yaml", "--json")
    assert done.code == 1
    found = json.loads(done.out)
    assert isinstance(found, list)
    assert {(one["recording"], one["step"]) for one in found} == {(name, step) for name, (step, _) in TOLD.items()}
    assert len(found) == len(TOLD)
    for one in found:
        assert TOLD[one["recording"]][1] in one["message"], one
        assert one["expected"], one
        assert one["do"], one
    as_text = command("failures", "r.yaml")
    assert as_text.code == 1
    assert all(f"{name} · " in as_text.out for name in TOLD)


def test_a_build_with_failures_says_how_to_see_them_and_nothing_of_its_libraries(bad: Path):
    err = (bad / "told.err").read_text()
    assert f"{len(TOLD)} recordings failed: `affectloom failures r.yaml --store store`" in err
    noise = [line for line in err.splitlines() if "finished" not in line and "recordings failed" not in line]
    assert noise == []
    out = (bad / "told.out").read_text()
    assert "1 failed at probe.v1: the file is empty (0 bytes)" in out
    assert "faces 2" in out  # the voice and the note have none, and that is told


def test_faces_of_a_sound_file_are_absent_with_the_reason(bad: Path, command: Command, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(bad)
    done = command("inspect", "r.yaml", "voice")
    assert done.code == 0
    line = next(line for line in done.out.splitlines() if line.startswith("faces"))
    assert "absent" in line
    assert "the recording has no video stream" in line
    assert json.loads(command("inspect", "r.yaml", "voice", "--json").out)["failures"] == []


def test_a_truncated_video_keeps_what_could_be_decoded_and_says_so(
    bad: Path, command: Command, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(bad)
    done = command("inspect", "r.yaml", "cut")
    assert done.code == 0
    assert "declares 8." in done.out
    assert "could be decoded" in done.out


def test_a_recording_that_could_not_be_had_can_be_looked_at(
    bad: Path, command: Command, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(bad)
    done = command("inspect", "r.yaml", "gone")
    assert done.code == 0
    assert "failed at acquire" in done.out
    assert "does not exist" in done.out
    assert "artifact" not in done.out


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_look_keeps_to_the_terminal(bad: Path, command: Command, monkeypatch: pytest.MonkeyPatch, width: int):
    monkeypatch.chdir(bad)
    monkeypatch.setenv("COLUMNS", str(width))
    out = command("inspect", "r.yaml", "cut").out
    bars = [line for line in out.splitlines() if "█" in line]
    assert [line.split()[0] for line in bars] == ["video", "sound", "segment"]
    assert max(map(len, out.splitlines())) <= width


def test_the_rest_is_published_beside_the_failures(bad: Path, command: Command, monkeypatch: pytest.MonkeyPatch):
    import pyarrow.parquet as pq

    monkeypatch.chdir(bad)
    done = command("publish", "r.yaml", "--out", "out", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["recordings"] == len(GOOD)
    rows = [row for path in Path("out/data").iterdir() for row in pq.read_table(path).to_pylist()]
    assert {row["recording"] for row in rows} == set(GOOD)
    voice = next(row for row in rows if row["recording"] == "voice")
    assert (voice["present"]["face"], voice["present"]["prosody"]) == (False, True)
    assert any("could be decoded" in doubt for row in rows if row["recording"] == "cut" for doubt in row["doubts"])


def test_publishing_over_something_else_is_refused(bad: Path, command: Command, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(bad)
    Path("thesis").mkdir(exist_ok=True)
    Path("thesis/chapter.txt").write_text("years of work")
    done = command("publish", "r.yaml", "--out", "thesis")
    assert (done.code, "did not publish" in done.err) == (2, True)
    assert [path.name for path in Path("thesis").iterdir()] == ["chapter.txt"]
    done = command("publish", "r.yaml", "--out", "s.csv")
    assert (done.code, "s.csv is a file" in done.err) == (2, True)
    assert Path("s.csv").read_text().startswith("id,path")


@pytest.mark.parametrize(
    ("name", "told"), [("nobody", "is not in the store"), ("../../etc", "cannot name a recording")]
)
def test_an_unknown_recording_is_told(
    bad: Path, command: Command, monkeypatch: pytest.MonkeyPatch, name: str, told: str
):
    monkeypatch.chdir(bad)
    done = command("inspect", "r.yaml", name)
    assert (done.code, told in done.err) == (2, True)


def test_where_nothing_comes_of_a_build_it_is_2(command: Command):
    Path("a.flac").touch()
    done = command("build", write(), "--workers", "1", "--json")
    assert done.code == 2
    told = json.loads(done.out)
    assert (told["recordings"], told["with_samples"], told["failed"]) == (1, 0, ["a"])
