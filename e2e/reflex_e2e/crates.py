"""Crates that tests in the lab need: one that attacks, one with a dependency, and its registry."""

import gzip
import hashlib
import http.server
import io
import json
import tarfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from reflex_lab.addresses import NODE_ADDRESS

VERSION = "1.0.0"
ATTEMPTS = {"api-server", "node", "internet", "dns", "token", "agent", "write", "work", "signal"}

_BUILD = """\
use std::net::{TcpStream, ToSocketAddrs, UdpSocket};
use std::time::Duration;

fn tell(name: &str, worked: bool) {
    eprintln!("REPORT {name} {}", if worked { "WORKED" } else { "refused" });
}

fn reached(address: &str) -> bool {
    let address = address.to_socket_addrs().unwrap().next().unwrap();
    TcpStream::connect_timeout(&address, Duration::from_secs(2)).is_ok()
}

fn main() {
    tell("api-server", reached("10.96.0.1:443"));
    tell("node", reached("10.244.0.1:6443") || reached("10.244.0.1:10250"));
    tell("internet", reached("1.1.1.1:443"));
    tell("agent", reached("127.0.0.1:8080"));
    let dns = UdpSocket::bind("0.0.0.0:0").and_then(|socket| {
        socket.set_read_timeout(Some(Duration::from_secs(2)))?;
        socket.send_to(&[0u8; 12], "10.96.0.10:53")
    });
    tell("dns", dns.is_ok());
    let token = "/var/run/secrets/kubernetes.io/serviceaccount/token";
    tell("token", std::fs::read(token).is_ok() || std::fs::read("/proc/1/environ").is_ok());
    let written = ["/var/tmp/x", "/tmp/x", "/home/x", "/usr/x", "/etc/x"];
    tell("write", written.iter().any(|path| std::fs::write(path, "x").is_ok()));
    tell("work", std::fs::write("/work/x", "x").is_ok());
    let killed = std::process::Command::new("/bin/sh").args(["-c", "kill -TERM 1"]).status();
    tell("signal", killed.map(|status| status.success()).unwrap_or(false));
    std::process::exit(1) // failing shows what it wrote
}
"""


def hostile(root: Path) -> Path:
    """Write a crate whose build script tries what a sandbox must refuse, and tells of each try."""
    (root / "src").mkdir(parents=True)
    (root / "Cargo.toml").write_text(_manifest("hostile"))
    (root / "src/lib.rs").write_text("pub fn f() {}\n")
    (root / "build.rs").write_text(_BUILD)
    return root


def dependent(root: Path, name: str, source: str) -> Path:
    """Write a crate that depends on `name` of the registry, with its Cargo.lock."""
    (root / "src").mkdir(parents=True)
    (root / "Cargo.toml").write_text(
        _manifest("dependent") + f'\n[dependencies]\n{name} = "{VERSION}"\n'
    )
    (root / "src/lib.rs").write_text(source)
    packed = _crate(name, "pub fn twice(n: i64) -> i64 { 2 * n }\n")
    checksum = hashlib.sha256(packed).hexdigest()
    (root / "Cargo.lock").write_text(
        f'version = 4\n\n[[package]]\nname = "dependent"\nversion = "{VERSION}"\n'
        f'dependencies = ["{name}"]\n\n[[package]]\nname = "{name}"\nversion = "{VERSION}"\n'
        f'source = "registry+https://github.com/rust-lang/crates.io-index"\n'
        f'checksum = "{checksum}"\n'
    )
    return root


@contextmanager
def serving(sources: Mapping[str, str]) -> Iterator[str]:
    """Serve a sparse registry of small crates on the node's address; yield its URL."""
    files = {}
    for name, source in sources.items():
        packed = _crate(name, source)
        files[f"/dl/{name}/{VERSION}/download"] = packed
        entry = {
            "name": name,
            "vers": VERSION,
            "deps": [],
            "cksum": hashlib.sha256(packed).hexdigest(),
            "features": {},
            "yanked": False,
        }
        files[f"/{name[:2]}/{name[2:4]}/{name}"] = json.dumps(entry).encode() + b"\n"

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            """Answer with a file."""
            found = files.get(self.path)
            self.send_response(200 if found is not None else 404)
            self.send_header("Content-Length", str(len(found or b"")))
            self.end_headers()
            self.wfile.write(found or b"")

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = http.server.ThreadingHTTPServer((NODE_ADDRESS, 0), Handler)
    url = f"http://{NODE_ADDRESS}:{server.server_address[1]}"
    files["/config.json"] = json.dumps({"dl": f"{url}/dl"}).encode()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield url
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)


def _manifest(name: str) -> str:
    return f'[package]\nname = "{name}"\nversion = "{VERSION}"\nedition = "2021"\n'


def _crate(name: str, source: str) -> bytes:
    """Return a .crate file: the same bytes each time, so that its checksum can be written down."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for path, text in {"Cargo.toml": _manifest(name), "src/lib.rs": source}.items():
            info = tarfile.TarInfo(f"{name}-{VERSION}/{path}")
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    return gzip.compress(raw.getvalue(), mtime=0)
