"""`reflexctl gate evaluate`: the gate on evidence files, by the same code as in the cluster."""

from pathlib import Path
from zlib import error as ZlibError  # noqa: N812 - it is a class

import click

from reflex_api import items as documents
from reflex_api.errors import ItemsError
from reflex_api.items import Items
from reflex_bakeoff.documents import text_of
from reflex_bakeoff.errors import GateFileError
from reflex_bakeoff.gate.evaluate import evaluate_texts
from reflex_bakeoff.gate_file import load_gate
from reflex_bakeoff.report.folder import write_reports
from reflexctl.errors import CliError, ConfigurationError
from reflexctl.screen import Screen
from reflexctl.verdicts import exit_code, show

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def gate() -> None:
    """Judge evidence of models."""


@gate.command()
@click.option(
    "--candidate", type=_FILE, required=True, metavar="FILE", help="items.jsonl, or items.json.gz."
)
@click.option("--baseline", type=_FILE, metavar="FILE", help="The incumbent's, likewise.")
@click.option("--gate", "gate_file", type=_FILE, required=True, metavar="FILE", help="gate.yaml.")
@click.option(
    "--promotes", is_flag=True, help="Exit 0 only if the candidate is superior to --baseline, too."
)
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
    help="Write verdict.json, report.md, report.html and junit.xml there.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the verdict's JSON and nothing else.")
def evaluate(
    candidate: Path, baseline: Path | None, gate_file: Path, out: Path | None, *, promotes: bool,
    as_json: bool,
) -> int:  # fmt: skip
    """Judge a bakeoff's items.

    Exit codes: 0 Pass; 1 Fail or Inconclusive; 2 configuration, or Error: nothing to be judged.
    """
    screen = Screen(as_json=as_json)
    try:
        if promotes and baseline is None:
            raise ConfigurationError("--promotes needs a --baseline to compare with")
        try:
            wanted = load_gate(gate_file)
        except GateFileError as error:
            raise ConfigurationError(str(error).removeprefix("error: ")) from error
        ours = _text(candidate)
        theirs = _text(baseline) if baseline is not None else None
        verdict = evaluate_texts(ours, theirs, wanted)
        if out is not None:
            write_reports(out, verdict, _items(ours), _items(theirs))
        show(verdict, screen)
        return exit_code(verdict, promotes=promotes)
    except CliError as error:
        screen.error(error)
        return error.exit_code
    except OSError as error:
        wrong = ConfigurationError(f"{error.filename} cannot be written: {error.strerror}")
        screen.error(wrong)
        return wrong.exit_code


def _text(path: Path) -> str:
    """Return a file's text; what is damaged is no text that the gate could refuse by itself."""
    try:
        return text_of(path.read_bytes())
    except (EOFError, ZlibError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is damaged: {error}") from error
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error


def _items(text: str | None) -> Items | None:
    try:
        return documents.read(text) if text is not None else None
    except ItemsError:
        return None
