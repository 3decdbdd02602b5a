"""Names of languages, as sources give them and as Whisper knows them."""

# ISO 639-2/3 codes, and a few tags, of Whisper's languages that often come in tables of sources.
_CODES = {
    "afr": "af", "amh": "am", "ara": "ar", "arb": "ar", "asm": "as", "aze": "az", "bel": "be", "ben": "bn",
    "bul": "bg", "cat": "ca", "ces": "cs", "cze": "cs", "chi": "zh", "zho": "zh", "cmn": "zh", "cym": "cy",
    "dan": "da", "deu": "de", "ger": "de", "ell": "el", "gre": "el", "eng": "en", "est": "et", "eus": "eu",
    "fas": "fa", "per": "fa", "fin": "fi", "fra": "fr", "fre": "fr", "glg": "gl", "guj": "gu", "heb": "he",
    "iw": "he", "hin": "hi", "hrv": "hr", "hun": "hu", "hye": "hy", "ind": "id", "isl": "is", "ita": "it",
    "jpn": "ja", "kan": "kn", "kat": "ka", "kaz": "kk", "khm": "km", "kor": "ko", "lao": "lo", "lav": "lv",
    "lit": "lt", "mal": "ml", "mar": "mr", "mkd": "mk", "mon": "mn", "msa": "ms", "mya": "my", "nep": "ne",
    "nld": "nl", "dut": "nl", "nno": "nn", "nob": "no", "nb": "no", "nor": "no", "pan": "pa", "pol": "pl",
    "por": "pt", "pus": "ps", "ron": "ro", "rum": "ro", "rus": "ru", "sin": "si", "slk": "sk", "slo": "sk",
    "slv": "sl", "snd": "sd", "som": "so", "spa": "es", "sqi": "sq", "srp": "sr", "swa": "sw", "swe": "sv",
    "tam": "ta", "tel": "te", "tgl": "tl", "fil": "tl", "tha": "th", "tur": "tr", "ukr": "uk", "urd": "ur",
    "uzb": "uz", "vie": "vi", "yid": "yi", "yor": "yo",
}  # fmt: skip


def whisper_code(language: str) -> str:
    """Whisper's code of a language: the first part of a tag (`zh-Hans`, `pt_BR`), three letters made two."""
    first = language.strip().casefold().replace("_", "-").split("-")[0]
    return _CODES.get(first, first)


def english_only(model: str) -> bool:
    """Whether a model's name says that it knows English only: `small.en`, `owner/faster-whisper-tiny.en`."""
    return model.endswith(".en")
