"""The small broken Rust file of the demo, and what rustc says about it."""

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Final

PATH: Final = "src/main.rs"

SOURCE: Final = """\
fn total(values: &[i64]) -> i64 {
    let mut sum = 0;
    for value in values {
        sum += value;
    }
    smu
}

fn main() {
    println!("{}", total(&[1, 2, 3]));
}
"""

# What rustc reports for it, in the compact form that the bundled model was trained on. It is
# written down because the demo must run where no rustc is installed.
PROMPT: Final = r"""fix rust
src/main.rs:6 E0425 cannot find value `smu` in this scope
at "smu"
help a local variable with a similar name exists
-"    smu"
+"    sum"
code
4 "        sum += value;"
5 "    }"
>6 "    smu"
7 "}"
"""


class PatchError(Exception):
    """The answer's edit does not fit the file."""


def apply(source: str, edits: list[dict[str, Any]]) -> str:
    """Return the source with the edits made.

    Raises:
        PatchError: a search block is missing or not unique.
    """
    lines = source.splitlines()
    for edit in edits:
        search, replace = edit["search"], edit["replace"]
        size = len(search)
        places = [
            start for start in range(len(lines) - size + 1) if lines[start : start + size] == search
        ]
        if not search or len(places) != 1:
            raise PatchError(f"the search block is in the file {len(places)} times: {search}")
        lines[places[0] : places[0] + size] = replace
    return "\n".join(lines) + "\n"


def check(source: str) -> str | None:
    """Return rustc's errors ("" for none), or None where no rustc works."""
    rustc = shutil.which("rustc")
    # rustup's proxy is on the PATH of people who have no toolchain.
    if rustc is None or subprocess.run([rustc, "-V"], capture_output=True, check=False).returncode:
        return None
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [rustc, "--edition=2021", "--emit=metadata", f"--out-dir={folder}", "-"],
            input=source,
            text=True,
            capture_output=True,
            check=False,
            cwd=Path(folder),
            timeout=60,
        )
    return "" if done.returncode == 0 else done.stderr
