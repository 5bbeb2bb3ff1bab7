"""Sources: what to download, by one listing whatever the kind."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from reflex_api.source import HttpSource, Source
from reflex_weights import hub
from reflex_weights.errors import FinalError
from reflex_weights.files import Digest, Listing, RemoteFile, checked

_MAX_SOURCE: Final = 1 << 20


def read_source(path: Path) -> Source:
    """Return the source that the operator wrote for this pod.

    Raises:
        FinalError: it cannot be read, or is none that is downloaded.
    """
    try:
        with path.open("rb") as file:
            source = Source.model_validate_json(file.read(_MAX_SOURCE))
    except OSError as error:
        raise FinalError("DownloadFailed", f"the source's file: {error.strerror}") from None
    except ValidationError as error:
        (first, *_) = error.errors(include_input=False, include_url=False)
        field = ".".join(str(part) for part in first["loc"])
        problem = first["msg"].removeprefix("Value error, ").replace("{field}", "it")
        raise FinalError(
            "DownloadFailed", f"the source is not valid at {field or 'its root'}: {problem}"
        ) from None
    if source.hugging_face is None and source.http is None:
        raise FinalError("DownloadFailed", f"a source of kind {source.kind} is not downloaded")
    return source


def list_source(source: Source, *, environment: Mapping[str, str]) -> Listing:
    """Return the files of the source; sizes of `http` files are not known yet.

    Raises:
        FinalError: the source cannot be used.
        TemporaryError: the hub may answer later.
    """
    if source.hugging_face is not None:
        return hub.list_files(source.hugging_face, environment=environment)
    if source.http is None:
        raise FinalError("DownloadFailed", f"a source of kind {source.kind} is not downloaded")
    files = [
        RemoteFile(path=file.path, url=file.url, digest=Digest("sha256", file.sha256))
        for file in source.http.files
    ]
    return Listing(revision=revision_of(source), files=checked(files))


def revision_of(source: Source) -> str:
    """Return the commit, or the SHA-256 over paths and digests of `http` files."""
    if source.hugging_face is not None:
        return source.hugging_face.revision
    if source.http is None:
        return ""
    return hashlib.sha256(json.dumps(_content(source.http)).encode()).hexdigest()


def identity(source: Source) -> dict[str, Any]:
    """Return what decides the bytes: neither tokens nor the addresses of files with a digest."""
    if source.hugging_face is not None:
        given = source.hugging_face
        return {
            "huggingFace": {
                "repo": given.repo,
                "revision": given.revision,
                "exclude": sorted(set(given.exclude)),
            }
        }
    return {"http": {"files": _content(source.http) if source.http is not None else []}}


def _content(source: HttpSource) -> list[list[str]]:
    return sorted([file.path, file.sha256] for file in source.files)
