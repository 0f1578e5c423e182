"""A shop served over HTTP from its files: who answers, what is remembered, what leaves, what is counted."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from served_shop import ServedShop, serving_shop

from endcloud.assembly import Shop
from endcloud.assembly.serving import refuse_open_door, running
from endcloud.cli.profiles import make_shop
from endcloud.errors import LockedError, UsageError
from endcloud.store.backup import back_up
from endcloud.testing.silent_progress import SilentProgress


def ask(client: httpx.Client, text: str, conversation: str = "") -> httpx.Response:
    headers = {"x-endcloud-conversation": conversation} if conversation else {}
    body = {"model": "endcloud", "messages": [{"role": "user", "content": text}]}
    return client.post("/v1/chat/completions", json=body, headers=headers)


def said(response: httpx.Response) -> str:
    assert response.status_code == 200, response.text
    return str(response.json()["choices"][0]["message"]["content"])


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 15
    while not holds():
        assert time.monotonic() < end, "it never came to hold"
        time.sleep(0.05)


def tell(customer: httpx.Client, conversation: str, number: int, text: str) -> dict[str, Any]:
    """A customer says something on the page; the reply that came."""
    path = f"/v1/conversations/{conversation}/turns"
    assert customer.post(path, json={"id": f"{conversation}-{number}", "text": text}).status_code == 202

    def replies() -> list[dict[str, Any]]:
        turns: list[dict[str, Any]] = customer.get(path).json()["turns"]
        return [turn for turn in turns if turn["answers"] == f"{conversation}-{number}"]

    until(lambda: bool(replies()))
    return replies()[0]


def end_answers(messages: list[dict[str, str]]) -> str:
    """Knows one city's delivery, and only by name."""
    asked = messages[-1]["content"]
    if "预留" in asked:
        return "亲，预留的手机号是[档案_电话_1]哦" if "[档案_电话_1]" in asked else "亲，没有预留哦"
    if "上次" in asked:
        return (
            "亲，上次您问的是包邮哦" if any("包邮吗" in said["content"] for said in messages[:-1]) else "亲，没有上次哦"
        )
    if "几天" in asked:
        return "亲，发到成都大约5天到哦" if "成都" in asked else "亲，请问寄到哪里呢"
    return "最好的" if "坏词" in asked else "亲，满59元包邮哦"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedShop]:
    with serving_shop(tmp_path_factory.mktemp("served") / "shop", end=end_answers, memory_tokens=40) as shop:
        yield shop


def test_the_end_model_behind_a_url_answers_and_is_no_upload(served: ServedShop) -> None:
    before = served.shop.ledger.count()
    with served.client("customer") as client:
        response = ask(client, "包邮吗，我电话13812345678")
    assert said(response) == "亲，满59元包邮哦"
    assert (response.headers["x-endcloud-route"], response.headers["x-endcloud-version"]) == ("end", "remote")
    assert "13812345678" not in str(served.end.calls[-1].body) and served.shop.ledger.count() == before
    assert served.end.calls[-1].body["logprobs"] is True


def test_a_forbidden_word_sends_the_question_to_the_cloud_masked_and_recorded(served: ServedShop) -> None:
    before = served.shop.ledger.count()
    with served.client("customer") as client:
        response = ask(client, "坏词，我电话13812345678")
    assert said(response) == "亲，这个可以的哦", served.service.conversations.turns(
        response.headers["x-endcloud-conversation"]
    )
    assert "13812345678" not in str(served.cloud.calls[-1].body) and served.shop.ledger.count() == before + 1


def test_an_edited_list_of_words_holds_at_once(served: ServedShop) -> None:
    words = served.shop.directory.root / "forbidden_words.txt"
    with served.client("customer") as client:
        assert said(ask(client, "还有别的吗")) == "亲，满59元包邮哦"
        words.write_text(words.read_text(encoding="utf-8") + "\n包邮\n", encoding="utf-8")
        until(lambda: said(ask(client, "还有别的吗")) == "亲，这个可以的哦")  # the cloud's answer
        words.write_text(words.read_text(encoding="utf-8").replace("\n包邮\n", "\n"), encoding="utf-8")
        until(lambda: said(ask(client, "还有别的吗")) == "亲，满59元包邮哦")


def test_a_returning_customer_is_known_and_nothing_of_it_is_uploaded(served: ServedShop) -> None:
    with served.customer("anna") as anna, served.customer("bert") as bert:
        tell(anna, "first", 1, "我在成都，你好")
        assert tell(anna, "second", 1, "几天能到")["text"] == "亲，发到成都大约5天到哦"
        assert tell(bert, "berts", 1, "几天能到")["text"] == "亲，请问寄到哪里呢"
        uploaded = len(served.cloud.calls)
        assert tell(anna, "second", 2, "坏词")["route"] == "cloud"
    (call,) = served.cloud.calls[uploaded:]
    asked = str(call.body["messages"][-1:])  # type: ignore[index]
    assert "坏词" in asked and "成都" not in asked  # neither the memory nor the reply that repeated it


