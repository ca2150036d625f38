"""Named parameters that are checked whole, with a line for each that is not allowed."""

from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from labkit.session.settings.parameter_words import ParameterError, complaint


class CheckedModel(BaseModel):
    """Parameters by name: frozen, strict, with neither unknown names nor nan and infinities."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @classmethod
    def checked(cls, values: Mapping[str, object]) -> Self:
        """Parameters from values by name; fields that are not named keep their defaults.

        Raises:
            ParameterError: One line for each value that is not allowed and each unknown name.
        """
        try:
            return cls(**values)
        except ValidationError as error:
            complaints = [_in_words(cls, entry) for entry in error.errors()]
        raise ParameterError("\n".join(dict.fromkeys(complaints)))


def _in_words(kind: type[CheckedModel], entry: ErrorDetails) -> str:
    cause = entry.get("ctx", {}).get("error")
    if isinstance(cause, ParameterError):
        return str(cause)
    return complaint(kind, str(entry["loc"][0]), entry["input"])
