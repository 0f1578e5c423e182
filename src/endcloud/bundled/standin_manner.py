"""How the stand-in speaks: a general assistant's manner where it knows no shop, and the shop's manner where it does.

A large model that is asked a shop's question without the shop's rules answers politely, at length and with nothing
in it (the paper's Table III). The general replies are written for this project; they hold no facts of any shop.
"""

from __future__ import annotations

from endcloud.bundled import standin_meaning as meaning

_QUOTED = 30  # characters of a question that a general reply repeats


def general_reply(question: str) -> str:
    """A general assistant's reply to a customer's question: polite, long, and without a fact of any shop."""
    language = meaning.language()
    core = meaning.core(question)
    if meaning.is_bare_number(core):
        return language.otherwise["number"]
    notions = meaning.notions(core) | meaning.notions(question)
    for notion, reply in language.general.items():
        if notion in notions:
            return reply
    return language.otherwise["other"].format(question=question.strip()[:_QUOTED] or "问题")


def in_manner(statement: str, manner: str) -> str:
    """A rule or a fact, said as the prompt's service manner asks: 亲 in front and 哦 behind where it names them."""
    opening = "亲，" if "亲" in manner and not statement.startswith("亲") else ""
    ending = next((particle for particle in ("哦", "呢") if particle in manner), "")
    return f"{opening}{statement.rstrip('。.！!哦呢 ')}{ending}。"


def holding_reply(manner: str) -> str:
    """Said where the prompt has a shop but nothing on the question: a promise to check, and no fact."""
    return in_manner("这个问题我先帮您核实一下，请稍等", manner)


def asking_back(manner: str) -> str:
    """Said to a bare number: what is meant by it."""
    return in_manner("请问您发的这个数字是想问什么呢，是订单、尺寸还是数量", manner)