def test_a_remembered_number_is_filled_in_here_and_nowhere_else(served: ServedShop) -> None:
    with served.client("service") as system, served.customer("gwen") as gwen, served.customer("hans") as hans:
        system.put("/v1/customers/gwen", json={"预留手机": "13712345678"}).raise_for_status()
        assert tell(gwen, "gwens", 1, "预留的手机是哪个")["text"] == "亲，预留的手机号是13712345678哦"
        assert "预留手机：[档案_电话_1]" in str(served.end.calls[-1].body["messages"])
        assert tell(hans, "hanses", 1, "预留的手机是哪个")["text"] == "亲，没有预留哦"
        assert tell(gwen, "gwens", 2, "坏词")["route"] == "cloud"
    assert "档案" not in str(served.cloud.calls[-1].body) and "预留手机" not in str(served.cloud.calls[-1].body)
    assert "13712345678" not in str([call.body for call in (*served.end.calls, *served.cloud.calls)])


def test_an_earlier_conversation_is_recalled_for_its_customer_alone(served: ServedShop) -> None:
    with served.customer("ida") as ida, served.customer("jan") as jan:
        tell(ida, "idas", 1, "请问你们包邮吗")
        assert tell(ida, "idas-later", 1, "我上次问的是什么")["text"] == "亲，上次您问的是包邮哦"
        assert tell(jan, "jans", 1, "我上次问的是什么")["text"] == "亲，没有上次哦"
        uploaded = len(served.cloud.calls)
        assert tell(ida, "idas-later", 2, "坏词")["route"] == "cloud"
        assert "包邮" not in str(served.cloud.calls[uploaded].body["messages"][-1:])  # type: ignore[index]
        ida.delete("/v1/me").raise_for_status()
        assert tell(ida, "idas-new", 1, "我上次问的是什么")["text"] == "亲，没有上次哦", "forgotten is forgotten"


def test_the_shops_system_tells_and_the_customer_sees_and_erases(served: ServedShop) -> None:
    with served.client("service") as system, served.customer("carl") as carl, served.customer("dora") as dora:
        assert system.put("/v1/customers/carl", json={"会员等级": "金卡"}).status_code == 200
        tell(carl, "carls", 1, "我身高175cm")
        tell(dora, "doras", 1, "我身高160cm")
        mine = carl.get("/v1/me").json()
        assert mine["facts"] == {"会员等级": "金卡"}
        assert [(one["topic"], one["text"]) for one in mine["memories"]] == [("height", "175cm")]
        assert next(turn["text"] for turn in mine["conversations"][0]["turns"]) == "我身高175cm"
        assert carl.delete("/v1/me").json()["erased"]["turns"] == 2
        assert carl.get("/v1/me").json() == {"customer": "carl", "facts": {}, "memories": [], "conversations": []}
        assert system.get("/v1/customers/dora").json()["memories"][0]["text"] == "160cm"
        assert carl.get("/v1/customers/dora").status_code == 403
        assert system.get("/v1/me").status_code == 403


@pytest.mark.parametrize("facts", [["list"], {"": 1}, {"名": "x" * 9_000}, {f"n{n}": n for n in range(65)}])
def test_facts_out_of_bounds_are_refused(served: ServedShop, facts: Any) -> None:
    with served.client("service") as system:
        assert system.put("/v1/customers/eve", json=facts).status_code == 400


def test_metrics_count_and_name_nobody(served: ServedShop) -> None:
    with served.client("customer") as client, served.client() as anyone, served.client("admin") as admin:
        ask(client, "包邮吗，我叫王小明")
        client.get("/v1/conversations/secret-name/turns")
        assert anyone.get("/metrics").status_code == 401 and client.get("/metrics").status_code == 403
        text = admin.get("/metrics").text
    figures = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert float(figures['endcloud_replies_total{finish="stop",route="end"}']) >= 1
    assert float(figures["endcloud_cloud_uploads"]) == served.shop.ledger.count()
    assert any("/v1/conversations/{conversation}/turns" in name for name in figures)
    assert "secret-name" not in text and "王小明" not in text and "anna" not in text


def test_a_backup_while_served_is_the_shop_as_it_was(served: ServedShop, tmp_path: Path) -> None:
    with served.customer("fay") as fay:
        tell(fay, "fays", 1, "我穿XL")
        back_up(served.shop.directory, tmp_path / "copy")
        tell(fay, "fays", 2, "后来说的")
    with sqlite3.connect(tmp_path / "copy" / "store.db") as store:
        texts = [text for (text,) in store.execute("SELECT text FROM turns WHERE conversation = 'fays'")]
    assert "我穿XL" in texts and "后来说的" not in texts
    for name in ("endcloud.toml", "policies.md", "forbidden_words.txt", "key", "corpus"):
        assert (tmp_path / "copy" / name).exists()
    assert not (tmp_path / "copy" / "locks").exists() and (tmp_path / "copy").stat().st_mode & 0o077 == 0
    with Shop.open(tmp_path / "copy", SilentProgress()) as copy:
        assert copy.settings == served.shop.settings
    with pytest.raises(UsageError, match="exists already"):
        back_up(served.shop.directory, tmp_path / "copy")
    with pytest.raises(UsageError, match="lies within the shop"):
        back_up(served.shop.directory, served.shop.directory.root / "copy")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy"]


