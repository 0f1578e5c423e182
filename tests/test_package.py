"""The project as a whole: it installs from a wheel, it has no cycles, and its documents name what exists."""

import re
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "endcloud"


def test_a_built_wheel_installs_and_runs_from_an_empty_directory(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, ROOT],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    # The wheel itself is installed; what it needs comes from this environment, so that nothing is fetched here.
    environment = tmp_path / "venv"
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", wheel], check=True, capture_output=True)
    packages = next(Path(path) for path in sys.path if path.endswith("site-packages"))
    (next(environment.glob("lib/*/site-packages")) / "needs.pth").write_text(f"{packages}\n")
    empty = tmp_path / "empty"
    empty.mkdir()
    code = (
        "import endcloud; print(endcloud.__file__);"
        "from endcloud.bundled.shop import load_shop; print(len(load_shop().intents))"
    )
    told = subprocess.run([python, "-c", code], cwd=empty, check=True, capture_output=True, text=True).stdout
    assert str(environment) in told
    assert int(told.split()[-1]) >= 30
    made = subprocess.run(
        [environment / "bin" / "endcloud", "init", "shop"], cwd=empty, check=True, capture_output=True, text=True
    )
    assert "shop" in made.stdout
    state = subprocess.run(
        [environment / "bin" / "endcloud", "status", "--shop", "shop"], cwd=empty, capture_output=True
    )
    assert state.returncode == 0, state.stderr


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_documents_link_to_what_exists(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    linked = re.findall(r"\]\(([^)#:]+)\)", text)
    assert linked
    assert [link for link in linked if not (ROOT / link).exists()] == []


def test_the_readmes_tree_is_the_tree() -> None:
    there = {path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py") if path.name != "__init__.py"}
    there = {path for path in there if "versions" not in path.parts or path.parts[0] != "store"}
    told = set(_tree((ROOT / "README.md").read_text(encoding="utf-8")))
    assert sorted(map(str, there - told - {Path("store/migrations/env.py")})) == [], "not in the README"
    assert sorted(str(path) for path in told if not (PACKAGE / path).exists()) == [], "in the README only"


def _tree(readme: str) -> Iterator[Path]:
    """The paths of the tree that the README draws, two spaces a level; `a.py b.py` on one line are two."""
    block = next(block for block in readme.split("```") if "src/endcloud/" in block and "loop.py" in block)
    folders: list[str] = []
    for line in block.splitlines():
        found = re.match(r"( {2,})((?:[\w.-]+/? )*[\w.-]+/?)(?:  |$)", line)
        if found is None:
            continue
        level = len(found[1]) // 2 - 1
        for name in found[2].split():
            if name.endswith("/"):
                folders[level:] = [name]
            yield Path(*folders[:level], name)


def test_every_module_says_what_happens_in_it() -> None:
    silent = [path for path in PACKAGE.rglob("*.py") if not path.read_text(encoding="utf-8").lstrip().startswith('"""')]
    assert silent == []
