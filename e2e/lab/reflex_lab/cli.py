"""The command line of the lab; `reflex-lab --help` lists the commands."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from reflex_lab.console import Console
from reflex_lab.errors import LabError
from reflex_lab.existing import EXISTING, check_existing, wanted
from reflex_lab.families import FAMILIES
from reflex_lab.lab import Lab
from reflex_lab.selftest import SelfTest


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    root = argparse.ArgumentParser(
        prog="reflex-lab",
        description="A real single-node Kubernetes on this machine, from nothing.",
    )
    verbs = root.add_subparsers(dest="verb", required=True, metavar="COMMAND")
    up = verbs.add_parser("up", help=f"start it (or, with {EXISTING}=1, check the one you have)")
    up.add_argument("--gpu-nodes", type=_count, default=0, metavar="N", help="fake RTX 5090 nodes")
    up.add_argument("--taint-gpu-nodes", action="store_true", help="taint them as kwok does")
    verbs.add_parser("down", help="stop it and undo every change; images stay on disk")
    verbs.add_parser("reset", help="down, and delete its images and logs; built tools stay")
    status = verbs.add_parser("status", help="what runs, and where its files are")
    status.add_argument("--json", action="store_true")
    verbs.add_parser("kubeconfig", help="print the path of the administrator's kubeconfig")
    image = verbs.add_parser("load-image", help="copy an image into the node")
    image.add_argument("source", nargs="+", metavar="REF_OR_ARCHIVE")
    logs = verbs.add_parser("logs", help="list the logs, or print the end of one")
    logs.add_argument("name", nargs="?")
    logs.add_argument("-n", "--lines", type=_count, default=50)
    tool = verbs.add_parser("tool-path", help="print a tool's path; builds it if needed")
    tool.add_argument("name")
    verbs.add_parser("self-test", help="try what pods rely on, in a namespace of its own")
    verbs.add_parser("tools", help="build every tool that the cache lacks")
    return root


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; errors go to standard error, data to standard output."""
    try:
        return _run(parser().parse_args(arguments))
    except LabError as error:
        print(error.render(), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; `reflex-lab down` removes what was started", file=sys.stderr)
        return 130


def _run(options: argparse.Namespace) -> int:
    lab = Lab(console=Console())
    match options.verb:
        case "up":
            if wanted(os.environ):
                print(check_existing(lab.tools, os.environ))
                return 0
            lab.up(gpu_nodes=options.gpu_nodes, taint=options.taint_gpu_nodes)
            print(f"export KUBECONFIG={lab.kubeconfig()}")
        case "down":
            lab.down()
        case "reset":
            lab.reset()
        case "status":
            status = lab.status()
            print(status.as_json() if options.json else status.as_text())
            return 0 if status.running else 3
        case "kubeconfig":
            print(lab.kubeconfig())
        case "load-image":
            for source in options.source:
                print("\n".join(lab.load_image(source).references))
        case "logs":
            _logs(lab, options.name, options.lines)
        case "tool-path":
            print(lab.tools.path(options.name))
        case "self-test":
            SelfTest(lab, console=Console()).run()
        case "tools":
            lab.tools.ensure(family.name for family in FAMILIES)
    return 0


def _logs(lab: Lab, name: str | None, lines: int) -> None:
    folders = (lab.paths.logs, lab.control_plane.logs, lab.control_plane.folder / "storage")
    files = {file.stem: file for folder in folders for file in sorted(folder.glob("*.log"))}
    if name is None:
        print("\n".join(f"{stem}: {file}" for stem, file in files.items()))
        return
    if name not in files:
        raise LabError(f"there is no log {name!r}", hint=f"logs: {', '.join(files) or 'none'}")
    print(_tail(files[name], lines))


def _tail(file: Path, lines: int) -> str:
    with file.open("rb") as log:
        log.seek(max(0, file.stat().st_size - 400 * lines))
        return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])


def _count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return value
