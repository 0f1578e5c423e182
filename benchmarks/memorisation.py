"""Are an adapter's files safe to copy? Secrets are planted in training text and drawn out again.

    python benchmarks/memorisation.py                       # all three methods, with masking
    python benchmarks/memorisation.py --method lora         # one; about four minutes on one core
    python benchmarks/memorisation.py --unmasked            # the control: what comes out without masking
    python benchmarks/memorisation.py --samples 100 --json

The bundled shop is made in a temporary directory (or in `--shop`, where a run that was broken off goes on), planted
with personal items of every kind that masking covers, and with canaries that it does not know: bare names, nicknames,
an anniversary in words, a door code of four digits; each 1, 4 and 16 times. The real pipeline masks, cuts and learns
them (`end.data = "natural"`: the recorded replies, the worst case). Then the attacker, who has the base, the adapter
and the words before each secret, lets the model go on: greedily, and with samples at temperature 1 without top-p.

For canaries exposure is told (Carlini et al., 2019): log2 |R| - log2 rank among secrets of the same form that were not
planted. The exit code is 1 where something came out that masking covers.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from planted_secrets.drawing import Drawn
from planted_secrets.planting import REPEATS, SHAPES, canaries, covered_plants
from planted_secrets.study import Exposed, Outcome, study

from endcloud.end.methods import METHOD_NAMES


def drawn_rows(outcome: Outcome, covered: bool) -> list[list[str]]:
    rows = []
    for repeats in REPEATS:
        of = [one for one in outcome.drawn if one.plant.covered == covered and one.plant.repeats == repeats]
        if of:
            rows.append([outcome.method, str(repeats), str(len(of)), *_counts(of)])
    return rows


def _counts(of: Sequence[Drawn]) -> list[str]:
    greedy, some = sum(one.greedy for one in of), sum(one.hits > 0 for one in of)
    samples, hits = sum(one.samples for one in of), sum(one.hits for one in of)
    pieces, shuffled = sum(one.fragments for one in of), sum(one.shuffled for one in of)
    return [
        str(greedy),
        str(some),
        f"{hits} of {samples:,}",
        str(sum(one.others for one in of)),
        f"{pieces} / {shuffled}",
    ]


def exposure_rows(outcome: Outcome) -> list[list[str]]:
    rows = []
    for shape in SHAPES:
        of_shape = [one for one in outcome.exposed if one.plant.kind == shape.name]
        if of_shape:
            by_repeats = [_bits([one for one in of_shape if one.plant.repeats == repeats]) for repeats in REPEATS]
            unplanted = [bits for one in of_shape for bits in one.unplanted]
            most = f"{of_shape[0].most:.1f}"
            among = f"{median(unplanted):.1f}, {mean(unplanted):.1f}"
            rows.append([outcome.method, shape.name, f"{shape.space:,}", most, *by_repeats, among])
    return rows


def _bits(of: Sequence[Exposed]) -> str:
    return ", ".join(f"{one.bits:.1f}" for one in of) or "–"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


_DRAWN = (
    "method",
    "planted",
    "secrets",
    "greedily",
    "in any sample",
    "samples",
    "another secret",
    "fragments / chance",
)
_EXPOSED = ("method", "canary", "space", "most", *(f"planted {n}x" for n in REPEATS), "unplanted (median, mean)")


def came_out(outcome: Outcome) -> list[Drawn]:
    """What masking covers, and was drawn all the same."""
    missed = set(outcome.missed)
    return [one for one in outcome.drawn if one.plant.covered and one.plant not in missed and (one.greedy or one.hits)]


def as_json(outcome: Outcome) -> dict[str, Any]:
    return {
        "method": outcome.method,
        "masked": outcome.masked,
        "version": outcome.version,
        "learned_replies": {"covered": outcome.learned[True], "canaries": outcome.learned[False]},
        "missed_by_the_masker": [[one.kind, one.disguise, one.repeats] for one in outcome.missed],
        "seconds": {"until trained": outcome.train_seconds, "all": outcome.seconds},
        "drawn": [
            {
                "kind": one.plant.kind,
                "disguise": one.plant.disguise,
                "covered": one.plant.covered,
                "planted": one.plant.repeats,
                "greedy": one.greedy,
                "samples": one.samples,
                "hits": one.hits,
                "another": one.others,
                "fragments": one.fragments,
                "shuffled": one.shuffled,
            }
            for one in outcome.drawn
        ],
        "exposure": [
            {
                "canary": one.plant.kind,
                "planted": one.plant.repeats,
                "bits": one.bits,
                "most": one.most,
                "unplanted_mean": mean(one.unplanted),
            }
            for one in outcome.exposed
        ],
    }


def report(outcomes: Sequence[Outcome]) -> None:
    for covered, title in ((True, "What masking covers"), (False, "What it does not cover")):
        rows = [row for outcome in outcomes for row in drawn_rows(outcome, covered)]
        print(f"\n{title}\n\n{table(_DRAWN, rows)}")
    rows = [row for outcome in outcomes for row in exposure_rows(outcome)]
    print(f"\nExposure of what is not covered, in bits\n\n{table(_EXPOSED, rows)}\n")
    for outcome in outcomes:
        missed = [f"{one.kind} ({one.disguise}, {one.repeats}x)" for one in outcome.missed]
        print(
            f"{outcome.method}: planted replies learned: {outcome.learned[True]} covered, "
            f"{outcome.learned[False]} not; "
            f"left readable by the masker: {', '.join(missed) if outcome.masked and missed else len(missed)}; "
            f"trained after {outcome.train_seconds:.0f} s, all {outcome.seconds:.0f} s"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", choices=METHOD_NAMES, action="append", help="may be repeated; all where left out")
    parser.add_argument("--samples", type=int, default=1_000, help="drawn for each secret")
    parser.add_argument("--steps", type=int, help="of training; the preset's own where left out")
    parser.add_argument("--unmasked", action="store_true", help="the control: the same without masking")
    parser.add_argument("--each", type=int, default=1, help="covered secrets of each kind for each number of repeats")
    parser.add_argument("--shop", type=Path, help="where to make the shop; a temporary directory where left out")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"
    plants = [*covered_plants(of_each=chosen.each), *canaries()]
    outcomes = []
    with tempfile.TemporaryDirectory() as folder:
        root = (chosen.shop or Path(folder)) / ("clear" if chosen.unmasked else "masked")
        for method in chosen.method or METHOD_NAMES:
            outcomes.append(
                study(root, method, plants, masked=not chosen.unmasked, samples=chosen.samples, steps=chosen.steps)
            )
    if chosen.json:
        print(json.dumps([as_json(outcome) for outcome in outcomes], ensure_ascii=False, indent=1))
    else:
        report(outcomes)
    return int(not chosen.unmasked and any(came_out(outcome) for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
