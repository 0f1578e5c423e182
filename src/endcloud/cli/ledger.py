"""`endcloud ledger`: what left this machine, exactly as it left, and whether the record of it is whole."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from endcloud.cli.console import Console
from endcloud.cli.options import HERE, JsonOption, ShopOption
from endcloud.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from endcloud.store.ledger import Proof, Upload
    from endcloud.store.ledger_chain import Head
    from endcloud.store.ledger_check import Verification
    from endcloud.types import Message

app = typer.Typer(no_args_is_help=True, help="List, show, check and export what left this machine.")

_COLUMNS = ("row", "when (UTC)", "purpose", "to", "bytes", "tokens", "price", "outcome", "masked")
_NUMBERS = {"row", "bytes", "tokens", "price"}


@app.command("list")
def list_uploads(
    limit: Annotated[int, typer.Option(min=1, help="How many, the newest first.")] = 20,
    purpose: Annotated[str, typer.Option(help="Only those for: label, takeover, answer or audit.")] = "",
    conversation: Annotated[str, typer.Option(help="Only those of this conversation.")] = "",
    proofs: Annotated[bool, typer.Option("--proofs", help="Instead, the proofs that people were forgotten.")] = False,
    shop: ShopOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """The newest uploads: when, what for, where to, what was masked, what it cost, how it ended."""
    from endcloud.assembly import Shop

    console = Console(as_json)
    with Shop.open(shop, console) as opened:
        if proofs:
            _list_proofs(opened.ledger.proofs(), console)
            return
        uploads = opened.ledger.uploads(limit, purpose=purpose, conversation=conversation)
        count, currency = opened.ledger.count(), opened.settings.cloud.currency
    console.result({"uploads": [asdict(one) for one in uploads], "count": count, "currency": currency})
    if not uploads:
        console.text("No such upload left this machine." if count else "Nothing left this machine yet.")
        return
    if not as_json:
        _print_lines([_COLUMNS, *(_line(one) for one in uploads)])
        typer.echo(f"{len(uploads):,} of {count:,} uploads; prices in {currency}")
    console.text(f"What left in one of them: endcloud ledger show {uploads[0].number} --shop {shop}")


@app.command()
def show(
    upload: Annotated[str, typer.Argument(metavar="UPLOAD", help="The number of its row, or the beginning of its id.")],
    payload: Annotated[
        bool, typer.Option("--payload", help="Only what left, byte for byte: its SHA-256 is the digest of the row.")
    ] = False,
    shop: ShopOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Exactly what left in one upload, with its row."""
    from endcloud.assembly import Shop
    from endcloud.types import payload_of

    console = Console(as_json)
    with Shop.open(shop, console) as opened:
        found = opened.ledger.upload(upload)
        messages, erased = opened.ledger.messages(found.id), opened.ledger.erased(found.id)
        currency = opened.settings.cloud.currency
    if payload:
        if erased:
            raise NotFoundError(f"What left in {upload!r} was erased with a customer; its digest was {found.digest}.")
        sys.stdout.buffer.write(payload_of(messages).encode())
        return
    console.result(
        asdict(found) | {"messages": [_said(at, one, erased) for at, one in enumerate(messages)], "erased": len(erased)}
    )
    if not as_json:
        for name, value in _facts(found, currency):
            typer.echo(f"{name + ':':<14}{value}")
        for at, message in enumerate(messages):
            typer.echo(f"\n[{message.role}]")
            typer.echo("(erased with a customer)" if at in erased else message.content)


