"""What a customer's words ask of the service itself rather than of a model: a person, or live facts.

Plain patterns on purpose: whoever writes 转人工 must get a person at once, and a pattern that guesses would take
others away from a model that can answer them. What only looks like such a wish (人工智能, 发货地在哪) is cut out
first, and the rest is searched: a sentence may hold both. Characters in the traditional spelling are read as the
simplified ones. The tables that hold the patterns to account are in `tests/serving/test_intents.py`.
"""

from __future__ import annotations

import re

_SIMPLIFIED = str.maketrans(
    "轉個換點們務會說話聯絡繫係沒貨還訂單發遞現嗎麼裡裏兒幾時來這請專員線機庫帳賬運詢補賣買處誰叫與讓給幫聽氣訴騙級為麽動送簽達斷剩",
    "转个换点们务会说话联络系系没货还订单发递现吗么里里儿几时来这请专员线机库账账运询补卖买处谁叫与让给帮听气诉骗级为么动送签达断剩",
)

_STAFF = r"(?:人工|真人|活人|客服|专员|坐席)"
_HUMAN = r"(?:人工|真人|活人)"
_END = r"(?=[\s，,。.！!？?~～啊吧呀呢哈吗嘛]|$)"
_PERSON = re.compile(
    # 转人工, 转接一下客服, 转给人工客服
    rf"转(?:接|给|到|去|成|为|一下|下|你们|的)*{_STAFF}|人工(?:客服|服务|坐席|回复|处理|接待|来|在不在|在吗|呢)|真人客服|"
    # 帮我接一下人工, 有没有活人, 怎么联系人工, 让一个真人来
    rf"(?:找|叫|要|换|接|请|有|让|跟|和|联系|需要)(?:到|一下|一?个|一?位|你们|几个)*(?:的)?{_HUMAN}|"
    r"(?:找|叫|要|换|接|呼叫)(?:到|一下|一?个|一?位|你们|你们的)*客服|让.{0,3}客服.{0,3}(?:来|回|联系)|客服(?:人)?呢|"
    # 来个人, 换人来, 叫个人来跟我说, 有人吗
    r"(?:来|找|叫|换|派)(?:一?个|一?位|点)?人(?=来|跟|和|出来|处理|帮|回|行)|"
    rf"(?:来|找|叫|换)(?:一?个|一?位)人{_END}|换人{_END}|"
    r"^(?:喂|你好|您好|请问|亲)?[，,\s]*(?:人工|客服|人工客服|真人)[？?！!。.~～\s]*$|"
    r"(?:不要|别|不想|不想要|停止)(?:给我|再|用)*自动回复|(?:不|别)(?:要|用|想|跟|和)*(?:跟|和|用)?机器人(?:说|聊|回|服务|客服)?|机器人不管用|"
    # English
    r"(?:speak|talk|chat)\s+(?:to|with)\s+(?:(?:an?|some|any|your|the|real|live|actual|human)\s+)*"
    r"(?:human|person|people|agent|someone|somebody|representative|rep|operator|staff|manager|customer\s+service)|"
    r"(?:need|want|get|give|connect|transfer|find)\s+(?:me\s+)?(?:(?:to|with|an?|some|the|real|live|actual|human)\s+)+"
    r"(?:human|person|agent|representative|operator|staff)|"
    r"(?:human|live)\s+(?:agent|support|operator|representative|please)|real\s+(?:human|person|agent)|"
    r"^(?:a\s+)?(?:human|agent|operator|representative|real\s+person)(?:[,\s]+(?:please|now))?[.!?\s]*$",
    re.IGNORECASE,
)
_CALL = re.compile(
    r"^(?:喂|你好|您好|请问|亲)?[，,\s]*有(?:没有)?人(?:吗|在吗|么|嘛|没|不|在不在)[？?！!。.~～\s]*$|"
    r"^(?:hello[,!?\s]*)?(?:is\s+)?(?:anyone|anybody|someone)\s+there[.!?\s]*$",
    re.IGNORECASE,
)
_NOT_A_PERSON = re.compile(
    r"人工(?:智能|费|湖|草|呼吸|降雨|钻|皮|革|合成|色素|养殖|培育|珍珠|宝石|添加|甜味|做|缝|制|编|刺绣|挑选)|手工|"
    r"(?:不(?:用|要|需要|想|必)|别|无需|甭|用不着)(?:再|给我|帮我)*转?接?(?:人工|真人|客服)(?:客服|服务)?|"
    r"(?:人工|真人)(?:客服|服务)?(?:的)?(?:是)?(?:几点|上班|下班|工作时间|服务时间)|"
    r"人(?:来|上门|帮忙?|代)+.{0,2}(?:取|拿|收|装|送|签)|"
    r"(?:don'?t|do\s+not|no|not)\s+(?:need|want)\s+(?:to\s+\w+\s+(?:to|with)\s+)?(?:an?|any)?\s*(?:real|live)?\s*"
    r"(?:human|person|agent)|are\s+you\s+(?:an?\s+)?(?:real\s+|live\s+)?(?:human|person)",
    re.IGNORECASE,
)
_COMPLAINT = re.compile(
    r"投诉|差评|12315|消协|骗子|欺骗|骗人|忽悠|垃圾|太差|什么态度|敷衍|气死|生气|无语|"
    r"答非所问|听不懂|不解决|没用|complain|ridiculous|useless|terrible",
    re.IGNORECASE,
)

