"""One file: resumed, received in chunks, verified, and only then given its name."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import Final

import httpx

from reflex_weights.client import opened
from reflex_weights.errors import (
    BrokenBodyError,
    FinalError,
    StoppedError,
    TemporaryError,
    volume_error,
)
from reflex_weights.files import RemoteFile
from reflex_weights.folder import ModelFolder
from reflex_weights.hub import digest_of_etag
from reflex_weights.marker import StoredFile
from reflex_weights.part import Part, has_digest
from reflex_weights.progress import Progress
from reflex_weights.tempo import Patience, Tempo
from reflex_weights.words import host_of, named, plain, size

_ENOUGH: Final = 8 << 20
"""Bytes of one attempt after which the next failure counts as the first again."""
_CONTENT_RANGE: Final = re.compile(r"^bytes (?:(\d{1,18})-\d{1,18}|\*)/(\d{1,18}|\*)$")


def mismatch(message: str) -> TemporaryError:
    """Return the error of bytes that are not the source's: one clean attempt more, then final."""
    return TemporaryError("DigestMismatch", message, attempts=2)


@dataclass(frozen=True, kw_only=True)
class Fetcher:
    """Brings single files; used by several threads at once."""

    client: httpx.Client
    folder: ModelFolder
    headers: Mapping[str, str]
    tempo: Tempo
    progress: Progress
    stop: Event

    def ensure(self, file: RemoteFile) -> StoredFile:
        """Return the file as it is stored and verified; what is there already is not fetched.

        Raises:
            FinalError: it cannot be had; the partial file stays unless its digest was wrong twice.
            StoppedError: the program ends.
        """
        self.progress.begin(file.path)
        try:
            return self._ensure(file)
        except OSError as error:
            if file.size is None:  # it may be a body without end
                self.folder.part(file.path).unlink(missing_ok=True)
            raise volume_error(error, named(file.path)) from None
        finally:
            self.progress.end(file.path)

    def _ensure(self, file: RemoteFile) -> StoredFile:
        if file.digest is None:
            raise FinalError("DownloadFailed", f"the source names no digest for {named(file.path)}")
        target = self.folder.target(file.path)
        stored = self.folder.size_of(file.path)
        if stored is not None and file.size in (None, stored):
            if has_digest(target, size=stored, digest=file.digest, on_bytes=self.progress.found):
                return StoredFile(path=file.path, size=stored, digest=str(file.digest))
            self.progress.say(f"{named(file.path)} on the volume is damaged: fetching it again")
        target.unlink(missing_ok=True)  # now: its space is counted as free
        part = Part(
            self.folder.part(file.path),
            size=file.size,
            digest=file.digest,
            on_bytes=self.progress.found,
        )
        with part:
            if part.offset:
                self.progress.say(f"{named(file.path)}: going on at {size(part.offset)}")
            self._complete(file, part, target)
            return StoredFile(path=file.path, size=part.offset, digest=str(file.digest))

    def _complete(self, file: RemoteFile, part: Part, target: Path) -> None:
        """Receive until the digest is right; one clean attempt more after a wrong one."""
        patience = Patience(self.tempo, lambda error, _: self.progress.trouble(file.path, error))
        while True:
            before = part.offset
            try:
                if file.size is None or part.offset < file.size:
                    self._receive(file, part)
                if not part.correct:
                    raise mismatch(f"{named(file.path)} has another digest than the source names")
                part.move_to(target)
                return
            except TemporaryError as error:
                if error.failure == "DigestMismatch":
                    part.restart()
                elif part.offset - before >= _ENOUGH:
                    patience.reset()
                self._wait(patience, error, part)
            if self.stop.is_set():
                raise StoppedError

    def _wait(self, patience: Patience, error: TemporaryError, part: Part) -> None:
        try:
            patience.wait(error)
        except FinalError:
            if not part.offset:
                part.remove()
            raise

    def _receive(self, file: RemoteFile, part: Part) -> None:
        """Send one request for what is missing and append what comes."""
        headers = dict(self.headers)
        if part.offset:
            headers["Range"] = f"bytes={part.offset}-"
            if part.etag:
                headers["If-Range"] = part.etag
        what = named(file.path)
        with opened(self.client, file.url, headers, what=what) as response:
            start, total = extent(response)
            if response.status_code == 416:
                if total == part.offset:
                    return  # it was complete
                part.restart()
                raise BrokenBodyError("DownloadTruncated", f"the server refuses the rest of {what}")
            if part.offset and response.status_code == 200:
                part.restart()  # it cannot go on, or has other content now
            if start != part.offset:
                part.restart()
                raise BrokenBodyError(
                    "DownloadTruncated", f"the server sends another part of {what}"
                )
            if None not in (file.size, total) and file.size != total:
                raise mismatch(f"the server has {total} bytes of {what}, not {file.size}")
            limit = file.size if file.size is not None else total
            part.remember(_validator(file, response))
            self._append(file, part, response, limit)
            if limit is not None and part.offset < limit:
                raise self._cut(file, part, limit, response, "")

    def _append(
        self, file: RemoteFile, part: Part, response: httpx.Response, limit: int | None
    ) -> None:
        chunks = response.iter_bytes()  # as they arrive: nothing waits in a buffer
        while True:
            try:
                chunk = next(chunks, None)
            except httpx.TransportError as error:
                raise self._cut(file, part, limit, response, plain(str(error), 80)) from None
            except httpx.DecodingError:
                raise mismatch(f"{named(file.path)} is not packed as its header says") from None
            if chunk is None:
                return
            if limit is not None and len(chunk) > limit - part.offset:
                raise mismatch(f"{named(file.path)} is longer than the announced {limit} bytes")
            part.write(chunk)
            self.progress.received(file.path, len(chunk))
            if self.stop.is_set():
                raise StoppedError

    def _cut(
        self,
        file: RemoteFile,
        part: Part,
        limit: int | None,
        response: httpx.Response,
        detail: str,
    ) -> BrokenBodyError:
        of = f" of {size(limit)}" if limit is not None else ""
        host = host_of(str(response.request.url))
        return BrokenBodyError(
            "DownloadTruncated",
            f"{host} broke off {named(file.path)} at {size(part.offset)}{of}"
            + (f" ({detail})" if detail else ""),
        )


