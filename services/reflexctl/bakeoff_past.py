"""`reflexctl bakeoff list` and `show`: past runs of the cluster, and the report of one."""

import asyncio
import base64
import binascii
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from reflex_api import items as documents
from reflex_api.bakeoff_job import ITEMS_FILE, VERDICT_FILE
from reflex_api.errors import ItemsError
from reflex_api.items import Items
from reflex_api.names import evidence_name
from reflex_api.verdict import Verdict
from reflex_bakeoff.documents import text_of
from reflex_bakeoff.report import html, markdown
from reflexctl.bakeoff_rows import Row, rows
from reflexctl.cluster import Kubectl
from reflexctl.errors import OK, CliError, ClusterError, ConfigurationError
from reflexctl.plain import plain
from reflexctl.screen import Screen
from reflexctl.times import lasting
from reflexctl.verdicts import show as show_verdict

_WIDTH: Final = 1000
BAKEOFFS: Final = "reflexbakeoffs.reflexstack.dev"


async def past(kubectl: Kubectl, screen: Screen, *, since: timedelta | None) -> int:
    """Print the runs of a namespace."""
    now = datetime.now(UTC)
    found = rows(await kubectl.objects(BAKEOFFS), since=since, now=now)
    if screen.as_json:
        screen.json([one.to_json() for one in found])
        return OK
    if not found:
        within = f" of the last {lasting(since)}" if since else ""
        screen.say(f"no bakeoff{within}")
        return OK
    table = Table(box=None, pad_edge=False, header_style="bold")
    heads = ("NAME", "MODEL", "VERDICT", "SUPERIORITY", "PASS@1", "BOUNDS", "ITEMS", "AGE")
    for head in (*heads, "EXPIRES", "EVIDENCE"):
        table.add_column(head, no_wrap=True)
    for one in found:
        table.add_row(*(plain(cell).replace("[", "\\[") for cell in _cells(one, now)))
    # As wide as it is, like kubectl's: half a name is none.
    Console(file=screen.out.file, width=_WIDTH, highlight=False).print(table)
    return OK


def _cells(one: Row, now: datetime) -> tuple[str, ...]:
    share = "" if one.pass_at_1 is None else f"{100 * one.pass_at_1:.1f} %"
    marks = [one.label] if one.label else []
    marks += ["simulated"] if one.simulated else []
    verdict = f"{one.verdict} ({', '.join(marks)})" if marks and one.finished else one.verdict
    expires = ""
    if one.expires_at is not None:
        left = one.expires_at - now
        expires = f"in {lasting(left)}" if left > timedelta(0) else "expired"
    return (
        one.name, one.model, verdict, one.superiority, share, one.interval,
        str(one.items) if one.items else "", lasting(now - one.at), expires, one.evidence_id,
    )  # fmt: skip


async def show(
    kubectl: Kubectl, screen: Screen, name: str, *, page: Path | None, as_markdown: bool
) -> int:
    """Print the verdict of one run, or render its report.

    Raises:
        CliError: there is no evidence, or it cannot be read.
    """
    kept = await _evidence(kubectl, name)
    verdict = _verdict(kept, name)
    if page is not None:
        baseline = await _baseline(kubectl, name, verdict)
        text = html.render(verdict, _items(kept), baseline)
        await asyncio.to_thread(_write, page, text)
        screen.say(f"report: {page}")
        return OK
    if as_markdown:
        screen.out.file.write(plain(markdown.render(verdict)))
        return OK
    show_verdict(verdict, screen)
    return OK


def _write(page: Path, text: str) -> None:
    try:
        page.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{page} cannot be written: {error.strerror}") from error


async def _evidence(kubectl: Kubectl, name: str) -> Mapping[str, Any]:
    try:
        return await kubectl.one("configmaps", evidence_name(name))
    except ClusterError as error:
        raise ClusterError(
            f"no evidence of {name}: {error}",
            hints=("which runs there are: reflexctl bakeoff list",),
        ) from error


async def _baseline(kubectl: Kubectl, name: str, verdict: Verdict) -> Items | None:
    """Return the incumbent's items, where they are kept still."""
    if verdict.baseline is None:
        return None
    try:
        run = await kubectl.one(BAKEOFFS, name)
        reference = ((run.get("spec") or {}).get("baselineRef") or {}).get("name")
        return _items(await _evidence(kubectl, reference)) if reference else None
    except CliError:
        return None  # pruned since: the report goes without its lines


def _verdict(kept: Mapping[str, Any], name: str) -> Verdict:
    try:
        return Verdict.model_validate_json((kept.get("data") or {})[VERDICT_FILE])
    except (KeyError, ValidationError) as error:
        raise ConfigurationError(
            f"the evidence of {name} cannot be read: no {VERDICT_FILE} of this version in it"
        ) from error


def _items(kept: Mapping[str, Any]) -> Items | None:
    """Return the measurements; None: they cannot be read, and the report says so."""
    try:
        data = base64.b64decode((kept.get("binaryData") or {})[ITEMS_FILE])
        return documents.read(text_of(data))
    except (KeyError, binascii.Error, zlib.error, EOFError, ValueError, ItemsError):
        return None
