"""An edit of the rules, or a person's correction, replaces what says otherwise: everywhere, by name, and once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lived_shop import LivedShop, lived_shop

from endcloud.assembly import superseding
from endcloud.assembly.evolving import Evolution
from endcloud.assembly.lessons import ask
from endcloud.errors import EndcloudError
from endcloud.rounds import Lesson, Retirement
from endcloud.testing.silent_progress import SilentProgress
from endcloud.types import SUPERSEDED, Message

ANSWERS: dict[str, str] = {}
NEW = {"包邮": "亲，满88元包邮哦，不满收8元运费。"}


def cloud(messages: list[dict[str, str]]) -> str:
    """Answers by the rules as they stand in its prompt, where it is shown any."""
    told = "\n".join(message["content"] for message in messages)
    query = messages[-1]["content"]
    if query in ANSWERS:
        return ANSWERS[query]
    if "包邮" in query or "运费" in query:
        return NEW["包邮"] if "满88元包邮" in told else "亲，满59元包邮哦，不满收8元运费。"
    return "亲，付款后48小时内发货呢" if "发货" in query else "亲，这个可以的哦"


@pytest.fixture
def lived(tmp_path: Path) -> Iterator[LivedShop]:
    with lived_shop(tmp_path / "shop", cloud) as shop:
        settings = shop.shop.settings
        shown = settings.cloud.model_copy(update={"pairs": 40, "nearest": 4})
        shop.shop.settings = settings.model_copy(update={"cloud": shown})
        superseding.remember(shop.evolution)
        yield shop


def edit(lived: LivedShop, old: str = "满59元包邮", new: str = "满88元包邮") -> None:
    path = lived.shop.directory.policies
    path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")


def about(lived: LivedShop, words: str) -> list[str]:
    return [one.id for one in lived.shop.recorded() if words in one.query]


def lesson(lived: LivedShop, name: str, reply: str, **changes: Any) -> Lesson:
    asked = (Message("user", "多少钱包邮呀"),)
    made = Lesson(name, f"r-{name[7:]}", "c-old", "", "cluster:x", "train", asked, reply, "", "pseudo",
                  ("disliked by a customer",), "not needed", 1, lived.clock.now())  # fmt: skip
    lived.evolution.lessons.add([replace(made, **changes)])
    return made


def test_an_edit_retires_replies_labels_and_lessons_of_both_parts_and_leaves_all_others(lived: LivedShop) -> None:
    lived.shop.label()
    before = lived.shop.labels.of(one.id for one in lived.shop.recorded())
    lesson(lived, "lesson:trained", "亲，满59元包邮哦")
    lesson(lived, "lesson:judges", "亲，满59元包邮哦", part="held out")
    lesson(lived, "lesson:other", "亲，付款后48小时内发货呢", messages=(Message("user", "多久发货"),))
    edit(lived)
    figures = superseding.apply(lived.evolution, lived.round())
    retired = lived.evolution.retirements.items()
    assert {"lesson:trained", "lesson:judges"} <= retired and "lesson:other" not in retired
    examples = {one.id: one for one in lived.shop.examples()}
    assert {name for name, one in examples.items() if one.excluded} == set(about(lived, "包邮"))
    assert all(examples[name].excluded == SUPERSEDED for name in about(lived, "包邮"))
    after = lived.shop.labels.of(examples)
    assert set(before) - set(after) == set(about(lived, "包邮"))
    assert figures["rules changed"] == ["满59元包邮，不满收8元运费。 → 满88元包邮，不满收8元运费。"]
    assert figures["a newer truth"]["retired"] == len(retired)
    assert all("states 59元" in one for one in figures["no longer true"])


def test_the_questions_of_the_old_rule_are_asked_again_and_taught(lived: LivedShop) -> None:
    edit(lived)
    superseding.apply(lived.evolution, lived.round())
    lessons = lived.evolution.lessons.all()
    assert lessons and {one.reply for one in lessons} == {NEW["包邮"]}
    assert all("满59元包邮" in one.poor and one.approval == "not needed" for one in lessons)
    assert len(lived.questions) <= lived.evolution.settings.asked_again


def test_what_the_edit_answers_by_itself_is_learned_without_the_cloud(lived: LivedShop) -> None:
    lived.shop.settings = lived.shop.settings.model_copy(
        update={"evolution": lived.shop.settings.evolution.model_copy(update={"asked_again": 0, "rewritten": 2})}
    )
    for name in ("lesson:one", "lesson:two", "lesson:three"):
        lesson(lived, name, "亲，满59元包邮哦")
    edit(lived)
    figures = superseding.apply(lived.evolution, lived.round())["a newer truth"]
    learned = [one for one in lived.evolution.lessons.all() if one.origin == "edit"]
    assert not lived.questions and figures["of them by the edit alone"] == len(learned) == 2
    assert all((one.poor, one.reply) == ("亲，满59元包邮哦", "亲，满88元包邮哦") for one in learned)
    assert all(not one.turn and one.approval == "not needed" for one in learned)


def test_the_teacher_is_shown_the_new_answer_in_the_place_of_the_old_one(lived: LivedShop) -> None:
    lived.shop.label()
    edit(lived)
    superseding.apply(lived.evolution, lived.round())
    already = len(lived.cloud.calls)
    lived.serve("亲，买多少能包邮", "亲，满59元包邮哦", dislike=True)
    lived.audit()
    asked = lived.cloud.calls[already]
    told = "\n".join(message["content"] for message in asked.body["messages"])
    assert "满88元包邮" in told and "满59元包邮" not in told


def test_only_what_lies_near_the_edit_is_asked_again_by_teach(lived: LivedShop) -> None:
    lived.shop.label()
    edit(lived)
    superseding.reread(lived.shop)
    by_the_edit_alone = lived.shop.estimate_labels().calls
    superseding.apply(lived.evolution, lived.round())
    assert lived.shop.estimate_labels().calls <= by_the_edit_alone


def test_a_worker_killed_while_it_asks_does_it_all_when_it_comes_back(
    lived: LivedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    lived.shop.label()
    edit(lived)

    def killed(*args: Any, **settings: Any) -> list[str]:
        ask(*args, **settings)
        raise KeyboardInterrupt

    monkeypatch.setattr("endcloud.assembly.superseding.ask", killed)
    with pytest.raises(KeyboardInterrupt):
        superseding.apply(lived.evolution, lived.round())
    assert not lived.evolution.retirements.all()
    asked = len(lived.cloud.calls)
    monkeypatch.setattr("endcloud.assembly.superseding.ask", ask)
    superseding.apply(lived.evolution, lived.round())
    assert len(lived.cloud.calls) == asked, "what was answered is not asked again"
    assert lived.evolution.lessons.all() and set(about(lived, "包邮")) <= lived.evolution.retirements.items()
    once = lived.evolution.retirements.all(), lived.evolution.lessons.all(), lived.evolution.policy_texts.all()
    assert superseding.apply(lived.evolution, lived.round()) == {}
    assert once == (
        lived.evolution.retirements.all(),
        lived.evolution.lessons.all(),
        lived.evolution.policy_texts.all(),
    )


def test_an_answer_given_to_a_customer_under_the_old_rule_is_not_learned_from(lived: LivedShop) -> None:
    reply = lived.serve("请问怎样可以包邮", "亲，不清楚呢", dislike=True)
    lived.audit()
    old = lived.shop.labels.of([reply.answers])[reply.answers]
    assert "满59元" in old.text
    edit(lived)
    superseding.apply(lived.evolution, lived.round())
    assert lived.shop.labels.of([reply.answers]) == {}
    lived.select()
    lived.evolution.label(lived.round())
    assert [one.reply for one in lived.evolution.lessons.all() if one.turn == reply.id] == [NEW["包邮"]]


def test_what_the_cloud_confirms_is_kept_and_what_it_does_not_gives_way_to_its_answer(lived: LivedShop) -> None:
    """A new rule says otherwise than two lessons nearest to it; of one the cloud goes on saying it."""
    lesson(lived, "lesson:kept", "亲，赠品支持换货的哦", messages=(Message("user", "赠品破了支持换货吗"),))
    lesson(lived, "lesson:gone", "亲，赠品支持退货哦", messages=(Message("user", "赠品可以退货吗"),))
    ANSWERS["赠品破了支持换货吗"] = "亲，赠品破了支持换货哦"
    ANSWERS["赠品可以退货吗"] = "亲，赠品不支持退货哦"
    edit(lived, "付款后48小时内发货。", "付款后48小时内发货。\n- 赠品不支持退货、不支持换货。")
    figures = superseding.apply(lived.evolution, lived.round())["a newer truth"]
    retired = lived.evolution.retirements.items()
    assert "lesson:gone" in retired and "lesson:kept" not in retired and figures["confirmed by the cloud"] == 1
    new = [one for one in lived.evolution.lessons.all() if one.reply == ANSWERS["赠品可以退货吗"]]
    assert [(one.poor, one.approval) for one in new] == [("亲，赠品支持退货哦", "not needed")]


def test_what_nobody_can_tell_is_set_aside_until_a_reviewer_says_so(lived: LivedShop) -> None:
    lived.shop.settings = lived.shop.settings.model_copy(
        update={"evolution": lived.shop.settings.evolution.model_copy(update={"asked_again": 0})}
    )
    lesson(lived, "lesson:unsure", "亲，赠品支持退货哦", messages=(Message("user", "赠品可以退货吗"),))
    edit(lived, "付款后48小时内发货。", "付款后48小时内发货。\n- 赠品不支持退货。")
    superseding.apply(lived.evolution, lived.round())
    waiting = lived.evolution.lessons.waiting()
    assert [one.reply for one in waiting] == ["亲，赠品支持退货哦"] and not lived.questions
    assert "lesson:unsure" in lived.evolution.retirements.items()
    assert lived.evolution.lessons.approve(waiting[0].id, "li").id not in lived.evolution.retirements.items()


def test_without_a_cloud_the_untrue_goes_and_the_round_goes_on(lived: LivedShop) -> None:
    settings = lived.shop.settings
    nowhere = settings.cloud.model_copy(update={"base_url": ""})
    lived.shop.settings = settings.model_copy(update={"cloud": nowhere})
    edit(lived)
    figures = superseding.apply(lived.evolution, lived.round())
    assert "No cloud is set up" in figures["notes on the rules"][0]
    assert set(about(lived, "包邮")) <= lived.evolution.retirements.items()


def test_in_an_outage_the_untrue_goes_at_once_and_the_questions_are_asked_in_the_next_round(tmp_path: Path) -> None:
    out = [True]

    def fault(number: int, question: str) -> Any:
        return "bad key" if out[0] else None

    with lived_shop(tmp_path / "shop", cloud, fault=fault) as lived:
        superseding.remember(lived.evolution)
        edit(lived)
        figures = superseding.apply(lived.evolution, lived.round())
        assert set(about(lived, "包邮")) <= lived.evolution.retirements.items()
        assert not lived.evolution.lessons.all() and "the next round" in figures["notes on the rules"][-1]
        out[0] = False
        superseding.apply(lived.evolution, lived.round())
        assert {one.reply for one in lived.evolution.lessons.all()} == {NEW["包邮"]}
        assert superseding.apply(lived.evolution, lived.round()) == {}


def test_an_emptied_file_retires_nothing_and_says_so(tmp_path: Path) -> None:
    with lived_shop(tmp_path / "shop") as lived:
        path = lived.shop.directory.policies
        path.write_text("".join(f"- 第{number}条规则是{number}元。\n" for number in range(1, 12)), "utf-8")
        superseding.reread(lived.shop)
        superseding.remember(lived.evolution)
        path.write_text("# 规则\n", "utf-8")
        outcome = superseding.carry_out(lived.evolution, 0)
        assert "11 of 11 rules are gone" in outcome.notes[0] and not lived.evolution.retirements.all()
        assert len(lived.evolution.policy_texts.all()) == 1
        assert superseding.carry_out(lived.evolution, 0, whatever_is_gone=True).changes


def test_two_at_once_do_it_once(lived: LivedShop) -> None:
    edit(lived)
    with lived.shop.directory.lock("policies"):
        outcome = superseding.carry_out(lived.evolution, 1)
    assert outcome.notes and not lived.evolution.retirements.all()


def test_a_dry_run_changes_nothing_and_asks_nothing(lived: LivedShop) -> None:
    edit(lived)
    superseding.reread(lived.shop)
    found = superseding.pending(lived.evolution)
    assert found is not None and {one.item.id for one in found.untrue} == set(about(lived, "包邮"))
    assert not lived.questions and not lived.evolution.retirements.all()
    assert len(lived.evolution.policy_texts.all()) == 1


def test_a_persons_correction_replaces_older_answers_to_the_same_question(lived: LivedShop) -> None:
    lesson(lived, "lesson:other", "亲，付款后48小时内发货呢", messages=(Message("user", "多久发货"),))
    better = lived.serve("包邮吗3", "亲，满59元包邮哦")
    lived.say(better, "correction", text="亲，满39元就包邮哦", witness="reviewer", by="li")
    superseding.apply(lived.evolution, lived.round())
    retired = {one.item: one for one in lived.evolution.retirements.all()}
    mine = next(name for name in about(lived, "包邮吗3"))
    assert retired[mine].by == "correction by li" and "a person has corrected" in retired[mine].reason
    assert "lesson:other" not in retired


def test_a_later_correction_takes_the_place_of_the_lesson_that_was_made(lived: LivedShop) -> None:
    reply = lived.serve("多久发货呢", "亲，今天就发", dislike=True)
    lived.audit()
    lived.select()
    lived.evolution.label(lived.round())
    first = next(one for one in lived.evolution.lessons.all() if one.turn == reply.id)
    lived.say(reply, "correction", text="亲，周一统一发货", witness="agent", by="wang")
    superseding.apply(lived.evolution, lived.round())
    second = [one for one in lived.evolution.lessons.all() if one.turn == reply.id and one.id != first.id]
    assert first.id in lived.evolution.retirements.items()
    assert [(one.reply, one.origin, one.part, one.by) for one in second] == [
        ("亲，周一统一发货", "human", first.part, "wang")
    ]
    superseding.apply(lived.evolution, lived.round())
    assert second[0].id not in lived.evolution.retirements.items()


def test_a_customers_correction_replaces_nothing(lived: LivedShop) -> None:
    reply = lived.serve("包邮吗3", "亲，满59元包邮哦")
    lived.say(reply, "correction", text="亲，满1元就包邮哦", witness="customer", by="mallory")
    superseding.apply(lived.evolution, lived.round())
    assert not lived.evolution.retirements.all()


def test_teach_after_an_edit_retires_first(lived: LivedShop) -> None:
    lived.shop.label()
    edit(lived)
    superseding.reread(lived.shop)
    lived.shop.label()
    taught = lived.shop.labels.of(about(lived, "包邮"))
    assert len(taught) == len(about(lived, "包邮")) and {one.text for one in taught.values()} == {NEW["包邮"]}
    assert len(lived.evolution.policy_texts.all()) == 2


def test_an_unreadable_file_is_an_error_that_names_it(lived: LivedShop) -> None:
    lived.shop.directory.policies.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(EndcloudError, match=r"policies\.md"):
        superseding.carry_out(lived.evolution, 1)
    assert len(lived.evolution.policy_texts.all()) == 1


def test_a_running_service_shows_the_cloud_no_pair_that_another_process_has_retired(lived: LivedShop) -> None:
    from endcloud.assembly import Shop
    from endcloud.assembly.following import Follower

    pair = about(lived, "发票")[0]
    with Follower.of(lived.shop) as follower:
        assert pair in shown(lived)
        with Shop.open(lived.shop.directory.root, SilentProgress()) as other:
            reason = Retirement(pair, "a newer truth", "rules 2", lived.clock.now())
            Evolution(other, lived.clock).retirements.add([reason])
        follower.look()
        assert pair not in shown(lived)


def shown(lived: LivedShop) -> set[str]:
    """The examples whose pairs stand in the prompt of a question about colours."""
    asked = [replace(one, id="asked", dialogue="asked") for one in lived.shop.recorded() if "掉色" in one.query][:1]
    choice = next(lived.shop.teacher.exemplars.choose(asked))
    return {one.example for one in (*choice.block, *choice.nearest)}
