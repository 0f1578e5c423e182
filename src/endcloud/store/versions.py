"""What is known about adapter versions. Implements `endcloud.protocols.Versions`.

The version itself is a directory that never changes (`VersionFiles`); its standing and its metrics are rows
appended here. The standing that counts is the newest one; at most one version is active.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Connection, insert, select

from endcloud.errors import UnknownVersionError, VersionError
from endcloud.protocols import Standing, VersionFiles
from endcloud.store.database import Database, now
from endcloud.store.tables import MetricRow, StandingRow
from endcloud.types import AdapterVersion


class StoredVersions:
    """Versions of one shop: files on disk, rows in the store."""

    def __init__(self, database: Database, files: VersionFiles) -> None:
        self._database = database
        self._files = files

    def add(self, version: AdapterVersion) -> None:
        """Enters a version whose directory is written; it begins as a candidate."""
        if self._standing(version.digest) is None:
            self.stand(version.digest, "candidate", "trained")

    def get(self, digest: str) -> AdapterVersion:
        """The version of this digest or beginning of one; raises VersionError where that is none, or several."""
        found = [version for version in self._files.all() if len(digest) >= 4 and version.digest.startswith(digest)]
        if len(found) != 1:
            what = "is the beginning of several versions" if found else "is no version of this shop"
            raise UnknownVersionError(f"{digest!r} {what}; `endcloud versions list` shows them all.")
        return found[0]

    def all(self) -> list[AdapterVersion]:
        """All versions on this machine, oldest first."""
        entered = self._entered()
        return sorted(self._files.all(), key=lambda version: (entered.get(version.digest, now()), version.digest))

    def path(self, digest: str) -> Path:
        """The directory of a version."""
        return self._files.path(digest)

    def standing(self, digest: str) -> Standing:
        """What holds of a version now."""
        return self._standing(digest) or "candidate"

    def stand(self, digest: str, standing: Standing, reason: str, at: datetime | None = None) -> None:
        """Says what holds from `at` (now) on. A version that becomes active retires the one before it."""
        moment = (at or now()).astimezone(UTC)

        def stand(connection: Connection) -> None:
            before = _active(connection)
            rows = [_row(digest, standing, reason, moment)]
            if standing == "active" and before and before != digest:
                rows.insert(0, _row(before, "retired", f"{digest} took over", moment))
            connection.execute(insert(StandingRow), rows)

        self._database.write(stand)

    def withdraw(self, reason: str, at: datetime | None = None) -> str:
        """Takes the active version out of service for cause and puts the one before it back; returns that one.

        The withdrawn version stands as rejected, so that withdrawing again goes further back and never returns to it.
        Both are one write: whatever happens, one version is in service.
        """
        moment = (at or now()).astimezone(UTC)

        def withdraw(connection: Connection) -> str:
            active, before = _active(connection), _before(connection)
            rows = [_row(before, "active", reason, moment)]
            if active is not None:
                rows.insert(0, _row(active, "rejected", reason, moment))
            connection.execute(insert(StandingRow), rows)
            return before

        return self._database.write(withdraw)

    def active(self) -> str | None:
        """The digest of the version in service, if any."""
        with self._database.reading() as connection:
            return _active(connection)

    def canary(self) -> str | None:
        """The version that a share of conversations meets before it may serve all, if any."""
        with self._database.reading() as connection:
            return _standing_as(connection, "canary")

    def previous(self) -> str:
        """The version that was in service before the active one and was not itself taken out of service for cause;
        raises VersionError where there was none."""
        with self._database.reading() as connection:
            return _before(connection)

    def history(self, digest: str) -> list[tuple[datetime, str, str]]:
        """All that was said of a version: when, standing, reason; oldest first."""
        chosen = select(StandingRow.__table__).where(StandingRow.version == digest).order_by(StandingRow.id)
        with self._database.reading() as connection:
            return [(row.at, row.standing, row.reason) for row in connection.execute(chosen)]

    def measure(self, digest: str, metrics: Mapping[str, Any]) -> None:
        """Adds figures about a version."""
        row = {"version": digest, "figures": dict(metrics), "at": now()}
        self._database.write(lambda connection: connection.execute(insert(MetricRow), row))

    def metrics(self, digest: str) -> dict[str, Any]:
        """All figures about a version; where a name was measured twice, the newest."""
        chosen = select(MetricRow.figures).where(MetricRow.version == digest).order_by(MetricRow.id)
        figures: dict[str, Any] = {}
        with self._database.reading() as connection:
            for found in connection.scalars(chosen):
                figures.update(found)
        return figures

    def _standing(self, digest: str) -> Standing | None:
        with self._database.reading() as connection:
            newest = select(StandingRow.standing).where(StandingRow.version == digest).order_by(StandingRow.id.desc())
            return cast("Standing | None", connection.scalars(newest.limit(1)).first())

    def _entered(self) -> dict[str, datetime]:
        with self._database.reading() as connection:
            rows = connection.execute(select(StandingRow.version, StandingRow.at).order_by(StandingRow.id.desc()))
            return {row.version: row.at for row in rows}


def _row(digest: str, standing: Standing, reason: str, at: datetime) -> dict[str, Any]:
    return {"version": digest, "standing": standing, "reason": reason, "at": at}


def _before(connection: Connection) -> str:
    chosen = select(StandingRow.version).where(StandingRow.standing == "active").order_by(StandingRow.id.desc())
    active, newest = _active(connection), _newest(connection)
    for version in connection.scalars(chosen):
        if version != active and newest[version] != "rejected":
            return str(version)
    raise VersionError("No version was in service before this one, so there is none to go back to.")


def _active(connection: Connection) -> str | None:
    """The version whose newest standing is `active`."""
    return _standing_as(connection, "active")


def _standing_as(connection: Connection, wanted: Standing) -> str | None:
    return next((version for version, standing in _newest(connection).items() if standing == wanted), None)


def _newest(connection: Connection) -> dict[str, str]:
    """What holds of each version now."""
    chosen = select(StandingRow.version, StandingRow.standing).order_by(StandingRow.id)
    return {row.version: row.standing for row in connection.execute(chosen)}
