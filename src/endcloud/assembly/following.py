"""Follows a shop while it is served: the version in service, the list of forbidden words, the rules.

A thread looks once a second. A newly promoted version is loaded beside the one that answers and takes over when it
is ready; requests under way end with the version they began with. What cannot be loaded or read changes nothing, is
said once, and is tried again when it changes.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any

from endcloud.assembly.training_window import Away, drain, give_memory_up, windows_of
from endcloud.errors import EndcloudError

if TYPE_CHECKING:
    from endcloud.assembly.shop import Shop
    from endcloud.end.engine import Engine
    from endcloud.end.generation import LocalEndModel
    from endcloud.end.remote import RemoteEnd
    from endcloud.serving.confidence import Confidence
    from endcloud.serving.release import Check
    from endcloud.serving.router import EndRoute

_LOOK_SECONDS = 1.0


class Follower(AbstractContextManager["Follower"]):
    """What of a service changes while it runs. `checks` is one list for its whole life, changed in place."""

    def __init__(self, shop: Shop, model: LocalEndModel | RemoteEnd) -> None:
        self._shop = shop
        self.model: LocalEndModel | RemoteEnd | Away = model
        self.checks: list[Check] = _checks(shop)
        self._route = self._route_of(model)
        self._refused = ""
        self._canary = ""  # the canary that was last seen, whether it answers or not
        self._files = _stamps(shop, model.version)
        self._ended, self._looking = Event(), Lock()
        self._thread = Thread(target=self._follow, name="shop follower", daemon=True)

    @classmethod
    def of(cls, shop: Shop) -> Follower:
        """Loads the version in service. Raises VersionError or ModelError where it cannot answer."""
        from endcloud.assembly.remote_end import remote_end

        write_word_list(shop)
        return cls(shop, remote_end(shop) if shop.settings.serving.end_url else shop.end_model())

    def __enter__(self) -> Follower:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        if (engine := self.engine) is not None:
            engine.close()

    @property
    def engine(self) -> Engine | None:
        """What draws the replies; none where a server behind a URL does."""
        from endcloud.end.generation import LocalEndModel

        return self.model.engine if isinstance(self.model, LocalEndModel) else None

    def end(self) -> EndRoute:
        """The end model as the next request meets it."""
        return self._route

    def look(self) -> None:
        """Looks now, whatever the thread does: on return the service is as the shop was when this was called."""
        with self._looking:
            self._trying(self._follow_window)
            if not isinstance(self.model, Away):  # there is no model to follow anything with
                self._trying(self._follow_version)
                self._trying(self._follow_files)
                self._trying(self._follow_canary)

    def _follow(self) -> None:
        while not self._ended.wait(_LOOK_SECONDS):
            self.look()

    def _trying(self, step: Callable[[], None]) -> None:
        try:
            step()
        except EndcloudError as error:
            self._shop.progress.say(f"The service goes on as it was: {error}")
        except Exception as error:  # the thread must outlive whatever a file or a model does
            self._shop.progress.say(f"The service goes on as it was: {type(error).__name__} while following the shop.")

    def _follow_window(self) -> None:
        """Gives the memory of the end model to a training that asked for it, and takes it back."""
        from endcloud.end.generation import LocalEndModel
        from endcloud.store.database import now

        windows = windows_of(self._shop)
        window = windows.open(now())
        if isinstance(self.model, Away) and window is None:
            self.model = self._shop.end_model()
            self._answer_as(self.model)
            self._shop.progress.say("The training window has ended: the end model answers again.")
        elif isinstance(self.model, LocalEndModel) and window is not None:
            self._shop.progress.say("A training window begins: until it ends, the cloud and people answer.")
            self._lend(self.model)
        if isinstance(self.model, Away) and window is not None and window.granted is None:
            windows.grant(window.number, now())

    def _lend(self, model: LocalEndModel) -> None:
        """Nobody is answered by the end model from now on, and its memory is free."""
        from endcloud.serving.confidence import Uncalibrated
        from endcloud.serving.router import EndRoute

        self.model = away = Away(model.version)
        self._route = EndRoute(away, away.version, Uncalibrated())
        drain(model)
        del model
        give_memory_up(self._shop)

    def _follow_version(self) -> None:
        from endcloud.end.generation import LocalEndModel

        if not isinstance(self.model, LocalEndModel):
            return
        active = self._shop.versions.active() or "base"
        if active in (self.model.version, self._refused):
            return
        self._refused = active  # until it answers; a version that cannot is not tried every second
        model = self.model.at(active)
        self._answer_as(model)
        self.model, self._refused = model, ""
        self._shop.progress.say(f"Version {self._shop.version_name(active)} answers from now on.")

    def _follow_files(self) -> None:
        stamps = _stamps(self._shop, self.model.version)
        if stamps == self._files:
            return
        assert not isinstance(self.model, Away)
        self._files = stamps
        for name in ("policies", "catalogue", "teacher"):  # what the cloud is told holds the other two
            self._shop.__dict__.pop(name, None)  # read again at next use
        self.checks[:] = _checks(self._shop)
        self._answer_as(self.model)

    def _answer_as(self, model: LocalEndModel | RemoteEnd) -> None:
        """From the next request on; a canary takes its place beside the new route at the same look."""
        self._route = self._route_of(model)
        self._canary = ""

    def _follow_canary(self) -> None:
        """Puts a candidate on trial before a share of conversations, and takes it away when the trial is decided."""
        from endcloud.end.generation import LocalEndModel

        canary = self._shop.versions.canary() or ""
        if canary == self._canary or not isinstance(self.model, LocalEndModel):
            return
        self._canary = canary  # one that cannot answer is not tried every second
        self._route = replace(self._route, canary=None)
        if canary:
            share = self._shop.settings.evolution.canary_share
            self._route = replace(self._route, canary=self._route_of(self.model.at(canary)), share=share)
            self._shop.progress.say(f"{share:.0%} of conversations meet version {self._shop.version_name(canary)}.")

    def _route_of(self, model: LocalEndModel | RemoteEnd) -> EndRoute:
        """A version in clear text, with its judge."""
        from endcloud.assembly.escalation import confidence_of, nearness_of, relevance_of
        from endcloud.end.remote import RemoteEnd
        from endcloud.privacy.masked_chat import MaskedChat
        from endcloud.serving.confidence import Uncalibrated
        from endcloud.serving.router import EndRoute

        if isinstance(model, RemoteEnd):
            return _remote_route(self._shop, model)
        chat, name = MaskedChat(model, self._shop.masker), model.version
        confidence = confidence_of(self._shop, name)
        judge = overridden(self._shop, confidence)
        if isinstance(confidence, Uncalibrated):  # it looks at neither nearness nor relevance
            return EndRoute(chat, name, judge)
        return EndRoute(chat, name, judge, nearness_of(self._shop, name), relevance_of(self._shop))


def _remote_route(shop: Shop, model: RemoteEnd) -> EndRoute:
    """A server's replies: judged early where it tells log-probabilities, else whole, by the relevance scorer."""
    from endcloud.assembly.escalation import relevance_of
    from endcloud.serving.confidence import ByRelevance, Uncalibrated
    from endcloud.serving.router import EndRoute

    if model.abilities.log_probabilities:
        return EndRoute(model, model.version, overridden(shop, Uncalibrated()))
    return EndRoute(model, model.version, overridden(shop, ByRelevance()), relevance=relevance_of(shop))


