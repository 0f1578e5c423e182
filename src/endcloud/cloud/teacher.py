"""The teacher: turns an example into a prompt, asks the cloud, and judges what it answered.

A prompt is the paper's Table II: role and manner, the shop's current rules, N question-answer pairs, the catalogue
rows that the conversation names, the history, the question. Its `key` is what the answer depends on, so that the
same question in the same shop is paid for once, and a changed rule asks again only what it is about.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from endcloud.cloud.catalogue import Catalogue
from endcloud.cloud.exemplars import Choice, Exemplars
from endcloud.cloud.persona import Pair, Persona, prefix, suffix
from endcloud.cloud.policies import Policies
from endcloud.errors import CloudMalformedError
from endcloud.facts import Fact, unsupported
from endcloud.protocols import ChatModel
from endcloud.types import Example, Finish, Message, Request, Sampling, Tokens

_PERSONAL = re.compile(r"\[(?:[一-鿿]{1,4}_)?[一-鿿A-Za-z]{1,8}_[0-9]{1,6}\]")
_NEAREST_IN_KEY = 3
# How a model says that it will not answer, as the first words of its reply.
_REFUSALS = (
    "抱歉，我无法回答",
    "很抱歉，我无法回答",
    "对不起，我无法回答",
    "作为一个人工智能",
    "作为一个AI",
    "作为AI",
    "I'm sorry, but I can't",
)


@dataclass(frozen=True, slots=True)
class Prompt:
    """One question, ready to be asked.

    `key` names the question by content, `digest` the whole text that is sent; `told` are the texts whose facts an
    answer may state, `same` the pairs of the prompt that answer the same question.
    """

    example: str
    request: Request
    key: str
    digest: str
    told: tuple[str, ...]
    same: tuple[Pair, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the cloud said. `tokens` is None where the provider did not count."""

    text: str
    finish: Finish
    tokens: Tokens | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Judgement:
    """`reason` says why an answer is no label (empty for a good one), `note` what is doubtful about it."""

    reason: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Prefix:
    """A block's system message and the digest of its text."""

    block: tuple[Pair, ...]
    text: str
    digest: str


@dataclass(slots=True)
class Teacher:
    """A cloud model, and all that it is told about the shop. `cloud` is the guarded model."""

    cloud: ChatModel
    persona: Persona
    policies: Policies = field(default_factory=Policies)
    exemplars: Exemplars = field(default_factory=lambda: Exemplars([]))
    catalogue: Catalogue = field(default_factory=Catalogue)
    sampling: Sampling = field(default_factory=Sampling)
    _prefixes: dict[int, _Prefix] = field(default_factory=dict, init=False, repr=False)
    _names: dict[int, tuple[tuple[Pair, ...], str]] = field(default_factory=dict, init=False, repr=False)

    @property
    def knows_the_shop(self) -> bool:
        """Whether there are rules or products against which a label's facts can be held."""
        return bool(self.policies) or bool(self.catalogue)

    def prompts(self, examples: Sequence[Example]) -> Iterator[Prompt]:
        """The prompt of each example, in order; the texts that prompts share are shared in memory too."""
        for example, choice in zip(examples, self.exemplars.choose(examples), strict=True):
            yield self._prompt(example, choice)

    async def answer(self, prompt: Prompt) -> Answer:
        """Asks once. Raises a CloudError or a PrivacyError; `endcloud.cloud.labelling` decides on asking again."""
        begun, pieces = time.monotonic(), list[str]()
        finish, tokens = None, None
        async for delta in self.cloud.stream(prompt.request):
            pieces.append(delta.text)
            finish, tokens = delta.finish or finish, delta.tokens or tokens
        if finish is None:
            raise CloudMalformedError(f"The answer of {self.cloud.name!r} has no end; ask again.")
        return Answer("".join(pieces).strip(), finish, tokens, time.monotonic() - begun)

    def judge(self, prompt: Prompt, answer: Answer) -> Judgement:
        """Whether the answer is a label: complete, said at all, and stating nothing that it was not told."""
        if answer.finish == "content_filter":
            return Judgement("refused", "The provider's content filter held the answer back.")
        if answer.finish == "length":
            return Judgement("truncated", f"The answer was cut at {prompt.request.sampling.max_tokens} tokens.")
        if not answer.text:
            return Judgement("empty")
        if answer.text.startswith(_REFUSALS):
            return Judgement("refused")
        unknown = self.unsupported(prompt, answer.text)
        if not unknown:
            return Judgement()
        note = "Nothing that the teacher was told states " + "、".join(sorted(map(str, unknown)))
        return Judgement("unsupported fact" if self.knows_the_shop else "", note)

    def unsupported(self, prompt: Prompt, text: str) -> frozenset[Fact]:
        """The facts of `text` found neither in the question, the history, the catalogue rows, the policies, nor in a
        pair of the prompt that answers the same question and agrees with the policies."""
        known = [*prompt.told, *self.policies.lines]
        unknown = unsupported(text, known)
        if not unknown:
            return unknown
        agreeing = [pair.reply for pair in prompt.same if self.policies.agree(pair.question, pair.reply)]
        return unsupported(text, [*known, *agreeing])

    def _prompt(self, example: Example, choice: Choice) -> Prompt:
        head = self._prefix(choice.block)
        said = [message.content for message in example.messages]
        rows = [row.text for row in self.catalogue.named(said)] if self.catalogue else []
        tail = suffix(choice.nearest, rows)
        messages = (
            *((Message("system", head.text),) if head.text else ()),
            *((Message("system", tail),) if tail else ()),
            *example.messages,
        )
        spoken = [[message.role, message.content] for message in example.messages]
        about = self._near_policies(said, choice)
        model = [self.cloud.name, repr(self.sampling), self.persona.role, self.persona.manner]
        request = Request(
            messages,
            purpose="label",
            conversation=example.dialogue,
            sampling=self.sampling,
            placeholders=frozenset(_PERSONAL.findall("\n".join(said))),
        )
        return Prompt(
            example=example.id,
            request=request,
            key=_digest(
                *(model, about, self._named(choice.named[0]), _pairs_digest(choice.named[1]), rows, spoken),
                *choice.renewed,
            ),
            digest=_digest(head.digest, tail, spoken),
            told=(*said, *rows),
            same=choice.same,
        )

    def _near_policies(self, said: Sequence[str], choice: Choice) -> tuple[str, ...]:
        """The rules near the question, by its own words and by those of the pairs that answer the same: a customer
        says 邮费 where the rule says 运费."""
        if not self.policies:
            return ()
        pairs = [text for pair in choice.same[-_NEAREST_IN_KEY:] for text in (pair.question, pair.reply)]
        return self.policies.near("\n".join([*said, *pairs]))

    def _prefix(self, block: tuple[Pair, ...]) -> _Prefix:
        """The shared system message, made once for each block."""
        kept = self._prefixes.get(id(block))
        if kept is None or kept.block is not block:
            text = prefix(self.persona, self.policies.lines, block)
            kept = self._prefixes[id(block)] = _Prefix(block, text, _digest(text))
        return kept

    def _named(self, block: tuple[Pair, ...]) -> str:
        """The digest of a block's pairs, made once for each block."""
        kept = self._names.get(id(block))
        if kept is None or kept[0] is not block:
            kept = self._names[id(block)] = (block, _pairs_digest(block))
        return kept[1]


def _pairs_digest(pairs: Sequence[Pair]) -> str:
    return _digest(*([pair.question, pair.reply] for pair in pairs))


def _digest(*parts: object) -> str:
    text = json.dumps(parts, ensure_ascii=False, separators=(",", ":"))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
