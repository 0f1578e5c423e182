"""The guard masks, looks again, records, sends, restores and records; and lets nothing out where it cannot."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endcloud.errors import CloudMalformedError, CloudTimeoutError, PrivacyError, UnrestorableError
from endcloud.privacy.detection import Detector
from endcloud.privacy.guard import Guard
from endcloud.privacy.masked_chat import MaskedChat
from endcloud.privacy.masking import ConversationMask, ConversationMasker
from endcloud.privacy.restoring import StreamRestorer
from endcloud.testing.memory_ledger import MemoryLedger
from endcloud.testing.scripted_cloud import ScriptedCloud
from endcloud.types import Delta, MaskedRequest, Message, Request, Tokens

MASKER = ConversationMasker(Detector())
QUESTION = Request(
    (Message("system", "你是客服。"), Message("user", "我电话13800138000，叫我王女士")), conversation="c1"
)


async def _collect(guard: Guard, request: Request) -> list[Delta]:
    return [delta async for delta in guard.stream(request)]


def ask(cloud: ScriptedCloud, ledger: MemoryLedger, request: Request = QUESTION, masker: object = MASKER) -> str:
    guard = Guard(cloud, masker, ledger, timeout=5)  # type: ignore[arg-type]
    return "".join(delta.text for delta in asyncio.run(_collect(guard, request)))


def test_what_was_masked_before_the_guard_is_counted_with_what_it_masks_itself() -> None:
    cloud, ledger = ScriptedCloud(lambda _: "好的"), MemoryLedger()
    chat = MaskedChat(Guard(cloud, MASKER, ledger, timeout=5), MASKER)

    async def asked() -> None:
        assert [delta async for delta in chat.stream(QUESTION)]

    asyncio.run(asked())
    (request,) = cloud.requests
    assert dict(request.masked) == {"电话": 1, "姓名": 1}
    again = replace(QUESTION, masked={"电话": 2})
    ask(cloud, ledger, again)
    assert dict(cloud.requests[-1].masked) == {"电话": 3, "姓名": 1}


def test_masked_text_leaves_and_the_reply_comes_back_restored() -> None:
    cloud, ledger = ScriptedCloud(lambda _: "好的[姓名_1]女士，会打[电话_1]"), MemoryLedger()
    assert ask(cloud, ledger) == "好的王女士，会打13800138000"
    assert [message.content for message in cloud.requests[0].messages] == [
        "你是客服。",
        "我电话[电话_1]，叫我[姓名_1]女士",
    ]
    assert dict(cloud.requests[0].masked) == {"电话": 1, "姓名": 1}
    assert cloud.requests[0].detector == MASKER.detector


def test_the_ledger_has_the_exact_payload_before_and_the_outcome_after() -> None:
    ledger = MemoryLedger()
    seen: list[str] = []

    def answer(request: MaskedRequest) -> str:
        seen.append(ledger.uploads[0].outcome)
        return "好的"

    ask(ScriptedCloud(answer), ledger)
    upload = ledger.uploads[0]
    assert seen == [""]
    assert json.loads(upload.payload) == [
        {"role": message.role, "content": message.content} for message in upload.request.messages
    ]
    assert (upload.outcome, upload.tokens.completion, upload.host) == ("stop", 2, "cloud.test")


def test_known_placeholders_stay_in_both_directions() -> None:
    request = Request((Message("user", "[电话_1]和13800138000"),), placeholders=frozenset({"[电话_1]"}))
    assert ask(ScriptedCloud(lambda _: "[电话_1]与[电话_2]"), MemoryLedger(), request) == "[电话_1]与13800138000"


class BrokenMasker:
    """Fails in the way it is told."""

    detector = "broken"

    def __init__(self, failure: BaseException) -> None:
        self.failure = failure

    def mask(self, messages: Sequence[Message], **_: object) -> ConversationMask:
        raise self.failure

    def unrestorable(self, context: Sequence[Message], reply: str) -> bool:
        raise self.failure


@pytest.mark.parametrize(
    "failure",
    [ValueError("13800138000"), RecursionError(), MemoryError(), UnicodeError(), PrivacyError("no"), AssertionError()],
    ids=lambda failure: type(failure).__name__,
)
def test_whatever_the_masker_raises_nothing_is_sent(failure: BaseException) -> None:
    cloud, ledger = ScriptedCloud(lambda _: "x"), MemoryLedger()
    with pytest.raises(PrivacyError) as caught:
        ask(cloud, ledger, masker=BrokenMasker(failure))
    assert "13800138000" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert (cloud.requests, ledger.uploads) == ([], [])


def test_a_masker_that_takes_too_long_sends_nothing() -> None:
    class SlowMasker(ConversationMasker):
        def mask(self, messages: Sequence[Message], **_: object) -> ConversationMask:  # type: ignore[override]
            import time

            time.sleep(0.3)
            return MASKER.mask(messages)

    cloud = ScriptedCloud(lambda _: "x")
    guard = Guard(cloud, SlowMasker(Detector()), MemoryLedger(), timeout=0.05)
    with pytest.raises(PrivacyError, match="longer than"):
        asyncio.run(_collect(guard, QUESTION))
    assert cloud.requests == []


def test_a_second_look_stops_what_the_first_missed() -> None:
    class LeakingMasker(ConversationMasker):
        """Misses everything the first time it is asked."""

        looks = 0

        def mask(self, messages: Sequence[Message], **arguments: object) -> ConversationMask:  # type: ignore[override]
            self.looks += 1
            found = super().mask(messages, **arguments)  # type: ignore[arg-type]
            return replace(found, messages=tuple(messages)) if self.looks == 1 else found

    cloud, ledger = ScriptedCloud(lambda _: "x"), MemoryLedger()
    with pytest.raises(PrivacyError, match="second look at the masked text still found 姓名, 电话"):
        ask(cloud, ledger, masker=LeakingMasker(Detector()))
    assert (cloud.requests, ledger.uploads) == ([], [])


def test_a_ledger_that_cannot_write_sends_nothing() -> None:
    class FullLedger(MemoryLedger):
        def sent(self, request: MaskedRequest, model: str, host: str, payload: str) -> str:
            raise OSError("disk full")

    cloud = ScriptedCloud(lambda _: "x")
    with pytest.raises(PrivacyError, match="ledger could not record"):
        ask(cloud, FullLedger())
    assert cloud.requests == []


def test_a_reply_with_a_placeholder_from_nowhere_is_an_error_and_recorded() -> None:
    ledger = MemoryLedger()
    with pytest.raises(UnrestorableError):
        ask(ScriptedCloud(lambda _: "打[电话_7]"), ledger)
    assert ledger.uploads[0].outcome == "unrestorable"


def test_a_reply_cut_off_inside_a_placeholder_is_an_error() -> None:
    with pytest.raises(UnrestorableError, match="ends inside"):
        ask(ScriptedCloud(lambda _: "会打[电话_"), MemoryLedger())


def test_a_cloud_error_passes_through_and_is_recorded() -> None:
    ledger = MemoryLedger()
    with pytest.raises(CloudTimeoutError):
        ask(ScriptedCloud(lambda _: CloudTimeoutError("No answer in 3 s: ask again.")), ledger)
    assert ledger.uploads[0].outcome == "CloudTimeoutError"


def test_a_stream_without_a_finish_reason_has_failed() -> None:
    class CutOff(ScriptedCloud):
        async def stream(self, request: MaskedRequest) -> AsyncIterator[Delta]:
            yield Delta("好", tokens=Tokens(3, 1))

    ledger = MemoryLedger()
    with pytest.raises(CloudMalformedError):
        ask(CutOff(lambda _: ""), ledger)
    assert (ledger.uploads[0].outcome, ledger.uploads[0].tokens) == ("CloudMalformedError", Tokens(3, 1))


def test_a_reader_who_leaves_early_is_recorded() -> None:
    ledger = MemoryLedger()

    async def leave() -> None:
        stream = Guard(ScriptedCloud(lambda _: "很长的回答" * 9), MASKER, ledger).stream(QUESTION)
        async for _ in stream:
            break
        await stream.aclose()  # type: ignore[attr-defined]

    asyncio.run(leave())
    assert ledger.uploads[0].outcome == "cancelled"


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(["[电话_1]", "【电话 1】", "好", "[", "】", "[电话", "_1", "[姓名_1]", "x" * 20]), max_size=12
    ),
    st.lists(st.integers(0, 200), max_size=20),
)
def test_a_stream_cut_anywhere_restores_as_the_whole_does(parts: list[str], cuts: list[int]) -> None:
    """However the reply is cut into pieces, the pieces add up to the restored whole."""
    conversation = MASKER.mask([Message("user", "我叫王小明，13800138000")])
    reply = "".join(parts)
    places = sorted({cut for cut in cuts if cut < len(reply)} | {0, len(reply)})
    restorer = StreamRestorer(conversation)
    try:
        pieces = [restorer.feed(reply[start:end]) for start, end in itertools.pairwise(places)]
        streamed = "".join([*pieces, restorer.finish()])
    except UnrestorableError:
        return
    assert streamed == conversation.restore(reply)
    assert "[电话_1]" not in streamed