_SENT = r"(?:快递|包裹|物流|订单|件|货|单子|东西)"
_MINE = r"(?:我|我们|俺|本人)(?:的|那|这|家|买|订|拍)[^，。！？,!?]{0,6}?"
_LIVE = re.compile(
    # where it is: 快递到哪了, 包裹现在在哪, 订单进度, 快递三天没动了
    rf"{_SENT}(?!地)[^，。！？,!?]{{0,6}}(?:到哪|在哪|哪里了|哪儿了|走到|什么位置|进度|状态)|到哪(?:里|儿)?了|"
    rf"(?:查|看)(?:一下|下|看|查)*[^，。！？,!?]{{0,4}}(?:物流|快递|订单|单号|包裹)|(?:物流|快递|订单|包裹)(?:信息)?[^，。！？,!?]{{0,3}}查|"
    r"(?:快递|包裹|物流|件|货)[^，。！？,!?]{0,8}(?:没动|不动|没更新|不更新|没有更新|停在|卡在|卡住|停了|丢了|弄丢|丢件)|"
    # whether it comes: 我的包裹怎么还没到, 订单什么时候到, 我还没收到货, 我的订单发货了吗
    r"(?:快递|包裹|订单|件|我的货|东西)[^，。！？,!?]{0,6}(?:没到|没收到|没送|没派|没拿到)|"
    r"(?<!票)(?:还|一直|都)没(?:有)?(?:收到|拿到)(?:货|快递|包裹|东西|件)?|显示(?:已)?签收|没(?:有)?收到(?:货|快递|包裹|东西)|"
    r"(?:我的?|这个|这)(?:快递|包裹|订单|件|货)[^，。！？,!?]{0,4}(?:什么时候|啥时候|几时|何时|哪天|几号|今天|明天|几点)[^，。！？,!?]{0,3}(?:到|送|派)|"
    r"^(?:请问|亲)?[，,]?(?:快递|包裹|订单|货)(?:什么时候|啥时候|几时|何时|哪天|几号)(?:能|会|可以|才能?)?(?:到|送到|送达)(?![^，。？?]{0,2}(?:账|帐))|"
    rf"{_MINE}(?:订单|单子|货|快递|包裹|东西|件|商品)(?:已经|都)?(?:发货|发出|寄出|发走|出库|揽收|发)(?:了)?(?:吗|没|么|嘛)|"
    r"我(?:买|订|拍)的[^，。！？,!?]{1,8}(?:发货|发出|寄出)了?(?:吗|没|么|嘛)|"
    r"订单(?:已经)?(?:发货|发出|寄出|出库)了?(?:吗|没|么|嘛)|"
    r"(?:快递|物流|运)单号(?:是|发|给|多少|呢|有)|(?:发|给|要)(?:我|一下|下|个)*(?:快递|物流|运)?单号|"
    # money: 退款到账了吗, 我的退款怎么还没到, 退款到哪一步了
    r"(?:退款|退的钱|钱)[^，。！？,!?]{0,4}(?:到账|退|到|打|退回来?|处理好?)(?:了)(?:吗|没|么|嘛)|"
    r"(?:退款|退的钱|退货)[^，。！？,!?]{0,6}(?:没到|没退|没收到|到哪|哪一步|进度|状态|进展)|退款[^，。！？,!?]{0,3}查|"
    # stock: 有货吗, 晨露浴巾还有吗, L码还有没有, 缺货吗, 还剩几件, 什么时候补货
    r"(?:还有|有没有|有)(?:现)?货(?:吗|么|没|嘛|不|呢|[？?]|$)|(?:是|有)现货|现货(?:吗|么|嘛)|库存(?:还|有|多少|够|紧)|"
    r"(?<!能)[一-鿿A-Za-z0-9](?<![您你们家里活动现店铺优惠券次])还有(?:吗|么|嘛|没有|没|不|得?卖|的?卖)|"
    r"^(?:请问|亲|那)?[，,]?还有(?:吗|么|嘛|没有|没)[？?。\s]*$|还有[^，。！？,!?]{1,8}(?:没有?|吗|么)卖|"
    r"(?:缺|断|没|无|补|(?<!收)到|上)货(?:了)?(?:吗|么|没|嘛|没有)|(?:还|只)剩(?:下)?(?:几|多少)|卖完了?(?:吗|没|么)|卖光了?(?:吗|没|么)|"
    r"(?:什么时候|啥时候|几时|何时|多久)(?:能|会|可以|再|才)*(?:补货|到货|上货|有货|来货|上架)|"
    # English
    r"where(?:'?s|\s+is|\s+are)\s+my\s+(?:\w+\s+)?(?:parcel|order|package|delivery|refund|money|stuff|things|item)|"
    r"track(?:ing)?\s+(?:my\s+)?(?:order|parcel|package|number)|in\s+stock|out\s+of\s+stock|sold\s+out|any\s+left|still\s+available|"
    r"(?:has|have|did|was|were|is)\s+(?:my|the)\s+(?:\w+\s+)?(?:order|parcel|package|item|delivery|refund)s?\s+(?:been\s+|already\s+)?"
    r"(?:ship|sent|arrive|dispatch|deliver|gone|left|issued|processed|processing|coming|lost)|has\s+it\s+(?:been\s+)?(?:shipped|dispatched|sent)|"
    r"when\s+(?:will|does|is)\s+my\s+(?:\w+\s+)?(?:order|parcel|package|refund)|"
    r"my\s+(?:order|parcel|package|refund)\s+(?:still\s+)?(?:hasn'?t|has\s+not|didn'?t|is\s+late|is\s+lost|never)|order\s+status|"
    r"do\s+you\s+still\s+have|status\s+of\s+my\s+(?:order|refund|parcel|package)",
    re.IGNORECASE,
)
_NOT_LIVE = re.compile(
    r"(?:发货|退货|收货|产|货源|到货|始发)(?:地址?|的地方|城市)|(?:发|退|收|取|换|出|进|备|订|货到付款|到付)货(?:在|从|去|点|仓)|"
    r"在?(?:哪里?|哪儿|怎么|如何)(?:能|可以)?(?:查|看)(?:到|看)?|仓库?在哪|货源?(?:是)?在哪|货在哪里发|"
    r"(?:货|东西)(?:是)?(?:在|从)哪(?:里|儿|个)?.{0,4}(?:发|寄|出)|(?:快递|包裹|货)在哪(?:里|儿)?(?:发|寄)|"
    r"^货在哪里[？?]?$|(?:订单|快递).{0,4}在哪(?:里|儿)?(?:改|取消|删|申请|开|填|评价)|"
    r"[^。！？!?]*(?:赔|谁(?:来)?负责|补(?:发|寄)?吗|怎么处理|咋整)|"
    r"(?:没|未)(?:有)?收到货.{0,4}(?:可以|能|怎么|会|就)|收到货(?:后|之后|以后)",
)

