"""The invented other shops whose conversations the nano model is pre-trained on.

Each has a name, cities, couriers and products of its own, and policies drawn at random from what
`values.toml` lists as said elsewhere: never a value of the bundled shop, never one of its reply sentences.
In most conversations the policies in question stand in the system message, so that the model learns to look
a fact up and to answer in form; in the rest the shop is only named, as in serving, and the model learns to
answer at all.

Customers ask with the wordings of the bundled shop's own training patterns (never the held-out ones),
varied by synonyms and by the carelessness of people who type on a phone: what a customer wants should be
understood from the base model on; what this shop answers is left to fine-tuning.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from endcloud.bundled.intents import Intent, slots_of
from endcloud.bundled.shop import Shop
from endcloud.types import Message

_FIRST = "云山青白木南北小花月星海竹松雨风禾麦拾半溪晴暖安乐知橙米豆果初"
_SECOND = "舍里屋间光田野坊巷川原季时分物织家居衣布"
_KINDS = ("小店", "旗舰店", "家居馆", "专营店", "生活馆", "布艺店", "杂货铺", "优品店", "家纺店")
_GREETINGS = (
    "在吗",
    "亲",
    "你好",
    "您好",
    "请问",
    "在不在",
    "老板",
    "客服",
    "问一下",
    "想问下",
    "hi",
    "掌柜的",
    "那个",
    "麻烦问下",
)
_ENDINGS = (
    "呢",
    "呀",
    "啊",
    "谢谢",
    "哦",
    "哈",
    "呗",
    "嘛",
    "了",
    "急",
    "谢谢啦",
    "~",
    "^_^",
    "[微笑]",
    "！",
    "？？",
    "…",
    "。",
    "?",
    "",
)
_SYNONYMS: tuple[tuple[str, ...], ...] = (
    ("多久", "多长时间", "几天", "多少天", "什么时候", "啥时候", "要等多久"),
    ("什么", "啥", "哪种", "哪个"),
    ("怎么", "咋", "如何", "怎样"),
    ("多少钱", "啥价", "什么价格", "价格多少", "怎么卖", "几块钱"),
    ("可以", "能", "能不能", "可不可以", "能否", "行不行"),
    ("发货", "寄出", "出货", "发出来", "寄出来", "安排发货"),
    ("快递", "物流", "包裹", "件"),
    ("包邮", "免运费", "免邮", "免邮费"),
    ("运费", "邮费", "快递费"),
    ("退货", "退掉", "退回去", "退"),
    ("换货", "换一个", "调换", "换"),
    ("退款", "退钱", "钱退"),
    ("到账", "到", "退回来"),
    ("优惠券", "券", "优惠卷", "代金券"),
    ("优惠", "便宜", "活动", "折扣"),
    ("发票", "票", "开票"),
    ("衣服", "东西", "商品", "货", "宝贝"),
    ("买", "拍", "下单", "购买", "入手"),
    ("收到", "拿到", "签收"),
    ("坏了", "破了", "有问题", "烂了", "损坏"),
    ("客服", "人工", "真人"),
    ("地址", "收货地址"),
    ("质量", "品质"),
    ("尺寸", "大小", "尺码", "规格", "多大"),
    ("材质", "面料", "材料", "布料", "料子"),
    ("洗", "清洗", "清洁"),
    ("有货", "现货", "库存"),
    ("掉色", "褪色", "脱色"),
    ("我", "俺", "咱"),
    ("你们", "你家", "店里", "贵店", "您这边", "店铺"),
    ("没有", "没"),
    ("需要", "要", "得"),
    ("现在", "目前", "眼下"),
    ("想", "打算", "准备"),
    ("知道", "清楚", "晓得"),
    ("告诉", "说", "讲"),
    ("为什么", "为啥", "怎么"),
    ("一下", "下"),
)
_TYPOS = {
    "包邮": "包油",
    "发货": "发火",
    "快递": "快弟",
    "优惠券": "优惠卷",
    "尺码": "尺马",
    "退款": "退宽",
    "的": "得",
    "吗": "嘛",
    "什么": "神马",
    "没有": "木有",
    "支持": "支特",
    "运费": "运废",
}
_SLOT = re.compile(r"\{[^{}]*\}")


@dataclass(frozen=True, slots=True)
class Mix:
    """What the conversations are made of.

    `stated` is the share in which the asked policies stand in the system message: more of it makes a base
    that copies well and knows less. `turns` weighs conversations of one, two, three … questions. `distractors` is
    how many policies stand there beside the asked ones, at most. `varied` is the share of questions whose
    wording is changed by synonyms, `careless` the share with noise.
    """

    stated: float = 0.6
    turns: tuple[float, ...] = (2, 3, 3, 2, 2)
    distractors: int = 3
    varied: float = 0.5
    careless: float = 0.5
    reused_shops: int = 0


@dataclass(slots=True)
class OtherShop:
    """One invented shop; its facts are drawn as they are asked for and stay the same ever after."""

    name: str
    rows: Mapping[str, Sequence[str]]
    draw: random.Random
    known: dict[tuple[str, str], str] = field(default_factory=dict)

    def fact(self, shop: Shop, value: str, row: str) -> str:
        key = (value, row if shop.values[value].by else "")
        if key not in self.known:
            self.known[key] = self.draw.choice(shop.values[value].elsewhere)
        return self.known[key]

    def fill(self, shop: Shop, template: str, row: str) -> str:
        """`template` with this shop's facts and the row's name in its slots."""
        given = dict(_fillers(self.draw))
        for slot in slots_of(template):
            if slot in shop.values:
                given[slot] = self.fact(shop, slot, row)
            elif slot in shop.slots:
                given[slot] = row
        return template.format_map(given)


def conversations(
    shop: Shop,
    number: int,
    seed: int,
    mix: Mix | None = None,
    excluded: Callable[[str], bool] = lambda query: False,
) -> list[tuple[Message, ...]]:
    """`number` conversations of invented shops, the same for the same arguments.

    A question for which `excluded` is true is asked in other words.
    """
    writer = _Writer(shop, random.Random(f"other shops {seed}"), mix or Mix(), excluded)
    return [writer.conversation() for _ in range(number)]


class _Writer:
    """Writes one conversation after the other from one stream of random numbers."""

    def __init__(self, shop: Shop, draw: random.Random, mix: Mix, excluded: Callable[[str], bool]) -> None:
        self._shop = shop
        self._draw = draw
        self._mix = mix
        self._excluded = excluded
        self._intents = [intent for intent in shop.intents.values() if intent.other_shops]
        self._statements = _statements(shop)
        self._pool = [self._invented() for _ in range(mix.reused_shops)]

    def conversation(self) -> tuple[Message, ...]:
        draw, mix = self._draw, self._mix
        stated = draw.random() < mix.stated
        other = draw.choice(self._pool) if self._pool and not stated else self._invented()
        turns = draw.choices(range(1, len(mix.turns) + 1), mix.turns)[0]
        asked: list[tuple[Intent, str]] = []
        messages: list[Message] = []
        for _ in range(turns):
            intent, row, query = self._question(other, asked)
            asked.append((intent, row))
            reply = other.fill(self._shop, draw.choice(intent.other_shops), row)
            messages += [Message("user", query), Message("assistant", reply)]
        system = f"你是{other.name}的客服。"
        if stated:
            system += "".join(f"\n- {line}" for line in self._policies(other, asked))
        return (Message("system", system), *messages)

    def _invented(self) -> OtherShop:
        draw = self._draw
        name = draw.choice(_FIRST) + draw.choice(_SECOND) + draw.choice(_KINDS)
        rows = {
            slot: draw.sample(known.elsewhere, min(4, len(known.elsewhere))) for slot, known in self._shop.slots.items()
        }
        return OtherShop(name, rows, random.Random(draw.getrandbits(64)))

    def _question(self, other: OtherShop, asked: Sequence[tuple[Intent, str]]) -> tuple[Intent, str, str]:
        """The next question: often a follow-up to the one before, where that allows one."""
        draw = self._draw
        last = asked[-1] if asked else None
        if last and last[0].follow_ups and last[0].slot and draw.random() < 0.25:
            intent = last[0]
            row = draw.choice(other.rows[intent.slot])
            return intent, row, self._asked(other, draw.choice(intent.follow_ups), row)
        intent = draw.choice(self._intents)
        row = draw.choice(other.rows[intent.slot]) if intent.slot else ""
        if last and last[1] and intent.follow_ups and last[0].slot == intent.slot and draw.random() < 0.5:
            pattern = draw.choice(intent.follow_ups)
            return intent, (row if slots_of(pattern) else last[1]), self._asked(other, pattern, row)
        while True:
            query = self._asked(other, draw.choice(intent.patterns), row)
            if not self._excluded(query):
                return intent, row, query

    def _asked(self, other: OtherShop, pattern: str, row: str) -> str:
        """A customer's wording of a pattern."""
        draw = self._draw
        if draw.random() < self._mix.varied:
            pattern = _synonyms(pattern, draw)
        name = draw.choice(self._names(row))
        query = other.fill(self._shop, pattern, row).replace(row, name) if row else other.fill(self._shop, pattern, row)
        return _careless(query, draw) if draw.random() < self._mix.careless else query

    def _names(self, row: str) -> Sequence[str]:
        for slot in self._shop.slots.values():
            if row in slot.elsewhere:
                return slot.names(row)
        return (row,)

    def _policies(self, other: OtherShop, asked: Iterable[tuple[Intent, str]]) -> list[str]:
        """Statements of every fact that the questions are about, and of some others, in random order."""
        draw, shop = self._draw, self._shop
        wanted = {(value, row if shop.values[value].by else "") for intent, row in asked for value in intent.values}
        for value in draw.sample(sorted(shop.values), draw.randint(0, self._mix.distractors)):
            by = shop.values[value].by
            wanted.add((value, draw.choice(other.rows[by]) if by else ""))
        lines = [
            other.fill(shop, draw.choice(self._statements[value]), row)
            for value, row in sorted(wanted)
            if self._statements[value]
        ]
        draw.shuffle(lines)
        return list(dict.fromkeys(lines))


