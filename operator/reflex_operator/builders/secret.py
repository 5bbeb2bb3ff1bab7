"""The API keys of one engine."""

from reflex_api.model import ReflexModel
from reflex_api.names import keys_name
from reflex_operator.builders.metadata import child_metadata
from reflex_operator.manifest import Manifest


def secret_name(model: ReflexModel) -> str:
    """Return the Secret that the engine mounts: the user's, else the owned one."""
    return model.spec.api_key_secret_ref.name or keys_name(model.name)


def keys_secret(model: ReflexModel) -> Manifest:
    """Return the owned Secret without data: the edge adds random values when it creates it."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": child_metadata(model, keys_name(model.name)),
    }
