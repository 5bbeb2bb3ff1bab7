"""The repair service as its client sees it: upload, follow, result."""

import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx2

Json = dict[str, Any]


class RefusedError(Exception):
    """The service refused; its own words.

    Attributes:
        status: the HTTP code.
        code: such as `queue_full`.
        retry_after: seconds, where it says so.
    """

    def __init__(self, answer: httpx2.Response) -> None:
        self.status = answer.status_code
        error = answer.json().get("error", {})
        self.code = str(error.get("code", ""))
        self.retry_after = answer.headers.get("Retry-After")
        super().__init__(f"HTTP {self.status} {self.code}: {error.get('message', answer.text)}")


class LostError(Exception):
    """The connection was cut, or there was nobody to connect to."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """One server-sent event."""

    number: int
    kind: str
    data: Json


def pack(root: Path) -> bytes:
    """Return the crate as a tar, without build output."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for path in sorted(root.rglob("*")):
            name = path.relative_to(root)
            if name.parts[0] != "target" and path.is_file():
                archive.add(path, str(name))
    return file.getvalue()


class Service:
    """The service's HTTP surface."""

    def __init__(self, base_url: str, key: str, *, seconds: float = 60) -> None:
        self._http = httpx2.Client(
            base_url=base_url,
            headers={"Authorization": f"Bearer {key}"},
            timeout=seconds,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def create(self, tar: bytes, **options: object) -> str:
        """Send a crate and return the repair's id.

        Raises:
            RefusedError: it was not taken.
        """
        answer = self._http.post(
            "/v1/repairs",
            params={"options": json.dumps(options)},
            content=tar,
            headers={"Content-Type": "application/x-tar"},
        )
        return str(self._json(answer)["id"])

    def get(self, path: str) -> Json:
        """Return what is at a path, such as `/v1/budgets`."""
        return self._json(self._http.get(path))

    def repair(self, repair: str) -> Json:
        """Return the repair as it is now."""
        return self.get(f"/v1/repairs/{repair}")

    def cancel(self, repair: str) -> Json:
        """Ask for its end."""
        return self._json(self._http.post(f"/v1/repairs/{repair}/cancel"))

    def changed(self, repair: str) -> Mapping[str, bytes]:
        """Return the files that the repair changed."""
        answer = self._http.get(f"/v1/repairs/{repair}/workspace")
        if answer.status_code >= 300:
            raise RefusedError(answer)
        found = {}
        with tarfile.open(fileobj=io.BytesIO(answer.content)) as archive:
            for member in archive:
                if file := archive.extractfile(member) if member.isfile() else None:
                    found[member.name] = file.read()
        return found

    @contextmanager
    def events(self, repair: str, *, after: int = 0) -> Iterator[Iterator[Told]]:
        """Follow a repair, from the event behind `after` to its end.

        Raises:
            RefusedError: the service has no such repair, or no room.
            LostError: the connection ended before.
        """
        headers = {"Last-Event-ID": str(after)} if after else {}
        path = f"/v1/repairs/{repair}/events"
        try:
            with self._http.stream("GET", path, headers=headers) as answer:
                if answer.status_code >= 300:
                    answer.read()
                    raise RefusedError(answer)
                yield _events(answer.iter_lines())
        except httpx2.TransportError as error:
            raise LostError(f"{type(error).__name__} {error}") from error

    def _json(self, answer: httpx2.Response) -> Json:
        if answer.status_code >= 300:
            raise RefusedError(answer)
        value: Json = answer.json()
        return value


def _events(lines: Iterator[str]) -> Iterator[Told]:
    fields: dict[str, str] = {}
    for line in lines:
        if line and not line.startswith(":"):
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        elif not line and "data" in fields:
            yield Told(
                number=int(fields.get("id", "0")),
                kind=fields.get("event", ""),
                data=json.loads(fields["data"]),
            )
            fields = {}
