"""The samples of a recording: one row each, everything known of it on one clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from schemas.tables import parquet_bytes, parquet_table

if TYPE_CHECKING:
    import pyarrow as pa

AlignedTo = Literal["word", "segment", "grid"]
Columns = Mapping[str, Sequence[str]]
"""Track to its columns; none stands for an embedding."""

MODALITIES = ("text", "audio", "video", "image", "speech", "face")
"""What a sample may have, besides the tracks."""


@dataclass(frozen=True, eq=False)
class SampleRows:
    """A recording's samples as an Arrow table with the schema of `sample_schema`."""

    suffix: ClassVar[str] = "rows.parquet"

    table: "pa.Table"

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def to_bytes(self) -> bytes:
        """Parquet."""
        return parquet_bytes(self.table)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The rows of `to_bytes`. Raises ValueError on other bytes."""
        table, _ = parquet_table(data)
        return cls(table)


def sample_schema(
    tracks: Columns,
    aligned_to: AlignedTo,
    functionals: Sequence[str] = (),
    told: Sequence[str] | None = None,
    *,
    voices: bool = False,
    ocr: bool = False,
) -> "pa.Schema":
    """Columns of the samples. They depend on the recipe alone, so that the samples of all recordings fit together.

    Times are seconds on the recording's clock. A number that was not measured is null, never NaN. A track that the
    recording does not have is null as a whole.

    tracks: `faces` stands for the track of the sample's own face, and is called `face`; `face_chosen` says whether it
        was chosen because it speaks (with `face_score` in [0, 1]) or as the largest.
    functionals: statistics of each sample's voice.
    told: further columns of a table of utterances, which also names each sample; None where there is none.
    voices: whether voices were told apart: then `voices` has the turns that touch the sample.
    ocr: whether text on the screen was read: then `ocr` has the lines that are seen during the sample.
    """
    import pyarrow as pa

    fields: dict[str, pa.DataType] = {
        "id": pa.string(),
        "recording": pa.string(),
        "index": pa.int32(),
        "start": pa.float64(),
        "end": pa.float64(),
        "text": pa.string(),
        "words": pa.list_(word_type()),
        "language": pa.string(),
        "language_probability": pa.float32(),
        "speaker": pa.string(),
        "dialogue": pa.string(),
        "turn": pa.int32(),
        "context": pa.list_(pa.string()),
        "doubts": pa.list_(pa.string()),
        "present": pa.struct([(name, pa.bool_()) for name in present_names(tracks)]),
    }
    if told is not None:
        fields["utterance"] = pa.string()
        if told:
            fields["extra"] = pa.struct([(name, pa.string()) for name in told])
    if voices:
        fields["voices"] = pa.list_(voice_type())
    if ocr:
        fields["ocr"] = pa.list_(seen_text_type())
    if "faces" in tracks:
        fields |= {"face_id": pa.int32(), "face_chosen": pa.string(), "face_score": pa.float32()}
    if functionals:
        fields["functionals"] = pa.struct([(name, pa.float32()) for name in functionals])
    if tracks:
        fields["aligned"] = aligned_type(tracks, aligned_to)
    fields |= {column_name(kind): track_type(columns) for kind, columns in tracks.items()}
    return pa.schema(list(fields.items()))


def column_name(kind: str) -> str:
    """What a track is called in a row."""
    return "face" if kind == "faces" else kind


def present_names(tracks: Columns) -> tuple[str, ...]:
    """What `present` tells of."""
    return (*MODALITIES, *(kind for kind in tracks if kind != "faces"))


def word_type() -> "pa.DataType":
    """A word as in the transcript."""
    import pyarrow as pa

    return pa.struct(
        [
            ("start", pa.float64()),
            ("end", pa.float64()),
            ("text", pa.string()),
            ("probability", pa.float32()),
            ("interpolated", pa.bool_()),
        ]
    )


def voice_type() -> "pa.DataType":
    """A turn of one voice, with the face that is seen to speak with that voice."""
    import pyarrow as pa

    return pa.struct(
        [
            ("start", pa.float64()),
            ("end", pa.float64()),
            ("voice", pa.int32()),
            ("score", pa.float32()),
            ("margin", pa.float32()),
            ("overlap", pa.float32()),
            ("face_id", pa.int32()),
            ("face_score", pa.float32()),
        ]
    )


def seen_text_type() -> "pa.DataType":
    """A line of text on the screen. Its box is in shares of the picture's sides; a picture's text has no times."""
    import pyarrow as pa

    return pa.struct(
        [
            ("text", pa.string()),
            ("start", pa.float64()),
            ("end", pa.float64()),
            ("box", pa.struct([(side, pa.float32()) for side in ("left", "top", "width", "height")])),
            ("confidence", pa.float32()),
            ("frames", pa.int32()),
        ]
    )


def track_type(columns: Sequence[str]) -> "pa.DataType":
    """A track in a row: `times`, and a list for each column, or one list of vectors called `embedding`."""
    import pyarrow as pa

    values = [(name, pa.list_(pa.float32())) for name in columns]
    return pa.struct(
        [("times", pa.list_(pa.float64())), *(values or [("embedding", pa.list_(pa.list_(pa.float32())))])]
    )


def aligned_type(tracks: Columns, aligned_to: AlignedTo) -> "pa.DataType":
    """Aligned values: for each track its columns (a list over words or cells, or one number) or vectors.

    The cells' or words' own times are `start` and `end`.
    """
    import pyarrow as pa

    one, vector = pa.float32(), pa.list_(pa.float32())
    if aligned_to != "segment":
        one, vector = pa.list_(one), pa.list_(vector)
    times = [] if aligned_to == "segment" else [("start", pa.list_(pa.float64())), ("end", pa.list_(pa.float64()))]
    kinds = [
        (column_name(kind), pa.struct([(name, one) for name in columns]) if columns else vector)
        for kind, columns in tracks.items()
    ]
    return pa.struct([*times, *kinds])