def _statements(shop: Shop) -> dict[str, list[str]]:
    """For each value the sentences that can state it in a policy: other shops' own reply wordings."""
    found: dict[str, list[str]] = {value: [] for value in shop.values}
    for intent in shop.intents.values():
        for reply in intent.other_shops:
            for value in slots_of(reply) & found.keys():
                found[value].append(reply)
    return found


def _fillers(draw: random.Random) -> dict[str, str]:
    """What customers and shops write where this conversation's own numbers stand; masked, as in training."""
    return {
        "order": "[订单_1]",
        "parcel": "[快递_1]",
        "phone": "[电话_1]",
        "number": str(draw.randint(1, 999)),
    }


def _synonyms(pattern: str, draw: random.Random) -> str:
    """Up to three words of the pattern replaced by words that customers use alike; slots stay."""
    groups = [group for group in _SYNONYMS if any(word in pattern for word in group)]
    for group in draw.sample(groups, min(len(groups), draw.randint(1, 3))):
        word = max((word for word in group if word in _SLOT.sub("", pattern)), key=len, default="")
        if word:
            parts = re.split(r"(\{[^{}]*\})", pattern)
            other = draw.choice(group)
            pattern = "".join(part if part.startswith("{") else part.replace(word, other, 1) for part in parts)
    return pattern


def _careless(query: str, draw: random.Random) -> str:
    """The query as somebody types it on a phone: a greeting, an ending, a typo, a lost or doubled character."""
    if draw.random() < 0.4:
        query = draw.choice(_GREETINGS) + draw.choice(("", "，", " ", ",")) + query
    if draw.random() < 0.3:
        query = query.rstrip("？?。") + draw.choice(_ENDINGS)
    if draw.random() < 0.15:
        for word, typo in draw.sample(sorted(_TYPOS.items()), len(_TYPOS)):
            if word in query:
                query = query.replace(word, typo, 1)
                break
    if draw.random() < 0.25 and len(query) > 5 and "[" not in query:
        position = draw.randrange(len(query))
        if not query[position].isdigit():
            query = query[:position] + query[position + 1 :]
    return query
