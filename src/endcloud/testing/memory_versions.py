"""Adapter versions in memory: no directory, only rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from endcloud.errors import VersionError
from endcloud.protocols import Standing
from endcloud.types import AdapterVersion


class MemoryVersions:
    """Keeps versions and the rows about them (`protocols.Versions`); `root` is where paths point to."""

    def __init__(self, root: Path = Path("versions")) -> None:
        self._root = root
        self._versions: dict[str, AdapterVersion] = {}
        self._standings: dict[str, Standing] = {}
        self._metrics: dict[str, dict[str, Any]] = {}
        self.reasons: list[tuple[str, Standing, str]] = []

    def add(self, version: AdapterVersion) -> None:
        self._versions.setdefault(version.digest, version)
        self._standings.setdefault(version.digest, "candidate")

    def get(self, digest: str) -> AdapterVersion:
        if digest not in self._versions:
            raise VersionError(f"There is no adapter version {digest!r}: see `endcloud versions list`.")
        return self._versions[digest]

    def all(self) -> list[AdapterVersion]:
        return list(self._versions.values())

    def path(self, digest: str) -> Path:
        return self._root / self.get(digest).digest

    def standing(self, digest: str) -> Standing:
        return self._standings[self.get(digest).digest]

    def stand(self, digest: str, standing: Standing, reason: str, at: datetime | None = None) -> None:
        """At most one version is active: the one before it is retired."""
        self.get(digest)
        before = self.active()
        if standing == "active" and before is not None and before != digest:
            self._standings[before] = "retired"
        self._standings[digest] = standing
        self.reasons.append((digest, standing, reason))

    def active(self) -> str | None:
        return next((digest for digest, standing in self._standings.items() if standing == "active"), None)

    def canary(self) -> str | None:
        return next((digest for digest, standing in self._standings.items() if standing == "canary"), None)

    def measure(self, digest: str, metrics: Mapping[str, Any]) -> None:
        self._metrics.setdefault(self.get(digest).digest, {}).update(metrics)

    def metrics(self, digest: str) -> dict[str, Any]:
        return dict(self._metrics.get(self.get(digest).digest, {}))
