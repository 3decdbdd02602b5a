"""What a person states in a card, what must be there, and what the program counts for it."""

import io
import re
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dataset_making import spoken, written
from pydantic import ValidationError

from annotation.voted import as_written
from dataset_cards import balance
from dataset_cards.card import card
from dataset_cards.facts import citation, lacking
from pipelines.publishing.figures import NAMES, bins_of, figures_of
from pipelines.publishing.publish import publish
from pipelines.publishing.tallied import tallied
from pipelines.reporting.charts import clipped, letters
from pipelines.reporting.pictures import picture
from schemas.answer import Agreed, Question
from schemas.card import CardFacts
from schemas.errors import UsageError
from schemas.features import arrow_schema, class_label, list_of, value
from schemas.publication import About, Contents, Publication, SplitShare
from schemas.question import QuestionSpec
from schemas.tally import Tally

FACTS = CardFacts(
    creators="Ann and Bob", contact="ann@example.org", purpose="to study joy", collection="asked friends",
    consent="signed forms", raters="five students", pay="12 euros an hour", limits="few speakers",
)  # fmt: skip
SALT = "a secret that is long enough"
FULL = About(name="joy", version="1.0.0", licence="cc-by-4.0", card=FACTS)
WITH_PEOPLE = {"has_people": True, "all_consent": False, "has_answers": True}


def without(field):
    return FULL.model_copy(update={"card": FACTS.model_copy(update={field: ""})})


@pytest.mark.parametrize("field", ["creators", "contact", "purpose", "collection", "consent", "raters"])
def test_each_mandatory_fact_is_missed(field):
    assert lacking(FULL, **WITH_PEOPLE) == ()
    (missing,) = lacking(without(field), **WITH_PEOPLE)
    assert missing.startswith(f"card.{field}: ")


def test_what_does_not_concern_a_dataset_is_not_asked_for():
    bare = About(name="x", licence="mit", card=FACTS.model_copy(update={"consent": "", "raters": "", "pay": ""}))
    assert lacking(bare, has_people=False, all_consent=False, has_answers=False) == ()
    assert lacking(bare, has_people=True, all_consent=True, has_answers=False) == ()
    assert len(lacking(About(name="x"), **WITH_PEOPLE)) == 7


def test_a_contact_can_be_written_to():
    with pytest.raises(ValidationError, match="mail address"):
        CardFacts(contact="Ann")


def test_missing_facts_stop_a_publication_with_a_list_and_the_one_before_stays(tmp_path):
    made = [spoken(tmp_path, "a", [(0, 1)])]
    how, out = Publication(splits={"train": 1}, audit="skip"), tmp_path / "out"
    publish(made, how, str(out), about=FULL)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    poor = FULL.model_copy(update={"licence": None, "card": CardFacts(creators="Ann")})
    with pytest.raises(UsageError) as caught:
        publish(made, how, str(out), about=poor)
    told = str(caught.value)
    for field in ("licence:", "card.contact:", "card.purpose:", "card.collection:", "card.consent:"):
        assert field in told
    assert "card.creators" not in told
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_without_a_card_block_it_is_a_draft_that_is_not_made_public(tmp_path):
    made = [written(tmp_path, "a", "no people here")]
    how = Publication(splits={"train": 1}, audit="skip")
    report = publish(made, how, str(tmp_path / "out"), about=About(name="x"))
    assert [one.partition(":")[0] for one in report.lacking] == [
        "licence", "card.creators", "card.contact", "card.purpose", "card.collection",
    ]  # fmt: skip
    assert "> **Draft.**" in (tmp_path / "out" / "README.md").read_text("utf-8")
    with pytest.raises(UsageError, match="anybody will read its card"):
        publish(made, how, str(tmp_path / "public"), about=About(name="x"), public=True)
    assert not (tmp_path / "public").exists()
    publish(made, how, str(tmp_path / "public"), about=FULL, public=True)
    assert "Draft" not in (tmp_path / "public" / "README.md").read_text("utf-8")


