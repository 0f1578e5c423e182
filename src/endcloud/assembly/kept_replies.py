"""Replies kept between runs of one command, so that a killed evaluation asks nothing twice.

A file holds what one version said to a list of conversations with one sampling; its name is a digest of all that
decides the replies. Answering is deterministic, so a kept reply is the one that would be given again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

from endcloud import whole_files
from endcloud.types import Message, Sampling


class KeptReplies:
    """The replies in one directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def of(
        self,
        model: str,
        sampling: Sampling,
        conversations: Sequence[Sequence[Message]],
        answer: Callable[[], list[str]],
    ) -> list[str]:
        """The replies that `model` (base, precision, role and version) gives; `answer` is asked where none are kept."""
        said = [[[message.role, message.content] for message in messages] for messages in conversations]
        about = json.dumps([model, asdict(sampling), said], ensure_ascii=True, sort_keys=True)
        path = self._directory / f"{sha256(about.encode()).hexdigest()[:24]}.json"
        try:
            replies: list[str] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            replies = answer()
            whole_files.write(path, json.dumps(replies, ensure_ascii=False))
        return replies
