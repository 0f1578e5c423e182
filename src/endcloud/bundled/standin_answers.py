"""Answers a request from what stands in its prompt: the nearest pairs by meaning, held against rules and rows.

The nearest pairs vote: answers of one shape stand together, so that a careless answer among good ones loses, and
the winners' best agreed member is taken over. What it states of a product comes from that product's row, and its
other facts give way to the shop's rules (policies win over pairs). Without a near pair the nearest rule is stated,
without rules and pairs a general assistant speaks. Deterministic, and safe to use from several threads: nothing is
kept but caches of what was parsed. The weights below were chosen on the bundled shop's questions.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from endcloud.bundled import standin_manner as manner_of
from endcloud.bundled import standin_meaning as meaning
from endcloud.bundled.standin_evidence import Focus, Rules, asked_column, column_like, focus_on, quantities
from endcloud.bundled.standin_prompt import Pair, Prompt, read_prompt
from endcloud.bundled.standin_wire import Turn

_NEAREST = 16  # pairs that vote
_SHARPNESS = 5.0  # how much more a nearer pair's vote weighs
_NEAR_ENOUGH = 0.06  # below this similarity no pair speaks of the question's matter
_RULE_NEAR_ENOUGH = 0.08
_SAME_NAME = 0.12  # what naming the same city or courier adds to a similarity
_SUPPORTED = 0.3  # similarity to a rule from which an answer says what the rule says
_SAME_STATEMENT = 0.4  # similarity to a rule from which an answer that denies it is wrong
_RULE_VOTE = 6.0  # what a rule near the question adds to the votes for answers that say it
_SAME_KIND = 2.0  # what answers that name a city are worth more to a question that names one
_TELLING = 0.1  # worth below which an answer is careless
_RULE_BEATS_CARELESS = 0.1  # similarity from which a rule is stated in the place of a careless answer
_SAME_SHAPE = 0.5  # Jaccard of 2-grams from which two answers count as one
_PLACEHOLDER = re.compile(r"\[([^\[\]_]{1,12}(?:_[^\[\]_]{1,12})*)_(\d+)\]")
_NOT_OF_A_PRODUCT = frozenset(
    (
        *("return", "exchange", "refund", "postage", "dispatch", "arrival", "courier", "discount", "coupon", "invoice"),
        *("fade", "defect", "wrong", "difference", "warranty", "cancel", "address", "tracking", "complaint", "human"),
        *("payment", "hours", "minimum", "review"),
    )
)  # notions that the shop's rules answer, whatever product they are asked of
_UNTOLD = re.compile(
    r"不(?:太)?清楚|不知道|不晓得|自己看|看(?:一下)?(?:详情|页面|说明)|看图|稍等|等等|不了解|没法说|不好说"
)


@dataclass(frozen=True, slots=True)
class Knowledge:
    """The shop of one prompt, ready to be asked. `blocks` are the prompt's blocks of pairs with their questions."""

    blocks: tuple[tuple[tuple[Pair, ...], meaning.MeaningIndex], ...]
    rules: Rules
    manner: str
    opening: str  # the character that most answers begin with: one without it is likely careless


@dataclass(frozen=True, slots=True)
class Asked:
    """A question in its conversation: its features, its notions and what it is about.

    `said` is the question with the earlier one that a short follow-up leans on, `numbers` are its own numbers, and
    `bare` says that it is a number and nothing else.
    """

    text: str
    features: meaning.Features
    notions: frozenset[str]
    focus: Focus
    numbers: frozenset[str]
    said: str
    bare: bool


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pair near the question. `same` says whether it names the question's city or courier, and not another one;
    `product` whether it names the question's product."""

    score: float
    pair: Pair
    same: bool
    product: bool


def answer(turns: Sequence[Turn]) -> str:
    """The reply to the last message of a request."""
    prompt = read_prompt(turns)
    if not (prompt.pairs or prompt.policies or prompt.rows):
        return manner_of.general_reply(prompt.question)
    return _with_placeholders(_answer(prompt, _knowledge(prompt)), prompt)


