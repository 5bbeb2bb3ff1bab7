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


@dataclass(frozen=True)
class DecimalBetween:
    """A `Decimal` written as text such as `0.95`, within these bounds; YAML numbers will do."""

    low: str
    high: str
    example: str

    @property
    def _message(self) -> str:
        return f"{{field}} must be from {self.low} to {self.high}, such as {self.example}"

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        low, high = Decimal(self.low), Decimal(self.high)

        def read(value: object) -> Decimal:
            text = "" if isinstance(value, bool) else str(value)
            if not _NUMBER.search(text) or not low <= Decimal(text) <= high:
                raise ValueError(self._message)
            return Decimal(text)

        return core_schema.no_info_plain_validator_function(
            read, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        rule = Rule(
            rule=(
                f'self.matches("{PATTERN}") && double(self) >= double("{self.low}")'
                f' && double(self) <= double("{self.high}")'
            ),
            message=self._message,
        )
        return {"type": "string", "maxLength": MAX_LENGTH, RULES: [rule.to_schema()]}


Share = Annotated[Decimal, DecimalBetween("0", "1", "0.95")]
"""A fraction from 0 to 1."""
