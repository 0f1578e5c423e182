"""A candidate on trial: a share of conversations meets it first, and live evidence says whether it may serve all.

The gate has judged it on questions that were asked before; a canary is judged on those that come. It passes after a
stated number of replies unless customers or audits say that it is worse than the version that serves the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from endcloud.evolution.watching import Watched


@dataclass(frozen=True, slots=True)
class Trial:
    """What is to be done with a canary, and why."""

    judgement: Literal["promote", "refuse", "undecided"]
    reason: str


def decide(watched: Watched, replies: int, enough: int) -> Trial:
    """The verdict on a canary that has given `replies` replies, of which `enough` are wanted."""
    if watched.fell:
        return Trial("refuse", watched.reason)
    if replies < enough:
        return Trial("undecided", f"The canary has given {replies} of {enough} replies; it goes on.")
    return Trial("promote", f"The canary gave {replies} replies, and nothing says that it is worse. {watched.reason}")
