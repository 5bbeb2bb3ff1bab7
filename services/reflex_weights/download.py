"""`download`: the whole source onto the volume, or nothing to do when it is there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import Final, TypeVar

import httpx

from reflex_api.source import Source
from reflex_api.weights import MARKER, WeightsResult
from reflex_weights.architecture import read_twice
from reflex_weights.crew import Crew
from reflex_weights.errors import FinalError, TemporaryError, volume_error
from reflex_weights.fetch import Fetcher, probe
from reflex_weights.files import Listing, RemoteFile
from reflex_weights.folder import ModelFolder, prune
from reflex_weights.marker import Marker, StoredFile, complete, read_marker, write_marker
from reflex_weights.progress import Progress
from reflex_weights.source import identity, list_source, revision_of
from reflex_weights.tempo import Patience, Tempo
from reflex_weights.words import size

CONNECTIONS: Final = 4

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Download:
    """One run of the program."""

    source: Source
    folder: ModelFolder
    keep: frozenset[str]
    environment: Mapping[str, str]
    client: Callable[[], httpx.Client]
    tempo: Tempo
    progress: Progress
    stop: Event

    def run(self) -> WeightsResult:
        """Return the result of success.

        Raises:
            FinalError: it cannot succeed.
            StoppedError: `stop` was set.
        """
        found = read_marker(self.folder)
        wanted = identity(self.source)
        if found is not None and complete(self.folder, found, wanted):
            self.progress.say(
                f"complete already: {size(found.total_bytes)} of {found.revision[:12]}"
            )
            self.progress.expect(found.total_bytes)
            self.progress.found(found.total_bytes)
            return WeightsResult(revision=found.revision, bytes_total=found.total_bytes)
        self.folder.prepare()
        try:
            return self.persist(self._run_alone)
        except OSError as error:
            raise volume_error(error, "the model's folder") from None

    def persist(self, action: Callable[[], T]) -> T:
        """Repeat an action until it succeeds or its failure is final."""
        patience = Patience(self.tempo, lambda error, _: self.progress.trouble("", error))
        while True:
            try:
                result = action()
            except TemporaryError as error:
                patience.wait(error)
            else:
                self.progress.clear("")
                return result

    def _run_alone(self) -> WeightsResult:
        with self.folder.only_writer():
            self.progress.clear("")
            # From here files may change: an old marker must not vouch for them after a crash.
            (self.folder.root / MARKER).unlink(missing_ok=True)
            stored = self._fetch_all()
            marker = Marker(
                source=identity(self.source), revision=revision_of(self.source), files=tuple(stored)
            )
            write_marker(self.folder, marker)
        self.folder.finish()
        self.progress.say(f"complete: {size(marker.total_bytes)} in {len(stored)} files")
        return WeightsResult(revision=marker.revision, bytes_total=marker.total_bytes)

    def _fetch_all(self) -> list[StoredFile]:
        listing = self.persist(lambda: list_source(self.source, environment=self.environment))
        with self.client() as client:
            listing = self._with_sizes(client, listing)
            self._announce(listing)
            self._make_room(listing)
            fetcher = Fetcher(
                client=client,
                folder=self.folder,
                headers=dict(listing.headers),
                tempo=self.tempo,
                progress=self.progress,
                stop=self.stop,
            )
            return Crew(fetcher.ensure, self.stop).run(listing.files, threads=CONNECTIONS)

    def _with_sizes(self, client: httpx.Client, listing: Listing) -> Listing:
        """Ask for the sizes and digests that the listing lacks, except of files that are here."""
        headers = dict(listing.headers)

        def known(file: RemoteFile) -> RemoteFile:
            if file.size is not None and file.digest is not None:
                return file
            here = self.folder.size_of(file.path)
            if here is not None and file.digest is not None and file.digest.kind == "sha256":
                return file  # its digest decides
            return self.persist(lambda: probe(client, file, headers))

        return replace(listing, files=tuple(known(file) for file in listing.files))

    def _announce(self, listing: Listing) -> None:
        self.progress.expect(listing.total_bytes)
        left_out = f", {listing.left_out} left out" if listing.left_out else ""
        self.progress.say(f"{len(listing.files)} files, {size(listing.known_bytes)}{left_out}")
        twice = read_twice({file.path: file.size for file in listing.files})
        if twice:
            self.progress.say(
                f"{size(twice)} of them are pickled weights that SGLang does not read beside"
                " safetensors: exclude them to save the space"
            )

    def _make_room(self, listing: Listing) -> None:
        """Compare what is missing with what is free; other models go only when it is short.

        Raises:
            FinalError: OutOfSpace.
        """
        missing = sum(
            max(0, (file.size or 0) - self.folder.present_bytes(file.path, file.size))
            for file in listing.files
        )
        if self.folder.free_bytes() < missing:
            for name in prune(self.folder, keep=self.keep, needed=missing):
                self.progress.say(f"removed {name}: space was short and no model needs it")
        free = self.folder.free_bytes()
        if free < missing:
            raise FinalError(
                "OutOfSpace",
                f"needs {size(missing)} more, {size(free)} free on the volume: enlarge the claim by"
                f" {size(missing - free)} or more",
            )


def model_folder(into: Path) -> ModelFolder:
    """Return the folder of `--into`.

    Raises:
        FinalError: it is a link: the volume would be written somewhere else.
    """
    if into.is_symlink():
        raise FinalError("DownloadFailed", "the model's folder is a link on the volume: refused")
    return ModelFolder(into)
