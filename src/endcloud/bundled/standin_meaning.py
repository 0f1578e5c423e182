"""How near two customer questions are in meaning: light normalisation, general notions and character n-grams.

All that is known here is general Chinese of online shopping, in standin_language.toml (fillers, common typos,
synonyms, cities, couriers); nothing of any one shop. Texts become hashed features once and are kept; a prompt's
500 questions are compared with a question by a few numpy operations, in well under a millisecond.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

_BUCKETS = 1 << 16
_MARK = re.compile(r"\[[^\[\]]{1,20}\]|<[^<>]{1,8}>")
_MARKED = re.compile("(?:订单号?|快递单号|运单号?|单号|手机号?|电话)\ue001")  # the number is named, not asked about
_BARE_NUMBER = re.compile(r"[额那就要是个行不的吗到约可以话算应该\s\ue001\ue002]*")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_MANNER = frozenset("是多少久什么怎样可以能吗有没不要给还会就几时间候啥得行用想这那哪")
_SAYS_LITTLE = 0.3  # weight of n-grams that are only a manner of asking
_NOT_WORD = re.compile(r"[^\w\u4e00-\u9fff\ue000-\uf8ff]+|_")
_MARK_SIGN, _NUMBER_SIGN = "\ue001", "\ue002"
_KIND_SIGN = {"city": "\ue003", "courier": "\ue004", "product": "\ue005"}


@dataclass(frozen=True)
class Language:
    """What standin_language.toml knows, compiled."""

    typos: Mapping[str, str]
    filler: re.Pattern[str]
    notions: Mapping[str, re.Pattern[str]]
    names: Mapping[str, re.Pattern[str]]
    general: Mapping[str, str]
    otherwise: Mapping[str, str]


@cache
def language() -> Language:
    """The general Chinese that the stand-in starts from."""
    source = resources.files("endcloud.bundled").joinpath("standin_language.toml")
    known = tomllib.loads(source.read_text(encoding="utf-8"))
    return Language(
        typos=known["typos"],
        filler=_any_of(known["fillers"]["words"]),
        notions={name: re.compile(pattern) for name, pattern in known["notions"].items()},
        names={kind: _any_of(names.split()) for kind, names in known["names"].items()},
        general=known["general"],
        otherwise=known["otherwise"],
    )


def _any_of(words: Sequence[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, sorted(words, key=len, reverse=True))))


def plain(text: str) -> str:
    """NFKC, lower case, no zero-width characters, common typos and variants undone."""
    text = unicodedata.normalize("NFKC", text).lower()
    text = "".join(character for character in text if unicodedata.category(character) not in ("Cf", "Cc", "Cs", "Co"))
    for typo, meant in language().typos.items():
        if typo in text:
            text = text.replace(typo, meant)
    return text


@lru_cache(maxsize=16_384)
def entities(text: str) -> dict[str, tuple[str, ...]]:
    """Cities and couriers that a text names, in order of appearance."""
    text = plain(text)
    return {kind: tuple(dict.fromkeys(pattern.findall(text))) for kind, pattern in language().names.items()}


def core(text: str, names: Sequence[str] = ()) -> str:
    """What is left of an utterance without greetings, fillers, punctuation, cities, couriers and product `names`.

    Marks and entities leave a sign of their kind. A text of fillers alone stays as it is: it means just that.
    """
    text = _MARK.sub(_MARK_SIGN, plain(text))
    text = _MARKED.sub(_MARK_SIGN, text)
    for name in names:
        text = text.replace(name, _KIND_SIGN["product"])
    for kind, pattern in language().names.items():
        text = pattern.sub(_KIND_SIGN[kind], text)
    bare = _NOT_WORD.sub("", text)
    stripped = language().filler.sub("", bare)
    return stripped if content_length(stripped) else bare


def content_length(text: str) -> int:
    """How many characters of a `core` say something of their own: no signs of entities, no bare pointing."""
    return len(
        re.sub(
            "[\ue000-\uf8ff]|那|这|它|款|个|种|也|还|要|是|吗|么|到|寄|发|去|如果|换成|同样|一样|怎么样|怎么说",
            "",
            text,
        )
    )


def is_bare_number(text: str) -> bool:
    """Whether a `core` is a number and nothing else: who sent it has to say what is meant."""
    return bool(_NUMBER.search(text)) and bool(_BARE_NUMBER.fullmatch(_NUMBER.sub("", text)))


def notions(text: str) -> frozenset[str]:
    """The general notions of shopping that a text touches."""
    text = plain(text)
    known = language()
    found = {name for name, pattern in known.notions.items() if pattern.search(text)}
    if known.names["courier"].search(text) or _KIND_SIGN["courier"] in text:
        found.add("courier")
    return frozenset(found)


Features = tuple[NDArray[np.int64], NDArray[np.float64]]


@lru_cache(maxsize=32_768)
def features(text: str, names: tuple[str, ...] = ()) -> Features:
    """Hashed features of a text: ids, each once, and their weights (characters, 2- and 3-grams, notions)."""
    kept = core(text, names)
    weights: dict[int, float] = {0: 0.1}  # never empty
    if is_bare_number(kept):
        weights[_bucket("only a number")] = 3.0
        return np.array(list(weights)), np.array(list(weights.values()))
    kept = _NUMBER.sub(_NUMBER_SIGN, kept)
    for size, weight in ((1, 0.4), (2, 1.0), (3, 0.8)):
        for start in range(len(kept) - size + 1):
            gram = kept[start : start + size]
            weights[_bucket(gram)] = weight * (_SAYS_LITTLE if _MANNER.issuperset(gram) else 1.0)
    for name in notions(kept):
        weights[_bucket(f"notion {name}")] = 1.6
    return np.array(list(weights), dtype=np.int64), np.array(list(weights.values()), dtype=np.float64)


def _bucket(feature: str) -> int:
    return 1 + zlib.crc32(feature.encode("utf-8", "replace")) % (_BUCKETS - 1)


class MeaningIndex:
    """Texts that a question is compared with: TF-IDF over their own features, cosine in [0, 1].

    With `like`, a few more texts weighed as those of another index.
    """

    def __init__(self, texts: Sequence[str], like: MeaningIndex | None = None) -> None:
        self.size = len(texts)
        parts = [features(text) for text in texts] or [features("")]
        self._ids = np.concatenate([ids for ids, _ in parts])
        self._starts = np.cumsum([0, *(len(ids) for ids, _ in parts[:-1])])
        self._idf: NDArray[np.float64] = like._idf if like else self._rarity()
        self._weights = np.concatenate([weight for _, weight in parts]) * self._idf[self._ids]
        self._norms = np.sqrt(np.add.reduceat(self._weights**2, self._starts))

    def _rarity(self) -> NDArray[np.float64]:
        return np.asarray(np.log(1.0 + (self.size + 1) / (np.bincount(self._ids, minlength=_BUCKETS) + 0.5)))

    def similarities(self, query: Features) -> NDArray[np.float64]:
        """Cosine of the query with each text; shape (size,)."""
        ids, weights = query
        weighted = weights * self._idf[ids]
        dense = np.zeros(_BUCKETS)
        dense[ids] = weighted
        dots = np.add.reduceat(dense[self._ids] * self._weights, self._starts)
        return np.asarray(dots / (self._norms * np.sqrt((weighted**2).sum()) + 1e-12))[: self.size]


def blend(first: Features, second: Features, weight: float) -> Features:
    """The features of two texts together, the second's at `weight`: a short question in the light of an earlier one."""
    merged = dict(zip(second[0].tolist(), (second[1] * weight).tolist(), strict=True))
    merged.update(zip(first[0].tolist(), first[1].tolist(), strict=True))
    return np.array(list(merged), dtype=np.int64), np.array(list(merged.values()), dtype=np.float64)
