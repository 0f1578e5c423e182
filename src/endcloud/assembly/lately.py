"""What was served and said lately, as a round of evolution looks at it: replies, feedback, exchanges, and the rules.

Read once for a stage; texts leave here masked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from endcloud.evolution.exchanges import Served, served
from endcloud.facts import Fact, stated
from endcloud.rounds import Audit
from endcloud.types import Feedback, Turn

if TYPE_CHECKING:
    from endcloud.assembly.evolving import Evolution

WINDOW = timedelta(days=7)
"""How far back replies are looked at: what nobody minded for a week is left in peace."""


@dataclass
class History:
    """What was served and said lately, read once for a stage."""

    evolution: Evolution
    since: datetime = field(init=False)
    _turns: dict[str, list[Turn]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.since = self.evolution.clock.now() - WINDOW

    @cached_property
    def replies(self) -> list[Turn]:
        """Every reply, oldest first, whoever gave it; those among them that somebody has corrected only lately."""
        recent = self.evolution.conversations.replies_since(self.since)
        names = {reply.id for reply in recent}
        late = {one.turn for one in self._feedback if one.kind == "correction"} - names
        earlier = [turn for name in sorted(late) if (turn := self.evolution.conversations.turn(name)) is not None]
        return [turn for turn in earlier if turn.route is not None] + recent

    @cached_property
    def _feedback(self) -> list[Feedback]:
        return self.evolution.feedbacks.since(self.since)

    @cached_property
    def feedback(self) -> dict[str, list[Feedback]]:
        """By reply, oldest first."""
        found: dict[str, list[Feedback]] = defaultdict(list)
        for one in self._feedback:
            found[one.turn].append(one)
        return found

    @property
    def audits(self) -> dict[str, Audit]:
        """By reply, as they are now."""
        return self.evolution.audits.of([reply.id for reply in self.replies])

    def times_of(self, turns: frozenset[str]) -> Iterator[datetime]:
        return (reply.at for reply in self.replies if reply.id in turns)

    def exchange(self, reply: Turn) -> Served | None:
        """The reply with its query and context, masked."""
        shop = self.evolution.shop
        _, customer = self._belonging.get(reply.conversation, ("", ""))
        return served(reply, self.evolution.conversations, shop.masker, self.turns(reply.conversation), customer)

    def turns(self, conversation: str) -> list[Turn]:
        if conversation not in self._turns:
            self._turns[conversation] = self.evolution.conversations.turns(conversation)
        return self._turns[conversation]

    def whose(self, exchange: Served) -> str:
        """Whom the caps count: the customer by a keyed hash, a visitor by name, else the conversation (one key of the
        shop's own system speaks for many)."""
        from endcloud.corpus.examples import subject_of

        if exchange.customer:
            return subject_of(exchange.customer, self.evolution.shop.directory.key())
        owner, _ = self._belonging.get(exchange.reply.conversation, ("", ""))
        return owner if owner.startswith("visitor ") else exchange.reply.conversation

    @cached_property
    def _belonging(self) -> dict[str, tuple[str, str]]:
        """The owner and the customer of each conversation that has a reply."""
        names = list(dict.fromkeys(reply.conversation for reply in self.replies))
        return self.evolution.conversations.belonging(names)

    def against_rules(self, exchange: Served) -> tuple[str, ...]:
        """The facts of a reply that the shop's rules, as they stand, say otherwise."""
        said = [message.content for message in exchange.messages if message.role == "user"]
        return self._against(said, exchange.said)

    def may_be_against_rules(self, reply: Turn) -> bool:
        """The same for a reply that was not masked yet, quickly: few replies are worth masking again."""
        return reply.answers in self._asked and bool(self._against([self._asked[reply.answers]], reply.text))

    @cached_property
    def _asked(self) -> dict[str, str]:
        """The queries, by name, of the replies that state anything which a rule could say otherwise."""
        return self.evolution.conversations.texts([reply.answers for reply in self.replies if stated(reply.text)])

    def _against(self, said: Sequence[str], reply: str) -> tuple[str, ...]:
        """`said` are the customer's words, the query last. Their numbers may be repeated beside a rule's (80元还不够，
        满99元包邮), not in the place of one: whoever asks 满59元包邮吗 gets no 59 confirmed."""
        shop = self.evolution.shop
        known = [row.text for row in shop.catalogue.named([*said, reply])] if shop.catalogue else []
        mine = stated(reply) - frozenset[Fact]().union(*map(stated, said))
        if any(fact in stated(line) for line in shop.policies.lines for fact in mine):
            known += said
        return tuple(sorted(map(str, shop.policies.contradicted(said[-1], reply, known))))
