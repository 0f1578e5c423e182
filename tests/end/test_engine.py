"""The end engine: replies join and leave between tokens, versions mix in one batch, and nobody notices anybody."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from endcloud.end.base_model import BaseModel
from endcloud.end.chat_format import ChatFormat, with_system
from endcloud.end.continuous import Row, generator, stop_ids_of
from endcloud.end.engine import Engine, Flight
from endcloud.end.methods import LoRA, PrefixTuning, PTuningV2, TrainingPlan
from endcloud.end.prefixes import Prefixes
from endcloud.end.residents import BASE, Residents
from endcloud.end.slots import Slots, Stretch
from endcloud.end.training import PeftTrainer
from endcloud.errors import ModelError
from endcloud.store.versions import StoredVersions
from endcloud.testing.silent_progress import SilentProgress
from endcloud.testing.tiny_base import SYSTEM, tiny_example
from endcloud.types import Message, Sampling

EXAMPLES = [tiny_example(number) for number in range(12)]
GREEDY = Sampling(max_tokens=16)
NEAR_TIE = 1e-4


@pytest.fixture
def kinds(glm: BaseModel, versions: StoredVersions, tmp_path: Path) -> list[str]:
    """The base and a version of each method."""
    made = [BASE]
    for method, rate in ((LoRA(dropout=0.0, targets="all"), 1e-3), (LoRA(rank=4, dropout=0.0), 3e-3)):
        made.append(_trained(glm, versions, tmp_path, method, rate))
    made.append(_trained(glm, versions, tmp_path, PrefixTuning(8), 1e-3))
    made.append(_trained(glm, versions, tmp_path, PTuningV2(5), 1e-2))
    return made


def _trained(base: BaseModel, versions: StoredVersions, work: Path, method: object, rate: float) -> str:
    plan = TrainingPlan(12, rate, rows=2, check_every=12)
    trainer = PeftTrainer(base, method, plan, versions, system=SYSTEM, work=work)  # type: ignore[arg-type]
    return trainer.train(EXAMPLES, [], SilentProgress()).digest


class Asking:
    """Asks an engine and waits for the ends."""

    def __init__(self, base: BaseModel, versions: StoredVersions, **settings: int) -> None:
        self.format = ChatFormat(base.tokenizer)
        self.residents = Residents(base, versions, SYSTEM, 256)
        self.engine = Engine(self.residents, stop_ids_of(self.format, base.model), **settings)
        self._ended = threading.Semaphore(0)

    def flight(self, version: str, messages: Sequence[Message], sampling: Sampling = GREEDY) -> Flight:
        resident = self.engine.hold(version)
        prompt = self.format.prompt_ids(with_system(resident.system, messages))
        self.residents.release(resident)
        return Flight(Row(prompt, resident, sampling, generator(sampling.seed)), self._heard)

    def answer(self, flights: Sequence[Flight]) -> list[list[int]]:
        for flight in flights:
            self.engine.submit(flight)
        for _ in flights:
            assert self._ended.acquire(timeout=60)
        for flight in flights:
            if flight.error:
                raise flight.error
        return [flight.row.ids for flight in flights]

    def _heard(self, flight: Flight) -> None:
        if flight.error is not None or flight.row.finish is not None:
            self._ended.release()


def _same_but_for_ties(alone: Row, together: Row) -> bool:
    """Token by token, up to the first place where the two likeliest tokens were as good as equal."""
    for at, (one, other) in enumerate(zip(alone.ids, together.ids, strict=False)):
        if one != other:
            return alone.margins[at] < NEAR_TIE
    return len(alone.ids) == len(together.ids) or min(alone.margins) < NEAR_TIE


def test_mixed_versions_in_one_batch_say_what_each_says_alone(
    glm: BaseModel, versions: StoredVersions, kinds: list[str]
) -> None:
    asked = [(version, example.messages) for example in EXAMPLES[:6] for version in kinds]
    alone = []
    single = Asking(glm, versions, rows=1, prefix_tokens=0)
    for version, messages in asked:
        flight = single.flight(version, messages)
        single.answer([flight])
        alone.append(flight.row)
    mixed = Asking(glm, versions, rows=7)  # fewer places than replies: they join as others leave
    flights = [mixed.flight(version, messages) for version, messages in asked]
    mixed.answer(flights)
    assert all(_same_but_for_ties(one, flight.row) for one, flight in zip(alone, flights, strict=True))
    assert len({tuple(row.ids) for row in alone}) > len(kinds), "the versions do differ"
    assert mixed.residents.held() == {}


def test_a_newcomer_joins_at_the_next_token(glm: BaseModel, versions: StoredVersions) -> None:
    asking = Asking(glm, versions)
    joined: list[int] = []
    late = asking.flight(BASE, EXAMPLES[1].messages, Sampling(max_tokens=2))

    def send_for_another(flight: Flight) -> None:
        if len(flight.row.logprobs) == 5:
            asking.engine.submit(late)
        if late.row.logprobs and not joined:
            joined.append(len(flight.row.logprobs))
        asking._heard(flight)

    long = asking.flight(BASE, EXAMPLES[0].messages, Sampling(temperature=5.0, max_tokens=40, seed=3))
    long.listener = send_for_another
    asking.engine.submit(long)
    assert asking._ended.acquire(timeout=60) and asking._ended.acquire(timeout=60)
    assert joined and joined[0] <= 8, "it did not wait for the long reply to end"


def test_a_prompt_that_begins_like_an_earlier_one_is_not_read_again(glm: BaseModel, versions: StoredVersions) -> None:
    cold, warm = Asking(glm, versions, prefix_tokens=0), Asking(glm, versions)
    talk, cached = [*EXAMPLES[0].messages], 0
    for _ in range(3):
        one, other = cold.flight(BASE, talk), warm.flight(BASE, talk)
        cold.answer([one])
        warm.answer([other])
        assert _same_but_for_ties(one.row, other.row)
        cached += other.row.cached
        assert one.row.cached == 0
        talk += [Message("assistant", cold.format.text_of(one.row.ids)), Message("user", "还有呢")]
    state = warm.engine.state()
    assert state.prefix_hits == 2 and state.prefix_tokens_saved == cached > 2 * len(EXAMPLES[0].messages)


def test_what_one_version_computed_is_never_given_to_another(
    glm: BaseModel, versions: StoredVersions, kinds: list[str]
) -> None:
    warm = Asking(glm, versions)
    for version in kinds:
        warm.answer([warm.flight(version, EXAMPLES[0].messages)])
    assert warm.engine.state().prefix_hits == 0
    warm.answer([warm.flight(kinds[1], EXAMPLES[0].messages)])
    assert warm.engine.state().prefix_hits == 1


def test_a_version_in_use_stays_and_an_idle_one_makes_room(
    glm: BaseModel, versions: StoredVersions, kinds: list[str]
) -> None:
    asking = Asking(glm, versions)
    asking.residents._most = 2
    held = asking.engine.hold(kinds[1])
    for version in kinds[2:]:
        asking.answer([asking.flight(version, EXAMPLES[0].messages)])
    assert kinds[1] in asking.residents.loaded() and kinds[2] not in asking.residents.loaded()
    asking.residents.release(held)
    before = asking.answer([asking.flight(kinds[1], EXAMPLES[2].messages)])
    asking.residents.release(asking.engine.hold(kinds[2]))
    assert asking.answer([asking.flight(kinds[1], EXAMPLES[2].messages)]) == before


def test_an_abandoned_reply_frees_its_place_and_its_lease(
    glm: BaseModel, versions: StoredVersions, kinds: list[str]
) -> None:
    asking = Asking(glm, versions, rows=1)
    endless = asking.flight(kinds[1], EXAMPLES[0].messages, Sampling(temperature=5.0, max_tokens=100_000, seed=1))
    endless.listener = lambda flight: asking.engine.abandon(flight)
    asking.engine.submit(endless)
    assert asking.answer([asking.flight(kinds[1], EXAMPLES[1].messages)])
    assert asking.residents.held() == {} and asking.engine.state().in_flight == 0


def test_a_failure_reaches_every_reader_and_the_engine_goes_on(
    glm: BaseModel, versions: StoredVersions, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking = Asking(glm, versions)
    expected = asking.answer([asking.flight(BASE, EXAMPLES[0].messages)])
    forward = asking.residents.forward
    monkeypatch.setattr(asking.engine._batch, "_read", _failing)
    for flight in (flights := [asking.flight(BASE, example.messages) for example in EXAMPLES[:3]]):
        asking.engine.submit(flight)
    for _ in flights:
        assert asking._ended.acquire(timeout=60)
    assert {str(flight.error) for flight in flights} == {"out of memory"}
    monkeypatch.setattr(asking.engine._batch, "_read", forward)
    assert asking.answer([asking.flight(BASE, EXAMPLES[0].messages)]) == expected


def _failing(*_: object, **__: object) -> torch.Tensor:
    raise RuntimeError("out of memory")


def test_a_closed_engine_says_so(glm: BaseModel, versions: StoredVersions) -> None:
    asking = Asking(glm, versions)
    flight = asking.flight(BASE, EXAMPLES[0].messages)
    asking.engine.close()
    with pytest.raises(ModelError, match="closed"):
        asking.engine.submit(flight)


def test_slots_move_together_and_give_their_memory_back(glm: BaseModel) -> None:
    slots = Slots(glm.model)
    layers, heads, size = slots._shape
    stretches = [Stretch(*(torch.full((layers, heads, n, size), float(n)) for _ in range(2))) for n in (3, 300, 7)]
    for stretch in stretches:
        slots.add([stretch])
    slots.remove(0)
    assert slots.lengths == [7, 300]
    assert torch.equal(slots.take(0, 7).keys, stretches[2].keys)
    assert torch.equal(slots.take(1, 300).values, stretches[1].values)
    slots.remove(1)
    slots.remove(0)
    assert slots._layers[0].k.numel() < 1_000


def test_prefixes_keep_the_longest_and_drop_the_oldest() -> None:
    def stretch(length: int) -> Stretch:
        return Stretch(torch.arange(length).view(1, 1, length, 1), torch.zeros(1, 1, length, 1))

    prefixes = Prefixes(10)
    prefixes.keep("a", [1, 2, 3], stretch(3))
    prefixes.keep("a", [1, 2, 3, 4, 5], stretch(5))  # contains the first
    prefixes.keep("b", [1, 2, 9], stretch(3))
    found = prefixes.longest("a", [1, 2, 3, 4, 5])
    assert found is not None and found.columns == 4, "the last token is always read"
    assert (found := prefixes.longest("b", [1, 2, 3, 4])) is not None and found.columns == 2
    assert prefixes.longest("c", [1, 2, 3]) is None
    prefixes.keep("a", [7, 7, 7, 7], stretch(4))  # 12 tokens: the least used goes, which is a's
    assert prefixes.longest("a", [1, 2, 3]) is None and prefixes.longest("b", [1, 2, 3]) is not None
