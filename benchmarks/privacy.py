"""What the privacy detector catches and what it touches wrongly, beside its peers, on a generated set.

    python benchmarks/privacy.py                       recall by kind and disguise, precision; both halves of the set
    python benchmarks/privacy.py --half tried --misses 20   also what was missed or masked wrongly (of that half only)
    python benchmarks/privacy.py --speed               messages a second, and growth on hostile text (masking.py)

The peers see the same messages in the same run: one compiled pattern with an alternative for each kind, as many shops
run it, and Presidio's pattern recognisers where `presidio-analyzer` is installed (it brings spaCy and some 500 MB, so
it is no dependency; no language model is loaded, since it has none for Chinese that comes along). Exits with 1 where
ours misses a mark.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol, get_args

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from personal.halves import HalfName
from personal.hard_negatives import negatives
from personal.items import items
from personal.measuring import Mask, Measured, measure, table

import masking
from endcloud.privacy.detection import Detector
from endcloud.privacy.masking import ConversationMasker
from endcloud.types import Message

PRECISION = 0.95


def endcloud_mask(messages: Sequence[Message]) -> Sequence[Message]:
    return ConversationMasker(_DETECTOR).mask(list(messages)).messages


_DETECTOR = Detector()


def with_spans(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """The text with placeholders where the spans are; overlapping ones become one."""
    masked, at = "", 0
    for start, end in sorted(spans):
        if end <= at:
            continue
        masked, at = masked + text[at : max(start, at)] + "[x_1]", end
    return masked + text[at:]


def pattern_mask(messages: Sequence[Message]) -> Sequence[Message]:
    return [Message(said.role, masking.PEER.sub("[x_1]", said.content)) for said in messages]


class _Result(Protocol):
    start: int
    end: int


class _Recogniser(Protocol):
    supported_entities: list[str]

    def analyze(self, text: str, entities: list[str], nlp_artifacts: None) -> list[_Result]: ...


def presidio_mask() -> Mask | None:
    """Presidio's recognisers that need no language model, in English; None where it is not installed."""
    try:
        known = importlib.import_module("presidio_analyzer.predefined_recognizers")
    except ImportError:
        return None
    recognisers: list[_Recogniser] = [
        known.PhoneRecognizer(supported_regions=("CN", "US", "GB")),
        known.EmailRecognizer(),
        known.CreditCardRecognizer(),
        known.UsSsnRecognizer(),
        known.UsPassportRecognizer(),
        known.DateRecognizer(),
        known.IbanRecognizer(),
        known.UsBankRecognizer(),
    ]

    def mask(messages: Sequence[Message]) -> Sequence[Message]:
        masked = []
        for said in messages:
            found = [
                (result.start, result.end)
                for recogniser in recognisers
                for result in recogniser.analyze(said.content, recogniser.supported_entities, None) or []
            ]
            masked.append(Message(said.role, with_spans(said.content, found)))
        return masked

    return mask


def peers() -> dict[str, Mask]:
    found: dict[str, Mask] = {"endcloud": endcloud_mask, "one pattern": pattern_mask}
    if (presidio := presidio_mask()) is None:
        print("Presidio is not installed here (pip install presidio-analyzer); it is left out.", file=sys.stderr)
    else:
        found["presidio"] = presidio
    return found


def disguises(measured: Measured) -> list[str]:
    """Every disguise, in the order in which they were met: `plain` first."""
    return list(dict.fromkeys(disguise for _, _, disguise in measured.planted))


def summary(by_peer: dict[str, Measured]) -> str:
    rows = ["| | recall, all | recall, plain | precision | hard negatives touched |", "|---|---|---|---|---|"]
    for name, of_peer in by_peer.items():
        everything = sum(of_peer.caught.values()) / sum(of_peer.planted.values())
        plain = [group for group in of_peer.planted if group[2] == "plain"]
        share = sum(of_peer.caught[group] for group in plain) / sum(of_peer.planted[group] for group in plain)
        touched = sum(of_peer.touched.values()) / sum(of_peer.negatives.values())
        rows.append(f"| {name} | {everything:.3f} | {share:.3f} | {of_peer.precision:.3f} | {touched:.3f} |")
    return "\n".join(rows)


