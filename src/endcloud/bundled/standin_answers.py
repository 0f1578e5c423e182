"""Answers a request from what stands in its prompt: the nearest pairs by meaning, held against rules and rows.

The nearest pairs vote: answers of one shape stand together, so that a careless answer among good ones loses, and
the winner's newest-matching member is taken over. Its facts are then corrected by the shop's rules (policies win
over pairs) and by the catalogue row of the product in question. Without pairs the nearest rule is stated, without
rules and pairs a general assistant speaks. Deterministic: equal requests have equal answers.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock

from endcloud.bundled import standin_manner as manner_of
from endcloud.bundled import standin_meaning as meaning
from endcloud.bundled.standin_evidence import Focus, Rules, asked_column, focus_on, quantities
from endcloud.bundled.standin_prompt import Pair, Prompt, read_prompt
from endcloud.bundled.standin_wire import Turn

_NEAREST = 16  # pairs that vote
_SHARPNESS = 9.0  # how much more a nearer pair's vote weighs
_NEAR_ENOUGH = 0.30  # below this similarity no pair speaks of the question's matter
_RULE_NEAR_ENOUGH = 0.16
_SAME_SHAPE = 0.5  # Jaccard of 2-grams from which two answers count as one
_PLACEHOLDER = re.compile(r"\[([^\[\]_]{1,12}(?:_[^\[\]_]{1,12})*)_(\d+)\]")
_UNTOLD = re.compile(
    r"不(?:太)?清楚|不知道|不晓得|自己看|看(?:一下)?(?:详情|页面|说明)|看图|稍等|等等|不了解|没法说|不好说"
)


@dataclass(frozen=True, slots=True)
class Knowledge:
    """The shop of one prompt prefix, ready to be asked."""

    pairs: tuple[Pair, ...]
    questions: meaning.MeaningIndex
    rules: Rules
    manner: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A question in its conversation: its features, its notions and what it is about."""

    text: str
    features: meaning.Features
    notions: frozenset[str]
    focus: Focus
    numbers: frozenset[str]
    said: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pair near the question; `fits` says whether its answer is about the same product, city and courier."""

    score: float
    pair: Pair
    fits: bool


class Answerer:
    """Answers requests; keeps the knowledge of the prefixes it saw last, by digest. Safe to share by threads."""

    def __init__(self, prefixes: int = 64) -> None:
        self._prefixes = prefixes
        self._known: OrderedDict[bytes, Knowledge] = OrderedDict()
        self._lock = Lock()

    def answer(self, turns: Sequence[Turn]) -> str:
        """The reply to the last message of a request."""
        prompt = read_prompt(turns)
        knowledge = self._knowledge(turns, prompt)
        if not knowledge.pairs and not knowledge.rules.lines and not prompt.rows:
            return manner_of.general_reply(prompt.question)
        return _answer(prompt, knowledge)

    def _knowledge(self, turns: Sequence[Turn], prompt: Prompt) -> Knowledge:
        stated = "\x1e".join(turn.content for turn in turns if turn.role == "system")
        key = hashlib.blake2b(stated.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        with self._lock:
            known = self._known.get(key)
            if known is not None:
                self._known.move_to_end(key)
                return known
        known = Knowledge(
            prompt.pairs,
            meaning.MeaningIndex([_last_line(pair.question) for pair in prompt.pairs]),
            Rules(prompt.policies),
            prompt.manner,
        )
        with self._lock:
            self._known[key] = known
            while len(self._known) > self._prefixes:
                self._known.popitem(last=False)
        return known


def _last_line(question: str) -> str:
    return question.splitlines()[-1]


def understand(prompt: Prompt) -> Asked:
    """Reads the question in the light of the history: a short follow-up asks what was asked before."""
    earlier = list(reversed(prompt.history))
    focus = focus_on([prompt.question, *(turn.content for turn in earlier)], prompt.rows)
    features = meaning.features(prompt.question, focus.names)
    core = meaning.core(prompt.question, focus.names)
    notions = meaning.notions(core)
    said = prompt.question
    if prompt.history and meaning.content_length(core) <= 1 and not core.strip().isdigit():
        for turn in earlier:
            before = meaning.core(turn.content, focus.names)
            if turn.role == "user" and meaning.content_length(before) > 1:
                features = meaning.blend(meaning.features(turn.content, focus.names), features, 0.5)
                notions = notions | meaning.notions(before)
                said = f"{turn.content} {prompt.question}"
                break
    numbers = frozenset(quantity.number for quantity in quantities(prompt.question))
    return Asked(prompt.question, features, notions, focus, numbers, said)


def _answer(prompt: Prompt, knowledge: Knowledge) -> str:
    asked = understand(prompt)
    candidates = _nearest(asked, knowledge)
    rules = knowledge.rules.ranked(asked.features, asked.focus.named)
    if candidates and candidates[0].score >= _NEAR_ENOUGH:
        reply = _from_pairs(asked, candidates, knowledge, rules)
    else:
        reply = _from_rules(asked, knowledge, rules)
    return _with_placeholders(reply, prompt)


def _nearest(asked: Asked, knowledge: Knowledge) -> list[Candidate]:
    similarities = knowledge.questions.similarities(asked.features)
    found = []
    for number in (-similarities).argsort(kind="stable")[: 3 * _NEAREST].tolist():
        pair = knowledge.pairs[number]
        score, fits = float(similarities[number]), True
        theirs = meaning.entities(f"{pair.question} {pair.answer}")
        for kind in ("city", "courier"):
            mine, names = asked.focus.named.get(kind), theirs[kind]
            if mine and mine in names:
                score += 0.15
            elif mine and names:
                fits = False
        if asked.focus.names:
            text = meaning.plain(f"{pair.question} {pair.answer}")
            if any(name in text for name in asked.focus.names):
                score += 0.15
            else:
                fits = False
        found.append(Candidate(score, pair, fits))
    found.sort(key=lambda candidate: -candidate.score)
    return found[:_NEAREST]


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
    best = max(groups, key=lambda group: _votes(group, candidates[0].score))
    fitting = [candidate for candidate in best if candidate.fits]
    if fitting or not _varies(best):
        chosen = _agreed(fitting or best)
        return _corrected(chosen.pair.answer, asked, knowledge, rules)
    return _adapted(asked, best, knowledge, rules)


def _votes(group: list[Candidate], top: float) -> float:
    answer = group[0].pair.answer
    worth = 0.4 if _UNTOLD.search(answer) else 1.0
    return worth * sum(math.exp(_SHARPNESS * (candidate.score - top)) for candidate in group)


def _facts(answer: str) -> frozenset[str]:
    return frozenset(f"{quantity.number}{quantity.unit}" for quantity in quantities(answer))


def _agreed(group: list[Candidate]) -> Candidate:
    """The member whose facts most of the group share; the nearest of these."""
    counts: dict[frozenset[str], float] = {}
    for candidate in group:
        stated = _facts(candidate.pair.answer)
        counts[stated] = counts.get(stated, 0.0) + candidate.score
    return max(group, key=lambda candidate: (counts[_facts(candidate.pair.answer)], candidate.score))


def _varies(group: list[Candidate]) -> bool:
    """Whether the answers of a group differ by what they are about, so that another's cannot be taken over."""
    if len({_facts(candidate.pair.answer) for candidate in group}) > 1:
        return True
    named = {tuple(sorted(meaning.entities(candidate.pair.answer).items())) for candidate in group}
    return len(named) > 1


