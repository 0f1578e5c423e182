"""Figure 2: a dialogue as customers see it, drawn as speech bubbles."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from endcloud.scoring import pictures
from endcloud.scoring.fonts import Lettering
from endcloud.scoring.pictures import Picture, Theme
from endcloud.types import Message

_WIDTH = 7.4  # inches
_LINE, _PADDING, _GAP, _TOP = 0.25, 0.16, 0.32, 1.05
_SIGNS = 24  # hanzi in a line of a bubble; other signs count half


def dialogue_picture(
    messages: Sequence[Message], directory: Path, *, end: str, title: str = "A sample dialogue", name: str = "dialogue"
) -> Picture:
    """Draws the dialogue, the customer on the left; `end` names who answers."""
    bubbles = [(message.role, wrapped(message.content)) for message in messages]
    heights = [len(lines) * _LINE + 2 * _PADDING for _, lines in bubbles]
    size = (_WIDTH, _TOP + sum(heights) + _GAP * len(heights) + 0.15)

    def draw(figure: Figure, theme: Theme, letter: Lettering) -> None:
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.set_xlim(0, size[0])
        axes.set_ylim(size[1], 0)
        axes.text(0.25, 0.28, title, fontsize=14, fontweight="bold", va="top")
        axes.text(0.25, 0.60, f"left: the customer · right: {end}, greedy", fontsize=10, color=theme.muted, va="top")
        y = _TOP
        for (role, lines), height in zip(bubbles, heights, strict=True):
            width = min(_WIDTH - 1.4, 2 * _PADDING + 0.156 * max(map(breadth, lines)))
            x = 0.35 if role == "user" else _WIDTH - 0.35 - width
            colour = theme.grid if role == "user" else theme.series[0]
            axes.add_patch(
                FancyBboxPatch((x, y), width, height, "round,pad=0,rounding_size=0.14", lw=0, facecolor=colour)
            )
            ink = theme.ink if role == "user" else theme.paper
            for place, line in enumerate(letter.together(lines)):
                axes.text(x + _PADDING, y + _PADDING + _LINE * (place + 0.5), line, fontsize=11, color=ink, va="center")
            y += height + _GAP

    return pictures.write(draw, directory, name, title, size)


def breadth(text: str) -> float:
    """How wide a text is, in hanzi."""
    return sum(1.0 if ord(sign) > 0x2E80 else 0.56 for sign in text)


def wrapped(text: str) -> list[str]:
    """The lines of one bubble: Chinese breaks anywhere, other text between words."""
    most = _SIGNS if breadth(text) > 0.8 * len(text) else int(_SIGNS / 0.56)
    return textwrap.wrap(text, most) or ["…"]
