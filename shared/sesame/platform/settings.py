"""Settings: one typed class a function, read once from the environment that the template sets."""

import os
from typing import Self

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Base of every function's settings. Field `money_table` is read from `MONEY_TABLE`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def from_env(cls) -> Self:
        """Reads the process environment. Raises pydantic.ValidationError naming what is missing."""
        found = {name: os.environ[name.upper()] for name in cls.model_fields if name.upper() in os.environ}
        return cls.model_validate_strings(found)
