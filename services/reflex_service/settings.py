"""Settings from the environment: the prefix and the field's name in capitals."""

import os
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from limits import parse
from pydantic import AfterValidator, ValidationError
from pydantic_settings import BaseSettings

from reflex_service.errors import StartError

S = TypeVar("S", bound=BaseSettings)


def _is_a_rate(value: str) -> str:
    try:
        parse(value)
    except ValueError as error:
        raise ValueError("wanted a number and a span, such as 60/minute") from error
    return value


def _is_an_address(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise ValueError("wanted host:port, such as 0.0.0.0:8080")
    return value


RateText = Annotated[str, AfterValidator(_is_a_rate)]
"""How often, such as `60/minute`."""
AddressText = Annotated[str, AfterValidator(_is_an_address)]
"""`host:port`; port 0 takes a free one, which is logged."""


def address(text: AddressText) -> tuple[str, int]:
    """Return host and port."""
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def read_settings(
    model: type[S],
    prefix: str,
    environ: Mapping[str, str] | None = None,
    **given: Any,  # noqa: ANN401
) -> S:
    """Return the settings; `given` wins over the environment.

    Raises:
        StartError: with a line for every variable that is wrong or unknown.
    """
    environ = os.environ if environ is None else environ
    mine = {
        name.removeprefix(prefix).lower(): value
        for name, value in environ.items()
        if name.startswith(prefix)
    }
    unknown = [name for name in mine if name not in model.model_fields]
    wrong = [f"  {prefix}{name.upper()}: no such setting" for name in sorted(unknown)]
    values = {name: value for name, value in mine.items() if name not in unknown} | given
    try:
        found = model.model_validate(values)
    except ValidationError as error:
        for each in error.errors(include_input=False, include_url=False):
            where = f"{prefix}{str(each['loc'][0]).upper()}" if each["loc"] else "together"
            wrong.append(f"  {where}: {each['msg'].removeprefix('Value error, ')}")
    if wrong:
        raise StartError("error: the settings are wrong\n" + "\n".join(wrong))
    return found
