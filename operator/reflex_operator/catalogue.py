"""Reads the files that settings name: the model catalogue, and what measures bakeoffs."""

from pathlib import Path
from typing import Final

import yaml
from pydantic import ValidationError

from reflex_api.catalogue import Catalogue
from reflex_api.harness import Harness
from reflex_operator.errors import CatalogueError

_NOT_KNOWN: Final = "none"
_HERE: Final = Path(__file__).parent
_PLACES: Final = (
    _HERE / "catalogue.yaml",  # in a wheel
    _HERE.parents[1] / "configs/catalogue.yaml",  # in the source tree
)


def load_catalogue(path: str = "") -> Catalogue:
    """Return the built-in catalogue, with the entries of a user's file before it.

    An entry of the user's for the same repository or GPU takes the built-in one's place.

    Raises:
        CatalogueError: a file is missing or wrong; the message names file and entry.
    """
    builtin = _read(next((one for one in _PLACES if one.is_file()), _PLACES[0]))
    if not path:
        return builtin
    own = _read(Path(path))
    kept = tuple(one for one in builtin.models if own.find(one.repo) is None)
    gpus = tuple(one for one in builtin.gpus if own.gpu(one.product) is None)
    return Catalogue(models=(*own.models, *kept), gpus=(*own.gpus, *gpus))


def _read(path: Path) -> Catalogue:
    try:
        document = yaml.safe_load(path.read_text())
    except OSError as error:
        raise CatalogueError(f"{path}: cannot be read: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise CatalogueError(f"{path}: is not YAML: {' '.join(str(error).split())}") from None
    try:
        return Catalogue.model_validate(document if document is not None else {}, strict=False)
    except ValidationError as error:
        lines = [
            f"  {_where(one['loc'], document)}: {_words(one['msg'])}" for one in error.errors()
        ]
        raise CatalogueError("\n".join([f"{path}: the catalogue is wrong", *lines])) from None


def _words(text: str) -> str:
    """Return pydantic's words without its terms; the place stands before them."""
    return text.removeprefix("Value error, ").removeprefix("{field}").lstrip(": ")


def _where(loc: tuple[int | str, ...], document: object) -> str:
    """Return the place of an error, with the entry's repository instead of its number."""
    parts = [str(part) for part in loc]
    if len(loc) > 1 and loc[0] == "models" and isinstance(loc[1], int):
        models = document.get("models") if isinstance(document, dict) else None
        entry = models[loc[1]] if isinstance(models, list) and loc[1] < len(models) else None
        if isinstance(entry, dict) and isinstance(entry.get("repo"), str):
            parts[1] = entry["repo"]
    return ".".join(parts) or "the file"


def load_harness(path: str, *, runner_image: str = "") -> Harness:
    """Return what the bakeoff's image declares about itself; without a file, nothing.

    Args:
        path: of the declaration; empty: there is none.
        runner_image: holds the compiler. Where the declaration names no rustc (the bakeoff's image
            has none), this image stands for it: another image, another compiler.

    Raises:
        CatalogueError: the file cannot be read, or is of another form.
    """
    if not path:
        return Harness()
    try:
        found = Harness.model_validate_json(Path(path).read_text(encoding="utf-8"), extra="ignore")
    except (OSError, ValueError) as error:
        raise CatalogueError(f"error: the harness file {path} cannot be used: {error}") from None
    if found.rustc == _NOT_KNOWN and runner_image:
        return found.model_copy(update={"rustc": f"image:{runner_image}"})
    return found
