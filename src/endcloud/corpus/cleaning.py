"""What a recorded dialogue goes through before it teaches anything: named steps, each a pure function.

Texts: entities → invisible characters → separators → corpus marks → emoji marks → notices → spaces.
Dialogues: system messages and notices out, turns of one side merged, then empty, one-sided and over-long ones
refused with their reason. Personal data is not found here: that is `privacy`'s one function, called after this.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from endcloud.types import Dialogue, Message

EMOJI = "🙂"

# A desensitised corpus writes a value's kind in brackets: `[订单x]`. These are the other spellings seen.
RAW_KINDS = {"ORDERID": "订单", "USERID": "用户", "PHONE": "电话", "EMAIL": "邮箱", "URL": "链接"}
MARK_KINDS = (
    *("订单", "数字", "金额", "日期", "时间", "姓名", "地址", "站点", "电话", "链接", "邮箱", "身份证号"),
    *("组织机构", "用户", "银行卡", "快递单号", "运单", "微信", "商品"),
)
_KIND = "|".join(MARK_KINDS)
_RAW = "|".join(RAW_KINDS)
_LOOSE_MARK = re.compile(rf"[\[［]\s*({_KIND})\s*[xX×＊*]\s*[\]］]")
_RAW_MARK = re.compile(rf"[\[［]({_RAW})_?(?:[0-9A-Za-z_]*|\[(?:{_KIND})x\])[\]］]")
_NESTED = re.compile(rf"\[((?:[^\[\]]|\[(?:{_KIND})x\])*\[(?:{_KIND})x\](?:[^\[\]]|\[(?:{_KIND})x\])*)\]")

_MARK = re.compile(rf"\[({_KIND})x\]")

_SEPARATOR = re.compile(r"<sep>|!@@@!|<br\s*/?>", re.IGNORECASE)
_EMOJI_MARK = re.compile(r"(?:#E(?:-[a-z]?(?:\[数字x\]|\d{1,3})?)?(?![A-Za-z])|/:(?:\d{3}|\^_\^|-W))(?:\s*(?=#E|/:))?")
_EMOJI_RUN = re.compile(rf"{EMOJI}(?:\s*{EMOJI})+")
_SPACES = re.compile(r"\s+")

# Words that a chat window wrote, not a person: cut out of a turn …
_INLINE_NOTICE = re.compile(
    r"顾客通过点击\S{0,12}?(?:\[站点x\])?\S{0,8}?信息发送[:：]?|\[自动回复\]|【自动回复】"
    r"|[，,](?:订单金额|下单时间)[:：](?:NaN[-: NaN]*)?(?=[，,\s]|$)"  # fields that the window left empty
)
# … or the whole turn.
_NOTICE = re.compile(
    r"系统(?:消息|提示|通知)\s*[:：].{0,200}"
    r"|.{0,30}(?:已接入|进入了?)(?:人工)?(?:会话|客服)[。!！]?"
    r"|.{0,30}(?:撤回了一条消息|离开了?会话|结束了?(?:本次)?会话|会话已?(?:超时)?(?:结束|关闭))[。!！]?"
    r"|(?:用户|顾客|客户|买家)(?:发起|申请|请求)转人工[。!！]?"
    r"|(?:当前)?(?:排队|等待)人数.{0,30}|以[上下][为是]?(?:历史|新)消息|对方正在输入.{0,6}"
    r"|.{0,40}(?:has (?:joined|left) the chat|chat (?:session )?(?:has )?ended)\.?",
    re.IGNORECASE,
)


def unescape_entities(text: str) -> str:
    """`&nbsp;` and `&amp;gt;`: twice, since logs are often escaped twice."""
    return html.unescape(html.unescape(text)) if "&" in text else text


def drop_invisible(text: str) -> str:
    """Removes control, zero-width, private-use and broken characters; line breaks and tabs become spaces."""
    if text.isprintable():
        return text
    kept = (" " if char in "\t\n\r\v\f\x85\u2028\u2029" or char.isspace() else char for char in text)
    return "".join(char for char in kept if char == "\u200d" or unicodedata.category(char)[0] != "C").replace(
        "\u200d", ""
    )


def unify_separators(text: str) -> str:
    """`<sep>` and `!@@@!`, which some corpora put between merged turns, become a space."""
    return _SEPARATOR.sub(" ", text)


def unify_marks(text: str) -> str:
    """Every mark of a desensitised value takes the one form `[种类x]`; a list of them loses its brackets.

    `[ORDERID_10002026]` → `[订单x]`; `[订单编号:[订单x]，订单金额:[金额x]]` → `订单编号:[订单x]，订单金额:[金额x]`.
    """
    if "[" not in text and "［" not in text:
        return text
    text = _LOOSE_MARK.sub(r"[\1x]", text)
    text = _RAW_MARK.sub(lambda match: f"[{RAW_KINDS[match.group(1)]}x]", text)
    while (flattened := _NESTED.sub(r"\1", text)) != text:
        text = flattened
    return text


def marks_in(*texts: str) -> frozenset[str]:
    """The kinds of all marks in cleaned texts."""
    return frozenset(kind for text in texts for kind in _MARK.findall(text))


def unify_emoji(text: str) -> str:
    """`#E-s[数字x]`, `#E-s12` and `/:087` become one emoji, a run of them a single one."""
    return _EMOJI_RUN.sub(EMOJI, _EMOJI_MARK.sub(EMOJI, text))


def cut_notices(text: str) -> str:
    """Cuts what the chat window wrote into a person's turn."""
    return _INLINE_NOTICE.sub("", text)