def test_a_published_card_has_every_section_and_counts_its_shards(tmp_path):
    made = [
        spoken(tmp_path, "a", [(0, 1), (1, 3.5)], speaker="ann"),
        spoken(tmp_path, "b", [(0, 1)], speaker="bob", seed=1),
        written(tmp_path, "c", "text", language="ta"),
    ]
    answers = tmp_path / "answers.csv"
    answers.write_text(
        "item,rater,question,value\na#0000,x,mood,good\na#0000,y,mood,good\na#0001,x,mood,bad\nb#0000,x,mood,good\n"
        "a#0000,x,sentiment,2\nb#0000,x,sentiment,-1\n"
    )
    spec = QuestionSpec.model_validate({
        "instructions": "Watch to the end.", "consent": "I take part of my own will.",
        "questions": [
            {"id": "mood", "kind": "choice", "choices": [{"name": "good", "title": "well"}, "bad"]},
            {"id": "sentiment", "kind": "scale", "levels": [-3, -2, -1, 0, 1, 2, 3]},
        ],
    })  # fmt: skip
    how = Publication(splits={"train": 1}, audit="skip", group_by="speaker")
    about = FULL.model_copy(update={"card": FACTS.model_copy(update={"citation": "Ann (2026)."})})
    out = tmp_path / "out"
    publish(made, how, str(out), about=about, labels=answers, spec=spec, group=as_written, salt=SALT)
    text = (out / "README.md").read_text("utf-8")
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings == [
        "Loading", "Motivation", "Composition", "Collection", "Annotation", "Measurement", "Uses", "Privacy",
        "Distribution", "Maintenance", "Citation",
    ]  # fmt: skip
    for stated in (
        "to study joy",
        "Ann and Bob",
        "signed forms",
        "Pay: 12 euros an hour",
        "few speakers",
        "Ann (2026).",
    ):
        assert stated in text
    assert "writes to ann@example.org" in text
    assert "Recordings by origin: files 2, texts in the table of sources 1." in text
    assert "> Watch to the end." in text
    assert "> I take part of my own will." in text
    assert "| `good` | well |" in text
    assert "| 1.0 s | 1.0 s | 1.0 s | 2.5 s | 2.5 s |" in text
    assert "1 samples have no length" in text
    assert "| en | 3 | 75.0% | 0.00 | 2 |" in text
    assert "| ta | 1 | 25.0% | 0.00 | 0 |" in text
    assert "Named speakers: 2. Samples of one speaker: median 1.5, least 1, most 2 (50.0% of all)" in text
    assert "| `good` | 2 (66.7%) |" in text
    assert "| train | 2 | 0.5 | 2.12 |" in text
    for path in re.findall(r"\]\((figures/[^)]+)\)", text):
        ET.parse(out / path)  # noqa: S314 - our own file
    assert len(re.findall(r"!\[", text)) == 3


def test_tallies_of_shards_add_up_to_what_their_rows_hold():
    features = {
        "speaker": value("string"), "language": value("string"), "start": value("float64"), "end": value("float64"),
        "present": {"text": value("bool"), "audio": value("bool")}, "mood": class_label(["bad", "good"]),
        "mood_votes": list_of(value("string")), "themes": list_of(class_label(["home", "work"])),
        "themes_answers": list_of(value("string")), "own": value("string"), "own_votes": list_of(value("string")),
        "score": value("float64"), "score_answers": list_of(value("string")),
    }  # fmt: skip
    rows = [
        ("ann", "en", 0.0, 1.25, {"text": True, "audio": True}, 1, [], [0, 1], [], "warm", [], 1.0, []),
        ("ann", "en", 1.25, 2.0, {"text": True, "audio": False}, None, [], [1], [], None, [], 2.0, []),
        (None, None, None, None, {"text": False, "audio": False}, 0, [], None, [], "warm", [], None, []),
    ]
    table = pa.Table.from_pylist([dict(zip(features, row, strict=True)) for row in rows], arrow_schema(features))
    file = io.BytesIO()
    pq.write_table(table, file)
    found = Tally()
    for _ in range(2):
        found.add(tallied(pq.ParquetFile(file), features))
    assert found == Tally(
        rows=6,
        present=Counter({"text": 4, "audio": 2}),
        voices=Counter({("ann", "en"): 4, ("", ""): 2}),
        spoken_us=Counter({("ann", "en"): 4_000_000}),
        lengths=Counter({12: 2, 7: 2}),
        classes={
            "mood": Counter(good=2, bad=2),
            "themes": Counter(home=2, work=4),
            "own": Counter(warm=4),
        },
        numbers={"score": (4, 6.0, 10.0)},
    )


