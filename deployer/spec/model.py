"""What every spec has in common: it is frozen, and an unknown key is an error."""

from pydantic import BaseModel, ConfigDict


class Spec(BaseModel):
    """A part of a spec."""

    model_config = ConfigDict(extra="forbid", frozen=True)
