"""Configuration files of the node's programs. Pure: paths and addresses in, text out."""

import json
from pathlib import Path

import yaml

from reflex_lab.addresses import (
    BRIDGE,
    CLUSTER_DOMAIN,
    DNS_PORT,
    DNS_SERVICE_IP,
    NODE,
    NODE_ADDRESS,
    NODE_POD_RANGE,
    POD_RANGE,
)

PAUSE_IMAGE = "localhost/reflex-lab-pause:1"
CGROUP = "/reflex-lab"
Manifest = dict[str, object]


def containerd(*, root: Path, state: Path, socket: Path, cni_bin: Path, cni_conf: Path) -> str:
    """Return containerd's configuration (version 3: 2.x)."""
    return f"""version = 3
root = "{root}"
state = "{state}"
[grpc]
  address = "{socket}"
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "{PAUSE_IMAGE}"
[plugins.'io.containerd.cri.v1.runtime']
  # Without CAP_SYS_RESOURCE a negative OOM score is refused, and with it every pod.
  restrict_oom_score_adj = true
  disable_apparmor = true
  # In the node's own mount namespace: they vanish with it.
  netns_mounts_under_state_dir = true
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ["{cni_bin}"]
    conf_dir = "{cni_conf}"
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
      SystemdCgroup = false
[plugins.'io.containerd.internal.v1.opt']
  path = "{root / "opt"}"
[plugins.'io.containerd.nri.v1.nri']
  disable = true
"""


def cni(*, data: Path) -> str:
    """Return the network's plugin list: one bridge, addresses handed out on this host."""
    ipam: Manifest = {
        "type": "host-local",
        "ranges": [[{"subnet": NODE_POD_RANGE, "gateway": NODE_ADDRESS}]],
        "routes": [{"dst": "0.0.0.0/0"}],
        "dataDir": str(data),
    }
    bridge: Manifest = {
        "type": "bridge",
        "bridge": BRIDGE,
        "isGateway": True,
        # The lab's own nftables table masquerades, so that nothing is left in a shared one.
        "ipMasq": False,
        "hairpinMode": True,
        "ipam": ipam,
    }
    ports: Manifest = {
        "type": "portmap",
        "backend": "nftables",
        "capabilities": {"portMappings": True},
    }
    return json.dumps(
        {"cniVersion": "1.0.0", "name": "reflex-lab", "plugins": [bridge, ports]}, indent=2
    )


def kubelet(*, socket: Path, ca: Path, certificate: Path, key: Path, plugins: Path) -> str:
    """Return the kubelet's configuration."""
    document: Manifest = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": NODE_ADDRESS,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(ca)},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "cgroupsPerQOS": True,
        "cgroupRoot": CGROUP,
        "clusterDNS": [DNS_SERVICE_IP],
        "clusterDomain": CLUSTER_DOMAIN,
        "containerRuntimeEndpoint": f"unix://{socket}",
        "enforceNodeAllocatable": [],
        # A developer's disk is often fuller than the defaults allow.
        "evictionHard": {
            "memory.available": "200Mi",
            "nodefs.available": "1%",
            "imagefs.available": "1%",
        },
        "failCgroupV1": False,
        "failSwapOn": False,
        # Images come from `load-image` only; one that is collected could not be pulled again.
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        # kube-proxy speaks nftables: no chains for it in iptables' tables.
        "makeIPTablesUtilChains": False,
        "readOnlyPort": 0,
        "resolvConf": "/etc/resolv.conf",
        "tlsCertFile": str(certificate),
        "tlsPrivateKeyFile": str(key),
        "volumePluginDir": str(plugins),
        # How old the sizes are by which pods are evicted: 1m by default, and two rounds are needed.
        "volumeStatsAggPeriod": "10s",
    }
    return yaml.safe_dump(document, sort_keys=False)


def kube_proxy(*, kubeconfig: Path) -> str:
    """Return kube-proxy's configuration; it listens on the node address only."""
    document: Manifest = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "bindAddress": NODE_ADDRESS,
        "healthzBindAddress": f"{NODE_ADDRESS}:10256",
        "metricsBindAddress": f"{NODE_ADDRESS}:10249",
        "clientConnection": {"kubeconfig": str(kubeconfig)},
        "clusterCIDR": POD_RANGE,
        "hostnameOverride": NODE,
        "nodePortAddresses": ["primary"],
        # Needs no right over the machine's connection table, and changes nothing there.
        "conntrack": {"maxPerCore": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }
    return yaml.safe_dump(document, sort_keys=False)


def corefile(*, kubeconfig: Path) -> str:
    """Return CoreDNS's configuration: the cluster's names, and "no such name" for all others."""
    zones = " ".join(f"{zone}:{DNS_PORT}" for zone in (CLUSTER_DOMAIN, "in-addr.arpa", "ip6.arpa"))
    # Two blocks, since CoreDNS asks `template` before `kubernetes` whatever the order here.
    return f"""{zones} {{
  bind {NODE_ADDRESS}
  errors
  ready {NODE_ADDRESS}:8181
  kubernetes {CLUSTER_DOMAIN} in-addr.arpa ip6.arpa {{
    kubeconfig {kubeconfig}
    pods insecure
    ttl 5
  }}
}}
.:{DNS_PORT} {{
  bind {NODE_ADDRESS}
  errors
  template ANY ANY . {{
    rcode NXDOMAIN
  }}
}}
"""


def dns_manifests() -> tuple[Manifest, ...]:
    """Return CoreDNS's rights and the Service whose one endpoint is the host process."""
    labels = {"k8s-app": "kube-dns"}
    rules = [
        {
            "apiGroups": [""],
            "resources": ["services", "pods", "namespaces"],
            "verbs": ["list", "watch"],
        },
        {
            "apiGroups": ["discovery.k8s.io"],
            "resources": ["endpointslices"],
            "verbs": ["list", "watch"],
        },
    ]
    rbac = "rbac.authorization.k8s.io"
    subject = {"apiGroup": rbac, "kind": "User", "name": "system:coredns"}
    role = {"apiGroup": rbac, "kind": "ClusterRole", "name": "system:coredns"}
    names = (("dns", "UDP"), ("dns-tcp", "TCP"))
    return (
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "ClusterRole",
            "metadata": {"name": "system:coredns"},
            "rules": rules,
        },
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "system:coredns"},
            "roleRef": role,
            "subjects": [subject],
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "kube-dns", "namespace": "kube-system", "labels": labels},
            "spec": {
                "clusterIP": DNS_SERVICE_IP,
                "ports": [{"name": n, "port": 53, "protocol": p} for n, p in names],
            },
        },
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": "kube-dns-host",
                "namespace": "kube-system",
                "labels": {**labels, "kubernetes.io/service-name": "kube-dns"},
            },
            "addressType": "IPv4",
            "endpoints": [{"addresses": [NODE_ADDRESS], "conditions": {"ready": True}}],
            "ports": [{"name": n, "port": DNS_PORT, "protocol": p} for n, p in names],
        },
    )
