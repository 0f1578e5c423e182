"""`endcloud policies`: what an edit of the rules changes, and how the rules read before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from endcloud.cli.console import Console
from endcloud.cli.options import HERE, JsonOption, ShopOption

if TYPE_CHECKING:
    from endcloud.assembly.evolving import Evolution
    from endcloud.assembly.shop import Shop
    from endcloud.assembly.superseding import Edit
    from endcloud.evolution.superseding import Change, Found

app = typer.Typer(no_args_is_help=True, help="What an edit of policies.md makes untrue, and how the rules read before.")

_EDIT = "rules "


@app.command()
def diff(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Change nothing and ask nothing: list what would be retired or asked.")
    ] = False,
    all_gone: Annotated[
        bool, typer.Option("--all-gone", help="Go on although most of the rules are gone from policies.md.")
    ] = False,
    shop: ShopOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Hold all that was taught against the edited policies.md: what is untrue is retired, what is doubtful asked again.

    Every round of `endcloud evolve` begins with the same.
    """
    from endcloud.assembly import Shop, superseding

    console = Console(as_json)
    with Shop.open(shop, console) as opened:
        evolution = _evolution(opened)
        if evolution.policy_texts.latest() is None:
            _first(console, evolution, dry_run)
            return
        if dry_run:
            _would(console, superseding.pending(evolution))
            return
        outcome = superseding.carry_out(evolution, _round(evolution), whatever_is_gone=all_gone)
    console.result(
        {"rules changed": [str(change) for change in outcome.changes]}
        | outcome.figures()
        | {"items": [_as_json(found) for found in outcome.retired], "notes": outcome.notes}
    )
    for note in outcome.notes:
        console.complain(note)
    if outcome.notes and not outcome.changes:
        raise typer.Exit(1)
    if not outcome.changes:
        console.text("policies.md says what it said when it was last recorded; nothing was retired.")
        return
    _items(console, "Retired", outcome.changes, outcome.retired)
    console.text(
        f"{len(outcome.retired)} retired; {outcome.kept} doubtful ones confirmed by the cloud; {outcome.taught} lessons"
        f" on the new rules; {outcome.waiting} wait for a reviewer.",
        style="bold",
    )
    console.text(f"Next: endcloud evolve --shop {shop}")


@app.command()
def history(shop: ShopOption = HERE, as_json: JsonOption = False) -> None:
    """Every version of the rules: what changed, and how much each change retired."""
    from endcloud.assembly import Shop

    console = Console(as_json)
    with Shop.open(shop, console) as opened:
        evolution = _evolution(opened)
        rows, corrected = _history(evolution), _corrected(evolution)
    console.result({"rules": rows, "corrections": corrected})
    if not rows:
        console.text(f"No rules were recorded yet; `endcloud teach`, `serve` and `evolve --shop {shop}` record them.")
        return
    shown = [
        (row["number"], f"{row['at']:%Y-%m-%d %H:%M}", row["lines"], "\n".join(row["changes"]), len(row["retired"]))
        for row in rows
    ]
    console.table("Rules", ("number", "since", "lines", "what changed", "retired"), shown)
    if corrected:
        console.text(f"{len(corrected)} more were replaced by people's corrections.")
    console.text("With --json every retired item is named, with its reason.")


def _first(console: Console, evolution: Evolution, dry_run: bool) -> None:
    """There is nothing yet that an edit could be held against."""
    from endcloud.assembly.superseding import remember

    if not dry_run:
        remember(evolution)
    console.result({"rules changed": []})
    would = "would be" if dry_run else "are"
    console.text(f"The rules {would} recorded for the first time; the next edit is held against them.")


def _would(console: Console, edit: Edit | None) -> None:
    """What an edit would do."""
    if edit is None:
        console.result({"rules changed": [], "untrue": [], "doubtful": []})
        console.text("policies.md says what it said when it was last recorded; nothing would be retired.")
        return
    console.result(
        {
            "rules changed": [str(change) for change in edit.changes],
            "untrue": [_as_json(found) for found in edit.untrue],
            "doubtful": [_as_json(found) for found in edit.doubtful],
        }
    )
    _items(console, "Untrue: would be retired", edit.changes, edit.untrue)
    _items(console, "Doubtful: would be asked again, or wait for a reviewer", edit.changes, edit.doubtful)
    console.text(f"{len(edit.untrue)} untrue, {len(edit.doubtful)} doubtful. Nothing was changed.", style="bold")


def _items(console: Console, title: str, changes: Sequence[Change], found: Sequence[Found]) -> None:
    """A table for each changed rule."""
    for change in changes:
        rows = [
            (f"{one.item.kind} {one.item.id.removeprefix(f'{one.item.kind}:')}", one.item.question, one.item.reply,
             one.why)
            for one in found
            if one.change == change
        ]  # fmt: skip
        if rows:
            console.table(f"{change}\n{title}: {len(rows)}", ("item", "question", "reply", "because it"), rows)
        else:
            console.text(f"{change}\n{title}: none")


def _as_json(found: Found) -> dict[str, str]:
    item = found.item
    return {
        "item": item.id,
        "kind": item.kind,
        "question": item.question,
        "reply": item.reply,
        "rule": str(found.change),
        "reason": found.reason,
    }


def _history(evolution: Evolution) -> list[dict[str, Any]]:
    from endcloud.evolution.superseding import changes

    retired = evolution.retirements.all()
    before: tuple[str, ...] = ()
    rows: list[dict[str, Any]] = []
    for text in evolution.policy_texts.all():
        mine = [one for one in retired if one.by == f"{_EDIT}{text.number}"]
        rows.append(
            {
                "number": text.number,
                "at": text.at,
                "lines": len(text.lines),
                "changes": [str(change) for change in changes(before, text.lines)] if rows else ["the first"],
                "retired": [{"item": one.item, "reason": one.reason, "at": one.at} for one in mine],
            }
        )
        before = text.lines
    return rows


def _corrected(evolution: Evolution) -> list[dict[str, Any]]:
    """What people's corrections replaced."""
    return [asdict(one) for one in evolution.retirements.all() if not one.by.startswith(_EDIT)]


def _round(evolution: Evolution) -> int:
    """The round that lessons of an edit by hand are counted to: the newest one."""
    rounds = evolution.rounds.all()
    return rounds[-1].number if rounds else 0


def _evolution(shop: Shop) -> Evolution:
    from endcloud.assembly.evolving import Evolution
    from endcloud.cloud.retry import WallClock

    return Evolution(shop, WallClock())
