"""What counts as personal, in every disguise, and what only looks like it."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from endcloud.privacy.detection import Detector

DETECTOR = Detector()

# text, kind, the part that must be hidden
PERSONAL = [
    ("我的电话是13800138000，谢谢", "电话", "13800138000"),
    ("就13800138000", "电话", "13800138000"),
    ("tel+86 138-0013-8000", "电话", "+86 138-0013-8000"),
    ("座机0571-86430000转801", "电话", "0571-86430000转801"),
    ("(021) 5555 6666", "电话", "(021) 5555 6666"),
    ("客服400-810-0000", "电话", "400-810-0000"),
    ("座机8643-0000", "电话", "8643-0000"),
    ("call me at (202) 555-0143", "电话", "(202) 555-0143"),
    ("my number is +44 20 7946 0958", "电话", "+44 20 7946 0958"),
    ("身份证11010519491231002X", "身份证号", "11010519491231002X"),
    ("110105 19491231 002x", "身份证号", "110105 19491231 002x"),
    ("卡号4111 1111 1111 1111", "银行卡", "4111 1111 1111 1111"),
    ("4111-1111-1111-1111", "银行卡", "4111-1111-1111-1111"),
    ("邮箱a.b-c@example.com，谢谢", "邮箱", "a.b-c@example.com"),
    ("发到zhang(at)example.com", "邮箱", "zhang(at)example.com"),
    ("zhang艾特example点com", "邮箱", "zhang艾特example点com"),
    ("订单号：20241111888812还没到", "订单", "20241111888812"),
    ("20241111888812，这单要改地址", "订单", "20241111888812"),
    ("订单编号AB-2024-001122", "订单", "AB-2024-001122"),
    ("order #12345-67890 is late", "订单", "12345-67890"),
    ("快递单号SF1234567890123", "运单", "SF1234567890123"),
    ("运单775 1234 5678 901", "运单", "775 1234 5678 901"),
    ("YT1234567890123到哪了", "运单", "YT1234567890123"),
    ("加微信zhang_san88", "微信", "zhang_san88"),
    ("我微信号是zhangsan", "微信", "zhangsan"),
    ("wx:abc12345", "微信", "abc12345"),
    ("QQ 123456 加我", "QQ", "123456"),
    ("支付宝账号13800138000", "支付宝", "13800138000"),
    ("我叫王小明", "姓名", "王小明"),
    ("收货人：欧阳小芳", "姓名", "欧阳小芳"),
    ("我是李雷。", "姓名", "李雷"),
    ("王女士您好", "姓名", "王"),
    ("请帮我安排陈小红女士", "姓名", "陈小红"),
    ("Hi, my name is jane roe and", "姓名", "jane roe"),
    ("Dear Mr. Doe", "姓名", "Doe"),
    ("浙江省杭州市西湖区文三路138号3栋2单元501室", "地址", "文三路138号3栋2单元501室"),
    ("我住在幸福家园3-2-501", "地址", "幸福家园3-2-501"),
    ("送到3栋2单元501", "地址", "3栋2单元501"),
    ("正定县周家庄村3组", "地址", "周家庄村3组"),
    ("寄到杭州市五常街道", "地址", "五常街道"),
    ("朝阳区建国路甲88号SOHO现代城A座1203室", "地址", "建国路甲88号SOHO现代城A座1203室"),
    ("I live at 12 Elm Street Apt 4B", "地址", "12 Elm Street Apt 4B"),
    ("P.O. Box 123", "地址", "P.O. Box 123"),
    ("护照E12345678", "证件", "E12345678"),
    ("SSN 123-45-6789", "证件", "123-45-6789"),
    ("税号91350100M000100Y43", "信用代码", "91350100M000100Y43"),
    ("车牌粤B·12345", "车牌", "粤B·12345"),
    ("坐标30.274085, 120.155070", "坐标", "30.274085, 120.155070"),
    ("生日是1990年1月1日", "生日", "1990年1月1日"),
    ("这个号69012345678901是啥", "号码", "69012345678901"),
]

HARMLESS = [
    "满59元包邮，满300减50",
    "1399/1599/1799三个价",
    "价格1399.00-1599.00元",
    "¥1299.00 原价¥1599",
    "尺码 160 165 170 175 180 都有",
    "150x200cm，1.5米*2.0米",
    "2024-11-11 20:00 开始，到2024.11.12",
    "20241111开始预售",
    "2026年11月11日20:00:00",
    "3-5天到，48小时内发货，7天无理由",
    "买2送1，第3件半价，共12件",
    "货号690123456789有货吗",
    "商品编号100112573665",
    "库存12345678件",
    "型号F6033-UD3，60升，3300W",
    "杭州能送吗？浙江省杭州市西湖区呢",
    "知道1号发货吗，二楼有卖吗，3楼呢",
    "地铁5号线3号口，线路3号",
    "一二三四五，三件九十九，一千二百元",
    "我是老顾客了，我是安徽的",
    "安装师傅什么时候到，和配送师傅说一下",
    "微信支付可以吗，支付宝付款，QQ音乐",
    "订单什么时候到，快递是顺丰吗，order now",
    "收货人和电话怎么改，我叫什么你知道吗",
    "aaa@ 和 @bbb，邮箱怎么填",
    "Size 42, zip 90210, 20% off, model F6033",
    "[微笑] 【双11】 [大哭]",
]

DISGUISES = [
    "１３８００１３８０００",
    "138 0013 8000",
    "138-0013-8000",
    "1.3.8.0.0.1.3.8.0.0.0",
    "138，0013，8000",
    "13800😀138000",
    "1\u200b3\u200b8\u200b0\u200b0\u200b1\u200b3\u200b8\u200b0\u200b0\u200b0",
    "1\u00ad3800\ufeff138000",
    "一三八零零一三八零零零",
    "幺三八〇〇幺三八〇〇〇",
    "壹叁捌零零壹叁捌零零零",
    "1三8零0一3八零0零",
    "腰三八洞洞腰三八洞洞洞",
    "①③⑧00①③⑧000",
    "𝟏𝟑𝟖𝟎𝟎𝟏𝟑𝟖𝟎𝟎𝟎",
    "1️⃣3️⃣8️⃣0️⃣0️⃣1️⃣3️⃣8️⃣0️⃣0️⃣0️⃣",
    "١٣٨٠٠١٣٨٠٠٠",
]


CHINESE = str.maketrans("0123456789", "零幺二三四五六七八九")
WIDE = str.maketrans("0123456789", "０１２３４５６７８９")
CIRCLED = str.maketrans("0123456789", "⓪①②③④⑤⑥⑦⑧⑨")


def _in_fives(separator: str) -> Callable[[str], str]:
    return lambda number: separator.join(number[start : start + 5] for start in range(0, len(number), 5))


DISGUISE = {
    "full-width": lambda number: number.translate(WIDE),
    "Chinese": lambda number: number.translate(CHINESE),
    "circled": lambda number: number.translate(CIRCLED),
    "zero-width": "\u200b".join,
    "spaced": " ".join,
    "dashed": "-".join,
    "dotted": ".".join,
    "commas": "，".join,
    **{f"in fives {mark!r}": _in_fives(mark) for mark in " -./、*~"},
}
NUMBERS = {
    "mobile": "手机13800138000",
    "landline": "座机057186430000",
    "resident ID": "身份证11010519491231002X",
    "card": "退到6222020000001234566",
    "order": "订单20241111888812",
    "parcel": "运单7751234567890",
    "QQ": "QQ12345678",
}


@pytest.mark.parametrize("number", NUMBERS.values(), ids=NUMBERS)
@pytest.mark.parametrize("disguise", DISGUISE.values(), ids=DISGUISE)
def test_no_digit_of_a_number_is_left_in_any_disguise(number: str, disguise: Callable[[str], str]) -> None:
    start = next(at for at, letter in enumerate(number) if letter.isdigit())
    text = f"{number[:start]}{disguise(number[start:])}，谢谢"
    found = DETECTOR.find(text)
    assert [(finding.start, finding.end) for finding in found] == [(start, len(text) - len("，谢谢"))]


@pytest.mark.parametrize(("text", "kind", "hidden"), PERSONAL, ids=[text for text, _, _ in PERSONAL])
def test_personal_data_is_found_whole_and_by_its_kind(text: str, kind: str, hidden: str) -> None:
    assert [(found.kind, text[found.start : found.end]) for found in DETECTOR.find(text)] == [(kind, hidden)]


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_personal_stays(text: str) -> None:
    assert [text[found.start : found.end] for found in DETECTOR.find(text)] == []


@pytest.mark.parametrize("number", DISGUISES)
def test_a_telephone_is_found_in_every_disguise(number: str) -> None:
    text = f"我电话{number}呢"
    found = DETECTOR.find(text)
    assert [(finding.kind, text[finding.start : finding.end]) for finding in found] == [("电话", number)]


def test_several_items_in_one_text_are_found_apart() -> None:
    text = "收货人张三 13800138000 13900139000，文三路138号，订单20241111888812"
    found = DETECTOR.find(text)
    assert [finding.kind for finding in found] == ["姓名", "电话", "电话", "地址", "订单"]
    assert all(before.end <= after.start for before, after in itertools.pairwise(found))


def test_a_resident_id_needs_its_checksum_and_a_card_its_luhn_digit() -> None:
    assert [found.kind for found in DETECTOR.find("110105194912310021")] == ["号码"]
    assert [found.kind for found in DETECTOR.find("4111111111111112")] == ["号码"]
    assert [found.kind for found in DETECTOR.find("4111 1111 1111 1112")] == ["号码"], "a long bare number in fours"


def test_catalogue_numbers_and_allowed_values_stay() -> None:
    detector = Detector(catalogue_numbers=frozenset({"6901234567890"}), allowed=frozenset({"400-810-0000"}))
    assert detector.find("6901234567890有货吗，打４００-810-0000") == ()
    assert len(Detector().find("6901234567890有货吗，打400-810-0000")) == 2


def test_a_literal_mask_is_a_finding_unless_it_is_known() -> None:
    text = "[电话_1]和【电话 2】"
    assert [found.kind for found in DETECTOR.find(text)] == ["标记", "标记"]
    assert [text[found.start : found.end] for found in DETECTOR.find(text, frozenset({"[电话_1]"}))] == ["【电话 2】"]


def test_the_digest_names_the_rules_and_what_a_shop_added() -> None:
    assert Detector().digest == Detector().digest
    assert (
        Detector().digest
        != Detector(frozenset({"12345678"})).digest
        != Detector(allowed=frozenset({"12345678"})).digest
    )


def test_a_text_of_nothing_but_items_is_still_masked_whole() -> None:
    text = "13800138000 " * 200
    assert len(DETECTOR.find(text)) == 200
