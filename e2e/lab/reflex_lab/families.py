"""The programs the lab is made of: pinned Go modules, what is built from them and how."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from reflex_lab.paths import TOOL_SOURCES

KUBERNETES = "v1.36.3"


@dataclass(frozen=True, kw_only=True)
class Family:
    """One Go module, so that no family drags another's versions along."""

    name: str
    version: str
    programs: tuple[str, ...]
    packages: tuple[str, ...] = ("tool",)
    """What `go build` builds; `tool` is every `tool` line of go.mod."""
    stamps: tuple[str, ...] = ()
    """`package.variable=value`: without them programs report v0.0.0 and skew checks break."""

    @property
    def sources(self) -> Path:
        """Return the module's folder."""
        return TOOL_SOURCES / self.name

    def arguments(self) -> tuple[str, ...]:
        """Return the arguments of `go build` before the output and the packages."""
        flags = " ".join(("-s", "-w", *(f"-X {stamp}" for stamp in self.stamps)))
        return ("build", "-trimpath", "-mod=readonly", "-buildvcs=false", "-ldflags", flags)


def _kubernetes_stamps(version: str) -> tuple[str, ...]:
    major, minor, _ = version.removeprefix("v").split(".")
    values = {
        "gitVersion": version,
        "gitMajor": major,
        "gitMinor": minor,
        "gitTreeState": "clean",
    }
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return tuple(f"{package}.{name}={values[name]}" for package in packages for name in values)


_CONTAINERD = "github.com/containerd/containerd/v2/version.Version"
_CNI = "github.com/containernetworking/plugins/pkg/utils/buildversion.BuildVersion"
FAMILIES = (
    Family(
        name="kubernetes",
        version=KUBERNETES,
        programs=(
            "kube-apiserver",
            "kube-controller-manager",
            "kube-proxy",
            "kube-scheduler",
            "kubectl",
            "kubelet",
        ),
        stamps=_kubernetes_stamps(KUBERNETES),
    ),
    Family(
        name="etcd",
        version="v3.6.14",
        programs=("etcd",),
        packages=("go.etcd.io/etcd/server/v3",),
    ),
    Family(
        name="kwok",
        version="v0.8.0",
        programs=("kwok", "kwokctl"),
        stamps=("sigs.k8s.io/kwok/pkg/consts.Version=v0.8.0",),
    ),
    Family(
        name="containerd",
        version="v2.3.7",
        programs=("containerd", "containerd-shim-runc-v2", "ctr"),
        stamps=(f"{_CONTAINERD}=v2.3.7",),
    ),
    Family(
        name="cni",
        version="v1.9.1",
        programs=("bridge", "host-local", "loopback", "portmap"),
        stamps=(f"{_CNI}=v1.9.1",),
    ),
    Family(name="coredns", version="v1.14.2", programs=("coredns",), packages=(".",)),
    Family(
        name="storage",
        version="v0.0.30",
        programs=("local-path-provisioner",),
        stamps=("main.VERSION=v0.0.30",),
    ),
    Family(
        name="helm",
        version="v4.2.4",
        programs=("helm",),
        stamps=("helm.sh/helm/v4/internal/version.version=v4.2.4",),
    ),
    Family(
        name="node", version="v1", programs=("pause", "probe", "volume-helper"), packages=("./...",)
    ),
)
CONTROL_PLANE = ("kubernetes", "etcd", "kwok")


def family(name: str) -> Family:
    """Return the family of that name."""
    return next(family for family in FAMILIES if family.name == name)


def family_of(program: str) -> Family:
    """Return the family that builds the program; KeyError if none does."""
    for candidate in FAMILIES:
        if program in candidate.programs:
            return candidate
    raise KeyError(program)


def content_hash(wanted: Family, *, go_version: str) -> str:
    """Return the hash of all that decides what the binaries are.

    Covers go.mod, go.sum, our own .go files, the build arguments and the toolchain.
    """
    digest = hashlib.sha256()
    files = [wanted.sources / "go.mod", wanted.sources / "go.sum", *wanted.sources.rglob("*.go")]
    for file in sorted(path for path in files if path.exists()):
        digest.update(f"{file.relative_to(wanted.sources)}\0".encode())
        digest.update(file.read_bytes() + b"\0")
    for word in (*wanted.arguments(), *wanted.packages, go_version):
        digest.update(f"{word}\0".encode())
    return digest.hexdigest()[:16]
