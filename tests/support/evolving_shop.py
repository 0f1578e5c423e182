"""A bundled shop in the middle of its life: taught, trained, serving, and with a rule that has just changed.

What a service would have written is written here: questions, the end model's real replies to them, thumbs.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from endcloud.assembly import Shop
from endcloud.assembly.scored_exchanges import answer_all
from endcloud.assembly.training import TrainingChoice
from endcloud.bundled.held_out import Question, combinations
from endcloud.bundled.shop import Shop as BundledShop
from endcloud.bundled.shop import load_shop
from endcloud.cli import bundled_shop
from endcloud.store.conversations import StoredConversations
from endcloud.store.feedback import StoredFeedbacks
from endcloud.testing.silent_progress import SilentProgress
from endcloud.types import Feedback, Turn

EDITS = {"free_shipping": "99", "dispatch_hours": "24", "return_window": "7"}


def trained_shop(root: Path, *, labelled: int = 400, steps: int = 160) -> None:
    """A bundled shop with a LoRA in service; about a minute."""
    bundled_shop.set_up(root, load_shop())
    with Shop.open(root, SilentProgress()) as shop:
        shop.prepare([root / bundled_shop.DIALOGUES])
        shop.label(limit=labelled)
        version = shop.train_version(TrainingChoice("lora", steps=steps))
        shop.put_into_service(version.digest, "first version")


def change_the_rules(root: Path, edit: dict[str, str]) -> BundledShop:
    """The owner edits policies.md, and nothing else."""
    changed = load_shop().changed(edit)
    (root / "policies.md").write_text(changed.policies(), encoding="utf-8")
    return changed


def asked_about(changed: BundledShop, most: int, seed: int = 301) -> list[Question]:
    """Questions whose right reply states one of the changed values."""
    before = {question.query: question.meaning for question in combinations(load_shop(), 4_000, seed)}
    found = [
        question
        for question in combinations(changed, 4_000, seed)
        if question.query in before and question.meaning != before[question.query]
    ]
    return found[:most]


def write_service(shop: Shop, questions: list[Question], at: datetime | None = None) -> int:
    """What a service would have kept: each question by a customer of its own, the end model's reply, and a thumb down
    from every second customer whose reply was wrong. Returns how many replies were wrong."""
    from endcloud.bundled.truth import judge

    conversations, feedbacks = StoredConversations(shop.database), StoredFeedbacks(shop.database)
    begun = at or datetime.now(UTC) - timedelta(hours=20)
    version = shop.versions.active() or "base"
    wrong = 0
    for number, (question, answered) in enumerate(
        zip(questions, answer_all(shop, [one.messages for one in questions]), strict=True)
    ):
        when, name = begun + timedelta(seconds=90 * number), f"c-{begun:%H%M%S}-{number}"
        conversations.open(name, f"visitor {name}", f"customer-{name}")
        query = Turn(f"q-{name}", name, "customer", question.query, when, by=f"customer-{name}")
        reply = Turn(
            f"e-{name}", name, "end", answered.text, when + timedelta(seconds=1), query.id, "end", version,
            probability=0.9,
        )  # fmt: skip
        conversations.say(query)
        conversations.say(reply)
        if not judge(question.meaning, answered.text).right:
            wrong += 1
            if wrong % 2:
                feedbacks.add(
                    Feedback(f"f-{name}", reply.id, name, "thumb", "customer", f"customer-{name}", when, -1.0)
                )
    return wrong
