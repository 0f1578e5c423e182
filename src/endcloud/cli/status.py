"""`endcloud status`: what is there, and what to do next."""

from __future__ import annotations

from endcloud.cli.console import Console
from endcloud.cli.options import HERE, JsonOption, ShopOption

_MODES = {"masked": "masked text", "strict": "strictly masked text", "never": "nothing may leave"}


def status(shop: ShopOption = HERE, as_json: JsonOption = False) -> None:
    """Say what this shop has, and what to do next."""
    from endcloud.assembly import Shop
    from endcloud.assembly.state import state_of

    console = Console(as_json)
    with Shop.open(shop, console) as opened:
        state = state_of(opened)
    step = f"{state.next_step()} --shop {shop}"
    console.result(state.as_json() | {"next": step})
    console.table(
        f"{state.name} ({shop})",
        ("stage", "state"),
        [
            ("policies", f"{state.policies} rules" if state.policies else "none written yet (policies.md)"),
            ("corpus", _splits(state.examples) or "no examples yet"),
            (
                "cloud",
                f"{state.cloud or 'none set up'}; {state.spent:.4f} of {state.budget:.2f} {state.currency} spent",
            ),
            ("labels", f"{state.labels:,} of {sum(state.examples.values()):,} examples answered"),
            ("end model", state.end_model),
            ("versions", f"{state.versions}; in service: {state.active or 'none'}"),
            ("uploads", f"{_MODES[state.upload]}; {_uploads(state.uploads, state.unmasked_by_name)}"),
            ("evaluation", state.evaluation or "none yet"),
        ],
    )
    console.text(f"Next: {step}", style="bold")


def _uploads(number: int, unmasked: dict[str, int]) -> str:
    if not number:
        return "none left this machine"
    told = f"{number:,} left this machine, all of them through the masking guard"
    return told + "".join(
        f"; {count:,} hold {value}, allowed by name and not masked" for value, count in unmasked.items()
    )


def _splits(examples: dict[str, int]) -> str:
    return ", ".join(
        f"{count:,} {split}" for split in ("train", "validation", "test") if (count := examples.get(split))
    )
