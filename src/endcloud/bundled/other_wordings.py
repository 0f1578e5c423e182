"""The words that the invented other shops are made of: names, manners, and what stands for what.

Lists only, and the two ways in which a sentence is varied by them: a few words replaced by others that are used
alike, and a character left out, as people do who type on a phone.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

FIRST = "云山青白木南北小花月星海竹松雨风禾麦拾半溪晴暖安乐知橙米豆果初"
SECOND = "舍里屋间光田野坊巷川原季时分物织家居衣布"
KINDS = ("小店", "旗舰店", "家居馆", "专营店", "生活馆", "布艺店", "杂货铺", "优品店", "家纺店")
OPENINGS = ("", "", "亲，", "亲，", "您好，", "好的亲，", "亲亲，", "您好亲，")
CLOSINGS = ("", "。", "哦", "哦", "呢", "呢", "哈", "的哦", "的呢", "哟", "呀", "，谢谢", "哦，欢迎选购", "呢，您放心")
SYNONYMS: tuple[tuple[str, ...], ...] = (
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
CONFIRMED = (
    ("", ""),
    ("您说的是", "吗"),
    ("", "，对吧"),
    ("是", "哦"),
    ("记下了，", "。"),
    ("跟您确认，", "，没错吧"),
)
REPLY_SYNONYMS: tuple[tuple[str, ...], ...] = (
    ("免邮费", "免运费", "包邮", "免邮"),
    ("邮费", "运费", "快递费"),
    ("寄出", "发出", "寄走", "发走", "发货"),
    ("送达", "签收", "收到"),
    ("修改", "更改"),
    ("收货信息", "收货地址"),
    ("可以", "都可以", "能够"),
    ("退还", "退回", "退款", "打款"),
    ("补寄", "补发", "重新发货", "重发"),
    ("未动", "不动", "没更新", "没动静"),
    ("售价", "价格是", "单价", "价格"),
    ("采用", "用的是", "用"),
    ("规格为", "尺寸是", "规格是", "长宽"),
    ("优惠券", "立减券", "券"),
    ("立减", "少付", "优惠"),
    ("奖励", "红包", "现金"),
    ("晒单", "晒图", "带图评价"),
    ("购买", "下单"),
    ("附赠", "赠送"),
    ("保修期", "保修", "质保"),
    ("仓库位于", "仓库在", "发货地是"),
    ("预计", "大约", "一般", "大概"),
    ("之内", "内", "以内"),
    ("本店", "我们", "小店", "店里", "我家", "我们家"),
    ("人工服务", "客服"),
    ("答复", "回复", "处理"),
    ("付款", "支付"),
    ("开具", "开好", "开出"),
    ("破损", "损坏"),
    ("调换", "换货", "更换"),
)
SLOT = re.compile(r"\{[^{}]*\}")
"""A slot of a template, such as {city}."""


def with_synonyms(pattern: str, draw: random.Random, known: Sequence[Sequence[str]]) -> str:
    """Up to three words of the pattern replaced by words that are used alike; slots stay."""
    groups = [group for group in known if any(word and word in pattern for word in group)]
    for group in draw.sample(groups, min(len(groups), draw.randint(1, 3))):
        word = max((word for word in group if word and word in SLOT.sub("", pattern)), key=len, default="")
        if word:
            parts = re.split(r"(\{[^{}]*\})", pattern)
            other = draw.choice(group)
            pattern = "".join(part if part.startswith("{") else part.replace(word, other, 1) for part in parts)
    return pattern


def shortened(pattern: str, draw: random.Random) -> str:
    """The pattern without one of its characters, as people leave one out; slots and short patterns stay."""
    places = [place for place, character in enumerate(SLOT.sub(lambda m: "{" * len(m[0]), pattern)) if character != "{"]
    if len(places) < 5:
        return pattern
    place = draw.choice(places)
    return pattern[:place] + pattern[place + 1 :]
