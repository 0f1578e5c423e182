"""What a shop has, and what to do next."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from endcloud.assembly.shop import Shop


@dataclass(frozen=True, slots=True)
class State:
    """What a shop has. `examples` counts by split; `active` is the version in service; empty means none; `upload` is
    what a cloud may be sent.

    `unmasked_by_name` counts the uploads in which a value left that the paper's experiment allows by name.
    """

    name: str
    policies: int
    examples: dict[str, int]
    cloud: str
    spent: float
    budget: float
    currency: str
    labels: int
    end_model: str
    versions: int
    active: str
    upload: str
    uploads: int
    unmasked_by_name: dict[str, int]
    evaluation: str

    def as_json(self) -> dict[str, Any]:
        """The state as the `--json` object."""
        return asdict(self)

    def next_step(self) -> str:
        """The command that moves this shop on."""
        if not self.examples:
            return "endcloud corpus YOUR-CHAT-LOGS"
        if not self.labels and not self.versions and self.upload != "never":
            return "endcloud teach"
        if not self.versions:
            return "endcloud train"
        if not self.evaluation:
            return "endcloud evaluate"
        return "endcloud chat" if self.active else "endcloud versions promote VERSION"


def state_of(shop: Shop) -> State:
    """Looks at the shop's files and rows; nothing is loaded or changed."""
    from endcloud.corpus.dataset import manifest
    from endcloud.experiments.paper_plan import queries

    settings = shop.settings
    examples = dict(manifest(shop.directory.corpus).examples) if shop.directory.corpus.is_dir() else {}
    known = shop.labels.of(example.id for example in shop.examples()) if examples else {}
    by_name = [query.chinese for query in queries() if query.allowed]
    evaluations = sorted(shop.directory.results.glob("*/report.md"), key=lambda path: path.stat().st_mtime)
    return State(
        name=settings.shop.name,
        policies=len(shop.policies.lines),
        examples=examples,
        cloud=settings.cloud.model if settings.cloud.base_url else "",
        spent=shop.budget.spent(),
        budget=settings.cloud.budget,
        currency=settings.cloud.currency,
        labels=sum(not label.reason for label in known.values()),
        end_model=settings.end.model,
        versions=len(shop.versions.all()),
        active=shop.versions.active() or "",
        upload=settings.privacy.upload,
        uploads=shop.ledger.count(),
        unmasked_by_name={value: count for value in by_name if (count := shop.ledger.holding(value))},
        evaluation=str(evaluations[-1]) if evaluations else "",
    )
