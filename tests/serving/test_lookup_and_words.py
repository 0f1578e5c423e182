"""The shop's own system is asked over HTTP, and the shipped list of words lets the bundled shop speak."""

import asyncio
import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from endcloud.bundled.shop import load_shop
from endcloud.errors import SettingsError
from endcloud.serving.lookup import lookup_of
from endcloud.serving.word_list import parse, shipped
from endcloud.web.logs import DiscreetFormatter


class System(BaseHTTPRequestHandler):
    """Knows anna's parcel, breaks for some, redirects, and takes its time: until the tests are over."""

    tests_over = threading.Event()

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        status, text = {"anna": (200, " 您的包裹在杭州 "), "slow": (200, "晚了"), "broken": (500, "")}.get(
            asked["customer"], (404, "")
        )
        if asked["customer"] == "slow":
            self.tests_over.wait(60)
        if asked["customer"] == "elsewhere":
            self.send_response(307)
            self.send_header("location", "http://127.0.0.1:9/")
            self.send_header("content-length", "0")
            self.end_headers()
            return
        body = json.dumps({"text": text}).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), System)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/lookup"
    System.tests_over.set()
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("customer", "found"),
    [("anna", "您的包裹在杭州"), ("bert", None), ("broken", None), ("slow", None), ("elsewhere", None)],
)
def test_a_system_behind_a_url_is_asked_and_its_failures_are_not_knowing(
    url: str, customer: str, found: str | None
) -> None:
    seconds = 0.2 if customer == "slow" else 30.0
    assert asyncio.run(lookup_of(url, seconds)(customer, "我的包裹到哪了")) == found


@pytest.mark.parametrize("named", ["nonsense", "no.such.module:f", "json:nothing", "json:__name__", "http://"])
def test_a_lookup_that_is_none_is_refused_at_the_start(named: str) -> None:
    with pytest.raises(SettingsError, match="The lookup"):
        lookup_of(named, 1.0)


def test_the_bundled_shop_can_say_all_that_it_states() -> None:
    words, shop = parse(shipped()), load_shop()
    stated = [*shop.rules(), *(reply for intent in shop.intents.values() for reply in intent.replies)]
    assert [text for text in stated if words.problem(text, ())] == []


@pytest.mark.parametrize(
    ("text", "forbidden"),
    [
        ("我们是全网最低价", True),
        ("这款销量第一", True),
        ("第一次下单送5元", False),
        ("最好不要机洗", False),
        ("材质是100%桑蚕丝", False),
        ("100%不掉色", True),
    ],
)
def test_the_shipped_words(text: str, forbidden: bool) -> None:
    assert bool(parse(shipped()).problem(text, ())) is forbidden


def test_a_list_reads_remarks_and_harmless_words() -> None:
    words = parse("# 说明\n最好 # 绝对化\n\n允许 最好别\n允许\n最好\n")
    assert words.words == ("最好", "允许") and words.allowed == ("最好别",)


def test_logs_tell_where_an_error_came_from_and_not_what_it_said() -> None:
    try:
        raise ValueError("张三的电话13812345678")
    except ValueError as error:
        told = (ValueError, error, error.__traceback__)
    record = logging.LogRecord("endcloud.web", logging.ERROR, __file__, 1, "a write failed", (), told)
    record.exc_text = "13812345678"
    text = DiscreetFormatter().format(record)
    assert "ValueError, through" in text and "test_lookup_and_words.py" in text and "13812345678" not in text
