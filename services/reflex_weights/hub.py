"""What a Hugging Face hub says about a repository at one commit."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import httpx
from huggingface_hub import HfApi, hf_hub_url, set_client_factory
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.hf_api import RepoSibling
from huggingface_hub.utils import filter_repo_objects

from reflex_api.source import HuggingFaceSource
from reflex_weights.client import TIMEOUT, new_client, status_error, transport_error
from reflex_weights.errors import FinalError, TemporaryError
from reflex_weights.files import Digest, Listing, RemoteFile, checked, is_hidden
from reflex_weights.words import host_of, named

DEFAULT_ENDPOINT: Final = "https://huggingface.co"
TOKEN_FILE: Final = "REFLEX_HUB_TOKEN_FILE"  # noqa: S105
_MAX_LISTING: Final = 16 << 20
_ENDPOINT: Final = re.compile(r"^https?://[A-Za-z0-9._:\[\]-]+(/[A-Za-z0-9._/~-]*)?$")
_TOKEN: Final = re.compile(r"^[!-~]{1,1024}$")
_HEX: Final = re.compile(r"^[0-9a-f]+$")


def endpoint(environment: Mapping[str, str]) -> str:
    """Return the hub's address: `HF_ENDPOINT`, or the public hub.

    Raises:
        FinalError: it is no http or https URL, or has a user in it.
    """
    value = environment.get("HF_ENDPOINT", "").rstrip("/") or DEFAULT_ENDPOINT
    if not _ENDPOINT.match(value):
        raise FinalError(
            "DownloadFailed", "HF_ENDPOINT must be an http or https URL without user or query"
        )
    return value


def read_token(environment: Mapping[str, str]) -> str | None:
    """Return the token of the mounted Secret, or None when none is mounted.

    Raises:
        FinalError: the file is missing, or holds no token.
    """
    path = environment.get(TOKEN_FILE)
    if not path:
        return None
    try:
        token = Path(path).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        token = ""
    if not _TOKEN.match(token):
        raise FinalError(
            "SourceUnauthorized",
            "the Secret that tokenSecretRef names holds no token: one line, without spaces",
        )
    return token


def list_files(source: HuggingFaceSource, *, environment: Mapping[str, str]) -> Listing:
    """Ask the hub for the files of a commit, without those that are excluded or hidden.

    Raises:
        FinalError: denied, not found, a file list that cannot be used.
        TemporaryError: the hub may answer later.
    """
    hub, token = endpoint(environment), read_token(environment)
    what = f"{source.repo}@{source.revision[:12]}"
    set_client_factory(lambda: new_client(_bound))
    try:
        info = HfApi(endpoint=hub, token=token or False).model_info(
            source.repo, revision=source.revision, files_metadata=True, timeout=TIMEOUT.read
        )
    except HfHubHTTPError as error:
        # The library reads a 401 of a plain-http mirror in another way: the response decides.
        raise status_error(error.response, what=what) from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise transport_error(error, host=host_of(hub), what=what) from None
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        raise TemporaryError(
            "SourceUnreachable",
            f"{host_of(hub)} answered for {what} with something else than a list",
        ) from None
    if info.sha is not None and info.sha != source.revision:
        raise FinalError("SourceNotFound", f"{host_of(hub)} has another commit for {what}")
    siblings = info.siblings or []
    wanted = list(
        filter_repo_objects(
            siblings, ignore_patterns=list(source.exclude), key=lambda sibling: sibling.rfilename
        )
    )
    # No engine reads .gitattributes, and hidden names are where we keep our own state.
    visible = [sibling for sibling in wanted if not is_hidden(sibling.rfilename)]
    files = [_file(sibling, source, hub) for sibling in visible]
    return Listing(
        revision=source.revision,
        files=checked(files),
        headers=(("Authorization", f"Bearer {token}"),) if token else (),
        left_out=len(siblings) - len(files),
    )


def digest_of_etag(etag: str | None) -> Digest | None:
    """Return the digest that the hub's ETag is: SHA-256 of an LFS file, git's SHA-1 of a small one.

    >>> digest_of_etag('W/"' + "a" * 40 + '"')
    Digest(kind='git-sha1', value='aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa')
    """
    value = (etag or "").removeprefix("W/").strip('"').lower()
    if not _HEX.match(value):
        return None
    if len(value) == 64:
        return Digest("sha256", value)
    return Digest("git-sha1", value) if len(value) == 40 else None


def _file(sibling: RepoSibling, source: HuggingFaceSource, hub: str) -> RemoteFile:
    path = sibling.rfilename
    digest, size = digest_of_etag(sibling.blob_id), sibling.size
    if sibling.lfs is not None:
        digest, size = digest_of_etag(sibling.lfs.sha256), sibling.lfs.size
    if size is not None and (not isinstance(size, int) or size < 0):
        raise FinalError("DownloadFailed", f"the hub gives no valid size for {named(path)}")
    return RemoteFile(
        path=path,
        url=hf_hub_url(source.repo, path, revision=source.revision, endpoint=hub),
        size=size,
        digest=digest,
    )


class _Bounded(httpx.SyncByteStream):
    """A body that ends with an error when it is longer than a list of files can be."""

    def __init__(self, stream: httpx.SyncByteStream) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        left = _MAX_LISTING
        for chunk in self._stream:
            left -= len(chunk)
            if left < 0:
                raise ValueError("the list of files is too long")
            yield chunk

    def close(self) -> None:
        self._stream.close()


def _bound(response: httpx.Response) -> None:
    if isinstance(response.stream, httpx.SyncByteStream):
        response.stream = _Bounded(response.stream)
