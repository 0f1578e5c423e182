"""The review sheet as one web page that needs nothing else: no network, no server, no account.

Everything that customers and models said is data (JSON with every `<` escaped) and shown as text, never as markup; the
page's own content policy forbids it to load or send anything.
"""

from __future__ import annotations

import json
from importlib.resources import files

from endcloud.feedback.review_sheet import Sheet

_PLACE = "/*SHEET*/null"


def as_page(sheet: Sheet, title: str) -> str:
    """The page; judgements stay in the reader's browser until they are exported as CSV."""
    template = (files("endcloud.feedback") / "review_page.html").read_text(encoding="utf-8")
    assert template.count(_PLACE) == 1
    rows = [
        {"id": row.id, "said": [[message.role, message.content] for message in row.messages], "reply": row.reply}
        for row in sheet.rows
    ]
    data = json.dumps({"sheet": sheet.id, "title": title, "rows": rows}, ensure_ascii=False)
    for sign, safe in (
        ("<", "\\u003c"),
        (">", "\\u003e"),
        ("&", "\\u0026"),
        ("\u2028", "\\u2028"),
        ("\u2029", "\\u2029"),
    ):
        data = data.replace(sign, safe)
    return template.replace(_PLACE, data)
