"""What a person says of a dataset because no program can know it: the `card` block of a recipe."""

from pydantic import BaseModel, ConfigDict, field_validator


class CardFacts(BaseModel):
    """Facts for the dataset's card; what is left empty stands there as not stated."""

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True, str_strip_whitespace=True)

    creators: str = ""
    """Who made the dataset, and where."""
    contact: str = ""
    """A mail or web address for questions and for who wants a recording removed."""
    purpose: str = ""
    """What the dataset was made for."""
    collection: str = ""
    """How and when the recordings were found, chosen or made."""
    consent: str = ""
    """What the people in the recordings agreed to, or on what ground they are published."""
    raters: str = ""
    """Who answered the questions, how they were found and taught."""
    pay: str = ""
    """What raters were paid, or that they were not."""
    review: str = ""
    """By which ethics board, and under which number."""
    funding: str = ""
    uses: str = ""
    """What it is meant for, and what it must not be used for."""
    limits: str = ""
    """What a reader should know before trusting it."""
    maintenance: str = ""
    """Who keeps it up, for how long, and how errors are mended."""
    citation: str = ""
    """How to cite it, as BibTeX or a sentence; else made of creators, name and version."""

    @field_validator("contact")
    @classmethod
    def _an_address(cls, contact: str) -> str:
        if contact and "@" not in contact and "://" not in contact:
            raise ValueError("a mail address (name@place) or a web address (https://...)")
        return contact
