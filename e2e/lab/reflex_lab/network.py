"""The node's bridge, its routes and its one nftables table; all of it goes with `down`.

The node address is the bridge's own. The routes for the pod and service ranges point at the bridge
too: a packet that no rule of kube-proxy's claims dies there, unanswered, and never reaches the
default gateway. The table guards the uplink besides, and masquerades pods that talk to the world.
"""

import ipaddress
import json

from reflex_lab.addresses import (
    BRIDGE,
    BRIDGE_MAC,
    NODE_ADDRESS,
    NODE_POD_RANGE,
    POD_RANGE,
    SERVICE_RANGE,
)
from reflex_lab.command import run, succeeds
from reflex_lab.errors import MachineError

TABLE = "reflex_lab"
KUBE_PROXY_TABLES = ("ip kube-proxy", "ip6 kube-proxy")
HOST_PORT_TABLES = ("ip cni_hostport", "ip6 cni_hostport")


def ruleset() -> str:
    """Return the table of the lab in nft's language."""
    ranges = f"{{ {POD_RANGE}, {SERVICE_RANGE} }}"
    inside = f'{{ "lo", "{BRIDGE}" }}'
    return f"""
table inet {TABLE} {{
  set api_ports {{ type inet_service; }}
  chain from_outside {{
    type filter hook prerouting priority raw; policy accept;
    iifname != {inside} ip daddr {ranges} counter drop
  }}
  chain to_outside {{
    type filter hook postrouting priority 300; policy accept;
    oifname != {inside} ip daddr {ranges} counter drop
  }}
  chain api_server {{
    type filter hook input priority filter; policy accept;
    iifname != {inside} tcp dport @api_ports counter drop
  }}
  chain source_nat {{
    type nat hook postrouting priority srcnat; policy accept;
    oifname != {inside} ip saddr {NODE_POD_RANGE} masquerade
  }}
}}
"""


def up() -> None:
    """Make the bridge, its routes and the table.

    Raises:
        MachineError: a range is already in use on this machine.
    """
    refuse_overlap(routes())
    run(["ip", "link", "add", BRIDGE, "address", BRIDGE_MAC, "type", "bridge"])
    prefix = NODE_POD_RANGE.rpartition("/")[2]
    run(["ip", "address", "add", f"{NODE_ADDRESS}/{prefix}", "dev", BRIDGE])
    run(["ip", "link", "set", BRIDGE, "up"])
    for destination in (POD_RANGE, SERVICE_RANGE):
        run(["ip", "route", "add", destination, "dev", BRIDGE, "src", NODE_ADDRESS])
    run(["nft", "-f", "-"], text=ruleset())


def close_to_outside(port: int) -> None:
    """Drop connections from other machines to the API server's port."""
    run(["nft", "add", "element", "inet", TABLE, "api_ports", f"{{ {port} }}"])


def down(*, keep_host_ports: bool) -> None:
    """Remove the bridge (and with it its routes) and the tables; fine if there are none.

    Args:
        keep_host_ports: the table of host ports was here before the lab.
    """
    if succeeds(["ip", "link", "show", BRIDGE]):
        run(["ip", "link", "delete", BRIDGE])
    present = tables()
    host_ports = () if keep_host_ports else HOST_PORT_TABLES
    for table in (f"inet {TABLE}", *KUBE_PROXY_TABLES, *host_ports):
        if table in present:
            run(["nft", "delete", "table", *table.split()])


def tables() -> frozenset[str]:
    """Return the nftables tables of this machine as "family name"."""
    lines = run(["nft", "list", "tables"]).splitlines()
    return frozenset(line.removeprefix("table ").strip() for line in lines)


def routes() -> tuple[str, ...]:
    """Return the destinations of this machine's IPv4 routes, the lab's own left out."""
    listed = json.loads(run(["ip", "-json", "-4", "route", "show", "table", "all"]) or "[]")
    return tuple(
        str(route["dst"])
        for route in listed
        if route.get("dev") != BRIDGE and route.get("type") not in {"broadcast", "multicast"}
    )


def refuse_overlap(destinations: tuple[str, ...]) -> None:
    """Refuse a machine that already routes part of our ranges.

    Raises:
        MachineError: names the range and the route.
    """
    for destination in destinations:
        if destination == "default":
            continue
        theirs = ipaddress.ip_network(destination, strict=False)
        for ours in (POD_RANGE, SERVICE_RANGE):
            if theirs.prefixlen and theirs.overlaps(ipaddress.ip_network(ours)):
                raise MachineError(
                    f"the lab needs {ours}, but this machine already routes {destination}",
                    hint="stop what uses that range (a VPN, another cluster), then try again",
                )
