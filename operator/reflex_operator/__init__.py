"""The operator: event → store → queue → snapshot → reconcile (pure) → Plan → apply."""

from importlib import metadata

try:
    __version__ = metadata.version("reflexstack")
except metadata.PackageNotFoundError:  # run from a source tree without an installed distribution
    __version__ = "0.0.0+source"
