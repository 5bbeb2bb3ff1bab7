"""What a repository can bring besides code: configuration, toolchains, links, others' files."""

import subprocess
from pathlib import Path

import pytest

from hostile_crates import crate
from reflex_runner.confinement import Method
from reflex_runner.errors import StartError
from reflex_runner.job import Job, Outcome
from reflex_runner.local import ConfinedRunner
from reflex_runner.toolchain import Toolchain
from repair_corpus import toolchain

pytestmark = pytest.mark.rust

CONFIGURATIONS = {
    "rustc-wrapper": '[build]\nrustc-wrapper = "/nonexistent/evil"\n',
    "rustc": '[build]\nrustc = "/nonexistent/evil"\n',
    "linker": "[target.'cfg(all())']\nlinker = \"/nonexistent/evil\"\n",
    "runner": "[target.'cfg(all())']\nrunner = \"/nonexistent/evil\"\n",
    "target-dir": '[build]\ntarget-dir = "/proc/nonexistent"\n',
    "flags": '[build]\nrustflags = ["--nonsense"]\n',
}
TESTED = "#[test] fn t() {}\n"


@pytest.fixture
def box(method: Method, scratch: Path) -> ConfinedRunner:
    """A sandbox."""
    return ConfinedRunner(toolchain(), scratch, method=method)


async def run(box: ConfinedRunner, root: Path, verb: str = "check") -> Outcome:
    return await box.run(Job(verb="test" if verb == "test" else "check", seconds=120), root)


def in_the_open(root: Path) -> "subprocess.CompletedProcess[str]":
    """Run cargo as one does: in the folder."""
    return subprocess.run(
        [toolchain().bin / "cargo", "test"], cwd=root, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("name", CONFIGURATIONS)
async def test_the_repositorys_cargo_configuration_is_not_read(
    name: str, box: ConfinedRunner, tmp_path: Path
) -> None:
    files = {".cargo__config.toml": CONFIGURATIONS[name]}
    root = crate(tmp_path / "root", lib=TESTED, build="fn main() {}", **files)
    assert in_the_open(root).returncode != 0
    outcome = await run(box, root, "test")
    assert outcome.code == 0, outcome


async def test_a_configuration_beside_the_scratch_folder_is_not_read(
    method: Method, tmp_path: Path
) -> None:
    root = crate(tmp_path / "root", lib=TESTED)
    (tmp_path / "shared/.cargo").mkdir(parents=True)
    (tmp_path / "shared/.cargo/config.toml").write_text(CONFIGURATIONS["rustc"])
    box = ConfinedRunner(toolchain(), tmp_path / "shared/scratch", method=method)
    outcome = await run(box, root)
    # cargo looks upwards from its working folder, and may not see it there.
    assert outcome.code == 0, outcome


async def test_a_build_cannot_configure_the_next_one(box: ConfinedRunner, tmp_path: Path) -> None:
    script = """
        fn main() {
            let home = std::env::var("CARGO_HOME").unwrap();
            for path in [home.clone(), format!("{home}/../empty/.cargo")] {
                let _ = std::fs::create_dir_all(&path);
                let text = "[build]\\nrustc = '/nonexistent/evil'\\n";
                let wrote = std::fs::write(format!("{path}/config.toml"), text);
                assert!(wrote.is_err(), "{path} can be written");
            }
        }
    """
    root = crate(tmp_path / "root", build=script)
    for _ in range(2):
        outcome = await run(box, root)
        assert outcome.code == 0, outcome


@pytest.mark.parametrize(
    "text",
    ['[toolchain]\npath = "/nonexistent"\n', '[toolchain]\nchannel = "nightly-2000-01-01"\n'],
)
@pytest.mark.parametrize("file", ["rust-toolchain.toml", "rust-toolchain"])
async def test_the_repositorys_toolchain_is_not_used(
    text: str, file: str, box: ConfinedRunner, tmp_path: Path
) -> None:
    outcome = await run(box, crate(tmp_path / "root", **{file: text}))
    assert outcome.code == 0, outcome


async def test_files_of_the_machine_cannot_be_compiled_in(
    box: ConfinedRunner, tmp_path: Path
) -> None:
    lib = 'pub const A: &str = include_str!("/etc/passwd");\n'
    outcome = await run(box, crate(tmp_path / "root", lib=lib))
    assert outcome.code != 0
    assert b"root:" not in outcome.stdout
    # The compiler and its libraries are there for all to see, and this is known.
    seen = 'pub const A: &[u8] = include_bytes!("/usr/bin/env");\n'
    assert (await run(box, crate(tmp_path / "seen", lib=seen))).code == 0


async def test_links_out_of_the_tree_lead_nowhere(box: ConfinedRunner, tmp_path: Path) -> None:
    (tmp_path / "secret.rs").write_text("pub const SECRET: u8 = 1;")
    root = crate(tmp_path / "root", lib="mod secret;\n")
    (root / "src/secret.rs").symlink_to(tmp_path / "secret.rs")
    (root / "folder").symlink_to(tmp_path)
    assert in_the_open(root).returncode == 0
    outcome = await run(box, root)
    assert outcome.code != 0
    assert b"E0583" in outcome.stdout
    assert not (box.places.workspace / "folder").exists()


async def test_the_repository_is_not_written(box: ConfinedRunner, tmp_path: Path) -> None:
    script = """
        fn main() {
            std::fs::write("src/generated.rs", "").unwrap();
            std::fs::write("src/lib.rs", "compile_error!();").unwrap();
        }
    """
    root = crate(tmp_path / "root", build=script)
    before = sorted(path.relative_to(root) for path in root.rglob("*"))
    assert (await run(box, root)).code != 0  # its own copy is the build's to spoil
    assert sorted(path.relative_to(root) for path in root.rglob("*")) == before
    (root / "build.rs").unlink()
    outcome = await run(box, root)
    assert outcome.code == 0, outcome
    assert not (box.places.workspace / "src/generated.rs").exists()


async def test_what_did_not_change_is_not_compiled_again(
    box: ConfinedRunner, tmp_path: Path
) -> None:
    root = crate(tmp_path / "root")
    await run(box, root)
    assert b'"fresh":true' in (await run(box, root)).stdout
    (root / "src/lib.rs").write_text("pub fn g() {}\n")
    assert b'"fresh":true' not in (await run(box, root)).stdout


async def test_a_compiler_that_is_not_there_is_no_verdict(
    method: Method, scratch: Path, tmp_path: Path
) -> None:
    box = ConfinedRunner(Toolchain(bin=tmp_path / "bin", version=""), scratch, method="landlock")
    with pytest.raises(StartError, match="cannot be started"):
        await run(box, crate(tmp_path / "root"))
