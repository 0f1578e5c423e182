"""Names of people: after a cue (我叫, 收件人, my name is), or a surname with a title (王女士, Mr Smith).

A name alone cannot be told from a word, so none is looked for without such a sign; what is missed that way is
said in the documentation. Chinese names are a surname of the usual four hundred and one or two characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from endcloud.privacy.finding import Finding

_DOUBLE = "欧阳|上官|司马|诸葛|东方|皇甫|尉迟|公孙|慕容|令狐|司徒|夏侯|端木|南宫|独孤|长孙|宇文|轩辕|呼延|闻人|澹台|百里|申屠|太史|濮阳|单于"
# The hundred most frequent surnames and further ones; those that are mostly other words stand apart.
_COMMON = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙"
    "万段雷钱汤尹黎易常武乔贺赖龚文庞樊兰殷施陶洪翟安颜倪严牛温芦季俞章鲁葛伍韦申尤毕聂焦向柳邢岳齐梅莫庄辛管祝左涂谷祁耿舒卜路詹关苗凌费纪靳盛童欧甄项曲成游裴席卫查屈"
    "鲍位覃霍翁隋甘景薄单包柏宁柯阮桂闵解强柴华车冉房边辜吉饶刁瞿戚丘古米池滕晋苑邬臧畅宫来嵺苟全褚廉简娄盖符奚木穆党燕郎邸冀谈姬屠连郜晏栾郁商蒙计喻揭窦迟宇敖糜鄢冷卓花仇艾蓝都巩稽井练仲乐虞卞封竺冼原官衣楚佟栗匡宗应台巫鞠僧桑荆谌银扬明沙薄伏岑习胥保和蔺"
)
# Surnames that stand before a title mostly as another word (向女士推荐, 成小姐, 全女士 …).
_UNSURE = frozenset("向成全连和来位都单强解应明保原车花房计都乐台官商党简包查边古封木关")
_TITLES = "先生|女士|小姐|太太|夫人|老师|师傅|经理|总监|阿姨|叔叔|同学|医生|大哥|大姐"
_HANZI = "一-鿿"

_SURNAME = re.compile(f"(?:{_DOUBLE})|[{_COMMON}]")
_TITLE = re.compile(f"(?<=[{_HANZI}])(?:{_TITLES})")
_BOUNDARY = frozenset("是叫找给和跟与姓名由让问对为帮请的了，,。.!！?？:： \n\t、;；(（[\x00\x01")

_CUE = re.compile(
    r"(?:(?:我|本人|他|她|孩子|老公|老婆)(?:的?名字)?叫做?|(?:姓名|名字|真名)(?:是|叫|为)?|(?:收件|收货|联系|签收|寄件|发件|取件|购买|持卡|开户)人(?:姓名)?(?:是|为|叫|改成|改为|换成)?"
    r"|户名|机主|称呼我|本人(?=[:是]))[ ]{0,2}[:=]?[ ]{0,2}"
)
_SELF = re.compile(r"(?:我|这里|这边|本人)(?:就)?是(?=[一-鿿]{2,3}(?:[,，。.!！?？ \n;；]|$))")
# Second and third characters that end a name rather than belong to it.
_STOP = "我你您他她它们的了吗呢吧啊是在有要想电手地住，和跟与号不没就也都这那什么谁哪怎可能会请女收寄发退换订单买"
_GIVEN = re.compile(rf"(?:(?!(?:电话|手机|地址|先生|女士|小姐))[^{_STOP}\W\da-zA-Z_]){{1,2}}")
_NO_NAME = frozenset(
    [
        "什么",
        "怎么",
        "多少",
        "那个",
        "这个",
        "哪个",
        "一个",
        "不是",
        "不对",
        "错了",
        "写错",
        "改一",
        "修改",
        "填错",
        "信息",
        "和地",
        "方式",
    ]
)

_ENGLISH_CUE = re.compile(
    r"\b(?:my (?:full )?name(?:'s| is)|(?:the )?name(?: on (?:the|my) (?:account|order))?(?: is|:)|name ?:|i am called|account holder(?: is|:)?|recipient(?: is|:)?)[ ]{1,2}",
    re.IGNORECASE,
)
_ENGLISH_NAME = re.compile(r"[A-Za-z][A-Za-z'’-]{1,20}(?: [A-Za-z]\.)?(?: [A-Za-z][A-Za-z'’-]{1,20}){0,2}")
_ENGLISH_TITLE = re.compile(
    r"\b(?:Mr|Mrs|Ms|Miss|Dr|Mx)\.? (?P<name>[A-Z][A-Za-z'’-]{1,20}(?: [A-Z][A-Za-z'’-]{1,20}){0,2})"
)
_ENGLISH_SELF = re.compile(r"\b(?:I'm|I am|[Tt]his is) (?P<name>[A-Z][a-z'’-]{1,20} [A-Z][a-z'’-]{1,20})\b")
_ENGLISH_STOP = frozenset(
    [
        "and",
        "i",
        "my",
        "the",
        "a",
        "an",
        "is",
        "but",
        "on",
        "in",
        "for",
        "to",
        "not",
        "with",
        "from",
        "it",
        "its",
        "so",
        "can",
        "could",
        "please",
        "he",
        "she",
        "they",
        "we",
        "you",
        "your",
        "of",
        "that",
        "this",
        "there",
        "what",
        "or",
        "at",
        "as",
        "was",
        "by",
        "email",
        "phone",
        "address",
        "order",
        "account",
        "zip",
        "number",
    ]
)


def find(text: str) -> list[Finding]:
    """The names of a view, in its offsets."""
    return [*_after_cue(text), *_before_title(text), *_english(text)]


def _after_cue(text: str) -> Iterator[Finding]:
    for pattern in (_CUE, _SELF):
        for cue in pattern.finditer(text):
            surname = _SURNAME.match(text, cue.end())
            given = _GIVEN.match(text, surname.end()) if surname else None
            if given and text[cue.end() : given.end()][:2] not in _NO_NAME:
                yield Finding("姓名", cue.end(), given.end())


def _before_title(text: str) -> Iterator[Finding]:
    for title in _TITLE.finditer(text):
        start = _name_start(text, title.start())
        if start is not None:
            yield Finding("姓名", start, title.start())


def _name_start(text: str, end: int) -> int | None:
    """Where the name that ends at `end` begins: at a boundary if it can, else at the nearest surname."""
    starts = []
    for size in (4, 3, 2, 1):
        start = end - size
        surname = _SURNAME.match(text, start) if start >= 0 else None
        if surname is None or surname.end() > end or size - len(surname[0]) > 2:
            continue
        if size == 1 and text[start] in _UNSURE:
            continue
        if start == 0 or text[start - 1] in _BOUNDARY:
            return start
        starts.append(start)
    return starts[-1] if starts else None


def _english(text: str) -> Iterator[Finding]:
    for cue in _ENGLISH_CUE.finditer(text):
        name = _ENGLISH_NAME.match(text, cue.end())
        words = name[0].split(" ") if name else []
        kept = 0
        while kept < len(words) and words[kept].lower() not in _ENGLISH_STOP:
            kept += 1
        if kept:
            yield Finding("姓名", cue.end(), cue.end() + len(" ".join(words[:kept])))
    for pattern in (_ENGLISH_TITLE, _ENGLISH_SELF):
        for match in pattern.finditer(text):
            yield Finding("姓名", *match.span("name"))
