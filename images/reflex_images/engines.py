"""Building with docker or podman: their store, a public base, no caches of ours."""

from pathlib import Path

from reflex_images.catalogue import Image
from reflex_images.errors import ImageError
from reflex_images.programs import run


def has(builder: str, reference: str) -> bool:
    """Say whether the engine's store holds the tag."""
    try:
        run([builder, "image", "inspect", reference])
    except ImageError:
        return False
    return True


def build(builder: str, image: Image, reference: str, context: Path) -> None:
    """Build from the Containerfile's own default base."""
    file = context / image.containerfile
    run([builder, "build", "--quiet", "--tag", reference, "--file", file, context])


def size_bytes(builder: str, reference: str) -> int:
    """Return the size that the engine reports."""
    return int(run([builder, "image", "inspect", "--format", "{{.Size}}", reference]))
