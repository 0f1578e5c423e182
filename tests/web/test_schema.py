"""Whatever is sent, as the OpenAPI document allows or forbids it, is answered and breaks nothing."""

from __future__ import annotations

from fuzzed import answers
from web_server import Served


def test_nothing_that_is_sent_is_a_server_error(served: Served) -> None:
    seen = answers(served, 80)
    assert [found for found in seen if found[1] >= 500] == []
    assert {"2", "4"} <= {str(status)[0] for _, status in seen}, "some were answered and some refused"