def _corrected(answer: str, asked: Asked, knowledge: Knowledge, rules: list[tuple[float, int]]) -> str:
    own = asked.numbers | frozenset(q.number for _, value in asked.focus.row for q in quantities(value))
    answer = knowledge.rules.corrected(answer, asked.said, asked.focus.named, own)
    if rules and rules[0][0] >= 0.5 and knowledge.rules.contradicts(answer, rules[0][1]):
        return manner_of.in_manner(knowledge.rules.clause(rules[0][1], asked.features), knowledge.manner)
    cell = asked_column(asked.notions, asked.focus.row)
    if cell and meaning.plain(cell[1]) not in meaning.plain(answer) and not quantities(answer):
        return answer
    return answer


def _adapted(asked: Asked, group: list[Candidate], knowledge: Knowledge, rules: list[tuple[float, int]]) -> str:
    """An answer on another product or city, made into one on the question's own by its row or rule."""
    stated = _from_row(asked, knowledge)
    if stated:
        return stated
    if rules and rules[0][0] >= _RULE_NEAR_ENOUGH:
        return manner_of.in_manner(knowledge.rules.clause(rules[0][1], asked.features), knowledge.manner)
    return _corrected(_agreed(group).pair.answer, asked, knowledge, rules)


def _from_row(asked: Asked, knowledge: Knowledge) -> str:
    cell = asked_column(asked.notions, asked.focus.row)
    if not cell:
        return ""
    column, value = cell
    return manner_of.in_manner(f"{asked.focus.row[0][1]}的{column}是{value}", knowledge.manner)


def _from_rules(asked: Asked, knowledge: Knowledge, rules: list[tuple[float, int]]) -> str:
    core = meaning.core(asked.text)
    if core and not core.strip("0123456789\ue001\ue002"):
        return manner_of.asking_back(knowledge.manner)
    stated = _from_row(asked, knowledge)
    if stated:
        return stated
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
