"""A month of served conversations, written straight into a store: what charts and queues have to show."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from sqlalchemy import insert

from endcloud.store.conversation_tables import HandoffRow
from endcloud.store.conversations import StoredConversations
from endcloud.store.database import Database
from endcloud.store.feedback import StoredFeedbacks
from endcloud.store.tables import ReservationRow
from endcloud.types import Feedback, Tokens, Turn

_ASKED = (
    ("满多少包邮", "亲，满59元包邮，不满收8元运费。"),
    ("这件毛衣会起球吗", "亲，这款是羊毛混纺，正常穿着不易起球，建议反面手洗。"),
    ("我身高165体重55穿什么码", "亲，建议您选M码，喜欢宽松可以选L码。"),
    ("什么时候发货", "亲，付款后48小时内发货，节假日顺延。"),
    ("可以开发票吗", "亲，可以的，下单时备注抬头和税号，随货寄出电子发票。"),
)


def write_history(database: Database, now: datetime, *, days: int = 30, a_day: int = 12, seed: int = 7) -> None:
    """About `a_day` questions on each of the last `days`, answered by end, cloud and people, some of them judged."""
    draw = random.Random(seed)
    conversations, feedbacks = StoredConversations(database), StoredFeedbacks(database)
    for number in range(days * a_day):
        at = now - timedelta(days=draw.random() * days, seconds=draw.random() * 3600)
        name = f"c_{number:04d}"
        conversations.open(name, f"visitor {number}", f"customer-{number % 40}" if number % 3 == 0 else "")
        question, answer = _ASKED[number % len(_ASKED)]
        query = Turn(
            f"q{number}", name, "customer", question, at, by=f"customer-{number % 40}" if number % 3 == 0 else ""
        )
        conversations.say(query)
        route = draw.choices(("end", "cloud", "human"), (8, 2, 1))[0]
        end = Turn(
            f"e{number}", name, "end", answer, at + timedelta(seconds=1), query.id, "end", "v-2c41aa", "",
            min(0.99, 0.5 + draw.random() / 2), "content_filter" if number % 50 == 9 else "stop", draw.uniform(0.4, 2),
            draw.uniform(0.05, 0.4), Tokens(180, 30),
        )  # fmt: skip
        if route == "human":
            _handed_over(database, name, at, draw.uniform(20, 400))
            conversations.say(
                Turn(f"h{number}", name, "human", "您好，我来为您查一下。", at, query.id, "human", by="小王")
            )
        else:
            conversations.say(end)
        if route == "cloud":
            said, tokens = f"{answer}如有疑问随时联系我们哦。", Tokens(20_000, 60, 18_000)
            conversations.say(
                Turn(f"k{number}", name, "cloud", said, at + timedelta(seconds=3), query.id, "cloud", "cloud-large", "",
                     None, "stop", draw.uniform(1.5, 5), draw.uniform(0.6, 2), tokens)
            )  # fmt: skip
            spent = {"id": f"r{number}", "at": at, "purpose": "takeover", "reserved": 0.02, "settled": 0.004}
            database.write(lambda connection, row=spent: connection.execute(insert(ReservationRow), row))
        if route != "human" and draw.random() < 0.3:
            good = draw.random() < 0.8
            feedbacks.add(Feedback(f"f{number}", end.id, name, "thumb", "customer", "anna", at, 1.0 if good else -1.0,
                                   "" if good else "答非所问"))  # fmt: skip
        if number % 17 == 3:
            feedbacks.add(Feedback(f"g{number}", end.id, name, "complaint", "customer", "anna", at))
        if number % 9 == 4:
            accepted = draw.random() < (end.probability or 0)
            feedbacks.add(
                Feedback(f"v{number}", end.id, name, "thumb", "reviewer", "eva", at, 1.0 if accepted else -1.0)
            )


def _handed_over(database: Database, name: str, at: datetime, waited: float) -> None:
    steps = (("waiting", "", at), ("claimed", "小王", at + timedelta(seconds=waited)))
    rows = [
        {"conversation": name, "step": step, "stage": stage, "reason": "asked for a person", "agent": agent, "at": when}
        for step, (stage, agent, when) in enumerate(steps)
    ]
    rows.append(rows[1] | {"step": 2, "stage": "closed", "at": at + timedelta(seconds=waited + 300)})
    database.write(lambda connection: connection.execute(insert(HandoffRow), rows))
