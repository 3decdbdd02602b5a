"""What a person must say of a dataset, what is still missing, and how it is cited."""

import re

from dataset_cards.markdown import line
from schemas.card import CardFacts
from schemas.publication import About

NOT_STATED = "Not stated."


def lacking(about: About, *, has_people: bool, all_consent: bool, has_answers: bool) -> tuple[str, ...]:
    """The mandatory facts that are missing, each as a field of the recipe and what it is.

    Args:
        about: of the dataset.
        has_people: whether there are pictures or sound of people, or measurements of them.
        all_consent: whether every recording has its consent in the table of sources.
        has_answers: whether people answered questions.
    """
    facts = about.card or CardFacts()
    wanted = [
        (about.licence, "licence: the terms of the dataset, such as cc-by-4.0"),
        (facts.creators, "card.creators: who made it"),
        (facts.contact, "card.contact: a mail or web address for questions and for who wants a recording removed"),
        (facts.purpose, "card.purpose: what it was made for"),
        (facts.collection, "card.collection: how the recordings were found, chosen or made"),
    ]
    if has_people and not all_consent:
        what = "card.consent: what the people in the recordings agreed to (or a column `consent` in the sources)"
        wanted.append((facts.consent, what))
    if has_answers:
        wanted.append((facts.raters, "card.raters: who answered the questions, how they were found"))
    return tuple(what for given, what in wanted if not given)


def draft_notice(missing: tuple[str, ...]) -> str:
    """A warning at the head of a card that says too little; empty of one that says enough."""
    if not missing:
        return ""
    fields = ", ".join(f"`{what.partition(':')[0]}`" for what in missing)
    return f"> **Draft.** The recipe does not state {fields}: do not pass this dataset on before it does.\n\n"


def citation(about: About) -> str:
    """As the recipe gives it, else BibTeX of what is known; a dataset of no known maker has none."""
    facts = about.card or CardFacts()
    if facts.citation:
        given = facts.citation.strip()
        return f"```bibtex\n{given}\n```" if given.startswith("@") else given
    if not facts.creators:
        return NOT_STATED
    key = re.sub(r"[^A-Za-z0-9]+", "-", about.name).strip("-")
    fields = [("title", about.name), ("author", facts.creators), ("version", about.version)]
    if "://" in facts.contact:
        fields.append(("url", facts.contact))
    inside = ",\n".join(f"  {name} = {{{_plain(given)}}}" for name, given in fields)
    return f"```bibtex\n@misc{{{key},\n{inside}\n}}\n```"


def stated(given: str) -> str:
    """A fact, or that it is not stated."""
    return given.strip() or NOT_STATED


def motivation(about: About) -> str:
    """Why the dataset was made, by whom and with whose money."""
    facts = about.card or CardFacts()
    told = [stated(facts.purpose), "", f"Made by: {stated(line(facts.creators))}"]
    return "\n".join([*told, "", f"Funding: {line(facts.funding)}"] if facts.funding else told)


def _plain(text: str) -> str:
    return line(text).replace("{", "(").replace("}", ")").replace("`", "'")
