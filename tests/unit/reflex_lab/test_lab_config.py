import datetime
import ipaddress
import json
from pathlib import Path

import pytest
import yaml
from cryptography import x509

from reflex_lab import kwok, network, nodeconfig
from reflex_lab.addresses import NODE_ADDRESS
from reflex_lab.certificates import create_authority, sign
from reflex_lab.errors import MachineError
from reflex_lab.gpunodes import gpu_node
from reflex_lab.kubeconfig import kubeconfig
from reflex_lab.kwok import Programs, RealNode
from reflex_lab.ports import block, claimed

NOON = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)
PKI = Path("/x/pki")


def configuration(node: RealNode | None) -> list[dict[str, object]]:
    programs = Programs(
        etcd=Path("/t/etcd"),
        api_server=Path("/t/kube-apiserver"),
        controller_manager=Path("/t/kube-controller-manager"),
        scheduler=Path("/t/kube-scheduler"),
        kwok=Path("/t/kwok"),
        kubectl=Path("/t/kubectl"),
    )
    return kwok.configuration(
        programs=programs,
        ports=block(20000),
        pki=PKI,
        audit_policy_file=Path("/x/audit.yaml"),
        node=node,
        stages=kwok.default_stages(),
    )


def arguments(node: RealNode | None, component: str) -> dict[str, str]:
    patches = configuration(node)[0]["componentsPatches"]
    assert isinstance(patches, list)
    (patch,) = (each for each in patches if each["name"] == component)
    keys = [each["key"] for each in patch["extraArgs"]]
    assert len(keys) == len(set(keys))
    return {each["key"]: each["value"] for each in patch["extraArgs"]}


def test_a_throw_away_control_plane_listens_on_loopback_only() -> None:
    options = configuration(None)[0]["options"]
    assert isinstance(options, dict)
    assert options["bindAddress"] == "127.0.0.1"
    api_server = arguments(None, "kube-apiserver")
    assert "bind-address" not in api_server
    assert api_server["endpoint-reconciler-type"] == "none"


def test_a_real_node_reaches_the_api_server_at_its_own_address() -> None:
    api_server = arguments(RealNode(address=NODE_ADDRESS), "kube-apiserver")
    assert api_server["advertise-address"] == NODE_ADDRESS
    assert api_server["kubelet-client-certificate"] == "/x/pki/admin.crt"
    assert api_server["kubelet-preferred-address-types"] == "InternalIP"


@pytest.mark.parametrize("component", ["kube-controller-manager", "kube-scheduler"])
def test_client_limits_do_not_hide_the_operators_speed(component: str) -> None:
    given = arguments(None, component)
    assert (given["kube-api-qps"], given["kube-api-burst"]) == ("300", "600")


def test_kwok_leaves_the_real_node_alone() -> None:
    given = arguments(None, "kwok-controller")
    assert given["manage-all-nodes"] == "false"
    assert ipaddress.ip_network(given["cidr"], strict=False).subnet_of(
        ipaddress.ip_network(kwok.POD_RANGE)  # type: ignore[arg-type]
    )


def test_the_audit_log_keeps_who_did_what_and_no_bodies() -> None:
    policy = kwok.audit_policy()
    assert policy["omitStages"] == ["RequestReceived"]
    assert policy["rules"] == [{"level": "Metadata"}]
    assert int(arguments(None, "kube-apiserver")["audit-log-maxsize"]) <= 500


def test_no_stage_sets_a_readiness_gate_itself() -> None:
    for stage in kwok.default_stages():
        spec = stage["spec"]
        assert isinstance(spec, dict)
        template = str(spec["next"].get("statusTemplate", ""))
        assert "type: {{ .conditionType" not in template


def test_a_fake_gpu_node_is_an_rtx_5090_that_takes_any_pod() -> None:
    node = gpu_node(3)
    metadata, status = node["metadata"], node["status"]
    assert isinstance(metadata, dict)
    assert isinstance(status, dict)
    assert metadata["name"] == "gpu-3"
    assert metadata["labels"]["nvidia.com/gpu.memory"] == "32607"
    assert status["allocatable"]["nvidia.com/gpu"] == "1"
    assert node["spec"] == {}
    assert gpu_node(3, taint=True)["spec"] != {}


def test_labels_are_text_of_at_most_63_characters() -> None:
    metadata = gpu_node(0)["metadata"]
    assert isinstance(metadata, dict)
    for key, value in metadata["labels"].items():
        assert isinstance(value, str), key
        assert len(value) <= 63


def test_the_api_servers_certificate_holds_the_service_address(tmp_path: Path) -> None:
    pki = tmp_path / "pki"
    create_authority(pki=pki, addresses=["10.96.0.1", NODE_ADDRESS], now=NOON)
    served = x509.load_pem_x509_certificate((pki / "admin.crt").read_bytes())
    names = served.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses = {str(each) for each in names.get_values_for_type(x509.IPAddress)}
    assert {"127.0.0.1", "10.96.0.1", NODE_ADDRESS} <= addresses
    assert "kubernetes.default.svc" in names.get_values_for_type(x509.DNSName)
    authority = x509.load_pem_x509_certificate((pki / "ca.crt").read_bytes())
    served.verify_directly_issued_by(authority)


def test_a_key_is_readable_by_its_owner_only_and_of_the_kind_kubernetes_reads(
    tmp_path: Path,
) -> None:
    pki = tmp_path / "pki"
    create_authority(pki=pki, addresses=[], now=NOON)
    pair = sign(pki=pki, into=tmp_path, name="system:node:n", organization="system:nodes", now=NOON)
    assert pair.key.name == "system_node_n.key"
    assert pair.key.stat().st_mode & 0o077 == 0
    assert pair.key.read_text().startswith("-----BEGIN EC PRIVATE KEY-----")
    subject = x509.load_pem_x509_certificate(pair.certificate.read_bytes()).subject
    assert subject.rfc4514_string() == "O=system:nodes,CN=system:node:n"


def test_a_kubeconfig_needs_no_other_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    same = tmp_path / "a"
    text = kubeconfig(server="https://h:1", ca=same, certificate=same, key=same, name="n")
    assert str(tmp_path) not in text
    assert yaml.safe_load(text)["current-context"] == "n"


def test_node_programs_listen_on_the_node_address_only() -> None:
    kubelet = yaml.safe_load(
        nodeconfig.kubelet(socket=PKI, ca=PKI, certificate=PKI, key=PKI, plugins=PKI)
    )
    proxy = yaml.safe_load(nodeconfig.kube_proxy(kubeconfig=PKI))
    assert kubelet["address"] == NODE_ADDRESS
    assert kubelet["readOnlyPort"] == 0
    assert proxy["healthzBindAddress"].startswith(f"{NODE_ADDRESS}:")
    assert proxy["mode"] == "nftables"
    assert f"bind {NODE_ADDRESS}" in nodeconfig.corefile(kubeconfig=PKI)


def test_the_pod_network_leaves_nothing_in_shared_tables() -> None:
    bridge, ports = json.loads(nodeconfig.cni(data=PKI))["plugins"]
    assert bridge["ipMasq"] is False
    assert ports["backend"] == "nftables"


def test_a_machine_that_routes_our_range_is_refused() -> None:
    network.refuse_overlap(("default", "192.0.2.0/24", "127.0.0.0/8", "10.0.0.0/24"))
    with pytest.raises(MachineError, match=r"10\.244\.3\.0/24"):
        network.refuse_overlap(("10.244.3.0/24",))


def test_two_claims_get_different_ports() -> None:
    with claimed() as first, claimed() as second:
        assert first.api_server != second.api_server
        assert first.api_server < 32768
