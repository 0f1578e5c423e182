"""Chinese names of people: after a cue (我叫, 收件人), beside a mobile number, or a surname with a title (王女士).

A name alone cannot be told from a word, so none is looked for without such a sign; what is missed that way is
said in the documentation. Chinese names are a surname of the usual four hundred and one or two characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from endcloud.privacy.finding import Finding

_DOUBLE = (
    "欧阳|上官|司马|诸葛|东方|皇甫|尉迟|公孙|慕容|令狐|司徒|夏侯|端木|南宫|独孤|长孙|宇文|轩辕|呼延|闻人|澹台|"
    "百里|申屠|太史|濮阳|单于"
)
_SINGLE = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘"
    "杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文庞樊兰殷"
    "施陶洪翟安颜倪严牛温芦季俞章鲁葛伍韦申尤毕聂焦向柳邢岳齐梅莫庄辛管祝左涂谷祁耿舒卜路詹关苗凌费纪靳盛童欧"
    "甄项曲成游裴席卫查屈鲍位覃霍翁隋甘景薄单包柏宁柯阮桂闵解强柴华车冉房边辜吉饶刁瞿戚丘古米池滕晋苑邬臧畅宫"
    "来嵺苟全褚廉简娄盖符奚木穆党燕郎邸冀谈姬屠连郜晏栾郁蒙计喻揭窦迟宇敖糜鄢冷卓花仇艾蓝都巩稽井练仲乐虞卞封"
    "肖闫付蒲缪邝阚佘逯仝晁桓郗闻衡仉贝浦戈荀亢隗茹竺冼原官衣楚佟栗匡宗应台巫鞠僧桑荆谌银扬明沙伏岑习胥保蔺"
)
# Surnames that alone before a title are mostly another word (向女士推荐, 全小姐 …).
_UNSURE = frozenset("向成全连来位都单强解应明保原车花房计乐台官党简包查边古木关")
# Words that begin like a name: no name begins with them.
_NO_NAME = re.compile(
    "付款|付钱|付费|付清|付了|付完|付过|贝壳|贝贝|闻到|闻着|闻起|衡量|肖像|"
    "于专|安装|安排|安全|安心|安静|安卓|单独|单位|单子|单号|胡子|胡乱|高级|高端|高档|高温|高兴|高中|"
    "高铁|白色|白天|白条|黄色|黄金|金色|金额|蓝色|蓝牙|水费|马上|马桶|毛巾|毛毯|毛病|毛衣|包裹|"
    "包装|包邮|包括|包含|石头|钱款|钱包|周末|周一|周二|周三|周四|周五|周六|周日|房子|房间|房东|"
    "房产|车子|车主|车里|全部|全新|全额|全国|全家|连接|连续|连云|成功|成人|成品|成都|都是|都有|"
    "解决|解释|应该|明天|明白|明细|明显|保价|保修|保证|保护|保暖|保险|保安|保姆|原来|原因|原价|"
    "原装|计算|台灯|台式|官方|官网|简单|查询|查看|查过|边上|古风|关于|关闭|关注|花色|花纹|卫生|"
    "屈臣|池子|宫廷|来自|江苏|江西|安徽|温州|温度|常州|苏州|金华|石家|武汉|郑州|徐州|黄山|常熟|"
    "江阴|宁波|宁夏|柳州|秦皇|唐山|沈阳|梅州|贺州|齐齐|于是|任何|任务|常用|常见|经常|万一|万分|"
    "易碎|容易|严重|严格|强烈|强制|项目|游客|席子|喻意|景区|卓越|方便|方法|方面|方案|方式|何时|"
    "何况|余额|文件|文字|段时|路上|路过|曾经|向您|向你|向他|顾客|程序|温馨|双十|雷神|华为|华硕|"
    "米家|位置|夏季|夏天|夏被|冷水|冷风|甘肃|章子|章程|左右|左边|管理|管家|管道|费用|银行|银色|"
    "银联|木头|木制|米色|衣服|衣柜|沙发|乐视|游戏|盖子|谈谈|练习|应急|迟到|单人|边框|伏特|扬州|"
    "桑拿|符合|喻为|封面|封口|宗旨|井盖|卜卜|茶叶|龙头|熊猫|叶子|牛仔|牛奶|鲁班|童装|盛放|项链|"
    "曲线|古典|党员|官人|艾草|来电|来源|来的|来了|查收|都没|都不|连夜|保质|解锁|解冻|强力|计划|"
    "原件|原先|位数|全款|成本|成交|单价|单据|向左|向右|祝您|祝你|史上|万能|汤勺|梅雨|文具|兰州|"
    "洪水|施工|尤其|毕竟|毕业|焦急|辛苦|常温|常规|岳父|岳母|孟买|孔子|丁香|谢谢|谢啦|许多|许可|"
    "任意|田地|石材|金属|陆续|白领|康复|江浙|江南|秦岭|顾虑|侯门|龙虾|钱币|乔迁|赖皮|文章|和身"
)
_HANZI = "一-鿿"
_IS_HANZI = re.compile(f"[{_HANZI}]").match
_SURNAME = re.compile(f"(?:{_DOUBLE})|[{_SINGLE}]")
_TITLE = re.compile(
    "先生|女士|小姐|太太|夫人|老师|师傅|经理|总监|阿姨|叔叔|同学|医生|大哥|大姐|律师|教授|奶奶|爷爷|大爷|大妈|大叔|伯伯|婆婆"
    "|主任|校长|院长|护士|店长|站长|队长|教练|博士|会计|司机|老板|主管|嫂子|大嫂|姑娘|警官|妹妹"
)
# 找张姐, 王总的货: a title of one character only between a boundary and what cannot go on with it.
_SHORT_TITLE = re.compile(
    rf"(?:^|[^{_HANZI}]|[找给跟和问叫是由])(?P<name>[{_SINGLE}])"
    rf"(?=(?:姐|哥|总|姨|叔|婶|嫂|工)(?:[^{_HANZI}]|$|[说让叫的收签在要]))"
)
_BOUNDARY = frozenset("是叫找给和跟与姓名由让问对为帮请的了系派,，。.!！?？: \n\t、;；(（[\x00\x01")

_CUE = re.compile(
    r"(?:(?:我|本人|他|她|孩子|老公|老婆)(?:的?名字)?叫做?|(?:姓名|名字|真名)(?:是|叫|为|写|填|改成|改为|换成)?"
    r"|(?:收件|收货|联系|签收|寄件|发件|取件|购买|持卡|开户)人(?:姓名)?(?:是|为|叫|写|填|改成|改为|换成)?"
    r"|户名|机主|称呼我|叫我"
    r"|(?:登记|预留|实名|注册|写|填|署名|落款|抬头)的?(?:名字|姓名)?(?:是|为|叫)(?=[一-鿿]{2,4}(?:[^一-鿿]|$))"
    r"|本人(?=[:是])|本人(?=[一-鿿] {0,2}[一-鿿](?: {0,2}[一-鿿]){0,2}[,，]))[ ]{0,2}[:=]?[ ]{0,2}"
)
# A name beside a mobile number, as in what is pasted to ship to: 王小明 13800138000, or the other way about.
_WRITTEN = rf"(?:[{_HANZI}]{{2,4}}|[{_HANZI}](?: {{1,2}}[{_HANZI}]){{1,3}})"
_MOBILE = r"(?:\+?86[ -]?)?1[3-9][0-9]{9}"
_BEFORE_MOBILE = re.compile(rf"(?:^|[ ,:;\n])(?P<name>{_WRITTEN})[ ,:;、\n]{{1,3}}(?={_MOBILE}(?![0-9]))")
_AFTER_MOBILE = re.compile(rf"(?<![0-9]){_MOBILE}[ ,:;、\n]{{1,3}}(?P<name>{_WRITTEN})(?=[ ,;、。\n]|$)")
# Whom a parcel is for: 寄给王小明, 写王小明就行, 王小明收. Only a whole name, up to a mark or a word for taking it in.
_FOR = re.compile(
    rf"(?:寄给|送给|交给|转给|发给|留给|联系|找|写|给) {{0,2}}"
    rf"(?P<to>[{_HANZI}]{{2,4}}?|[{_HANZI}](?: {{1,2}}[{_HANZI}]){{1,3}})"
    rf"(?=收|签收|就[行好]|即可|本人|的名字|[^{_HANZI}]|$)"
    rf"|(?:^|[^{_HANZI}])(?P<takes>[{_HANZI}]{{2,4}}?|[{_HANZI}](?: {{1,2}}[{_HANZI}]){{1,3}})"
    rf"(?= {{0,2}}(?:亲自?|本人)?[签代]?收(?:[^{_HANZI}]|$))"
)
# "我是王小明": only where nothing but a name follows up to the next mark.
_SELF = re.compile(rf"(?:我|这里|这边|本人)(?:就)?是 {{0,2}}(?={_WRITTEN}(?:[^{_HANZI}]|$))")
# Characters that end a name rather than belong to it.
_STOP = "我你您他她它们的了吗呢吧啊是在有要想电手地住和跟与号没不就也这那什么谁哪怎可能会请女收寄退换订单买"
_GIVEN = re.compile(rf"(?:(?!电话|手机|地址|先生|女士|小姐|联系)(?![{_STOP}])[{_HANZI}]){{1,2}}")
_DOUBLE_APART = "|".join(r" {0,2}".join(name) for name in _DOUBLE.split("|"))
# The same names with spaces between their characters, in which a second or third one that begins another word is none.
# Before a mark a name may hold what else begins another word: 陈可馨.
_ENDED = re.compile(rf"(?!电话|手机|地址|先生|女士|小姐|联系|什么|不)[{_HANZI}]{{1,2}}(?=[^{_HANZI}]|$)")
_APART = rf" {{1,2}}(?![{_STOP}])[{_HANZI}](?=[^{_HANZI}]|$|[对吗收的先女这来买下])"
_SPACED = re.compile(rf"(?:{_DOUBLE_APART}|[{_SINGLE}]){_APART}(?: {{1,2}}(?![{_STOP}还把已快今])[{_HANZI}])?")

# Every cue has one of these: most messages have none, and are not read further.
_CUE_SIGN = re.compile("[叫名户机称]|件人|[货系收取买卡户]人|本人|登记|预留|写|填|抬头|落款")
_SHORT_TITLE_SIGN = re.compile("[姐哥总姨叔婶嫂工]")
_FOR_SIGN = re.compile("[给系找写收]")
_MOBILE_SIGN = re.compile("1[3-9][0-9]{9}")


def find(text: str) -> list[Finding]:
    """The names of a view, in its offsets."""
    found = [*_before_title(text)]
    if _SHORT_TITLE_SIGN.search(text):
        found += _short_titles(text)
    if _CUE_SIGN.search(text):
        found += _after_cue(text, _CUE)
    if "是" in text:
        found += _after_cue(text, _SELF)
    if _FOR_SIGN.search(text):
        found += _whole_names(text, _FOR)
    if _MOBILE_SIGN.search(text):
        found += _beside_a_mobile(text)
    return found


def _after_cue(text: str, pattern: re.Pattern[str]) -> Iterator[Finding]:
    for cue in pattern.finditer(text):
        start = cue.end()
        surname = _SURNAME.match(text, start)
        spaced = _SPACED.match(text, start)
        if spaced:
            yield Finding("姓名", *spaced.span())
            continue
        given = _GIVEN.match(text, surname.end()) if surname else None
        if surname and pattern is _CUE:
            given = _ENDED.match(text, surname.end()) or given
        if given is None:
            continue
        # 叶子 is no name, 叶子涵 is one where nothing but a mark follows.
        three = given.end() - start == 3 and not _IS_HANZI(text, given.end())
        if _NO_NAME.match(text, start) and not (three and pattern is _CUE):
            continue
        if pattern is _CUE or not _IS_HANZI(text, given.end()):
            yield Finding("姓名", start, given.end())


def _beside_a_mobile(text: str) -> Iterator[Finding]:
    for pattern in (_BEFORE_MOBILE, _AFTER_MOBILE):
        yield from _whole_names(text, pattern)


def _whole_names(text: str, pattern: re.Pattern[str]) -> Iterator[Finding]:
    """What the pattern holds, where all of it is a name."""
    for match in pattern.finditer(text):
        name = str(match.lastgroup)
        read = match[name].replace(" ", "")
        surname = _SURNAME.match(read)
        given = _GIVEN.fullmatch(read, surname.end()) if surname else None
        if given and not _NO_NAME.match(read) and not _TITLE.search(read):
            yield Finding("姓名", *match.span(name))


def _before_title(text: str) -> Iterator[Finding]:
    for title in _TITLE.finditer(text):
        start = _name_start(text, title.start())
        if start is not None and text[max(0, start - 1) : start + 1] != "谢谢":
            yield Finding("姓名", start, title.start())


def _short_titles(text: str) -> Iterator[Finding]:
    for match in _SHORT_TITLE.finditer(text):
        if match["name"] not in _UNSURE:
            yield Finding("姓名", *match.span("name"))


def _name_start(text: str, end: int) -> int | None:
    """Where the name that ends at `end` begins: at a boundary if it can, else at the nearest surname."""
    starts = []
    for size in (4, 3, 2, 1):
        start = end - size
        surname = _SURNAME.match(text, start) if start >= 0 else None
        if surname is None or surname.end() > end or size - len(surname[0]) > 2:
            continue
        if (size == 1 and text[start] in _UNSURE) or _NO_NAME.match(text, start):
            continue
        if size > 1 and not _GIVEN.fullmatch(text, surname.end(), end) and surname.end() != end:
            continue
        if start == 0 or text[start - 1] in _BOUNDARY:
            return start
        if text[start] == "方" and text[start - 1] in "官对店地商卖买双第":
            continue
        starts.append(start)
    return starts[-1] if starts else None
