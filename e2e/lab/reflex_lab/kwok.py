"""What kwokctl is told: one configuration file for one control plane. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from reflex_lab.ports import Ports

Manifest = dict[str, object]
SERVICE_RANGE = "10.96.0.0/16"
API_SERVICE_IP = "10.96.0.1"
POD_RANGE = "10.244.0.0/16"
FAKE_POD_RANGE = "10.244.128.1/17"
"""Inside POD_RANGE: traffic for pods that do not exist must not leave the machine."""
AUDIT_MEBIBYTES = 200
CLIENT_QPS, CLIENT_BURST = 300, 600
"""With the controller manager's default of 20 it alone needs 107 s for 500 Deployments."""
_STAGES = Path(__file__).with_name("stages.yaml")


@dataclass(frozen=True, kw_only=True)
class Programs:
    """Paths of the control plane's programs."""

    etcd: Path
    api_server: Path
    controller_manager: Path
    scheduler: Path
    kwok: Path
    kubectl: Path


@dataclass(frozen=True, kw_only=True)
class RealNode:
    """What the API server needs to serve a real node; `address` is the node's own."""

    address: str


def default_stages() -> list[Manifest]:
    """Return the stages that kwok applies unless a caller brings its own."""
    return [stage for stage in yaml.safe_load_all(_STAGES.read_text()) if stage]


def audit_policy() -> Manifest:
    """Return the policy: who did what, at the end of each request, without bodies."""
    return {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [{"level": "Metadata"}],
    }


def configuration(
    *,
    programs: Programs,
    ports: Ports,
    pki: Path,
    audit_policy_file: Path,
    node: RealNode | None,
    stages: list[Manifest],
) -> list[Manifest]:
    """Return the documents of kwokctl's configuration file."""
    options: Manifest = {
        "runtime": "binary",
        "securePort": True,
        # Loopback: etcd has no authentication.
        "bindAddress": "127.0.0.1",
        "kubeAuditPolicy": str(audit_policy_file),
        "kubeApiserverPort": ports.api_server,
        "etcdPort": ports.etcd,
        "etcdPeerPort": ports.etcd_peer,
        "kubeControllerManagerPort": ports.controller_manager,
        "kubeSchedulerPort": ports.scheduler,
        "kwokControllerPort": ports.kwok,
        "etcdBinary": str(programs.etcd),
        "kubeApiserverBinary": str(programs.api_server),
        "kubeControllerManagerBinary": str(programs.controller_manager),
        "kubeSchedulerBinary": str(programs.scheduler),
        "kwokControllerBinary": str(programs.kwok),
        "kubectlBinary": str(programs.kubectl),
    }
    return [
        {
            "apiVersion": "config.kwok.x-k8s.io/v1alpha1",
            "kind": "KwokctlConfiguration",
            "options": options,
            "componentsPatches": _patches(pki=pki, node=node),
        },
        *stages,
    ]


def _patches(*, pki: Path, node: RealNode | None) -> list[Manifest]:
    # One replica each: no election, which costs 2 s (the first try is before kube-system exists).
    single = {
        "leader-elect": "false",
        "kube-api-qps": str(CLIENT_QPS),
        "kube-api-burst": str(CLIENT_BURST),
    }
    signing = {
        "cluster-signing-cert-file": str(pki / "ca.crt"),
        "cluster-signing-key-file": str(pki / "ca.key"),
    }
    # As a real cluster: each controller with its own rights (and name in the audit log).
    own_accounts = {"use-service-account-credentials": "true"}
    return [
        # The state is thrown away at `down`: an fsync for each write buys nothing.
        {"name": "etcd", "extraArgs": _arguments({"unsafe-no-fsync": "true"})},
        {"name": "kube-apiserver", "extraArgs": _api_server_arguments(pki=pki, node=node)},
        {
            "name": "kube-controller-manager",
            "extraArgs": _arguments({**single, **signing, **own_accounts}),
        },
        {"name": "kube-scheduler", "extraArgs": _arguments(single)},
        {
            "name": "kwok-controller",
            "extraArgs": [
                {"key": "manage-all-nodes", "value": "false", "override": True},
                *_arguments(
                    {
                        "manage-nodes-with-annotation-selector": "kwok.x-k8s.io/node=fake",
                        "cidr": FAKE_POD_RANGE,
                    }
                ),
            ],
        },
    ]


def _api_server_arguments(*, pki: Path, node: RealNode | None) -> list[Manifest]:
    always = {
        "service-cluster-ip-range": SERVICE_RANGE,
        "audit-log-maxsize": str(AUDIT_MEBIBYTES),
        "audit-log-maxbackup": "1",
    }
    if node is None:
        # No endpoint: a loopback address would be refused, with an error every ten seconds.
        return _arguments({**always, "endpoint-reconciler-type": "none"})
    return [
        *_arguments(always),
        {"key": "bind-address", "value": "0.0.0.0", "override": True},
        *_arguments(
            {
                "advertise-address": node.address,
                "kubelet-client-certificate": str(pki / "admin.crt"),
                "kubelet-client-key": str(pki / "admin.key"),
                # Else `kubectl logs` looks the node's name up in DNS.
                "kubelet-preferred-address-types": "InternalIP",
            }
        ),
    ]


def _arguments(values: Mapping[str, str]) -> list[Manifest]:
    return [{"key": key, "value": value} for key, value in values.items()]
