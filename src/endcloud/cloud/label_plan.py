"""What is left to ask: which examples have their label, which share a question, and what asking the rest would cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from endcloud.cloud.budget import Prices, likely_tokens
from endcloud.cloud.teacher import Prompt, Teacher
from endcloud.protocols import Budget, Label, Labels
from endcloud.types import Example, Tokens

# Failures of the moment: the next run asks these again. All other reasons stand.
TRANSIENT = frozenset({"busy", "timeout", "unavailable", "malformed", "withheld"})


@dataclass(frozen=True, slots=True)
class Estimate:
    """What labelling would take, without a call. `price` supposes that the provider caches the shared prefix, as
    `cached_tokens` says; `worst_price` is what a run can cost at most without a failed call."""

    examples: int
    calls: int
    kept: int
    reused: int
    identical: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    price: float
    worst_price: float
    spent_in_all: float
    limit: float
    pairs: int
    remarks: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        """The estimate as the `--json` object."""
        return asdict(self)


def estimate(
    examples: Sequence[Example], teacher: Teacher, labels: Labels, budget: Budget, *, prices: Prices
) -> Estimate:
    """A dry run: how many calls, tokens and how much money `label` would take now. Sends nothing."""
    plan = plan_of(examples, teacher, labels)
    replies = {example.id: example.reply for example in examples}
    prompt = cached = completion = 0
    worst, seen = 0.0, dict[str, int]()
    for group in plan.open:
        head, *rest = (message.content for message in group[0].request.messages)
        if head in seen:
            cached += seen[head]
        else:
            seen[head] = likely_tokens(head)
        prompt += seen[head] + sum(map(likely_tokens, rest))
        completion += max(30, likely_tokens(replies[group[0].example]))
        worst += prices.worst(group[0].request.messages, group[0].request.sampling.max_tokens)
    return Estimate(
        examples=len(examples),
        calls=len(plan.open),
        kept=plan.kept,
        reused=len(plan.reused),
        identical=sum(len(group) - 1 for group in plan.open),
        prompt_tokens=prompt,
        cached_tokens=cached,
        completion_tokens=completion,
        price=prices.of(Tokens(prompt, completion, cached)),
        worst_price=worst,
        spent_in_all=budget.spent(),
        limit=budget.limit(),
        pairs=teacher.exemplars.used,
        remarks=tuple(remarks_on(teacher)),
    )


@dataclass(slots=True)
class Plan:
    """What is to be done: `open` groups of prompts with one key, to be asked once each."""

    kept: int
    standing: list[Label]
    reused: list[tuple[Prompt, Label]]
    open: list[list[Prompt]]


def plan_of(examples: Sequence[Example], teacher: Teacher, labels: Labels, *, reuse: bool = True) -> Plan:
    """With `reuse` a recorded answer to the same content is taken over."""
    prompts = list(teacher.prompts(examples))
    mine = labels.of(example.id for example in examples)
    recorded = labels.get({p.key for p in prompts}) if reuse else {}
    known = {key: found for key, found in recorded.items() if found.reason not in TRANSIENT}
    plan = Plan(0, [], [], [])
    groups: dict[str, list[Prompt]] = {}
    for prompt in prompts:
        own = mine.get(prompt.example)
        if own is not None and own.key == prompt.key and own.reason not in TRANSIENT:
            plan.kept += 1
            plan.standing.append(own)
        elif prompt.key in known:
            plan.reused.append((prompt, known[prompt.key]))
        else:
            groups.setdefault(prompt.key, []).append(prompt)
    plan.open = list(groups.values())
    return plan


def remarks_on(teacher: Teacher) -> Iterator[str]:
    if teacher.exemplars.sentence:
        yield teacher.exemplars.sentence
    if not teacher.knows_the_shop:
        yield (
            "This shop has neither policies nor a catalogue, so labels that state a fact from nowhere are only "
            "flagged and still trained on; write policies.md to have them left out."
        )