def _knowledge(prompt: Prompt) -> Knowledge:
    blocks: list[tuple[tuple[Pair, ...], meaning.MeaningIndex]] = []
    for number, pairs in enumerate(prompt.pairs):
        index = _index(pairs) if number == 0 else meaning.MeaningIndex(_questions(pairs), like=blocks[0][1])
        blocks.append((pairs, index))
    return Knowledge(
        tuple(blocks), _rules(prompt.policies), prompt.manner, _opening(prompt.pairs[0] if prompt.pairs else ())
    )


@lru_cache(maxsize=64)
def _opening(pairs: tuple[Pair, ...]) -> str:
    """The character that most answers begin with, where there is one: 亲."""
    first, count = Counter(pair.answer[0] for pair in pairs).most_common(1)[0] if pairs else ("", 0)
    return first if count > len(pairs) / 2 else ""


def _questions(pairs: tuple[Pair, ...]) -> list[str]:
    return [pair.question for pair in pairs]


@lru_cache(maxsize=64)
def _index(pairs: tuple[Pair, ...]) -> meaning.MeaningIndex:
    return meaning.MeaningIndex(_questions(pairs))


@lru_cache(maxsize=64)
def _rules(lines: tuple[str, ...]) -> Rules:
    return Rules(lines)


def understand(prompt: Prompt) -> Asked:
    """Reads the question in the light of the history: a short follow-up asks what was asked before."""
    earlier = list(reversed(prompt.history))
    focus = focus_on(prompt.question, (turn.content for turn in earlier), prompt.rows)
    features = meaning.features(prompt.question, focus.names)
    core = meaning.core(prompt.question, focus.names)
    notions = meaning.notions(core) or meaning.notions(prompt.question)
    said = prompt.question
    if prompt.history and meaning.content_length(core) <= 1 and not (notions or meaning.is_bare_number(core)):
        for turn in earlier:
            before = meaning.core(turn.content, focus.names)
            if turn.role == "user" and meaning.content_length(before) > 1:
                features = meaning.blend(meaning.features(turn.content, focus.names), features, 0.5)
                notions = notions | meaning.notions(before)
                said = f"{turn.content} {prompt.question}"
                focus = replace(focus, carried=frozenset())
                break
    numbers = frozenset(quantity.number for quantity in quantities(prompt.question))
    return Asked(prompt.question, features, notions, focus, numbers, said, meaning.is_bare_number(core))


def _answer(prompt: Prompt, knowledge: Knowledge) -> str:
    asked = understand(prompt)
    candidates = _nearest(asked, knowledge)
    rules = knowledge.rules.ranked(asked.features, asked.focus)
    if candidates and candidates[0].score >= _NEAR_ENOUGH:
        reply = _from_pairs(asked, candidates, knowledge, rules)
    else:
        reply = _from_rules(asked, knowledge, rules)
    return _with_placeholders(reply, prompt)


def _nearest(asked: Asked, knowledge: Knowledge) -> list[Candidate]:
    found = []
    for pairs, index in knowledge.blocks:
        similarities = index.similarities(asked.features)
        for number in (-similarities).argsort(kind="stable")[: 3 * _NEAREST].tolist():
            found.append(_candidate(asked, pairs[number], float(similarities[number])))
    found.sort(key=lambda candidate: -candidate.score)
    return found[:_NEAREST]


def _candidate(asked: Asked, pair: Pair, score: float) -> Candidate:
    same = True
    theirs = meaning.entities(f"{pair.question} {pair.answer}")
    for kind, names in theirs.items():
        mine = asked.focus.named.get(kind)
        if mine in names:
            score += _SAME_NAME
        elif mine and names:
            same = False
        elif names:
            score -= _SAME_NAME
    text = meaning.plain(f"{pair.question} {pair.answer}")
    product = any(name in text for name in asked.focus.names)
    return Candidate(score + (_SAME_NAME / 2 if product else 0.0), pair, same, product)


