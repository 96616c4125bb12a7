"""The two properties that every noun of this project has: frozen, and closed."""

from pydantic import BaseModel, ConfigDict


class Noun(BaseModel):
    """A value: it cannot change after construction, and an unknown field is refused rather than dropped."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)
