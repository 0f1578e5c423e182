"""How customers really type: greetings in front, particles behind, typos, missing punctuation, odd widths.

`colloquial` turns a clean wording into one a shop would see in its logs. It changes no fact: names in `keep`
(cities, products, order numbers) are left as they are.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

FRONTS = (
    *("在吗", "亲", "你好", "您好", "在不在", "老板", "亲，在吗", "hi", "掌柜的", "请问", "客服在吗", "问一下", "想问下"),
    *("麻烦问下", "哈喽", "在么", "有人吗", "亲亲", "店家", "你好呀"),
)
BACKS = (
    *("呢", "呀", "啊", "谢谢", "哈", "哦", "？？", "～", "急", "亲", "，谢谢啦", "[微笑]", "^_^", "在线等", "，急急急"),
    *("求回复", "。。。", "！", "嘞", "，麻烦了", "[抱拳]", "哈哈", "，回一下"),
)
TYPOS = (
    *(("包邮", "包油"), ("运费", "云费"), ("快递", "快弟"), ("多少", "多小"), ("怎么", "咋"), ("什么", "神马"), ("什么", "啥")),
    *(("发票", "发飘"), ("退款", "退宽"), ("优惠券", "优惠卷"), ("可以", "可已"), ("客服", "客福"), ("没有", "木有")),
    *(("订单", "定单"), ("尺寸", "尺村"), ("收到", "收倒"), ("地址", "地扯"), ("退货", "退或"), ("发货", "发火"), ("物流", "物留")),
    *(("材质", "材制"), ("时候", "时侯"), ("几天", "几天天"), ("价格", "价个"), ("现货", "现伙"), ("会员", "会圆"), ("赠品", "增品")),
    *(("吗", "嘛"), ("吗", "么"), ("的", "滴"), ("这个", "介个"), ("没", "木"), ("要", "要要"), ("有没有", "有木有"), ("好", "好好")),
)
_ENDS = "？?！!。.，,～~ "


def colloquial(text: str, draw: random.Random, keep: Sequence[str] = ()) -> str:
    """`text` as a customer might type it; about a quarter of the draws leave it as it is."""
    if draw.random() < 0.12:
        text = _mistyped(text, draw, keep)
    text = _punctuated(text, draw)
    if draw.random() < 0.35:
        text = draw.choice(FRONTS) + draw.choice(("，", " ", "", "！", "？")) + text
    if draw.random() < 0.35:
        text = text.rstrip(_ENDS) + draw.choice(BACKS)
    if draw.random() < 0.04:
        text = text.translate({ord(mark): other for mark, other in zip("，？！", ",?!", strict=True)})
    return text


def _mistyped(text: str, draw: random.Random, keep: Sequence[str]) -> str:
    """One homophone or colloquial spelling, outside the names to keep."""
    pieces = re.split("(" + "|".join(map(re.escape, keep)) + ")", text) if keep else [text]
    fitting = [
        (place, right, wrong)
        for place, piece in enumerate(pieces)
        if piece not in keep
        for right, wrong in TYPOS
        if right in piece
    ]
    if fitting:
        place, right, wrong = draw.choice(fitting)
        pieces[place] = pieces[place].replace(right, wrong, 1)
    return "".join(pieces)


def _punctuated(text: str, draw: random.Random) -> str:
    """Drops, doubles or adds the mark at the end, and now and then the comma inside."""
    chance = draw.random()
    if chance < 0.25:
        text = text.rstrip(_ENDS) + "？"
    elif chance < 0.35:
        text = text.rstrip(_ENDS) + draw.choice(("??", "？？？", "。", "...", "！"))
    if draw.random() < 0.15:
        text = text.replace("，", " ")
    return text
