"""`privacy.upload = "strict"`: the cloud sees no longer run of digits, the end model and the customer lose nothing."""

from __future__ import annotations

import json
import re
from pathlib import Path

import httpx
from served_shop import serving_shop

from endcloud.assembly import Shop
from endcloud.privacy.placeholders import PLACEHOLDER
from endcloud.testing.silent_progress import SilentProgress

SAID = "一套12999元，放在学院路，我的会员号是MB-77，打400-810-0000"
PRIVACY = {"allowed": ("400-810-0000",)}


def ask(client: httpx.Client) -> str:
    body = {"model": "endcloud", "messages": [{"role": "user", "content": SAID}]}
    return str(client.post("/v1/chat/completions", json=body).json()["choices"][0]["message"]["content"])


def test_the_cloud_is_asked_strictly_masked_and_its_reply_is_restored(tmp_path: Path) -> None:
    seen: dict[str, str] = {}

    def echo(messages: list[dict[str, str]]) -> str:
        seen["cloud"] = json.dumps(messages, ensure_ascii=False)
        marks = [mark[0] for mark in PLACEHOLDER.finditer(messages[-1]["content"])]
        return f"亲，{marks[0]}这个价格的可以的哦"

    def end(messages: list[dict[str, str]]) -> str:
        seen["end"] = messages[-1]["content"]
        return "亲，可以的哦"

    with serving_shop(
        tmp_path / "shop", end=end, cloud=echo, logprob=-3.0, privacy={"upload": "strict", **PRIVACY}
    ) as served:
        with served.client("customer") as client:
            reply = ask(client)
        assert served.shop.ledger.count() == 1
    assert reply == "亲，12999这个价格的可以的哦"
    assert re.search("[0-9]{5}", PLACEHOLDER.sub("", seen["cloud"])) is None
    assert "学院路" not in seen["cloud"] and "400-810" not in seen["cloud"]
    assert "12999" in seen["end"] and "学院路" in seen["end"] and "400-810-0000" in seen["end"]


def test_how_uploads_are_masked_changes_nothing_of_what_the_end_model_is_trained_on(tmp_path: Path) -> None:
    digests = set()
    for upload in ("masked", "strict", "never"):
        root = tmp_path / upload
        root.mkdir()
        (root / "endcloud.toml").write_text(f'[privacy]\nupload = "{upload}"\n', encoding="utf-8")
        with Shop.open(root, SilentProgress()) as shop:
            digests.add(shop.masker.detector)
            assert (shop.upload_masker.detector == shop.masker.detector) == (upload != "strict")
    assert len(digests) == 1