def families(measured: Measured) -> str:
    """Of which hard negatives too many were touched."""
    rows = ["| hard negatives | messages | touched |", "|---|---|---|"]
    rows += [f"| {family} | {count} | {measured.touched[family]} |" for family, count in measured.negatives.items()]
    return "\n".join(rows)


def by_kind(by_peer: dict[str, Measured]) -> str:
    """Recall of each kind over all its disguises, a column a peer."""
    rows = [f"| kind | {' | '.join(by_peer)} |", f"|---|{'---|' * len(by_peer)}"]
    for language, kind in by_peer["endcloud"].promises:
        figures = [of_peer.recall(language, kind) or 0.0 for of_peer in by_peer.values()]
        rows.append(f"| {kind} ({language}) | {' | '.join(f'{figure:.3f}' for figure in figures)} |")
    return "\n".join(rows)


def as_json(by_peer: dict[str, Measured]) -> dict[str, object]:
    return {
        name: {
            "precision": of_peer.precision,
            "recall": [
                {"language": group[0], "kind": group[1], "disguise": group[2], "planted": planted, "caught": caught}
                for group, planted in of_peer.planted.items()
                for caught in [of_peer.caught[group]]
            ],
            "negatives": [
                {"family": family, "messages": count, "touched": of_peer.touched[family]}
                for family, count in of_peer.negatives.items()
            ],
        }
        for name, of_peer in by_peer.items()
    }


def print_misses(measured: Measured, count: int) -> None:
    """Some of what was missed, of each kind and disguise, and of what was masked wrongly."""
    shown: dict[tuple[str, str, str], int] = {}
    print("\nmissed:")
    for item in measured.missed:
        group = (item.kind, item.language[:2], item.disguise)
        shown[group] = shown.get(group, 0) + 1
        if shown[group] <= count:
            print(f"  {item.kind}, {item.disguise}: {[said.content for said in item.messages]} ({item.surface})")
    print("\nmasked wrongly:")
    for family, text, stretch in measured.wrong[: 20 * count]:
        print(f"  {family}: {text!r} ({stretch})")


def compare(half: HalfName, masks: dict[str, Mask], share: float) -> dict[str, Measured]:
    planted, clean = list(items(half, share)), list(negatives(half, round(5000 * share)))
    return {name: measure(mask, planted, clean) for name, mask in masks.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=get_args(HalfName), help="one half only")
    parser.add_argument("--share", type=float, default=1.0, help="of the values of each kind; below 1 for a quick look")
    parser.add_argument("--misses", type=int, default=0, help="print so many of each kind and disguise; `tried` only")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--speed", action="store_true", help="speed and growth instead of recall")
    chosen = parser.parse_args()
    if chosen.speed:
        return masking.main()
    if chosen.misses and chosen.half != "tried":
        parser.error("Of the unseen half only figures are told: use --misses with --half tried.")
    masks = peers()
    halves: tuple[HalfName, ...] = (chosen.half,) if chosen.half else get_args(HalfName)
    results = {half: compare(half, masks, chosen.share) for half in halves}
    if chosen.json:
        print(json.dumps({half: as_json(by_peer) for half, by_peer in results.items()}, ensure_ascii=False, indent=1))
    else:
        for half, by_peer in results.items():
            report(half, by_peer)
            print_misses(by_peer["endcloud"], chosen.misses) if chosen.misses else None
    ours = [by_peer["endcloud"] for by_peer in results.values()]
    return int(any(measured.precision < PRECISION or any(measured.unmet()) for measured in ours))


def report(half: str, by_peer: dict[str, Measured]) -> None:
    ours = by_peer["endcloud"]
    plain = sum(planted for group, planted in ours.planted.items() if group[2] == "plain")
    print(f"\n## {half}: {plain:,} items, {sum(ours.planted.values()):,} with their disguises")
    print(f"\nRecall (bold: below what is promised)\n\n{table(ours, disguises(ours))}")
    print(f"\n{by_kind(by_peer)}\n\n{summary(by_peer)}\n\n{families(ours)}")


if __name__ == "__main__":
    sys.exit(main())