@lru_cache(maxsize=8192)
def _shape(answer: str) -> frozenset[str]:
    text = re.sub(r"\d+(?:\.\d+)?", "#", meaning.core(answer))
    return frozenset(text[start : start + 2] for start in range(len(text) - 1)) or frozenset([text])


def _alike(first: str, second: str) -> bool:
    one, other = _shape(first), _shape(second)
    return len(one & other) >= _SAME_SHAPE * len(one | other)


def _from_pairs(asked: Asked, candidates: list[Candidate], knowledge: Knowledge, rules: list[tuple[float, int]]) -> str:
    groups: list[list[Candidate]] = []
    for candidate in candidates:
        for group in groups:
            if _alike(group[0].pair.answer, candidate.pair.answer):
                group.append(candidate)
                break
        else:
            groups.append([candidate])
    kinds = [kind for kind, names in meaning.entities(asked.text).items() if names]
    asked_of = {line: similarity for similarity, line in rules}
    best = max(groups, key=lambda group: _votes(group, candidates[0].score, knowledge, asked_of, kinds))
    cell = _asked_cell(asked, best, knowledge.rules)
    if cell:
        return _about_product(asked, cell, best, knowledge)
    if knowledge.rules.lines and _worth_of(best, knowledge) < _TELLING and rules[0][0] >= _RULE_BEATS_CARELESS:
        return manner_of.in_manner(knowledge.rules.clause(rules[0][1], asked.features), knowledge.manner)
    fitting = [candidate for candidate in best if candidate.same]
    if fitting:
        return _corrected(_agreed(fitting).pair.answer, asked, knowledge, rules)
    if rules and rules[0][0] >= _RULE_NEAR_ENOUGH:
        return manner_of.in_manner(knowledge.rules.clause(rules[0][1], asked.features), knowledge.manner)
    return manner_of.holding_reply(knowledge.manner)


def _votes(
    group: list[Candidate], top: float, knowledge: Knowledge, rules: Mapping[int, float], kinds: Sequence[str]
) -> float:
    answer = group[0].pair.answer
    near = sum((1.0 if candidate.same else 0.3) * math.exp(_SHARPNESS * (candidate.score - top)) for candidate in group)
    line, support = knowledge.rules.nearest(answer)
    asked_of = rules.get(line, 0.0) if support >= _SUPPORTED else 0.0
    answers_kind = all(
        2 * sum(bool(meaning.entities(candidate.pair.answer)[kind]) for candidate in group) > len(group)
        for kind in kinds
    )
    return (
        near
        * _worth(answer, support, knowledge.opening)
        * (1.0 + _RULE_VOTE * max(0.0, asked_of))
        * (_SAME_KIND if kinds and answers_kind else 1.0)
    )


def _worth_of(group: list[Candidate], knowledge: Knowledge) -> float:
    answer = group[0].pair.answer
    return _worth(answer, knowledge.rules.nearest(answer)[1], knowledge.opening)


def _worth(answer: str, support: float, opening: str) -> float:
    """How much an answer tells: recorded replies are at times careless, and those repeat no rule and state no fact."""
    if _UNTOLD.search(answer):
        return 0.05
    if support >= _SUPPORTED or quantities(answer):
        return 1.0
    brusque = bool(opening) and opening not in answer
    return (0.01 if brusque else 0.6) * (1.0 if len(answer) >= 10 else 0.5)


