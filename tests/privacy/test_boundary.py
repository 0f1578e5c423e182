"""Only `endcloud.privacy` makes what a cloud client accepts."""

from __future__ import annotations

import ast
from pathlib import Path

import endcloud

PACKAGE = Path(endcloud.__file__).parent


def makers_of_masked_requests(package: Path) -> set[str]:
    """The modules that call `MaskedRequest(…)` under any name, or `replace(…)` beside it."""
    makers = set()
    for path in package.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {"MaskedRequest"} | {
            alias.asname
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
            if alias.name == "MaskedRequest" and alias.asname
        }
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            # The class called by name or attribute, or handed on to be called (partial, object.__new__, map).
            parts = [node.func, *node.args]
            called = {part.id for part in parts if isinstance(part, ast.Name)}
            called |= {part.attr for part in parts if isinstance(part, ast.Attribute)}
            if called & names and not _asks_for_type(node):
                makers.add(path.relative_to(package).parts[0])
    return makers


def _asks_for_type(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Name) and node.func.id in {"isinstance", "issubclass", "cast", "fields"}


def test_only_privacy_constructs_a_masked_request() -> None:
    assert makers_of_masked_requests(PACKAGE) == {"privacy"}


def test_the_search_sees_other_ways_of_making_one(tmp_path: Path) -> None:
    for number, source in enumerate(
        [
            "from endcloud.types import MaskedRequest as M\nM()",
            "import endcloud.types as t\nt.MaskedRequest()",
            "from functools import partial\npartial(MaskedRequest)",
            "object.__new__(MaskedRequest)",
        ]
    ):
        (tmp_path / f"way{number}.py").write_text(source, encoding="utf-8")
    (tmp_path / "asks.py").write_text("isinstance(x, MaskedRequest)", encoding="utf-8")
    assert makers_of_masked_requests(tmp_path) == {f"way{number}.py" for number in range(4)}
