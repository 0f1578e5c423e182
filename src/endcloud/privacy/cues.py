"""The words that announce an account of a chat or a payment service, in the spellings that dodge a filter.

Fragments of patterns, for whoever looks behind them: `numbers` for digits, `accounts` for names with letters,
`split_values` for what goes on in the next message.
"""

from __future__ import annotations

WECHAT = (
    r"(?:[微威薇维徽唯葳魏卫][信心芯星]|[vVwW][信❤心]|加[微薇vV]|(?i:(?<![a-z])(?:vx|wx|wei ?(?:xin|信)|we ?chat)))号?"
)
ALIPAY = r"(?:[支知吱只][付附富]?[宝保]|[支付]{2}(?i:bao)|(?i:(?<![a-z])(?:zfb|zhi ?fu ?bao)|ali ?pay))"
QQ = r"(?:[qQ] ?[qQ]|[扣抠蔻]{2}|[qQ]号|加[qQ]|企鹅)号?"
