"""Crates that attack the machine they are compiled on, and what they attack."""

import contextlib
import json
import os
import signal
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reflex_runner import bubblewrap, landlock
from reflex_runner.confinement import Method
from reflex_runner.job import Outcome

LIGHT = (Path(__file__).parent / "sandbox/attacks/light.rs").read_text()
PACKAGE = '[package]\nname = "hostile"\nversion = "0.1.0"\nedition = "2021"\n'
_FACTS = """
struct Facts {
    secret: &'static str, outside: &'static str, victim: &'static str, socket: &'static str,
    datagram: &'static str, abstract_name: &'static str, port: u16, runner: i32,
}
"""


C = """
extern "C" {
    fn fork() -> i32; fn setsid() -> i32; fn kill(pid: i32, signal: i32) -> i32;
    fn getppid() -> i32; fn raise(signal: i32) -> i32; fn close(fd: i32) -> i32;
}
"""
FORK_BOMB = C + "fn main() { loop { unsafe { fork(); } } }"
THREAD_BOMB = "fn main() { loop { std::thread::spawn(|| std::thread::park()); } }"
DAEMON = (
    C
    + """
fn main() { unsafe {
    if fork() > 0 { return }
    setsid();
    if fork() > 0 { std::process::exit(0) }
    for fd in 0..64 { close(fd); }  // cargo waits for whoever holds its pipes
    std::thread::sleep(std::time::Duration::from_secs(600));
} }
"""
)
SLEEPER = "fn main() { std::thread::sleep(std::time::Duration::from_secs(600)) }"
STOPPER = C + "fn main() { unsafe { kill(getppid(), 19); raise(19); } }"
KILLER = C + "fn main() { unsafe { kill(-1, 9); } loop {} }"
ONE_LARGE_FILE = """
fn main() {
    let mut f = std::fs::File::create(std::env::var("OUT_DIR").unwrap() + "/x").unwrap();
    loop { std::io::Write::write_all(&mut f, &[1; 1 << 20]).unwrap() }
}
"""
MANY_LARGE_FILES = """
fn main() { for n in 0.. {
    let path = format!("{}/{n}", std::env::var("OUT_DIR").unwrap());
    std::fs::write(path, vec![1; 50 << 20]).unwrap();
} }
"""
MANY_SMALL_FILES = """
fn main() { for n in 0.. {
    std::fs::write(format!("{}/{n}", std::env::var("OUT_DIR").unwrap()), "").unwrap();
} }
"""
HIDDEN_FILES = """
use std::os::unix::fs::PermissionsExt;
fn main() { for n in 0.. {
    let folder = format!("{}/{n}", std::env::var("OUT_DIR").unwrap());
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(format!("{folder}/x"), vec![1; 50 << 20]).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0)).unwrap();
} }
"""
MEMORY = "fn main() { let mut v = vec![]; loop { v.push(vec![1u8; 1 << 20]) } }"
FLOOD = 'fn main() { loop { println!("{}", "x".repeat(1000)) } }'


@dataclass(frozen=True)
class Target:
    """What is worth attacking: files, sockets that listen, a process."""

    folder: Path
    abstract_name: str
    port: int
    runner: int

    def rust(self) -> str:
        """Return the attacks, with where to aim."""
        folder = self.folder
        values = {
            "secret": folder / ".ssh/id_ed25519",
            "outside": folder,
            "victim": folder / "victim",
            "socket": folder / "listening.socket",
            "datagram": folder / "datagram.socket",
            "abstract_name": self.abstract_name,
        }
        fields = [f"{name}: {json.dumps(str(value))}" for name, value in values.items()]
        fields += [f"port: {self.port}", f"runner: {self.runner}"]
        return f"{LIGHT}\n{_FACTS}\nconst FACTS: Facts = Facts {{ {', '.join(fields)} }};\n"

    def untouched(self) -> bool:
        """Return whether the files are as they were."""
        names = {path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*")}
        return (self.folder / "victim").read_text() == "precious" and names == {
            ".ssh", ".ssh/id_ed25519", "victim", "listening.socket", "datagram.socket",
        }  # fmt: skip


@contextlib.contextmanager
def target(runner: int) -> Iterator[Target]:
    """Set up what is attacked.

    Args:
        runner: the process to attack.
    """
    with (
        tempfile.TemporaryDirectory(prefix="reflex-outside-", dir="/var/tmp") as name,
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_UNIX) as abstract,
        socket.socket(socket.AF_UNIX) as listening,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagram,
    ):
        folder = Path(name)
        (folder / ".ssh").mkdir()
        (folder / ".ssh/id_ed25519").write_text("secret")
        (folder / "victim").write_text("precious")
        abstract.bind(f"\0{folder.name}")
        listening.bind(str(folder / "listening.socket"))
        datagram.bind(str(folder / "datagram.socket"))
        abstract.listen()
        listening.listen()
        yield Target(folder, folder.name, tcp.getsockname()[1], runner)
        Path(f"/tmp/reflex-hostile-{runner}").unlink(missing_ok=True)


def crate(root: Path, *, build: str = "", lib: str = "", **files: str) -> Path:
    """Write a package; `build` is the build script, `files` further ones by `__` for `/`."""
    (root / "src").mkdir(parents=True)
    (root / "Cargo.toml").write_text(PACKAGE)
    (root / "src/lib.rs").write_text(lib or "pub fn f() {}\n")
    if build:
        (root / "build.rs").write_text(build)
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def in_build_script(root: Path, aim: Target) -> Path:
    """Write a crate whose build script attacks."""
    # Failing shows what it wrote.
    end = "fn main() { report(); std::process::exit(1) }\n"
    return crate(root, build=aim.rust() + end)


def in_proc_macro(root: Path, aim: Target) -> Path:
    """Write a crate that uses a proc macro which attacks."""
    made = crate(root, lib="evil::attack!();\n")
    (made / "Cargo.toml").write_text(PACKAGE + '[dependencies]\nevil = { path = "evil" }\n')
    (made / "evil/src").mkdir(parents=True)
    (made / "evil/Cargo.toml").write_text(
        '[package]\nname = "evil"\nversion = "0.1.0"\nedition = "2021"\n[lib]\nproc-macro = true\n'
    )
    (made / "evil/src/lib.rs").write_text(
        aim.rust() + "#[proc_macro] pub fn attack(_: proc_macro::TokenStream) "
        "-> proc_macro::TokenStream { report(); proc_macro::TokenStream::new() }\n"
    )
    return made


def reports(outcome: Outcome) -> dict[str, str]:
    """Return what each attempt came to."""
    found = {}
    for line in (outcome.stderr + outcome.stdout).decode("utf-8", "replace").splitlines():
        _, mark, rest = line.partition("REPORT ")
        if mark:
            name, _, word = rest.partition(" ")
            found[name] = word
    return found


def programs_under(folder: Path) -> list[int]:
    """Return the processes whose program lies under a folder."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/{name}/exe").startswith(f"{folder}/"):
                found.append(int(name))
    return found


def end(pids: list[int]) -> None:
    """End processes of a test."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def why_not(method: Method) -> str:
    """Return why a method cannot be tried here, or nothing."""
    if method == "bubblewrap":
        return "" if bubblewrap.find() else "bubblewrap is not installed (apt install bubblewrap)"
    found, needed = landlock.abi(), landlock.SIGNALS_ABI
    if found >= needed:
        return ""
    return f"the kernel has Landlock ABI {found}, and {needed} is needed"
