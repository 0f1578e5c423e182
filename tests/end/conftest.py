"""Two tiny random bases of different architecture, and a real store of versions."""

from __future__ import annotations

from pathlib import Path

import pytest

from endcloud.end.base_model import BaseModel, load_base
from endcloud.end.versions import VersionDirectory
from endcloud.store.database import Database, sqlite_url
from endcloud.store.versions import StoredVersions
from endcloud.testing.silent_progress import SilentProgress
from endcloud.testing.tiny_base import save_tiny_base


@pytest.fixture(scope="session", params=["glm", "qwen3"])
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> BaseModel:
    directory = save_tiny_base(request.param, tmp_path_factory.mktemp(request.param))
    return load_base(str(directory), device="cpu", precision="float32")


@pytest.fixture(scope="session")
def glm(tmp_path_factory: pytest.TempPathFactory) -> BaseModel:
    return load_base(str(save_tiny_base("glm", tmp_path_factory.mktemp("glm"))), device="cpu", precision="float32")


@pytest.fixture
def versions(tmp_path: Path) -> StoredVersions:
    return StoredVersions(Database(sqlite_url(tmp_path / "store.db")), VersionDirectory(tmp_path / "versions"))


@pytest.fixture
def progress() -> SilentProgress:
    return SilentProgress()
