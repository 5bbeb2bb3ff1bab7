import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from reflex_lab import families
from reflex_lab.errors import LabError, ToolchainError
from reflex_lab.families import FAMILIES, Family, content_hash, family, family_of
from reflex_lab.toolchain import find_go, parse_version
from reflex_lab.tools import Tools


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The kwok family's sources, free to change."""
    source = family("kwok").sources
    target = tmp_path / "kwok"
    shutil.copytree(source, target)
    monkeypatch.setattr(families, "TOOL_SOURCES", tmp_path)
    return target


def test_the_same_inputs_have_the_same_hash(copied: Path) -> None:
    kwok = family("kwok")
    assert content_hash(kwok, go_version="go1.26.8") == content_hash(kwok, go_version="go1.26.8")


@pytest.mark.parametrize("name", ["go.mod", "go.sum"])
def test_a_changed_module_is_built_again(copied: Path, name: str) -> None:
    before = content_hash(family("kwok"), go_version="go1.26.8")
    with (copied / name).open("a") as file:
        file.write("// changed\n")
    assert content_hash(family("kwok"), go_version="go1.26.8") != before


def test_another_toolchain_or_stamp_is_built_again() -> None:
    kwok = family("kwok")
    first = content_hash(kwok, go_version="go1.26.8")
    assert content_hash(kwok, go_version="go1.27.0") != first
    assert content_hash(replace(kwok, stamps=("a.b=c",)), go_version="go1.26.8") != first


def test_no_program_has_two_builders() -> None:
    programs = [program for each in FAMILIES for program in each.programs]
    assert len(programs) == len(set(programs))
    assert family_of("kubelet").name == "kubernetes"


@pytest.mark.parametrize("each", FAMILIES, ids=lambda each: each.name)
def test_every_family_is_pinned(each: Family) -> None:
    module = (each.sources / "go.mod").read_text()
    assert re.search(r"^go 1\.26", module, re.MULTILINE)
    assert "latest" not in module
    if "require" in module:
        assert (each.sources / "go.sum").stat().st_size > 0


def test_the_version_in_the_table_is_the_one_in_the_module() -> None:
    wanted = {
        "kubernetes": "k8s.io/kubernetes",
        "etcd": "go.etcd.io/etcd/server/v3",
        "kwok": "sigs.k8s.io/kwok",
        "containerd": "github.com/containerd/containerd/v2",
        "cni": "github.com/containernetworking/plugins",
        "coredns": "github.com/coredns/coredns",
        "storage": "github.com/rancher/local-path-provisioner",
        "helm": "helm.sh/helm/v4",
    }
    for name, module in wanted.items():
        text = (family(name).sources / "go.mod").read_text()
        assert f"{module} {family(name).version}" in text, name


def test_kubernetes_programs_report_their_version() -> None:
    stamps = family("kubernetes").stamps
    assert "k8s.io/component-base/version.gitVersion=v1.36.3" in stamps
    assert "k8s.io/client-go/pkg/version.gitMinor=36" in stamps


def test_a_missing_go_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(ToolchainError, match="Go is not installed") as caught:
        find_go({"PATH": str(tmp_path)})
    assert "install Go 1.26" in caught.value.hint


@pytest.mark.parametrize(
    ("version", "setting", "usable"),
    [("go1.26.0", "local", True), ("go1.25.1", "auto", True), ("go1.25.1", "local", False),
     ("go1.19.8", "auto", False)],
)  # fmt: skip
def test_an_old_go_is_used_only_if_it_may_fetch_a_newer_one(
    tmp_path: Path, version: str, setting: str, usable: bool
) -> None:
    go = tmp_path / "go"
    go.write_text(f'#!/bin/sh\n[ "$2" = GOTOOLCHAIN ] && echo {setting} || echo {version}\n')
    go.chmod(0o755)
    environ = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    if usable:
        assert find_go(environ).version.startswith(version)
    else:
        with pytest.raises(ToolchainError, match=version):
            find_go(environ)


def test_a_version_that_is_none_is_refused() -> None:
    with pytest.raises(ToolchainError, match="reports no version"):
        parse_version("devel")


def test_an_unknown_tool_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="no tool is called") as caught:
        Tools(cache=tmp_path).path("docker")
    assert "kubectl" in caught.value.hint
