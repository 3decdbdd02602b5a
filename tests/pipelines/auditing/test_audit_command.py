import csv
import json

import pytest
from audit_making import clean, write
from typer.testing import CliRunner

from pipelines.cli import app
from schemas.errors import UsageError

HEADS = ["Sr No.", "Utterance", "Speaker", "Emotion", "Dialogue_ID", "Utterance_ID", "Season", "Episode"]
HEADS += ["StartTime", "EndTime"]


def run(*words):
    return CliRunner().invoke(app, ["audit", *map(str, words)])


def told(*words):
    done = run(*words, "--json")
    return done.exit_code, json.loads(done.output)


def clock(seconds):
    return f"00:{seconds // 60:02d}:{seconds % 60:02d},500"


def play(path, episode, spoil=None):
    """A table as dialogue corpora have it: times as clocks, dialogues numbered from 0 in each file."""
    rows = []
    for number in range(20):
        talk, turn = divmod(number, 5)
        start = 10 * number
        values = [number, f"line {episode} of {number * 7919} and {number**5}", f"{episode} {number % 4}"]
        values += [("joy", "anger")[number // 4 % 2], talk, turn, 1, episode, clock(start), clock(start + 8)]
        rows.append(dict(zip(HEADS, values, strict=True)))
    if spoil is not None:
        spoil(rows)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, HEADS)
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_exit_codes_are_0_1_and_2(tmp_path):
    splits = clean()
    assert run(write(tmp_path / "clean", splits)).exit_code == 0
    splits["train"][3]["id"] = splits["train"][4]["id"]
    spoiled = write(tmp_path / "spoiled", splits)
    done = run(spoiled, "--report", tmp_path / "page.html")
    assert done.exit_code == 1
    assert "train-0#0004: 2 samples" in done.output
    page = (tmp_path / "page.html").read_text()
    assert "train-0#0004: 2 samples" in page
    assert "://" not in page
    assert run().exit_code == 2
    for wrong in ("nowhere", tmp_path / "nothing.csv", tmp_path / "page.html"):
        assert isinstance(run(wrong).exception, UsageError)


def test_columns_are_guessed_and_clocks_are_read(tmp_path):
    code, report = told(play(tmp_path / "train.csv", 3), play(tmp_path / "dev_lines.csv", 4))
    assert report["columns"] == {
        "dialogue": "Dialogue_ID",
        "end": "EndTime",
        "id": "Dialogue_ID+Utterance_ID",
        "label": "Emotion",
        "recording": "Season+Episode",
        "speaker": "Speaker",
        "start": "StartTime",
        "text": "Utterance",
        "turn": "Utterance_ID",
    }
    assert report["splits"] == {"train": 20, "validation": 20}
    assert [(one["check"], one["severity"]) for one in report["findings"]] == [
        ("split-overlap", "note"),  # dialogues are numbered in each file from 0
        ("empty-columns", "note"),  # one season
    ]
    assert code == 0
    assert {one["check"] for one in report["unchecked"]} >= {"same-media", "word-times", "licences"}


def test_a_table_with_errors_is_told_with_the_clips(tmp_path):
    def spoil(rows):
        rows[8] |= {name: rows[7][name] for name in ("StartTime", "EndTime")}

    code, report = told(play(tmp_path / "train.csv", 3, spoil))
    clip = next(one for one in report["findings"] if one["check"] == "same-clip" and one["severity"] == "error")
    assert (code, clip["count"], clip["examples"]) == (1, 1, ["1/2: anger, 1/3: joy"])


@pytest.mark.parametrize("form", ["object of objects", "list", "lines", "list in an object", "tab"])
def test_json_of_every_form_is_the_same_table(tmp_path, form):
    rows = [
        {
            "id": f"v{number}",
            "utterance": f"text {number * 7919}",
            "speaker": f"s{number % 3}",
            "sarcasm": number % 2 == 0,
        }
        for number in range(30)
    ]
    path = tmp_path / {"lines": "table.jsonl", "tab": "table.tsv"}.get(form, "table.json")
    if form == "lines":
        path.write_text("\n".join(json.dumps(row) for row in rows))
    elif form == "tab":
        path.write_text(
            "\n".join("\t".join(map(str, row.values())) for row in [dict(zip(rows[0], rows[0], strict=True)), *rows])
        )
    elif form == "object of objects":
        path.write_text(json.dumps({row["id"]: {k: v for k, v in row.items() if k != "id"} for row in rows}))
    else:
        path.write_text(json.dumps(rows if form == "list" else {"version": 1, "data": rows}))
    _, report = told(path)
    assert report["rows"] == 30
    assert report["columns"] == {"id": "id", "label": "sarcasm", "speaker": "speaker", "text": "utterance"}
    assert [one["check"] for one in report["findings"]] == []


def test_a_person_maps_columns(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("who,what,feels\n" + "".join(f"p{n % 2},said {n**5},{('up', 'down')[n % 2]}\n" for n in range(60)))
    assert told(path)[1]["columns"] == {}
    _, report = told(path, "--column", "speaker=who", "--column", "text=what", "--column", "label=feels")
    assert report["columns"] == {"label": "feels", "speaker": "who", "text": "what"}
    assert [one["check"] for one in report["findings"]] == ["speaker-label", "speaker-label"]
    for wrong, near in (
        ("speaker=wo", "did you mean 'who'"),
        ("speeker=who", "did you mean 'speaker'"),
        ("who", "maps no"),
    ):
        error = run(path, "--column", wrong).exception
        assert isinstance(error, UsageError)
        assert near in str(error)


def test_files_whose_names_say_no_split_are_told_apart(tmp_path):
    report = told(play(tmp_path / "first.csv", 3), play(tmp_path / "second.csv", 3))[1]
    assert report["splits"] == {"first": 20, "second": 20}
    assert next(one for one in report["findings"] if one["check"] == "same-clip")["count"] == 20


def test_a_folder_is_read_as_its_card_says(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = write(tmp_path / "made", clean())
    (folder / "more").mkdir()
    pq.write_table(pa.table({"id": ["x"]}), folder / "more" / "train.parquet")
    assert told(folder)[1]["rows"] == 81
    (folder / "README.md").write_text(
        "---\nlicense: cc-by-4.0\nconfigs:\n- config_name: more\n  data_files: more/*.parquet\n"
        "- config_name: default\n  data_files:\n  - split: learn\n    path: data/train-*.parquet\n"
        "  - split: judge\n    path: [data/test-*.parquet]\n---\n"
    )
    assert told(folder)[1]["splits"] == {"learn": 40, "judge": 40}


def test_a_damaged_shard_and_a_column_that_stands_twice_are_told(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = write(tmp_path / "made", clean())
    shard = folder / "data" / "train-00000-of-00001.parquet"
    data = bytearray(shard.read_bytes())
    data[2000:200_000] = bytes(198_000)
    shard.write_bytes(data)
    error = run(folder).exception
    assert isinstance(error, UsageError)
    assert "train-00000-of-00001.parquet is damaged in row group 0" in str(error)
    table = pa.Table.from_arrays([pa.array(["x"]), pa.array(["y"])], names=["text", "text"])
    pq.write_table(table, tmp_path / "twice.parquet")
    error = run(tmp_path / "twice.parquet").exception
    assert isinstance(error, UsageError)
    assert "two columns 'text'" in str(error)


def test_free_texts_are_no_labels(tmp_path):
    rows = [{"speaker": f"s{n}", "label": f"what {n} felt", "text": f"said {n**5}"} for n in range(3000)]
    (tmp_path / "table.json").write_text(json.dumps(rows))
    report = told(tmp_path / "table.json")[1]
    assert report["columns"]["label"] == "label"
    assert {one["check"]: one["lacks"] for one in report["unchecked"]}["speaker-label"] == "labels of few values"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore:unclosed file:ResourceWarning")
def test_datasets_loads_what_is_no_table(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    splits = clean()
    folder = tmp_path / "sounds"
    (folder / "train").mkdir(parents=True)
    with (folder / "train" / "metadata.csv").open("w") as file:
        file.write("file_name,speaker,emotion\n")
        for number, row in enumerate(splits["train"][:6]):
            sound = splits["train"][0 if number == 5 else number]["audio"]["bytes"]
            (folder / "train" / f"{number}.flac").write_bytes(sound)
            file.write(f"{number}.flac,s{number % 2},{row['mood']}\n")
    code, report = told(folder)
    assert (report["rows"], report["columns"]["audio"]) == (6, "audio")
    same = next(one for one in report["findings"] if one["check"] == "same-media" and one["severity"] == "error")
    assert (code, same["count"]) == (1, 1)
