"""HTTP as the downloads need it: redirects under rules, and what each status means."""

import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import httpx

from reflex_weights.errors import FinalError, TemporaryError
from reflex_weights.tempo import utc_now, wished_delay
from reflex_weights.words import host_of, plain

MAX_REDIRECTS: Final = 5
TIMEOUT: Final = httpx.Timeout(30.0, connect=15.0)
_BUSY: Final = frozenset({408, 425, 429})
_GONE: Final = frozenset({404, 410})
_DENIED: Final = frozenset({401, 403, 451})


def new_client(on_response: Callable[[httpx.Response], None] | None = None) -> httpx.Client:
    """Return a client that takes proxies and certificates from the environment, as curl does.

    With `on_response` it follows redirects by itself, without the token to other hosts.

    Raises:
        FinalError: a variable names a proxy that cannot be used.
    """
    try:
        return httpx.Client(
            timeout=TIMEOUT,
            follow_redirects=on_response is not None,
            max_redirects=MAX_REDIRECTS,
            event_hooks={"response": [on_response] if on_response is not None else []},
        )
    except (ValueError, ImportError):
        raise FinalError(
            "DownloadFailed", "HTTP_PROXY, HTTPS_PROXY and ALL_PROXY must be http or https URLs"
        ) from None


@contextmanager
def opened(
    client: httpx.Client, url: str, headers: Mapping[str, str], *, what: str
) -> Iterator[httpx.Response]:
    """Send a GET, follow at most five redirects and give the response before its body.

    The library drops `Authorization` when a redirect leads to another host; here a step from https
    to http or to another protocol is refused besides. `history` of the response holds the
    redirects. Errors before the first byte of the body are translated; `what` names the file.

    Raises:
        FinalError: the source denies it, does not have it, or cannot be used.
        TemporaryError: it may answer later.
    """
    response = _followed(client, url, headers, what=what)
    try:
        if response.status_code not in (200, 206, 416):
            raise status_error(response, what=what)
        yield response
    finally:
        response.close()


def _followed(
    client: httpx.Client, url: str, headers: Mapping[str, str], *, what: str
) -> httpx.Response:
    # Compressed bodies have no ranges, and their length is not the file's.
    try:
        request = client.build_request(
            "GET", url, headers={**headers, "Accept-Encoding": "identity"}
        )
    except (httpx.InvalidURL, ValueError):
        raise FinalError("DownloadFailed", f"the address of {what} is not a URL") from None
    seen: list[httpx.Response] = []
    while True:
        try:
            response = client.send(request, stream=True)
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError) as error:
            raise transport_error(error, host=host_of(str(request.url)), what=what) from None
        following = response.next_request
        if following is None:
            response.history = seen
            return response
        response.close()
        seen.append(response)
        if len(seen) > MAX_REDIRECTS:
            raise FinalError(
                "DownloadFailed",
                f"{host_of(url)} redirects {what} more than {MAX_REDIRECTS} times: refused",
            )
        if following.url.scheme not in ("http", "https") or (
            request.url.scheme == "https" and following.url.scheme == "http"
        ):
            raise FinalError(
                "DownloadFailed",
                f"{host_of(str(request.url))} redirects {what} from {request.url.scheme} to"
                f" {plain(following.url.scheme, 16)}: refused",
            )
        request = following


def transport_error(error: Exception, *, host: str, what: str) -> TemporaryError | FinalError:
    """Return what a failure to get an answer means."""
    if isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL):
        return FinalError("DownloadFailed", f"{host} redirects {what} to no http address: refused")
    if isinstance(error, httpx.LocalProtocolError):
        # Its text may hold the header with the token.
        return FinalError("DownloadFailed", f"the request for {what} cannot be sent to {host}")
    kind = "no answer in time" if isinstance(error, httpx.TimeoutException) else "no connection"
    if isinstance(error, httpx.ProxyError):
        kind = "the proxy refused"
    detail = plain(str(error), 120)
    return TemporaryError(
        "SourceUnreachable",
        f"{host}: {kind}" + (f" ({detail})" if detail else "") + f", for {what}",
    )


def status_error(response: httpx.Response, *, what: str) -> FinalError | TemporaryError:
    """Return what a status that is no success means; the body is not read."""
    host, status = host_of(str(response.request.url)), response.status_code
    if status in _BUSY or status >= 500 or status == 407:
        return TemporaryError(
            "SourceUnreachable",
            f"{host} answered {status} for {what}",
            retry_after=wished_delay(response.headers, utc_now()),
        )
    if status in _DENIED:
        origin = response.history[0].request.url.host if response.history else ""
        if origin and origin != response.request.url.host:
            return TemporaryError(  # a signed address may have expired
                "SourceUnauthorized",
                f"{host}, to which {plain(origin)} redirects, answered {status}",
                attempts=3,
            )
        return FinalError("SourceUnauthorized", _denial(response, host, what))
    if status in _GONE:
        return FinalError("SourceNotFound", _absence(response, host, what))
    return FinalError("DownloadFailed", f"{host} answered {status} for {what}")


def _denial(response: httpx.Response, host: str, what: str) -> str:
    code = response.headers.get("x-error-code", "")
    token = "authorization" in response.request.headers
    if code == "GatedRepo":
        action = (
            "the token's account has no access: accept its terms on the hub with that account"
            if token
            else "it needs a token: accept its terms on the hub and set tokenSecretRef"
        )
        return f"the repository is gated at {host}; {action} ({response.status_code} for {what})"
    if response.headers.get("x-error-message") == "Access to this resource is disabled.":
        return f"{host} has disabled the repository ({response.status_code} for {what})"
    if token:
        return (
            f"{host} answered {response.status_code} for {what}: the token is wrong, expired or"
            " lacks read access"
        )
    if code == "RepoNotFound":
        return (
            f"{host} answered {response.status_code} for {what}, sent without a token: the"
            " repository is private or does not exist; check its name or set tokenSecretRef"
        )
    return f"{host} answered {response.status_code} for {what}, sent without a token"


def _absence(response: httpx.Response, host: str, what: str) -> str:
    missing = {
        "RepoNotFound": "no such repository, or the token may not see it",
        "RevisionNotFound": "no such revision in the repository",
        "EntryNotFound": "no such file in the revision",
    }.get(response.headers.get("x-error-code", ""), "not found")
    return f"{host} answered {response.status_code} for {what}: {missing}"
