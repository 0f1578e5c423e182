"""English names of people: after a cue (my name is, in the name of), with a title (Mr Smith), or where one signs.

A name alone cannot be told from other words with capitals, so none is looked for without such a sign.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from endcloud.privacy.finding import Finding

_SPELLED = """
    aaron abigail adam ahmed aisha alan albert alex alexander alexis ali alice amanda amber amelia amy
    andrea andrew angela anita ann anna anthony arjun arthur ashley austin ava barbara ben benjamin beth
    betty beverly billy bob bobby bradley brandon brenda brian brittany bruce bryan caleb carl carlos carol
    carolyn catherine charles charlotte chen cheryl chloe chris christian christina christine christopher
    claire cynthia dan daniel danielle dave david deborah debra denise dennis diana diane donald donna doris
    dorothy dylan edward elena elijah elizabeth ella emily emma eric ethan eugene evelyn fatima felix
    frances frank gabriel gary george gerald gloria grace gregory hannah harold harper hassan hazel heather
    helen henry hugo isaac isabella ivan jack jacob jacqueline james janet janice jason jean jeffrey jen
    jennifer jeremy jerry jesse jessica jim joan joe john jonathan jordan jose joseph joshua joyce juan
    judith judy julia julie justin karen kate katherine kathleen kathryn kayla keith kelly kenji kenneth
    kevin kimberly kyle larry laura lauren lawrence leila leo liam lily lin linda lisa liz logan lori lucas
    lucia luis madison margaret maria marie marilyn mark martha martin mary mason matt matthew max meg megan
    mei melissa mia michael michelle miguel mike ming mohammed nadia nancy natalie nathan nicholas nick
    nicole noah nora olga oliver olivia omar oscar owen pamela patricia patrick paul peter philip priya
    rachel raj ralph randy raymond rebecca richard robert roger ronald roy russell ruth ryan sam samantha
    samuel sandra sara sarah scott sean sharon shirley simon sofia sophia stephanie stephen steve steven
    susan teresa terry theresa thomas timothy tom tyler victoria vincent virginia walter wayne wei william
    willie yuki zachary zoe
"""
_GIVEN_NAMES = frozenset(_SPELLED.split())
"""The commonest given names of the English-speaking world and of those who moved there: in small letters a name is
known by them alone (this is linda wilson)."""
_CUE = re.compile(
    r"\b(?:my (?:full |first |last )?name(?:'s| is)"
    r"|(?:(?:the|full|first|last|customer) )?name(?:'s|(?: (?:on|for) (?:the|my|this|that|it)(?: \w{4,8})?)?"
    r"(?: is|:| should be| was)) ?|name ?: ?|i am called|account holder(?: is|:)?|recipient(?: is|:)?"
    r"|(?:placed|ordered|signed(?: for)?|registered) (?:by|to|under)|in the name of|attn:?|c/o) {0,2}",
    re.IGNORECASE,
)
_NAME = re.compile(r"[A-Za-z][A-Za-z'’-]{1,20}(?: [A-Za-z]\.)?(?: [A-Za-z][A-Za-z'’-]{1,20}){0,2}")
_WORD = r"[A-Z][A-Za-z'’-]{1,20}"
_SIGN = re.compile("[A-Za-z][a-z'’]").search
_BRANDS = "Martens|Coffee|Pepper|Clean|Muscle|Scholl|Beast|Bean"
_TITLE = re.compile(rf"\b(?:Mr|Mrs|Ms|Miss|Dr|Mx)\.? (?!{_BRANDS})(?P<name>{_WORD}(?: {_WORD}){{0,2}})")
_PAIR = r"[A-Z][a-z'’-]{1,20} [A-Z][A-Za-z'’-]{1,20}"
_HERE = re.compile(
    rf"(?:^|[.!?,] {{0,2}})(?P<name>{_PAIR})(?= (?:here|speaking|again)\b)"
    r"|\b(?:[Tt]hanks|[Rr]egards|[Cc]heers|[Ss]incerely|[Ss]igned|[Hh]i|[Hh]ello|[Dd]ear|[Tt]hank you"
    rf"|[Ww]elcome(?: back)?),? {{1,2}}(?P<end>{_PAIR})(?=[,.!?;]|$)"
    r"|\b(?:[Cc]ustomer|[Bb]uyer|[Cc]ardholder|[Cc]ontact|[Ss]hip to|[Bb]ill to|[Tt]o|[Ff]rom|[Ss]ender) ?: ?"
    rf"(?P<field>{_PAIR})(?=[,.!?;]|$)|(?P<own>{_PAIR})(?= is (?:my|the) (?:full )?name| ordered| placed)"
    r"|\b(?:under|account of|behalf of|order (?:for|of)|contact|reach|ask for|[Mm]e,|husband|wife|name of) "
    rf"(?P<under>{_PAIR})(?=[,.!?;)]|$| at\b| and\b| but\b| please\b| on\b| or\b| with\b)"
)
_SMALL = re.compile(
    r"\b(?:this is|i am|i'm|it's|it is|for|to|under|with|by|of|from|hi|hello|thanks|dear|regards|me),? "
    r"(?P<name>(?P<given>[a-z]{3,12}) [a-z][a-z'’-]{2,20})\b",
    re.IGNORECASE,
)
_SELF = re.compile(r"\b(?:I'm|I am|[Tt]his is|[Ii]t's|[Ii]t is) (?P<name>[A-Z][a-z'’-]{1,20} [A-Z][a-z'’-]{1,20})\b")
# Where an account or a parcel is said to be somebody's: two words with capitals.
_FOR = re.compile(
    r"\b(?:pulled up for|account for|(?:ship|send|deliver)(?:ped|ed)? (?:it |this |that |the \w{2,12} )?to"
    r"|addressed to|belongs to|under the name(?: of)?) (?P<name>[A-Z][a-z'’-]{1,20} [A-Z][A-Za-z'’-]{1,20}"
    r"(?=[,.!?;]|$| at\b| and\b)|[a-z][a-z'’-]{1,20} [a-z][a-z'’-]{1,20}(?=, ?[0-9]))"
)
_STOP = re.compile(
    r"and|i|my|the|a|an|is|but|on|in|for|to|not|with|from|it|its|so|can|could|please|he|she|they|we|you|your|of|"
    r"that|this|there|what|or|at|as|was|by|email|phone|address|order|account|zip|number|no|yes",
    re.IGNORECASE,
)


def find(text: str) -> Iterator[Finding]:
    """The English names of a view, in its offsets."""
    if not _SIGN(text):
        return
    for cue in _CUE.finditer(text):
        name = _NAME.match(text, cue.end())
        words = name[0].split(" ") if name else []
        kept = 0
        while kept < len(words) and not _STOP.fullmatch(words[kept]):
            kept += 1
        if kept:
            yield Finding("姓名", cue.end(), cue.end() + len(" ".join(words[:kept])))
    for pattern in (_TITLE, _SELF, _FOR):
        for match in pattern.finditer(text):
            yield Finding("姓名", *match.span("name"))
    for match in _SMALL.finditer(text):
        if match["given"].lower() in _GIVEN_NAMES and not _STOP.fullmatch(match["name"].split(" ")[1]):
            yield Finding("姓名", *match.span("name"))
    for match in _HERE.finditer(text):
        yield Finding("姓名", *match.span(str(match.lastgroup)))