def overridden(shop: Shop, confidence: Confidence) -> Confidence:
    """The judge with what the operator wants otherwise."""
    settings = shop.settings.serving
    wanted: dict[str, Any] = {"accept": settings.accept, "held_back": settings.held_back}
    changed = {name: value for name, value in wanted.items() if value is not None}
    return replace(confidence, **changed) if changed else confidence  # type: ignore[type-var]


def write_word_list(shop: Shop) -> None:
    """Gives a shop the shipped list of forbidden words to edit, where it has none."""
    from endcloud import whole_files
    from endcloud.serving.word_list import shipped

    path = word_list_path(shop)
    if not path.exists():
        whole_files.write(path, shipped())


def word_list_path(shop: Shop) -> Path:
    from endcloud.serving.word_list import FILE_NAME

    return shop.directory.root / FILE_NAME


def _checks(shop: Shop) -> list[Check]:
    """What every reply must pass: the shop's forbidden words, and the facts of its rules and goods."""
    from endcloud.serving.release import StatedFacts
    from endcloud.serving.word_list import read

    goods = tuple(row.text for row in shop.catalogue.rows)
    return [read(word_list_path(shop)), StatedFacts((*shop.policies.lines, *goods))]


def _stamps(shop: Shop, version: str) -> tuple[tuple[int, int], ...]:
    """When the files that a service follows were last changed, and how long they are; how much is retired."""
    from endcloud.assembly.escalation import calibration_path
    from endcloud.store.lessons import StoredRetirements

    directory = shop.directory
    corpus = directory.corpus / "manifest.json"  # a forgotten customer's examples are shown to no cloud any more
    paths = (word_list_path(shop), directory.policies, directory.catalogue, calibration_path(shop, version), corpus)
    retired = StoredRetirements(shop.database).count()  # the cloud that takes over is shown these pairs no more
    files = ((path.stat().st_mtime_ns, path.stat().st_size) if path.exists() else (0, 0) for path in paths)
    return (*files, (retired, 0))
