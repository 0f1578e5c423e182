"""Personal marks with letters in them: e-mail, chat accounts, order and parcel codes, documents, plates.

Each pattern is anchored at something rare (an `@`, a cue, a plate's province) and every quantifier is bounded:
an e-mail pattern that may start anywhere is quadratic on a long run of letters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from endcloud.privacy import cues
from endcloud.privacy.finding import Finding

# E-mail is looked for around its at sign, so that a long text without one costs nothing.
_AT = re.compile(
    r" {0,2}@ {0,2}|(?<=[a-z0-9])at(?=[A-Za-z0-9-]{1,40}点)"
    r"| ?[(\[] ?(?i:at) ?[)\]] ?| (?i:at) (?=[A-Za-z0-9-]{1,40} ?(?:\.|(?i:dot)))|艾特"
    r"|#(?=[A-Za-z0-9-]{1,40}\.(?:com|cn|net))"
)
_AT_SIGN = re.compile("[@#特]|[aA][tT][ )\\]]|[a-z0-9]at[A-Za-z0-9-]{1,40}点")
_LOCAL = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._%+-"
_DOMAIN = re.compile(
    r"(?:[A-Za-z0-9-]{1,63} {0,1}(?:\.|点| dot |\(dot\)) {0,1}){1,6}(?:[A-Za-z]{2,24})(?![A-Za-z0-9-])", re.IGNORECASE
)

_CUED = re.compile(
    rf"(?:(?P<微信>{cues.WECHAT})|(?P<支付宝>{cues.ALIPAY})|(?P<QQ>{cues.QQ}))"
    r"(?:账号|帐号|号码?|(?i: ?(?:id|account|handle|user ?name)))?"
    r"(?:[^0-9A-Za-z\x00\x01\n。！？!?:=]{0,8}|(?i: (?:as|at|me at|under)))[ ,:=]{0,2}"
    r"(?P<is>(?<=[是为叫:=])|(?i:is))?[ ]{0,2}"
    # After "is" any name of six characters or more; else one with a digit or mark in it, not a plain word.
    r"(?P<account>[A-Za-z](?(is)|(?=[A-Za-z_-]{0,18}[0-9_-]))[A-Za-z0-9_-]{5,23})(?![A-Za-z0-9_@.-])"
)
_CUED_SIGN = re.compile("[信心芯星宝保扣抠蔻鹅vVwWqQ加]|ali ?pay|bao|zfb", re.IGNORECASE)
# The account first, then whose it is: "lily_8842 是我微信"; what begins with wxid_ is one wherever it stands.
_CUED_AFTER = re.compile(
    r"(?<![A-Za-z0-9_@.-])(?P<account>(?=[A-Za-z_-]{0,18}[0-9_-])[A-Za-z][A-Za-z0-9_-]{5,23})(?![A-Za-z0-9_@.-])"
    r"[ ,(\"'”]{0,2}(?:这?个?就?[是为])?(?:我|俺|本人|他|她|老公|老婆|家人)?的?"
    rf"(?:(?P<微信>{cues.WECHAT})|(?P<支付宝>{cues.ALIPAY})|(?P<QQ>{cues.QQ}))"
)
_WECHAT_ID = re.compile(r"(?<![A-Za-z0-9_-])wxid_[A-Za-z0-9]{6,24}(?![A-Za-z0-9_-])")
_ORDER_CODE = re.compile(
    r"(?:(?P<运单>快递单?号?|运单号?|物流单?号?|包裹号?|(?i:tracking)(?i: ?(?:number|no\.?|id))?)"
    r"|(?P<订单>订单(?:编?号|号码)?|单号|交易号|流水号|(?i:(?<![a-z])order)(?i: ?(?:number|no\.?|id))?))"
    r"[ ]{0,2}(?:是|为|:|=|#|(?i:is))?[ #]{0,2}"
    r"(?P<code>(?=[A-Za-z0-9-]{0,24}[0-9]{3})[A-Za-z0-9](?:[A-Za-z0-9-]{4,30})[A-Za-z0-9])(?![A-Za-z0-9])"
)
_PARCEL = re.compile(
    r"(?<![A-Za-z0-9])(?!SKU|EAN|ISBN)(?:[A-Z]{1,4}[0-9]{10,20}|[A-Z]{2}[0-9]{9}[A-Z]{2}|1Z[0-9A-Z]{6}[0-9]{10})(?![A-Za-z0-9])"
)
_PASSPORT = re.compile(r"(?<![A-Za-z0-9])(?:[EGDSPHMegdsphm][0-9]{8}|[Ee][A-Za-z][0-9]{7})(?![A-Za-z0-9])")
_CREDIT_CODE = re.compile(
    r"(?<![A-Za-z0-9])(?=[0-9]{2,16}[A-Z])[0-9A-HJ-NPQRTUWXY]{2}[0-9]{6}[0-9A-HJ-NPQRTUWXY]{10}(?![A-Za-z0-9])"
)
_PLATE = re.compile(
    r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼]"
    r"[A-HJ-NP-Z][ ·•.-]?(?=(?:[A-HJ-NP-Z]{0,6}[0-9]){3})[A-HJ-NP-Z0-9]{5,6}(?![A-Za-z0-9])"
)
_SIGN = re.compile("[@#特A-Za-z]|[0-9][^0-9]{0,2}[0-9]")

# What every code of a sort has: most messages have none of it, and are not read further.
_DIGITS = re.compile("[0-9][^0-9]{0,2}[0-9]")
_LETTER = re.compile("[A-Za-z]")
_ORDER_SIGN = re.compile("[单递流包易]|order|track", re.IGNORECASE)


def find(text: str, catalogue: frozenset[str]) -> list[Finding]:
    """The accounts and codes of a view, in its offsets."""
    if _SIGN.search(text) is None:
        return []
    found = list(_emails(text)) if _AT_SIGN.search(text) else []
    if _CUED_SIGN.search(text):
        for pattern in (_CUED, _CUED_AFTER):
            found += [Finding(_kind(match), *match.span("account")) for match in pattern.finditer(text)]
        found += [Finding("微信", *match.span()) for match in _WECHAT_ID.finditer(text)]
    if _DIGITS.search(text) is None:
        return found
    if _ORDER_SIGN.search(text):
        found += [Finding(_kind(match), *match.span("code")) for match in _ORDER_CODE.finditer(text)]
    if _LETTER.search(text):
        for kind, pattern in (("运单", _PARCEL), ("证件", _PASSPORT), ("车牌", _PLATE)):
            found += [Finding(kind, *match.span()) for match in pattern.finditer(text) if match[0] not in catalogue]
        codes = _CREDIT_CODE.finditer(text)
        found += [Finding("信用代码", *code.span()) for code in codes if _is_credit_code(code[0])]
    return found


def _kind(match: re.Match[str]) -> str:
    """The name of the cue's group that matched."""
    return next(kind for kind in ("微信", "支付宝", "QQ", "运单", "订单") if match.groupdict().get(kind))


def _emails(text: str) -> Iterator[Finding]:
    for at in _AT.finditer(text):
        before = text[max(0, at.start() - 64) : at.start()]
        local = len(before) - len(before.rstrip(_LOCAL))
        domain = _DOMAIN.match(text, at.end(), at.end() + 254) if local else None
        in_words = at[0].lower() == " at "  # "call me at 702-867-8969. Thank you" has no domain
        if domain and not (in_words and not re.match("[0-9-]*[A-Za-z]", domain[0])):
            yield Finding("邮箱", at.start() - local, domain.end())


def _is_credit_code(code: str) -> bool:
    from stdnum.cn import uscc

    return bool(uscc.is_valid(code))