@app.command()
def verify(
    head: Annotated[
        str, typer.Option(metavar="COUNT:DIGEST", help="A head that was noted elsewhere, such as by an auditor.")
    ] = "",
    shop: ShopOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Check that no row is missing, changed or cut off, and that every payload is what left. Exit code 1 if not."""
    from endcloud.assembly import Shop
    from endcloud.assembly.ledger import verify_ledger

    console = Console(as_json)
    noted = _head(head) if head else None
    with Shop.open(shop, console) as opened:
        found = verify_ledger(opened, noted)
    console.result(found.as_json())
    for finding in found.findings:
        console.complain(finding)
    if found.more:
        console.complain(f"And {found.more:,} more of these.")
    for sentence in () if as_json else _told(found):
        typer.echo(sentence)  # not broken into lines: a head is copied
    console.text("The ledger is whole." if found.whole else "The ledger is NOT whole.", style="bold")
    if not found.whole:
        raise typer.Exit(1)


@app.command()
def export(
    payloads: Annotated[bool, typer.Option("--payloads", help="With what left in each upload.")] = False,
    shop: ShopOption = HERE,
) -> None:
    """Every row of the ledger, oldest first, one JSON object a line on stdout; docs/ledger.md says how to check it."""
    from endcloud.assembly import Shop

    with Shop.open(shop, Console(as_json=True)) as opened:
        for row in opened.ledger.rows():
            if payloads and row["event"] == "sent":
                messages, erased = opened.ledger.messages(row["upload"]), opened.ledger.erased(row["upload"])
                row["messages"] = [_said(at, one, erased) for at, one in enumerate(messages)]
            sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")


def _list_proofs(proofs: list[Proof], console: Console) -> None:
    console.result({"proofs": [asdict(one) for one in proofs]})
    if not proofs:
        console.text("Nobody was forgotten yet.")
        return
    rows = [
        (
            one.number,
            f"{one.at:%Y-%m-%d %H:%M:%S}",
            one.subject[:16],
            ", ".join(f"{count} {kind}" for kind, count in one.erased.items() if count),
            ", ".join(version[:8] for version in one.versions) or "none",
        )
        for one in proofs
    ]
    columns = ("row", "when (UTC)", "subject (keyed hash)", "erased", "versions that had learned from it")
    console.table("Proofs of erasure", columns, rows)


def _line(one: Upload) -> tuple[str, ...]:
    return (
        str(one.number),
        f"{one.at:%m-%d %H:%M:%S}",
        one.purpose,
        one.host,
        f"{one.size:,}",
        f"{one.tokens.prompt + one.tokens.completion:,}" if one.outcome else "",
        "" if one.price is None else f"{one.price:.5f}",
        one.outcome or "under way",
        _masked(one),
    )


def _print_lines(lines: Sequence[tuple[str, ...]]) -> None:
    """A table without a frame: a line an upload, narrow enough for a terminal, and ready for other programs."""
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = [
            cell.rjust(width) if name in _NUMBERS else cell.ljust(width)
            for cell, name, width in zip(line, _COLUMNS, widths, strict=True)
        ]
        typer.echo("  ".join(cells).rstrip())


def _facts(one: Upload, currency: str) -> list[tuple[str, Any]]:
    tokens = one.tokens
    return [
        ("upload", f"{one.id} (row {one.number})"),
        ("when", f"{one.at:%Y-%m-%d %H:%M:%S} UTC"),
        ("purpose", one.purpose),
        ("conversation", one.conversation or "–"),
        ("model", f"{one.model} at {one.host}"),
        ("masked", _masked(one) or "nothing"),
        ("tokens", f"{tokens.prompt} in, {tokens.cached} of them cached; {tokens.completion} out"),
        ("price", "not known" if one.price is None else f"{one.price:.6f} {currency}"),
        ("outcome", one.outcome or "under way, or its process was killed"),
        ("digest", f"SHA-256 {one.digest} of {one.size:,} bytes"),
    ]


def _masked(one: Upload) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in one.masked.items())


def _said(at: int, message: Message, erased: frozenset[int]) -> dict[str, Any]:
    """A message as it left; without its content where that was erased."""
    return {"role": message.role, "erased": True} if at in erased else asdict(message)


def _told(found: Verification) -> list[str]:
    sentences = [
        f"{_some(found.rows, 'row')}: {_some(found.uploads, 'upload')}, {_some(found.proofs, 'proof')} of erasure."
    ]
    if found.rows:
        sentences.append(f"Head: {found.head.count}:{found.head.digest}")
    if found.beyond:
        sentences.append(
            f"Beyond the head outside the database: {_some(found.beyond, 'row')}, written this moment, or the process "
            "was stopped between a row and its head. They continue the chain."
        )
    if found.erased:
        sentences.append(f"Erased with their customers: {_some(found.erased, 'message')} that left; the rows stay.")
    if found.open:
        sentences.append(f"Without an end: {_some(found.open, 'upload')}, under way, or their process was killed.")
    return sentences


def _some(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _head(text: str) -> Head:
    from endcloud.store.ledger_chain import Head

    if not (parts := re.fullmatch(r"(\d+):([0-9a-f]{64})", text.strip())):
        raise UsageError(f"{text!r} is no head; give the count and the digest as `endcloud ledger verify` prints them.")
    return Head(int(parts[1]), parts[2])
