"""Markdown that is safe to fill with what customers and models said: tables, and pictures for both themes."""

from __future__ import annotations

from collections.abc import Sequence

from endcloud.scoring.pictures import Picture


def picture(shown: Picture, folder: str = "", heading: str = "##") -> str:
    """A chart under its title; GitHub shows the one that fits the reader's theme. `folder` is where its files are."""
    return f"{heading} {shown.title}\n\n{image(shown, folder)}"


def image(shown: Picture, folder: str = "") -> str:
    """The chart alone, with the key of its numbered labels if it has any."""
    light = next(path.name for path in shown.files if path.name.endswith("-light.png"))
    dark = light.replace("-light.png", "-dark.png")
    text = (
        f'<picture>\n  <source media="(prefers-color-scheme: dark)" srcset="{folder}{dark}">\n'
        f'  <img alt="{shown.title}" src="{folder}{light}" width="760">\n</picture>'
    )
    if shown.key:
        text += "\n\n" + table(["", "label"], [[number, label] for number, label in shown.key.items()])
    return text


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; what stands in its cells is text, never markup."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell(text) for text in line) + " |" for line in lines)


def cell(text: str) -> str:
    """Text of customers and models inside a table: nothing of it becomes markup."""
    for sign, safe in (("\\", "\\\\"), ("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("|", "\\|")):
        text = text.replace(sign, safe)
    for sign in "`*_~":
        text = text.replace(sign, f"\\{sign}")
    text = text.replace("](", "]\\(").replace("][", "]\\[")  # the second half of a link or image
    return " ".join(text.split())