def _asked_cell(asked: Asked, group: Sequence[Candidate], rules: Rules) -> tuple[str, str] | None:
    """The cell of the product's row that the question is after, by its own notions or by the answers to its like."""
    elsewhere = "product" in asked.focus.carried and len(asked.focus.carried - {"product"}) < len(asked.focus.named)
    if not asked.focus.row or asked.bare or elsewhere:  # a city or courier of the question's own: not the old product
        return None
    by_question = asked_column(asked.notions, asked.focus.row)
    of_a_rule = bool(asked.notions & _NOT_OF_A_PRODUCT)
    if by_question and not of_a_rule:
        return by_question
    answer = group[0].pair.answer if group else ""
    answered = meaning.notions(answer)
    if answered & _NOT_OF_A_PRODUCT:
        return None
    by_answer = asked_column(answered, asked.focus.row)
    if by_answer is None and rules.nearest(answer)[1] < _SUPPORTED:
        by_answer = column_like(answer, asked.focus.row)
    return by_answer if not of_a_rule or by_question == by_answer else None


def _about_product(asked: Asked, cell: tuple[str, str], group: list[Candidate], knowledge: Knowledge) -> str:
    """An answer that states the product's own value: a pair's that does, one adapted from another product, or plain."""
    value = meaning.plain(cell[1])
    stating = [candidate for candidate in group if candidate.product and value in meaning.plain(candidate.pair.answer)]
    if stating:
        return stating[0].pair.answer
    return manner_of.in_manner(f"{asked.focus.row[0][1]}的{cell[0]}是{cell[1]}", knowledge.manner)


def _facts(answer: str) -> frozenset[str]:
    return frozenset(f"{quantity.number}{quantity.unit}" for quantity in quantities(answer))


def _agreed(group: list[Candidate]) -> Candidate:
    """The member whose facts most of the group share, the nearer ones counting more; the nearest of these."""
    counts: dict[frozenset[str], float] = {}
    for candidate in group:
        stated = _facts(candidate.pair.answer)
        counts[stated] = counts.get(stated, 0.0) + math.exp(_SHARPNESS * candidate.score)
    return max(group, key=lambda candidate: (counts[_facts(candidate.pair.answer)], candidate.score))


def _corrected(answer: str, asked: Asked, knowledge: Knowledge, rules: list[tuple[float, int]]) -> str:
    """The answer where the rules agree, with their quantity or name in it where they do not, or the rule itself."""
    own = asked.numbers | frozenset(q.number for _, value in asked.focus.row for q in quantities(value))
    answer = knowledge.rules.corrected(answer, asked.said, asked.focus, own)
    line, support = knowledge.rules.nearest(answer)
    near = any(line == number for _, number in rules[:2])
    if near and support >= _SAME_STATEMENT and knowledge.rules.contradicts(answer, line):
        return manner_of.in_manner(knowledge.rules.clause(line, asked.features), knowledge.manner)
    return answer


def _from_rules(asked: Asked, knowledge: Knowledge, rules: list[tuple[float, int]]) -> str:
    if asked.bare:
        return manner_of.asking_back(knowledge.manner)
    cell = _asked_cell(asked, (), knowledge.rules)
    if cell:
        return _about_product(asked, cell, [], knowledge)
    if rules and rules[0][0] >= _RULE_NEAR_ENOUGH:
        return manner_of.in_manner(knowledge.rules.clause(rules[0][1], asked.features), knowledge.manner)
    return manner_of.holding_reply(knowledge.manner)


def _with_placeholders(reply: str, prompt: Prompt) -> str:
    """Placeholders of a pair become the conversation's own of the same kind; one that has none is left out."""
    own: dict[str, str] = {}
    for text in (*(turn.content for turn in prompt.history), prompt.question):
        for match in _PLACEHOLDER.finditer(text):
            own[match[1]] = match[0]
    reply = _PLACEHOLDER.sub(lambda match: own.get(match[1], ""), reply)
    order = own.get("订单")
    if order and order in prompt.question and order not in reply:
        reply = re.sub(r"(?:您的|这个|该|您这个)?订单(?!\[)", lambda match: f"{match[0]}{order}", reply, count=1)
    return reply
