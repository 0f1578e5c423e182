"""The sentences that agents say a hundred times a day, kept in the shop's directory as a file that people can edit."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path

import tomlkit

from endcloud import whole_files
from endcloud.errors import SettingsError

FIRST = (
    "您好，我是人工客服，很高兴为您服务。",
    "请稍等，我马上为您查询。",
    "麻烦您提供一下订单号，我帮您核实。",
    "给您带来不便非常抱歉，我马上为您处理。",
    "问题已经为您记录，处理好后会第一时间联系您。",
    "请问还有其他可以帮您的吗？",
)
"""What a shop begins with."""


class CannedReplies:
    """A list of sentences, in the order in which agents see them."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def all(self) -> list[str]:
        """The list; raises SettingsError where somebody has edited the file into something else."""
        try:
            written = tomllib.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return list(FIRST)
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise SettingsError(f"{self._path.name!r} cannot be read: {error}. Mend or delete it.") from error
        replies = written.get("replies")
        if not isinstance(replies, list) or not all(isinstance(reply, str) for reply in replies):
            raise SettingsError(f"{self._path.name!r} must hold one list 'replies' of sentences; mend or delete it.")
        return replies

    def replace(self, replies: Sequence[str]) -> None:
        """Writes the whole list."""
        document = tomlkit.document()
        document.add(tomlkit.comment("What agents say often, in the order in which the console shows it."))
        document["replies"] = tomlkit.item(list(replies))
        whole_files.write(self._path, tomlkit.dumps(document))