_PROMISE = re.compile(
    r"(?:正在|已经?|马上|这就|现在|立刻|立即|稍后|帮您|帮你|帮亲|为您|给您|将)(?:为您|帮您|给您|把您)?"
    r"(?:转(?:接|到|给|至|交)?|接(?:通|入)|呼叫|联系|安排|通知)(?:到|一下|一位|您|的|给)*(?:了)?" + _STAFF + r"|"
    r"(?:人工|真人)?(?:客服|专员|同事|坐席|工作人员)(?:小姐姐|人员|们)?[^，。！？,!?]{0,4}(?:分钟|一会儿?|马上|稍后|很快|随后|立刻|立即|这就|即将)"
    r"[^，。！？,!?]{0,6}(?:就来|来|到|接入|联系|回复|回电|上线|为您|帮您|处理|跟进)|"
    r"(?:人工|真人)(?:客服)?(?:就来|来了|这就来|马上来)|"
    r"(?:人工|排队|接通|接入|转接)[^。！？!?]{0,8}(?:大约|预计|大概|还需|还要)[^。！？!?]{0,3}(?:等)?\d+\s?(?:分钟|秒)|"
    r"\d+\s?分钟(?:左右|后|内)*(?:就来|同事|专员|客服|接入)|"
    r"(?:transferring|connecting|i(?:'ll| will| am going to) (?:transfer|connect)|putting)\s+"
    r"you\s+(?:now\s+)?(?:to|with|through)|"
    r"(?:agent|colleague|representative|person|human|someone)\s+(?:will|is going to)\s+"
    r"(?:be with|contact|call|reach|get back to|join)",
    re.IGNORECASE,
)
_NO_PROMISE = re.compile(
    r"(?:回复|发送|输入|说|点击?|打)(?:一下)?[“\"「『‘']?转(?:接)?人工|如需|需要的话|如果|可以(?:帮您)?转|您可以|要不要|是否"
)


def asks_for_a_person(text: str) -> bool:
    """Whether the customer wants to speak with a person."""
    return bool(_PERSON.search(_NOT_A_PERSON.sub("，", text.translate(_SIMPLIFIED))))


def calls_out(text: str) -> bool:
    """Whether the customer asks if anybody is there: a greeting at first, later a wish for a person."""
    return bool(_CALL.search(text.translate(_SIMPLIFIED)))


def complains(text: str) -> bool:
    """Whether the customer is angry with the shop or with the answers."""
    return bool(_COMPLAINT.search(text.translate(_SIMPLIFIED)))


def asks_for_live_facts(text: str) -> bool:
    """Whether the answer changes by the hour: where a parcel or a refund is, what is in stock."""
    return bool(_LIVE.search(_NOT_LIVE.sub("，", text.translate(_SIMPLIFIED))))


def promises_a_person(reply: str) -> bool:
    """Whether a model's reply says that a person is on the way, which nobody but the service can bring about."""
    return any(
        _PROMISE.search(sentence) and not _NO_PROMISE.search(sentence)
        for sentence in re.split(r"[。！？!?；;\n]", reply.translate(_SIMPLIFIED))
    )
