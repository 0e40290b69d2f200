"""For how long a secret that is being replaced stays good, as a request says it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from service.access.keys import overlap_of
from service.errors import Place, Problem


class Overlapping(BaseModel):
    """A rotation: the secret before and the new one are both good for a while."""

    model_config = ConfigDict(extra="forbid", strict=True)

    overlap: Annotated[
        str, Field(max_length=64, description="For how long the secret before stays good.")
    ] = "24h"

    def microseconds(self) -> int:
        """Return the overlap.

        Raises:
            Problem: `validation_failed`.
        """
        try:
            return overlap_of(self.overlap)
        except ValueError as error:
            place = Place("/overlap", "bad_duration", str(error))
            raise Problem("validation_failed", f"overlap: {error}", errors=[place]) from None
