"""Rules that the API server (CEL) and this code (pydantic) hold alike.

`{field}` in a message stands for the field's path below `spec`; the CRD generator and
`errors` fill it in.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from reflex_api import duration, quantity

RULES = "x-kubernetes-validations"


class ApiModel(BaseModel):
    """Attributes in snake_case, fields in camelCase; unknown fields are refused."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
    )


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One CEL rule. On its own it binds only the API server."""

    rule: str
    message: str
    field_path: str = ""
    reason: str = ""
    message_expression: str = ""

    def to_schema(self) -> dict[str, str]:
        """Return it as an entry of `x-kubernetes-validations`."""
        entry = {
            "rule": self.rule,
            "message": self.message,
            "messageExpression": self.message_expression,
            "fieldPath": self.field_path,
            "reason": self.reason,
        }
        return {key: value for key, value in entry.items() if value}

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        described = handler(schema)
        return {**described, RULES: [*described.get(RULES, []), self.to_schema()]}


def rules(*entries: Rule) -> dict[str, Any]:
    """Return `json_schema_extra` for a model whose fields depend on each other."""
    return {RULES: [entry.to_schema() for entry in entries]}


@dataclass(frozen=True)
class Matches:
    """A string of this form. `form` says it in words: "must be …"."""

    pattern: str
    form: str
    optional: bool = False

    @property
    def _pattern(self) -> str:
        return f"^$|{self.pattern}" if self.optional else self.pattern

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        compiled = re.compile(self._pattern.replace("$", r"\Z"), re.ASCII)

        def check(value: str) -> str:
            if not compiled.search(value):
                raise ValueError(f"{{field}} {self.form}")
            return value

        return core_schema.no_info_after_validator_function(check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        rule = Rule(rule=f'self.matches(r"{self._pattern}")', message=f"{{field}} {self.form}")
        return rule.__get_pydantic_json_schema__(schema, handler)


@dataclass(frozen=True)
class DurationBetween:
    """A `timedelta` written as a string such as `15m`, within these bounds."""

    low: str
    high: str

    @property
    def _message(self) -> str:
        return f"{{field}} must be from {self.low} to {self.high}, such as 90s or 1h30m"

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        low, high = duration.parse_duration(self.low), duration.parse_duration(self.high)

        def read(value: object) -> timedelta:
            try:
                length = (
                    value if isinstance(value, timedelta) else duration.parse_duration(str(value))
                )
            except ValueError:
                raise ValueError(self._message) from None
            if not low <= length <= high:
                raise ValueError(self._message)
            return length

        return core_schema.no_info_plain_validator_function(
            read,
            serialization=core_schema.plain_serializer_function_ser_schema(
                duration.format_duration
            ),
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        rule = Rule(
            rule=(
                f'self != "" && self.matches("{duration.PATTERN}")'
                f' && duration(self) >= duration("{self.low}")'
                f' && duration(self) <= duration("{self.high}")'
            ),
            message=self._message,
        )
        return {"type": "string", "maxLength": duration.MAX_LENGTH, RULES: [rule.to_schema()]}


@dataclass(frozen=True)
class QuantityAbove:
    """A Kubernetes quantity, kept as text, above zero (or at least zero)."""

    zero_allowed: bool = False
    example: str = "8Gi"

    @property
    def _message(self) -> str:
        bound = "of at least 0" if self.zero_allowed else "above 0"
        return f"{{field}} must be a quantity {bound}, such as {self.example}"

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        def check(value: str) -> str:
            try:
                number = quantity.parse_quantity(value)
            except ValueError:
                raise ValueError(self._message) from None
            if number < 0 or (number == 0 and not self.zero_allowed):
                raise ValueError(self._message)
            return value

        return core_schema.no_info_after_validator_function(check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        least = ">= 0" if self.zero_allowed else "> 0"
        rule = Rule(
            rule=f'isQuantity(self) && quantity(self).compareTo(quantity("0")) {least}',
            message=self._message,
        )
        described = rule.__get_pydantic_json_schema__(schema, handler)
        return {**described, "maxLength": quantity.MAX_LENGTH}


@dataclass(frozen=True)
class RefusedBy:
    """A function that says why a value is refused, beside a CEL rule that says the same."""

    why: Callable[[str], str | None]
    rule: Rule

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        def check(value: str) -> str:
            if reason := self.why(value):
                raise ValueError(f"{{field}}: {reason}")
            return value

        return core_schema.no_info_after_validator_function(check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return self.rule.__get_pydantic_json_schema__(schema, handler)
