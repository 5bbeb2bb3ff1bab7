"""A crates.io of our own: simulated, one crate, in cargo's sparse protocol over plain HTTP."""

import contextlib
import hashlib
import http.server
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

NAME, VERSION = "greeting", "1.2.3"


@dataclass
class Registry:
    """What it serves, and what was asked of it."""

    crate: bytes
    port: int = 0
    asked: list[str] = field(default_factory=list)

    @property
    def checksum(self) -> str:
        """Return the crate's SHA-256."""
        return hashlib.sha256(self.crate).hexdigest()

    @property
    def config(self) -> str:
        """Return the operator's cargo configuration that names it in the place of crates.io."""
        return (
            '[source.crates-io]\nreplace-with = "simulated"\n'
            f'[source.simulated]\nregistry = "sparse+http://127.0.0.1:{self.port}/index/"\n'
        )

    @property
    def lock(self) -> str:
        """Return the Cargo.lock of a package `hostile` that depends on the crate."""
        return (
            'version = 4\n\n[[package]]\nname = "greeting"\nversion = "1.2.3"\n'
            'source = "registry+https://github.com/rust-lang/crates.io-index"\n'
            f'checksum = "{self.checksum}"\n\n'
            '[[package]]\nname = "hostile"\nversion = "0.1.0"\ndependencies = [\n "greeting",\n]\n'
        )

    def answer(self, path: str) -> bytes | None:
        """Return what lies at a path."""
        self.asked.append(path)
        if path == "/index/config.json":
            return json.dumps({"dl": f"http://127.0.0.1:{self.port}/dl"}).encode()
        if path == f"/index/gr/ee/{NAME}":
            entry = {
                "name": NAME, "vers": VERSION, "deps": [], "cksum": self.checksum,
                "features": {}, "yanked": False,
            }  # fmt: skip
            return json.dumps(entry).encode() + b"\n"
        return self.crate if path == f"/dl/{NAME}/{VERSION}/download" else None


@contextlib.contextmanager
def registry(build_script: str = "") -> Iterator[Registry]:
    """Serve the crate, with a build script or without."""
    made = Registry(_crate(build_script))

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = made.answer(self.path)
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()


def _crate(build_script: str) -> bytes:
    manifest = f'[package]\nname = "{NAME}"\nversion = "{VERSION}"\nedition = "2021"\n'
    files = {"Cargo.toml": manifest, "src/lib.rs": "pub fn hello() -> u8 { 7 }\n"}
    if build_script:
        files["build.rs"] = build_script
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"{NAME}-{VERSION}/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return out.getvalue()
