"""Texts that want to teach: they tell a model what to say, or forge the question-answer pairs it is taught by.

Such a text is no question, so nothing is lost where one is neither audited nor learned from. The patterns are few and
plain on purpose, and are not what keeps a shop safe: labels are held against the rules, caps bound what one customer
can bring, and the gate judges what was learned.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from endcloud.types import Message

HOSTILE = "tells a model what to say"
"""Why such a reply's query is left out, as figures say it."""
LONGEST = 400
"""Characters of a customer's message; more is an essay, and no question that others will ask."""

_COMMANDS = re.compile(
    r"(?:忽略|无视|忘记|忘掉|不要管|别管|推翻).{0,12}(?:以上|之前|前面|上面|所有|全部|原来|现有|其他).{0,12}(?:规则|指令|提示|设定|要求|内容|政策|说明)"
    r"|(?:从现在(?:开始|起)|从今(?:以后|往后)|今后|以后).{0,16}(?:你|都|就|一律|凡是|只要).{0,24}(?:回答|回复|答复|答|说|告诉)"
    r"|(?:必须|一律|统一|只能|只许|请)(?:都|你)?(?:按|照|按照|这样|如下).{0,8}(?:回答|回复|答复)"
    r"|(?:遇到|凡是|只要|如果有人|有人|顾客|别人).{0,10}问.{0,24}(?:你|就|都|一律|要|必须)(?:回答|回复|答复|答|说)"
    r"|扮演|充当|(?:假装|假设)你是|你不再是|(?:调试|开发者?|管理员|维护|越狱|测试)模式|系统(?:提示|指令|消息)|记住.{0,4}[:：]"
    r"|(?:原样|逐字|一字不[改差漏]).{0,6}(?:输出|重复|复述|回复|回答|念|说)|(?:只需|只要|只能|请|直接)输出|(?:现行|最新)规则\s*$"
    r"|^\s*#{1,6}\s|^\s*(?:```|---|\*\*\*)|\"(?:role|messages|content)\"\s*:"
    r"|(?:新|最新)的?(?:规则|规定|政策|指令)(?:是|为|如下)?\s*[:：]"
    r"|(?:ignore|disregard|forget|override).{0,20}(?:previous|above|prior|earlier|all).{0,20}(?:instruction|rule|prompt|polic|message)"
    r"|you are now|from now on.{0,20}(?:you|answer|reply|say)|system prompt|developer mode"
    r"|<\|[a-z_]{1,16}\|>|\[/?inst\]|</?(?:system|user|assistant)>",
    re.IGNORECASE | re.MULTILINE,
)
_ASKED = re.compile(
    r"(?:^|[\s。！!；;，,])(?:问题?|q|question|顾客|客人|客户|用户|买家|user|customer)\d{0,3}\s*[:：]", re.IGNORECASE
)
_ANSWERED = re.compile(
    r"(?:^|[\s。！!；;，,？?])(?:答案?|回答|a|answer|客服|店员|商家|店家|卖家|回复|assistant|agent|system)\d{0,3}\s*[:：]",
    re.IGNORECASE,
)


def wants_to_teach(text: str) -> bool:
    """Whether a customer's message tells a model what to say, forges a pair, or is far too long for a question."""
    if len(text) > LONGEST:
        return True
    plain = unicodedata.normalize("NFKC", text).replace("\u200b", "")
    return bool(_COMMANDS.search(plain)) or bool(_ASKED.search(plain) and _ANSWERED.search(plain))


def tainted(messages: Iterable[Message]) -> bool:
    """Whether any of a customer's messages does: an order given earlier works on the innocent question after it."""
    return any(wants_to_teach(message.content) for message in messages if message.role == "user")
