"""kopf registrations: every handler feeds the store and puts keys on the queue, nothing else.

Only `on.event`: it persists nothing and adds no finalizer, so no annotation of ours ends up on a
user's object and `kubectl delete` never waits for the operator. Time is the queue's business.
"""

from typing import Final

import kopf
from kubernetes.aio.client import Configuration

from reflex_api.names import FIELD_MANAGER, GROUP, MANAGED_SELECTOR, VERSION
from reflex_operator.controller import UNFILTERED, Controller
from reflex_operator.kopfstorage import NoDiffBase, NoProgress
from reflex_operator.manifest import Manifest

_RESOURCES: Final = {
    "ReflexModel": (GROUP, VERSION, "reflexmodels"),
    "ReflexRoute": (GROUP, VERSION, "reflexroutes"),
    "ReflexBakeoff": (GROUP, VERSION, "reflexbakeoffs"),
    "ConfigMap": ("", "v1", "configmaps"),
    "Deployment": ("apps", "v1", "deployments"),
    "Service": ("", "v1", "services"),
    "NetworkPolicy": ("networking.k8s.io", "v1", "networkpolicies"),
    "Job": ("batch", "v1", "jobs"),
    "PersistentVolumeClaim": ("", "v1", "persistentvolumeclaims"),
    "Pod": ("", "v1", "pods"),
    "Node": ("", "v1", "nodes"),
}


def registry(controller: Controller, configuration: Configuration) -> kopf.OperatorRegistry:
    """Return the handlers, in a registry of their own.

    A plain registry has no login handlers; ours shares the connection of `cluster`, and kopf does
    not import and configure the synchronous client for it.
    """
    registered = kopf.OperatorRegistry()

    async def login(**_: object) -> kopf.ConnectionInfo:
        return await connection(configuration)

    kopf.on.login(id="reflex", registry=registered)(login)
    for kind, where in _RESOURCES.items():
        _register(registered, controller, kind, where)
    return registered


def _register(
    registered: kopf.OperatorRegistry,
    controller: Controller,
    kind: str,
    where: tuple[str, str, str],
) -> None:
    async def observe(event: kopf.RawEvent, **_: object) -> None:
        # Objects of a list carry neither kind nor apiVersion of their own.
        manifest: Manifest = {**event["object"], "kind": kind, "apiVersion": _api_version(where)}
        controller.observe(event["type"], manifest)

    kopf.on.event(*where, id=f"observe-{where[2]}", registry=registered)(observe)


def settings() -> kopf.OperatorSettings:
    """Return kopf's settings, each with its reason."""
    settings = kopf.OperatorSettings()
    # Our events are sent on transitions, by `apply`.
    settings.posting.enabled = False
    # CRDs and namespaces are not watched: the operator's role needs no rights on them. kopf still
    # waits at start until both kinds are in the API's discovery.
    settings.scanning.disabled = True
    # A watch that ends itself now and then cannot die silently behind a load balancer.
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 330
    settings.watching.connect_timeout = 10
    settings.watching.inactivity_timeout = 90  # the API server sends a bookmark every minute
    settings.watching.chunk_size = 100  # as in `cluster`: a page is in memory whole
    settings.networking.request_timeout = 60
    # As our own client does: a proxy of the environment counts for both or for none.
    settings.networking.trust_env = True
    # `queueing.worker_limit` stays unset: an idle worker lives for `idle_timeout`, so a limit
    # would cap the rate at limit/timeout objects a second. A short timeout returns memory early.
    settings.queueing.idle_timeout = 0.1
    settings.queueing.exit_timeout = 0.1  # our handlers only put keys on a queue
    # Nothing is persisted; should a handler ever need a finalizer, it has our name.
    settings.persistence.finalizer = f"{GROUP}/kopf-finalizer"
    settings.persistence.progress_storage = NoProgress()
    settings.persistence.diffbase_storage = NoDiffBase()
    # A stop is ours to supervise; kopf's own SIGKILL would come ten minutes later.
    settings.process.ultimate_exiting_timeout = None
    for kind, where in _RESOURCES.items():
        if kind not in UNFILTERED:
            settings.watching.label_selectors[where] = MANAGED_SELECTOR
    settings.peering.standalone = True
    settings.posting.reporting_component = FIELD_MANAGER
    return settings


async def connection(configuration: Configuration) -> kopf.ConnectionInfo:
    """Return the connection of our own client in kopf's words; asked again after each 401."""
    bearer = (await configuration.auth_settings()).get("BearerToken")
    scheme, _, token = (bearer["value"] or "" if bearer else "").partition(" ")
    return kopf.ConnectionInfo(
        server=configuration.host,
        ca_path=configuration.ssl_ca_cert,
        ca_data=configuration.ca_cert_data,
        insecure=not configuration.verify_ssl,
        scheme=scheme.capitalize() if token else None,
        token=token or None,
        certificate_path=configuration.cert_file,
        private_key_path=configuration.key_file,
        trust_env=True,
    )


def _api_version(where: tuple[str, str, str]) -> str:
    group, version, _ = where
    return f"{group}/{version}" if group else version
