"""Which paths a patch may name: decided on the text first, then on the disk."""

import os
import re
import stat
from pathlib import Path, PurePosixPath
from typing import Final

from reflex_loop.errors import PolicyError

JOURNAL: Final = ".reflex-journal"
_REFUSED_PARTS: Final = frozenset({".git", ".cargo", ".github", ".hg", ".svn", "target", JOURNAL})
_REFUSED_NAMES: Final = frozenset(
    {"build.rs", "rust-toolchain", "rust-toolchain.toml", "Cargo.lock", ".gitmodules"}
)
_MANIFEST: Final = "Cargo.toml"
_DRIVE: Final = re.compile(r"^[A-Za-z]:")


def cleaned(path: str) -> str:
    """Return a relative path in its one spelling.

    Raises:
        PolicyError: it is absolute, leads upwards, or has characters no source file needs.
    """
    if any(ord(character) < 32 or ord(character) == 127 for character in path):
        raise PolicyError("path", f"{path!r} has control characters")
    if path.startswith(("/", "\\", "~")) or _DRIVE.match(path):
        raise PolicyError("path", f"{path} is not relative to the workspace")
    if "\\" in path:
        raise PolicyError("path", f"{path} has backslashes: separate folders by /")
    parts = PurePosixPath(path).parts
    if ".." in parts:
        raise PolicyError("path", f"{path} leads out of the workspace")
    if not parts or path.endswith("/"):
        raise PolicyError("path", f"{path!r} names no file")
    if any(part != part.strip() or part.endswith(".") for part in parts):
        raise PolicyError("path", f"{path!r} has a part that begins or ends with a blank or dot")
    return "/".join(parts)


def check_name(path: str, *, manifests: bool, build_scripts: bool = False) -> None:
    """Refuse what no patch may write, by its name; case does not help to get around.

    Args:
        path: cleaned.
        manifests: whether `Cargo.toml` may be changed.
        build_scripts: whether `build.rs` may be changed; it runs on every check.

    Raises:
        PolicyError: with the rule.
    """
    parts = [part.lower() for part in PurePosixPath(path).parts]
    hidden = next((part for part in parts if part in _REFUSED_PARTS or part.startswith(".")), None)
    if hidden:
        raise PolicyError("protected", f"{path}: nothing in {hidden} may be changed")
    name = parts[-1]
    if name == "build.rs" and build_scripts:
        return
    if name in {each.lower() for each in _REFUSED_NAMES}:
        raise PolicyError("protected", f"{path}: {name} may not be changed")
    if name == _MANIFEST.lower():
        if not manifests:
            raise PolicyError("manifest", f"{path}: manifests may not be changed here")
    elif not name.endswith(".rs"):
        raise PolicyError("kind", f"{path}: only Rust sources may be changed")


def check_on_disk(root: Path, path: str) -> None:
    """Refuse a path with a link in it, or one that is no regular file.

    Raises:
        PolicyError: with the part that is a link.
    """
    at = root
    parts = PurePosixPath(path).parts
    for index, part in enumerate(parts):
        at = at / part
        try:
            mode = os.lstat(at).st_mode
        except FileNotFoundError:
            return
        except NotADirectoryError:
            raise PolicyError("path", f"{path}: {part} lies below a file") from None
        if stat.S_ISLNK(mode):
            raise PolicyError("symlink", f"{path}: {at.name} is a link, and links are not followed")
        last = index == len(parts) - 1
        if not (stat.S_ISREG(mode) if last else stat.S_ISDIR(mode)):
            raise PolicyError("path", f"{path}: {at.name} is no {'file' if last else 'folder'}")
