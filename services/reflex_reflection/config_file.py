"""Reads the configuration from a YAML file."""

from pathlib import Path

import yaml

from reflex_reflection.errors import ConfigError
from reflex_reflection.validation import Validated, validate


def read_config(path: Path) -> Validated:
    """Read and check a file; an empty one is all defaults.

    Raises:
        ConfigError: it cannot be read, is no YAML, or is wrong; a line for every fault.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError([f"{path} cannot be read: {error.strerror or error}"]) from error
    except UnicodeDecodeError as error:
        raise ConfigError([f"{path} is not UTF-8 text"]) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise ConfigError([f"{path} is no YAML{where}"]) from error
    if document is None:
        document = {}
    if not isinstance(document, dict):
        raise ConfigError([f"{path} must be a mapping with t3 and scheduler"])
    return validate(document)
