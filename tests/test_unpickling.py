"""Pickles can run anything when they are read: one module reads them, restricted to tensors, and no other does."""

from __future__ import annotations

import ast
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "src" / "endcloud"
READER = PACKAGE / "weight_files.py"

UNPICKLERS = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
CALLS = {"torch.load", "torch.hub.load", "pandas.read_pickle", "pd.read_pickle", "torch.jit.load"}


def readings(tree: ast.AST) -> list[str]:
    """Imports and calls by which a pickle could be read."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.split(".")[0] in UNPICKLERS]
        elif isinstance(node, ast.ImportFrom):
            found += [node.module or ""] if (node.module or "").split(".")[0] in UNPICKLERS else []
            found += [f"{node.module}.{alias.name}" for alias in node.names if f"{node.module}.{alias.name}" in CALLS]
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            allowed = any(
                keyword.arg == "allow_pickle" and ast.unparse(keyword.value) != "False" for keyword in node.keywords
            )
            found += [called] if called in CALLS or allowed else []
    return found


def test_nothing_but_the_reader_of_weights_reads_pickles() -> None:
    found = {
        str(path.relative_to(PACKAGE)): readings(ast.parse(path.read_text("utf-8"))) for path in PACKAGE.rglob("*.py")
    }
    assert {name: what for name, what in found.items() if what} == {"weight_files.py": ["pickle", "torch.load"]}


def test_the_reader_of_weights_reads_tensors_only() -> None:
    calls = [
        node
        for node in ast.walk(ast.parse(READER.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith(("torch.load", "pickle."))
    ]
    assert len(calls) == 1
    assert {keyword.arg: ast.unparse(keyword.value) for keyword in calls[0].keywords}["weights_only"] == "True"


def test_what_this_test_looks_for_is_found() -> None:
    assert readings(
        ast.parse("import pickle\nfrom joblib import load\ntorch.load(x)\nnp.load(x, allow_pickle=True)")
    ) == [
        "pickle",
        "joblib",
        "torch.load",
        "np.load",
    ]
