"""What a customer's words ask of the service itself rather than of a model: a person, or live facts.

Few and plain patterns on purpose: whoever writes 转人工 must get a person at once, and a pattern that
guesses would take others away from a model that can answer them.
"""

from __future__ import annotations

import re

_PERSON = re.compile(
    r"转(?:接)?(?:到)?人工|人工(?:客服|服务|坐席|回复)|(?:找|叫|要|换|接)(?:一?个|位)?(?:人工|真人|活人)|真人客服|"
    r"(?:speak|talk|chat)\s+(?:to|with)\s+(?:a\s+)?(?:human|person|agent|someone)|human\s+agent|real\s+person",
    re.IGNORECASE,
)
_NOT_A_PERSON = re.compile(r"人工(?:智能|费|湖|草)|不(?:用|要|需要|想)转?(?:人工|真人)|手工|人工(?:做|缝)")
_COMPLAINT = re.compile(
    r"投诉|差评|12315|消协|骗子|欺骗|骗人|忽悠|垃圾|太差|什么态度|敷衍|气死|生气|无语|"
    r"答非所问|听不懂|不解决|没用|complain|ridiculous|useless|terrible",
    re.IGNORECASE,
)
_LIVE = re.compile(
    r"(?:快递|包裹|物流|订单|货|件).{0,6}(?:到哪|在哪|哪里了|哪儿了|走到|什么位置|进度|状态)|"
    r"(?:查|看)(?:一下|下)?.{0,4}(?:物流|快递|订单|单号)|到哪(?:里|儿)?了|"
    r"(?:还有|有没有|有)(?:现)?货(?:吗|么|没)|库存(?:还|有|多少)|"
    r"where(?:'s| is) my (?:parcel|order|package)|track(?:ing)? (?:my )?(?:order|parcel|package)|in stock",
    re.IGNORECASE,
)


def asks_for_a_person(text: str) -> bool:
    """Whether the customer wants to speak with a person."""
    return bool(_PERSON.search(text)) and not _NOT_A_PERSON.search(text)


def complains(text: str) -> bool:
    """Whether the customer is angry with the shop or with the answers."""
    return bool(_COMPLAINT.search(text))


def asks_for_live_facts(text: str) -> bool:
    """Whether the answer changes by the hour: where a parcel is, what is in stock."""
    return bool(_LIVE.search(text))
