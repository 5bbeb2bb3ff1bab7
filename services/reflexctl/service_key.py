"""The bearer key of a service, from a file or the environment; never from an argument."""

import os
from pathlib import Path
from typing import Final

from reflexctl.cluster import first_key
from reflexctl.errors import ConfigurationError

KEY_VARIABLE: Final = "REFLEX_API_KEY"


def service_key(file: Path | None) -> str:
    """Return the service's key; empty where none is given.

    Raises:
        ConfigurationError: the file cannot be read, or holds none.
    """
    if file is None:
        return os.environ.get(KEY_VARIABLE, "")
    try:
        key = first_key(file.read_text("utf-8").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"--key-file {file} cannot be read: {error}") from error
    if not key:
        raise ConfigurationError(f"--key-file {file} holds no key")
    return key
