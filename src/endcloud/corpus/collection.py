"""Examples that no recorded dialogue gave become a corpus like any other.

A shop without logs begins with examples made from its catalogue, FAQ and rules. They are masked and split already;
here they are written and published as the readers' ones are, so that every later stage finds them in one place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from endcloud.corpus.dataset import SPLITS, CorpusWriter, Manifest
from endcloud.types import Example


def collect(examples: Sequence[Example], destination: Path, *, recipe: str, detector: str) -> Manifest:
    """Writes `examples` as the corpus in `destination`, replacing an older one whole.

    `recipe` says what they were made from; `detector` is the digest of the rules that masked them.
    """
    destination.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=destination, prefix=".") as work:
        writer = CorpusWriter(Path(work), destination)
        for example in examples:
            writer.write(example)
        digest, hashes = writer.close(), writer.hashes()
        held = _manifest(examples, digest, hashes, recipe, detector)
        writer.publish(held)
    return held


def _manifest(
    examples: Sequence[Example], digest: str, hashes: Mapping[str, str], recipe: str, detector: str
) -> Manifest:
    counted = Counter(example.split for example in examples if not example.excluded)
    number = len({example.dialogue for example in examples})
    return Manifest(
        digest=digest,
        recipe=recipe,
        detector=detector,
        dialogues_read=number,
        dialogues_kept=number,
        examples={split: counted[split] for split in SPLITS},
        dropped=dict(sorted(Counter(example.excluded for example in examples if example.excluded).items())),
        masked={},
        boilerplate=0,
        reopened=0,
        malformed=0,
        malformed_lines=(),
        sources=(),
        files={split: f"{split}-{sha256[:12]}.parquet" for split, sha256 in hashes.items()},
        sha256=dict(hashes),
    )
