"""The two properties that every noun of this project has: frozen, and closed."""

from collections.abc import Mapping
from typing import Any, NoReturn, Self

from pydantic import BaseModel, ConfigDict


class Noun(BaseModel):
    """A value: it cannot change after construction, and an unknown field is refused rather than dropped.

    Every way to one is validated: `model_copy` checks what it changes, and there is no `model_construct`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with other values, by field name, that holds together like any other. Raises `ValidationError`."""
        copied = super().model_copy(deep=deep)
        if not update:
            return copied
        stated = {name: getattr(copied, name) for name in copied.model_fields_set}
        return type(self).model_validate({**stated, **update}, by_alias=False, by_name=True)

    @classmethod
    def model_construct(cls, _fields_set: set[str] | None = None, **_: Any) -> NoReturn:
        """Refused: a noun that nobody validated proves nothing."""
        raise TypeError(f"{cls.__name__} is built by validation only")
