"""The end engine: one thread owns the device, and every reply in flight gets its next token from it.

Who wants a reply puts a row into the queue; between two tokens the thread lets go of the rows whose readers
have left, takes in those that wait, and does what else must be done on the device, such as putting a new
version beside the others. A request holds a lease on the version it began with until it has ended.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Lock, Thread
from typing import TypeVar

from endcloud.end.continuous import ContinuousBatch, Row
from endcloud.end.residents import Resident, Residents
from endcloud.errors import ModelError

Result = TypeVar("Result")
Item = TypeVar("Item")
Listener = Callable[["Flight"], None]

_READ_AT_ONCE = 2_048
"""Tokens of new prompts read between two tokens of the replies in flight, so that none waits long for a newcomer."""


@dataclass(eq=False)
class Flight:
    """One reply from submission to its end. `listener` is called on the device's thread after each token and once
    more when `error` is set; it must only hand over."""

    row: Row
    listener: Listener
    error: BaseException | None = None
    abandoned: bool = False


@dataclass
class Load:
    """How busy the engine is."""

    waiting: int
    in_flight: int
    drawn: int
    prefix_hits: int
    prefix_tokens_saved: int
    leases: dict[str, int] = field(default_factory=dict)


class Engine:
    """Continuous batching over the versions loaded on one base; at most `rows` replies draw at once."""

    def __init__(
        self, residents: Residents, stop_ids: frozenset[int], *, rows: int = 32, prefix_tokens: int = 16_384
    ) -> None:
        self.residents = residents
        self._batch = ContinuousBatch(residents.base.model, residents.forward, stop_ids, prefix_tokens)
        self._most = rows
        self._waiting: deque[Flight] = deque()
        self._calls: deque[Callable[[], None]] = deque()
        self._flights: dict[Row, Flight] = {}
        self._drawn = 0
        self._closed = False
        self._running = False
        self._lock = Lock()

    def hold(self, version: str) -> Resident:
        """A lease on a version, which is loaded beside the others where it is not there yet; give it back to
        `residents.release`.

        Raises VersionError where the version is broken or made for another base; nothing has changed then.
        """
        if (resident := self.residents.lease(version)) is not None:
            return resident
        prepared = self.residents.prepare(version)  # here and not there: reading files must not keep replies waiting
        return self.call(lambda: self.residents.insert(prepared))

    def submit(self, flight: Flight) -> None:
        """Queues a reply, which leases its version until it has ended. Raises ModelError where the engine is closed."""
        self.residents.lease(flight.row.resident.version)
        try:
            self._queue(self._waiting, flight)
        except ModelError:
            self.residents.release(flight.row.resident)
            raise

    def abandon(self, flight: Flight) -> None:
        """Its reader has left: the row is freed before the next token."""
        flight.abandoned = True

    def call(self, work: Callable[[], Result]) -> Result:
        """Runs `work` on the device's thread between two tokens and returns its result."""
        done: Future[Result] = Future()

        def run() -> None:
            try:
                done.set_result(work())
            except BaseException as error:  # handed to the caller, who raises it
                done.set_exception(error)

        self._queue(self._calls, run)
        return done.result()

    def state(self) -> Load:
        prefixes = self._batch.prefixes
        return Load(
            len(self._waiting),
            len(self._flights),
            self._drawn,
            prefixes.hits,
            prefixes.tokens_saved,
            self.residents.held(),
        )

    def close(self) -> None:
        """Replies in flight fail with a ModelError after the token they are at; nothing new is taken."""
        with self._lock:
            self._closed = True

    def _queue(self, queue: deque[Item], item: Item) -> None:
        """Adds to a queue and sees that the thread runs: it ends when there is nothing to do."""
        with self._lock:
            if self._closed:
                raise ModelError("The end engine is closed; start the service again.")
            queue.append(item)
            if not self._running:
                self._running = True
                Thread(target=self._work, name="end-engine", daemon=True).start()

    def _work(self) -> None:
        while self._goes_on():
            while self._calls:
                self._calls.popleft()()
            self._let_go()
            try:
                self._advance()
            except BaseException as error:  # whatever it was, the readers must hear of it and the engine go on
                self._batch.clear()
                self._fail(list(self._flights.values()), error)

    def _goes_on(self) -> bool:
        with self._lock:
            if not self._closed:
                self._running = bool(self._calls or self._waiting or self._flights)
                return self._running
            waiting, self._waiting = list(self._waiting), deque()
            self._running = False
        closed = ModelError("The end engine was closed before the reply had ended; ask again.")
        self._fail([*self._flights.values(), *waiting], closed)
        while self._calls:
            self._calls.popleft()()
        return False

    def _advance(self) -> None:
        """One token for every reply: the next of those in flight, then the newcomers' first."""
        veterans = list(self._flights)
        newcomers = self._newcomers()
        if veterans:
            self._batch.step()
            self._tell(veterans)
        if newcomers:
            self._batch.join(newcomers)
            self._tell(newcomers)

    def _tell(self, rows: Sequence[Row]) -> None:
        for row in rows:
            flight = self._flights[row]
            self._drawn += 1
            if row.finish is not None:
                self._end(row)
            flight.listener(flight)

    def _newcomers(self) -> list[Row]:
        """Those who wait and fit in, in the order they came."""
        taken: list[Row] = []
        tokens = 0
        while self._waiting and len(self._flights) < self._most:
            length = len(self._waiting[0].row.prompt)
            if taken and tokens + length > _READ_AT_ONCE:
                break
            flight = self._waiting.popleft()
            if flight.abandoned:
                self.residents.release(flight.row.resident)
                continue
            self._flights[flight.row] = flight
            taken.append(flight.row)
            tokens += length
        return taken

    def _let_go(self) -> None:
        for row, flight in list(self._flights.items()):
            if flight.abandoned:
                self._end(row)

    def _end(self, row: Row) -> None:
        del self._flights[row]
        if row in self._batch.rows:
            self._batch.leave(row)
        self.residents.release(row.resident)

    def _fail(self, flights: Sequence[Flight], error: BaseException) -> None:
        for flight in flights:
            if flight.row in self._flights:
                self._end(flight.row)
            else:
                self.residents.release(flight.row.resident)
            flight.error = error
            flight.listener(flight)
