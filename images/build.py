"""Build an image unless the store holds it already; its reference goes to stdout.

build.py reflex|bakeoff|engine-cpu|runner|base [--json] [--force] [--builder buildah|docker|podman]
"""

import argparse
import json
import shutil
import signal
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from reflex_images import engines
from reflex_images.catalogue import BASE_RECIPE, BASE_REPOSITORY, IMAGES, base_hash
from reflex_images.errors import ImageError
from reflex_images.inputs import content_hash
from reflex_images.programs import require, run
from reflex_images.progress import say, stage
from reflex_images.store import Store, cache_folder

ROOT: Final = Path(__file__).resolve().parent.parent
BUILDERS: Final = ("buildah", "podman", "docker")


@dataclass(frozen=True, kw_only=True)
class Result:
    """What `--json` prints."""

    image: str
    hash: str
    size_bytes: int
    seconds: float
    cached: bool


def build_base(store: Store, *, force: bool) -> tuple[str, bool]:
    """Return the base's reference, and whether it was there. The store must be locked."""
    name = base_hash()
    reference = f"{BASE_REPOSITORY}:{name}"
    if store.has(reference) and not force:
        return reference, True
    require("mmdebstrap")
    store.clear()
    tar = store.folder / f"base-{name}.tar"
    if force or not tar.is_file():
        partial = tar.with_suffix(".partial")
        with stage("base: Debian 12 and Python 3.11 (mmdebstrap)"):
            run(["mmdebstrap", "--quiet", "--format=tar", *BASE_RECIPE, partial])
        partial.replace(tar)
    with stage("base: import"):
        store.import_base(tar, reference)
    for old in store.folder.glob("base-*.tar"):
        if old != tar:
            old.unlink()
    store.prune(BASE_REPOSITORY)
    return reference, False


def build_in_store(name: str, *, force: bool) -> Result:
    """Build in the user's cache with buildah."""
    require("buildah")
    started = time.monotonic()
    store = Store(cache_folder(), finished=[image.repository for image in IMAGES.values()])
    with store.locked():
        if name == "base":
            reference, cached = build_base(store, force=force)
        else:
            image = IMAGES[name]
            reference = f"{image.repository}:{tag_of(name)}"
            cached = store.has(reference) and not force
            if not cached:
                store.clear()
                base, _ = build_base(store, force=False)
                with stage(f"{name}: build"):
                    store.build(
                        reference=reference,
                        containerfile=ROOT / image.containerfile,
                        context=ROOT,
                        arguments={"BASE": base},
                        keep_layers=image.keep_layers and not force,
                    )
                for old in store.prune(image.repository):
                    say(f"dropped {old}")
        size = store.size_bytes(reference)
    return _result(reference, size, started, cached=cached)


def build_with_engine(name: str, builder: str, *, force: bool) -> Result:
    """Build in docker's or podman's own store."""
    if name == "base":
        raise ImageError(f"{builder} takes its base from a registry; only buildah makes one here")
    started = time.monotonic()
    image = IMAGES[name]
    reference = f"{image.repository}:{tag_of(name)}"
    cached = engines.has(builder, reference) and not force
    if not cached:
        with stage(f"{name}: build with {builder}"):
            engines.build(builder, image, reference, ROOT)
    return _result(reference, engines.size_bytes(builder, reference), started, cached=cached)


def tag_of(name: str) -> str:
    """Return the tag that an image's inputs have now."""
    return content_hash(ROOT, IMAGES[name].containerfile, base=base_hash())


def choose_builder(wanted: str | None) -> str:
    """Return the builder: the one asked for, else the first that is installed."""
    if wanted:
        return wanted
    return next((builder for builder in BUILDERS if shutil.which(builder)), BUILDERS[0])


def _result(reference: str, size: int, started: float, *, cached: bool) -> Result:
    return Result(
        image=reference,
        hash=reference.rpartition(":")[2],
        size_bytes=size,
        seconds=round(time.monotonic() - started, 1),
        cached=cached,
    )


def main(arguments: list[str] | None = None) -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser(description="Build an image unless it is there.")
    parser.add_argument("image", choices=[*IMAGES, "base"])
    parser.add_argument("--json", action="store_true", help="print details, not the reference only")
    parser.add_argument("--force", action="store_true", help="build even when it is there")
    parser.add_argument("--builder", choices=BUILDERS, help="default: the first that is installed")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends the running buildah too
    builder = choose_builder(options.builder)
    try:
        if builder == "buildah":
            result = build_in_store(options.image, force=options.force)
        else:
            result = build_with_engine(options.image, builder, force=options.force)
    except ImageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(json.dumps(asdict(result)) if options.json else result.image)
    return 0


if __name__ == "__main__":
    sys.exit(main())