def collapse_spaces(text: str) -> str:
    return _SPACES.sub(" ", text).strip()


TEXT_STEPS = (
    unescape_entities,
    drop_invisible,
    unify_separators,
    unify_marks,
    unify_emoji,
    cut_notices,
    collapse_spaces,
)


def clean_text(text: str) -> str:
    for step in TEXT_STEPS:
        text = step(text)
    return text


def is_notice(text: str) -> bool:
    """Whether a whole turn is a notice of the chat system."""
    return bool(_NOTICE.fullmatch(text))


def merge_turns(messages: Iterable[Message]) -> list[Message]:
    """Consecutive turns of one side become one, joined by a space, as in JDDC's own merged files."""
    merged: list[Message] = []
    for message in messages:
        if merged and merged[-1].role == message.role:
            merged[-1] = replace(message, content=f"{merged[-1].content} {message.content}")
        else:
            merged.append(message)
    return merged


LONGEST_MESSAGE = 20_000
"""Characters above which a message is a log or a file, and nothing that somebody typed."""


def clean_dialogue(dialogue: Dialogue, longest: int, dropped: Counter[str]) -> Dialogue | None:
    """The cleaned dialogue, or None; what was left out is counted in `dropped` by reason.

    Its turns are not merged yet: a number spread over two of them is found by where one ends (`privacy.split_values`).
    `longest` is the number of merged turns above which a dialogue is no conversation but a log gone wrong.
    """
    spoken = list(_spoken(dialogue.messages, dropped))
    messages = merge_turns(spoken)
    sides = {message.role for message in messages}
    if not messages:
        dropped["empty dialogue"] += 1
    elif len(sides) < 2:
        dropped["one-sided dialogue"] += 1
    elif len(messages) == 2 and messages[0].role == "assistant":
        dropped["unanswered dialogue"] += 1
    elif len(messages) > longest:
        dropped["over-long dialogue"] += 1
    else:
        return replace(dialogue, messages=tuple(spoken))
    return None


def _spoken(messages: Iterable[Message], dropped: Counter[str]) -> Iterable[Message]:
    """The messages that a person said, cleaned. One that nobody types is left out before it costs anything."""
    for message in messages:
        if len(message.content) > LONGEST_MESSAGE:
            dropped["over-long message"] += 1
            continue
        text = clean_text(message.content)
        if message.role == "system":
            dropped["system message"] += 1
        elif not text or text == "nan":
            dropped["empty turn"] += 1
        elif is_notice(text):
            dropped["system notice"] += 1
        else:
            yield replace(message, content=text)
