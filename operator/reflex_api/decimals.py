"""Numbers that a resource holds as text: Kubernetes' objects have no floats."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from reflex_api.rules import RULES, Rule

PATTERN: Final = "^[0-9]{1,9}([.][0-9]{1,9})?$"
MAX_LENGTH: Final = 19

_NUMBER = re.compile(PATTERN.replace("$", r"\Z"), re.ASCII)


NONE: Final = "none"
"""No limit, where a field has one by default. A null says so, too, but `kubectl apply` and merge
patches take a null for "leave it out"."""


@dataclass(frozen=True)
class DecimalBetween:
    """A `Decimal` written as text such as `0.95`, within these bounds; YAML numbers will do.

    Attributes:
        low: least value.
        high: largest value.
        example: for the message.
        or_none: of a `Decimal | None`, which may be written `none`.
    """

    low: str
    high: str
    example: str
    or_none: bool = False

    @property
    def _message(self) -> str:
        none = f", or {NONE}" if self.or_none else ""
        return f"{{field}} must be from {self.low} to {self.high}, such as {self.example}{none}"

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        low, high = Decimal(self.low), Decimal(self.high)

        def read(value: object) -> Decimal | None:
            if self.or_none and (value is None or value == NONE):
                return None
            text = "" if isinstance(value, bool) else str(value)
            if not _NUMBER.search(text) or not low <= Decimal(text) <= high:
                raise ValueError(self._message)
            return Decimal(text)

        return core_schema.no_info_plain_validator_function(
            read, serialization=core_schema.plain_serializer_function_ser_schema(_written)
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        within = (
            f'self.matches("{PATTERN}") && double(self) >= double("{self.low}")'
            f' && double(self) <= double("{self.high}")'
        )
        rule = Rule(
            rule=f'self == "{NONE}" || ({within})' if self.or_none else within,
            message=self._message,
        )
        number = {"type": "string", "maxLength": MAX_LENGTH, RULES: [rule.to_schema()]}
        return {"anyOf": [number, {"type": "null"}]} if self.or_none else number


def _written(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


Share = Annotated[Decimal, DecimalBetween("0", "1", "0.95")]
"""A fraction from 0 to 1."""
ShareOrNone = Annotated[Decimal | None, DecimalBetween("0", "1", "0.95", or_none=True)]
"""A fraction from 0 to 1, or no limit: null, or `none` in a resource."""