def test_one_process_serves_a_shop(served: ServedShop) -> None:
    with pytest.raises(LockedError, match="endcloud serve"), running(served.shop):
        pass


def test_the_door_is_opened_only_with_a_key(tmp_path: Path) -> None:
    make_shop(tmp_path / "shop", "bundled")
    with Shop.open(tmp_path / "shop", SilentProgress()) as shop:
        refuse_open_door(shop, "127.0.0.1")
        with pytest.raises(UsageError, match=r"endcloud keys make .*--role admin"):
            refuse_open_door(shop, "0.0.0.0")


def test_without_uploads_nothing_leaves_and_the_reason_is_kept(tmp_path: Path) -> None:
    with serving_shop(tmp_path / "shop", logprob=-3.0, privacy={"upload": "never"}) as served:
        with served.client("customer") as client:
            response = ask(client, "包邮吗", "c1")
        assert "不太有把握" in said(response) and served.cloud.calls == []
        assert "uploads are off" in served.service.conversations.turns("c1")[-1].reason


def lookup_of_this_test(customer: str, query: str) -> str | None:
    return f"{customer}的包裹在杭州转运中心" if customer == "anna" else None


def test_live_facts_come_from_the_shops_function_or_a_person(tmp_path: Path) -> None:
    with serving_shop(tmp_path / "shop", lookup=f"{__name__}:lookup_of_this_test") as served:
        with served.customer("anna") as anna, served.customer("bert") as bert:
            assert tell(anna, "a", 1, "我的包裹到哪了")["text"] == "anna的包裹在杭州转运中心"
            assert tell(bert, "b", 1, "我的包裹到哪了")["route"] == "human"
        assert served.end.calls == [] and served.cloud.calls == []


def test_an_owner_s_edit_is_told_to_the_cloud_that_takes_over(tmp_path: Path) -> None:
    with serving_shop(tmp_path / "shop", logprob=-9.0) as served, served.client("service") as client:
        served.shop.directory.policies.write_text("- 满88元包邮。\n", encoding="utf-8")
        questions = iter(range(10_000))

        def told() -> str:
            """What the cloud is told with the next question."""
            said(ask(client, f"满多少包邮呀，第{next(questions)}次问"))
            return str(served.cloud.calls[-1].body["messages"])

        until(lambda: "满88元包邮" in told())
        assert "满59元包邮，不满" not in told()


ABOUT_MYSELF = "坏词，我身高175，体重130斤，一般发顺丰，我在新疆"


def test_what_a_customer_says_of_themself_leaves_with_nothing(served: ServedShop) -> None:
    uploaded = len(served.cloud.calls)
    with served.customer("kim") as kim:
        assert tell(kim, "kims", 1, ABOUT_MYSELF)["route"] == "cloud"
        tell(kim, "kims", 2, "我在新疆，还有别的吗")
        reply = tell(kim, "kims", 3, "包邮的吧")
        assert kim.post(f"/v1/turns/{reply['id']}/second-answer").status_code == 202
        until(lambda: len(served.cloud.calls) >= uploaded + 2)
        memories = {one["text"] for one in kim.get("/v1/me").json()["memories"]}
    assert memories >= {"175", "130斤", "顺丰", "新疆"}
    sent = str([call.body["messages"][-5:] for call in served.cloud.calls[uploaded:]])  # type: ignore[index]
    assert "[档案_身高_1]" in sent and not any(said in sent.replace("满59元", "") for said in memories)
    assert not any(served.shop.ledger.holding(said) for said in ("我身高175", "130斤", "我在新疆"))


def test_whoever_is_forgotten_is_forgotten_in_what_left_too(served: ServedShop) -> None:
    ledger, labels = served.shop.ledger, served.shop.labels
    with served.customer("lea") as lea, served.customer("max") as max_:
        asked = tell(lea, "leas", 1, "坏词，莉亚想问的事")["answers"]
        for who, name in ((lea, "leas"), (max_, "maxs")):
            assert tell(who, name, 2, "坏词，两人都问的事")["route"] == "cloud"
        until(lambda: ledger.holding("莉亚想问的事") > 0 and bool(labels.of([asked])))
        uploads = ledger.count()
        erased = lea.delete("/v1/me").json()["erased"]
        assert erased["payloads"] >= 1 and erased["labels"] == 2
        assert ledger.holding("莉亚想问的事") == 0 and not labels.of([asked]) and ledger.count() == uploads
        assert ledger.holding("两人都问的事") >= 1 and labels.of(["maxs-2"]), "another customer's stay"
        tell(lea, "leas-again", 1, "坏词，莉亚想问的事")
        until(lambda: ledger.holding("莉亚想问的事") > 0)  # said again, it is in the ledger again
