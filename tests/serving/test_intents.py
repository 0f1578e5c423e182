"""Wishes that the service itself must hear, as customers word them, and words that only look like them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from endcloud.serving import signs
from endcloud.serving.intents import asks_for_a_person, asks_for_live_facts, promises_a_person
from endcloud.types import Turn

FOR_A_PERSON = """
转人工|人工|人工！|客服|轉人工|我要人工客服|来个人|來個人|找客服|转客服|转接一下客服|有没有活人|human please
I need a real human|Can I talk to a real person?|speak with an agent|agent|connect me to a representative
人工智能听不懂，给我转人工|这个是手工做的吗？不知道就转人工|别用机器人回我|找个真人|能不能转人工|给我接人工
我要找人工|你是机器人吗，换人来|叫个人来跟我说|不要自动回复|我想跟真人说话|怎么联系人工|人工在不在|让客服人员来
叫你们客服出来|真人客服有吗|需要人工处理|找你们客服主管，转一下|换人工来回答|我不跟机器人说，叫真人客服来
帮我接一下人工|能让一个真人来回复我吗|转给人工客服处理行吗|有人工没有，机器人不管用|怎么才能找到人工客服
为什么不给我转人工|要不转人工吧|客服呢|請轉真人|我要投訴，叫客服
"""
NOT_FOR_A_PERSON = """
换一个人工呼吸器|这是人工智能吗|人工湖在哪|不用转人工|别转人工了，我自己看|不需要人工客服，谢谢|是手工做的吗
人工费多少|你是真人吗|are you a real person?|人工客服几点上班|人工客服几点在|I don't need a human|这款是人工缝的吗
可以找人代签收吗|叫人来取件可以吗|我家里来人了|客服说可以退|适合什么人穿|送人合适吗|满多少包邮|老人用好吗
is it made by a human hand|多少人买过
"""
LIVE = """
我的快递到哪了|包裹现在在哪|帮我查一下物流|帮我查下订单|我的包裹怎么还没到|快递三天没动了|订单什么时候到
我的订单发货了吗|晨露浴巾还有吗|缺货吗|退款到账了吗|物流怎么不更新了|我的件卡在上海两天了|快递停在中转站
显示签收了但我没收到|我还没收到货|包裹是不是丢了|快递单号多少|给我发个单号|我的退款怎么还没到|退款到哪一步了
退款进度|钱退了吗|还有货吗|有现货吗|浴巾有货吗|红色还有吗|L码还有没有|库存多少|还剩几件|断货了吗|什么时候补货
什么时候到货|我的快递今天能到吗|到哪里了|我的包裹到哪裡了|訂單發貨了嗎|還有貨嗎|我买的枕头发货了吗|云朵枕有货吗
这个卖完了吗|物流信息查一下|我的订单状态|我的货到哪了|退款查一下|暖阳被有现货吗|快递什么时候到|还有没有货
听雨茶巾还有货没|我的单子发了没|has my order shipped|where is my parcel|Where's my order?|when will my order arrive
my package hasn't arrived|is the towel in stock|do you still have the pillow|is it sold out|what's the order status
where is my refund|has it been shipped yet|any left?
"""
NOT_LIVE = """
发货地在哪|发货地是哪|你们从哪里发货|仓库在哪个城市|货是从哪发出来的|包裹在哪里寄出|货在哪里发|东西从哪寄过来
快递从哪儿出发|发货地址在哪儿啊|发什么快递|一般几天到|付款后多久发货|什么时候发货|快递费多少|包邮吗|发到成都几天能到
退款要多久到账|退货地址在哪|怎么退货|有发票吗|还有优惠吗|你们还有活动吗|还有什么推荐|有没有赠品|支持货到付款吗
在哪里看物流|订单在哪里取消|修改订单地址|可以发顺丰吗|实体店在哪|保修多久|收到货后几天内可以退|尺码表在哪|产地在哪
do you ship to Canada|how long does shipping take|what is your return policy|枕头多少钱|还有别的颜色吗
满59元还有运费吗|你家还有店吗|快递员态度很好|下单到发货要等多长时间
"""
PROMISES = """
亲，人工客服3分钟左右就来呢|亲，正在为您转人工，大约等3分钟哦|好的亲，已为您转接人工客服
您好，为您接通人工，预计3分钟。|真人客服3分钟内接入。|请稍候3分钟，同事马上到。|专员3分钟后联系您。|客服马上联系您
I'm transferring you to an agent now.|An agent will be with you shortly.|人工客服马上就来
"""
NO_PROMISES = """
亲，满59元包邮哦|您可以回复“转人工”请客服确认。|人工客服9点到21点在的哦|如需帮助请联系客服
亲，付款后48小时内给您发货哦|退货请先联系客服，再寄回|亲，已经为您备注了|快递大约3天到|需要的话可以帮您转接人工
the parcel will be with you in 3 days
"""


def _lines(table: str) -> list[str]:
    return [wording for line in table.strip().splitlines() for wording in line.split("|")]


@pytest.mark.parametrize("wording", _lines(FOR_A_PERSON))
def test_who_asks_for_a_person_is_heard(wording: str) -> None:
    assert asks_for_a_person(wording)


@pytest.mark.parametrize("wording", _lines(NOT_FOR_A_PERSON))
def test_nobody_is_called_who_was_not_asked_for(wording: str) -> None:
    assert not asks_for_a_person(wording)


@pytest.mark.parametrize("wording", _lines(LIVE))
def test_what_changes_by_the_hour_is_no_models_to_answer(wording: str) -> None:
    assert asks_for_live_facts(wording)


@pytest.mark.parametrize("wording", _lines(NOT_LIVE))
def test_what_the_rules_answer_stays_with_the_models(wording: str) -> None:
    assert not asks_for_live_facts(wording)


@pytest.mark.parametrize("reply", _lines(PROMISES))
def test_a_reply_that_promises_a_person_is_known(reply: str) -> None:
    assert promises_a_person(reply)


@pytest.mark.parametrize("reply", _lines(NO_PROMISES))
def test_a_reply_that_tells_of_people_promises_none(reply: str) -> None:
    assert not promises_a_person(reply)


@pytest.mark.parametrize("wording", ["有人吗", "有人在吗", "喂，有人吗？", "is anyone there?"])
def test_who_calls_out_greets_at_first_and_asks_for_a_person_later(wording: str) -> None:
    asked = Turn("q", "c", "customer", "满多少包邮", datetime(2026, 1, 1, tzinfo=UTC))
    assert signs.wants_a_person(wording, ()) == ""
    assert signs.wants_a_person(wording, (asked,)) == "asked for a person"
