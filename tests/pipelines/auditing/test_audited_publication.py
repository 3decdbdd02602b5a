import fsspec
import pytest
from dataset_making import spoken, written

from pipelines.publishing.publish import publish
from schemas.errors import UsageError
from schemas.publication import About, Publication

ABOUT = About(name="tones", licence="CC BY 4.0")
CUTS = [(0.0, 0.5), (0.5, 1.25), (2.0, 2.5)]


def made(folder, **spoiled):
    """Recordings of one speaker each; two of them of the same sound, where `twice`."""
    twice = spoiled.pop("twice", False)
    return [
        spoken(
            folder,
            f"rec{number}",
            CUTS,
            seed=0 if twice else number,
            speaker=f"s{number}",
            licence="CC BY 4.0",
            **spoiled,
        )
        for number in range(8)
    ]


def test_errors_stop_a_publication_and_the_one_before_stays(tmp_path):
    out = tmp_path / "out"
    publish(made(tmp_path / "good"), Publication(), str(out), about=ABOUT)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    for where in (str(out), str(tmp_path / "new")):
        with pytest.raises(
            UsageError, match=r"not published: the audit found errors \((?s:.*)same-media: audio files"
        ) as raised:
            publish(made(tmp_path / "bad", twice=True), Publication(), where, about=ABOUT)
        assert "audit: report" in raised.value.do
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    assert not (tmp_path / "new").exists()


def test_they_stand_in_the_card_where_the_recipe_says_so(tmp_path):
    out = tmp_path / "out"
    report = publish(made(tmp_path, twice=True), Publication(audit="report"), str(out), about=ABOUT)
    assert report.audit is not None
    assert {one.check for one in report.audit.errors} == {"same-media"}
    card = (out / "README.md").read_text()
    assert "| error | `same-media`: audio files, byte for byte the same, stand in several splits | 3 |" in card
    again = publish(made(tmp_path, twice=True), Publication(audit="report"), str(out), about=ABOUT)
    assert again.kept == len(again.shards)
    assert (out / "README.md").read_text() == card


def test_no_audit_where_the_recipe_wants_none(tmp_path):
    report = publish(made(tmp_path, twice=True), Publication(audit="skip"), str(tmp_path / "out"), about=ABOUT)
    assert report.audit is None
    assert "No audit was made" in (tmp_path / "out" / "README.md").read_text()


def test_a_licence_that_promises_too_much_stops_a_publication(tmp_path):
    with pytest.raises(UsageError, match="licences: samples are of recordings for non-commercial use"):
        publish(
            [*made(tmp_path), written(tmp_path, "w", "Words.", licence="CC BY-NC 4.0", speaker="w")],
            Publication(),
            str(tmp_path / "out"),
            about=ABOUT,
        )


def test_what_is_published_on_an_object_store_is_audited_there(tmp_path):
    fs = fsspec.filesystem("memory")
    with pytest.raises(UsageError, match="same-media"):
        publish(made(tmp_path / "bad", twice=True), Publication(), "memory://audited/out", about=ABOUT)
    assert not fs.exists("/audited/out/README.md")
    report = publish(made(tmp_path / "good"), Publication(), "memory://audited/out", about=ABOUT)
    assert report.audit is not None
    assert report.audit.rows == report.rows == 24
    assert report.audit.splits == {split.name: split.rows for split in report.splits if split.rows}


def test_silence_is_no_copy_of_silence(tmp_path):
    import numpy as np
    import soundfile

    quiet = made(tmp_path)
    for one in quiet:
        soundfile.write(one.folder / "audio.flac", np.zeros(40_000, np.int16), 16_000, subtype="PCM_16")
    report = publish(quiet, Publication(), str(tmp_path / "out"), about=ABOUT)
    assert report.audit is not None
    assert [one for one in report.audit.findings if one.check in ("same-media", "media-length")] == []


def test_a_publication_of_very_many_does_not_listen_and_says_so(tmp_path, monkeypatch):
    report = publish(made(tmp_path), Publication(), str(tmp_path / "few"), about=ABOUT)
    assert "near-media" in report.audit.checked
    monkeypatch.setattr("pipelines.auditing.of_shards._MOST_HEARD", 23)
    report = publish(made(tmp_path), Publication(), str(tmp_path / "many"), about=ABOUT)
    assert report.rows == 24
    assert "near-media" in {one.check for one in report.audit.unchecked}
    assert "`near-media` (no marks of sound or pictures" in (tmp_path / "many" / "README.md").read_text()