def test_quantiles_are_of_the_samples_not_of_the_lengths():
    lengths = Counter({10: 97, 20: 2, 900: 1})
    assert "| 1.0 s | 1.0 s | 1.0 s | 1.0 s | 90.0 s |" in balance.durations(Tally(rows=100, lengths=lengths))


def test_a_citation_is_made_of_what_is_known():
    assert "author = {Ann and Bob}" in citation(FULL)
    assert citation(About(name="x")) == "Not stated."
    given = CardFacts(citation="@misc{ann,\n title={Joy}}")
    assert citation(About(name="x", card=given)) == "```bibtex\n@misc{ann,\n title={Joy}}\n```"


def contents(**other):
    given = {
        "features": {}, "recordings": 1, "forms": {"audio": 1}, "rows": 30, "seconds": 1.0, "languages": {},
        "speakers": 1, "present": {}, "licences": {}, "consents": {},
        "unpacked": {"train": 1}, "bytes": 1, "ungrouped": 0,
        "splits": (SplitShare(name="train", asked=1, rows=30, groups=1, seconds=1.0),),
    }  # fmt: skip
    return Contents(**(given | other))


def test_figures_show_all_that_was_counted_in_any_script():
    tamil, chinese = "மகிழ்ச்சி", "非常高兴的心情和感受非常高兴"
    tally = Tally(
        rows=30, voices=Counter({(f"speaker {n}", tamil): 1 for n in range(30)}), lengths=Counter({5: 29, 399: 1})
    )
    question = Question(
        "mood", (tamil, chinese), 30, 30, 2, 0, ((tamil, 20), (chinese, 10)),
        agreement=(Agreed("Krippendorff's alpha", 0.5, (0.4, 0.6), 30, 2),),
    )  # fmt: skip
    figures = figures_of(contents(tallies={"train": tally}, questions=(question,)))
    assert tuple(one.path for one in figures) == NAMES
    drawn = {Path(one.path).stem: one.svg for one in figures}
    for svg in drawn.values():
        ET.fromstring(svg)  # noqa: S314 - our own
    assert f">{tamil}<" in drawn["labels"]
    assert "16 others" in drawn["balance"]
    assert ">30<" in drawn["balance"]
    assert "39 to 40 seconds" not in drawn["durations"]
    assert sum(map(int, re.findall(r" seconds: (\d+)</title>", drawn["durations"]))) == 30
    assert figures == figures_of(contents(tallies={"train": tally}, questions=(question,)))


def test_text_from_outside_stays_text_in_a_figure():
    name = "<script>alert(1)</script>&"
    tally = Tally(rows=1, voices=Counter({(name, name): 1}))
    for one in figures_of(contents(tallies={"train": tally})):
        tree = ET.fromstring(one.svg)  # noqa: S314 - our own
        assert not [found for found in tree.iter() if found.tag.endswith("script")]


def test_bins_hold_every_sample_and_have_a_round_width():
    bins = bins_of(Counter({0: 1, 14: 2, 149: 3}))
    assert [count for _, _, count in bins if count] == [1, 2, 3]
    assert {round(end - begin, 6) for begin, end, _ in bins} == {1.0}
    assert bins[-1][:2] == (14.0, 15.0)


def test_names_are_cut_between_letters():
    assert letters("மகிழ்") == ["ம", "கி", "ழ்"]
    assert letters("👩‍🔬a") == ["👩‍🔬", "a"]
    assert clipped("a" * 17) == "a" * 17
    assert clipped("a" * 18) == "a" * 16 + "…"
    assert clipped("高" * 9) == "高" * 8 + "…"
    assert clipped("ழ்" * 40) == "ழ்" * 10 + "…"
    assert len(letters(clipped("பேச்சாளர் எண் 12 அவர்கள்"))) < 13
    assert clipped("மகிழ்ச்சி") == "மகிழ்ச்சி"


def test_only_charts_become_pictures():
    with pytest.raises(ValueError, match="is no chart"):
        picture([("x", "<p>")])


def test_the_card_names_questions_only_where_people_answered():
    spec = QuestionSpec.model_validate({"questions": [{"id": "mood", "kind": "choice", "choices": ["a", "b"]}]})
    assert "as raters saw them" not in card(FULL, contents(), Publication(), spec=spec)
