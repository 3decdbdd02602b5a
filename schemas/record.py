"""Small facts as JSON artifacts."""

from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A frozen record that is an artifact: sorted, compact JSON. Unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    suffix: ClassVar[str] = "json"

    def to_bytes(self) -> bytes:
        """UTF-8 JSON with a final newline."""
        return (self.model_dump_json() + "\n").encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The record. Raises ValueError (pydantic's) when it is not one."""
        return cls.model_validate_json(data)
