"""`inspect`: what a model is, by its small files, before any weights are downloaded."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeVar

import httpx

from reflex_api.source import Source
from reflex_api.weights import Inspection, WeightsResult
from reflex_weights.architecture import CONFIG, INDEX, read_architecture, tensor_bytes
from reflex_weights.errors import TemporaryError
from reflex_weights.fetch import fetch_small, probe
from reflex_weights.files import Listing, RemoteFile
from reflex_weights.progress import Progress
from reflex_weights.source import list_source
from reflex_weights.tempo import Patience, Tempo

PATIENCE: Final = 60.0
"""Seconds after which a source that does not answer fails the inspection: the Job comes back."""
_MAX_CONFIG: Final = 1 << 20
_MAX_INDEX: Final = 32 << 20

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Inspector:
    """One run of the program."""

    source: Source
    environment: Mapping[str, str]
    client: Callable[[], httpx.Client]
    tempo: Tempo
    progress: Progress

    def run(self) -> WeightsResult:
        """Return the result of success.

        Raises:
            FinalError: the source denies it, does not have it or did not answer within a minute.
        """
        listing = self._persist(lambda: list_source(self.source, environment=self.environment))
        with self.client() as client:
            listing = self._with_sizes(client, listing)
            config = self._content(client, listing, CONFIG, _MAX_CONFIG)
            index = self._content(client, listing, INDEX, _MAX_INDEX)
        sizes = {file.path: file.size for file in listing.files}
        return WeightsResult(
            revision=listing.revision,
            inspection=Inspection(
                revision=listing.revision,
                weights_bytes=tensor_bytes(sizes, index),
                download_bytes=listing.known_bytes,
                architecture=read_architecture(config) if config is not None else None,
            ),
        )

    def _with_sizes(self, client: httpx.Client, listing: Listing) -> Listing:
        headers = dict(listing.headers)

        def known(file: RemoteFile) -> RemoteFile:
            if file.size is not None and file.digest is not None:
                return file
            return self._persist(lambda: probe(client, file, headers))

        return replace(listing, files=tuple(known(file) for file in listing.files))

    def _content(
        self, client: httpx.Client, listing: Listing, path: str, limit: int
    ) -> bytes | None:
        """Return the content of one file, or None when the source has none or too long a one."""
        for file in listing.files:
            if file.path == path:
                headers = dict(listing.headers)
                content = self._persist(lambda: fetch_small(client, file, headers, limit=limit))  # noqa: B023
                if content is None:
                    self.progress.say(f"{path} is longer than {limit} bytes: not read")
                return content
        self.progress.say(f"the source has no {path}")
        return None

    def _persist(self, action: Callable[[], T]) -> T:
        patience = Patience(
            self.tempo,
            lambda error, _: self.progress.trouble("", error),
            give_up_after=PATIENCE,
        )
        while True:
            try:
                return action()
            except TemporaryError as error:
                patience.wait(error)