def probe(client: httpx.Client, file: RemoteFile, headers: Mapping[str, str]) -> RemoteFile:
    """Return the file with the size, and a missing digest, that a request for one byte tells.

    A GET, because signed addresses are signed for one method. A mirror of the hub that lists no
    digests names them in `X-Linked-Etag` or `ETag`, as the hub does.

    Raises:
        FinalError: denied, or not there.
        TemporaryError: it may answer later.
    """
    with opened(client, file.url, {**headers, "Range": "bytes=0-0"}, what=named(file.path)) as got:
        first = got.history[0] if got.history else got
        _, total = extent(got)
        linked = first.headers.get("x-linked-size", "")
        if linked.isascii() and linked.isdigit():
            total = int(linked[:18])
        digest = (
            file.digest
            or digest_of_etag(first.headers.get("x-linked-etag"))
            or digest_of_etag(first.headers.get("etag"))
        )
    if digest is None or (digest.kind == "git-sha1" and total is None and file.size is None):
        raise FinalError(
            "DownloadFailed", f"{host_of(file.url)} names no digest for {named(file.path)}: refused"
        )
    return replace(file, size=file.size if file.size is not None else total, digest=digest)


def fetch_small(
    client: httpx.Client, file: RemoteFile, headers: Mapping[str, str], *, limit: int
) -> bytes | None:
    """Return the content of a small file, verified; None: it is longer than `limit`.

    Raises:
        FinalError: it cannot be had.
        TemporaryError: not now.
    """
    what = named(file.path)
    if file.size is not None and file.size > limit:
        return None
    content = bytearray()
    with opened(client, file.url, headers, what=what) as response:
        try:
            for chunk in response.iter_bytes():
                content += chunk
                if len(content) > limit:
                    return None
        except httpx.HTTPError as error:
            raise BrokenBodyError(
                "DownloadTruncated", f"{what} broke off ({plain(str(error), 80)})"
            ) from None
    if file.digest is not None:
        hasher = file.digest.hasher(len(content))
        hasher.update(content)
        if hasher.hexdigest() != file.digest.value:
            raise mismatch(f"{what} has another digest than the source names")
    return bytes(content)


def extent(response: httpx.Response) -> tuple[int, int | None]:
    """Return where the body starts in the file, and the file's size where the headers tell it."""
    found = _CONTENT_RANGE.match(response.headers.get("content-range", ""))
    if response.status_code in (206, 416):
        if found is None:
            return (-1, None)
        return (int(found[1] or 0), None if found[2] == "*" else int(found[2]))
    if response.headers.get("content-encoding", "identity") != "identity":
        return (0, None)
    length = response.headers.get("content-length", "")
    return (0, int(length[:18]) if length.isascii() and length.isdigit() else None)


def _validator(file: RemoteFile, response: httpx.Response) -> str:
    """Return a strong ETag for If-Range, of a server whose file may change under its address.

    Hub files are named by commit, and the hosts they redirect to give ETags of their own.
    """
    etag = response.headers.get("etag", "")
    hub = file.digest is not None and any("x-repo-commit" in r.headers for r in response.history)
    strong = etag.startswith('"') and etag.endswith('"') and 2 < len(etag) <= 256
    return etag if strong and not hub and etag.isascii() and etag.isprintable() else ""
