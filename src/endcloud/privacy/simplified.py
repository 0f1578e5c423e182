"""Traditional characters as simplified ones, so that one rule reads both (`收件人馮曉東` as `收件人冯晓东`).

One character becomes one character, so offsets stay. The table has the characters that the rules themselves are
written in (surnames, titles, cues, street words) and no others: a name's further characters are not compared.
"""

from __future__ import annotations

import re

_PAIRS = (
    "亂乱 來来 係系 個个 們们 傘伞 傢家 價价 儲储 兒儿 兩两 凍冻 剋克 劃划 劉刘 務务 區区 叄叁 吳吴 呂吕 員员 問问 "
    "喬乔 單单 嗎吗 嚮向 嚴严 囌苏 國国 園园 報报 場场 塊块 塗涂 婁娄 孫孙 學学 宮宫 實实 寧宁 寫写 寶宝 專专 對对 "
    "層层 屬属 嵗岁 嶺岭 嶽岳 師师 帳帐 帶带 幣币 幫帮 廈厦 廣广 廳厅 張张 強强 後后 從从 復复 慄栗 慮虑 慼戚 應应 "
    "懞蒙 戲戏 戶户 捨舍 揚扬 換换 據据 敎教 數数 於于 旂旗 時时 晉晋 暢畅 曏向 會会 東东 枴拐 柺拐 査查 條条 棟栋 "
    "楊杨 業业 構构 樂乐 樑梁 樓楼 標标 機机 檔档 檯台 櫃柜 欒栾 歐欧 歲岁 決决 沒没 況况 淩凌 湯汤 溫温 滬沪 漢汉 "
    "濛蒙 瀋沈 灣湾 為为 無无 熱热 燈灯 營营 爲为 爾尔 獨独 環环 瓊琼 產产 産产 甦苏 甯宁 畢毕 發发 監监 盧卢 眞真 "
    "矇蒙 硃朱 碩硕 碼码 種种 稱称 穀谷 竇窦 箇个 範范 簡简 簽签 籤签 粵粤 紀纪 約约 紋纹 級级 細细 組组 給给 經经 "
    "綫线 網网 線线 編编 緯纬 練练 緻致 縣县 總总 織织 繫系 續续 羅罗 習习 聞闻 聯联 聶聂 肅肃 脩修 臺台 與与 興兴 "
    "舘馆 荊荆 莊庄 華华 萬万 葉叶 蓆席 蓋盖 蔔卜 蔣蒋 蕭萧 薑姜 薦荐 藍蓝 藺蔺 蘆芦 蘇苏 蘭兰 處处 號号 蝦虾 衕同 "
    "衚胡 衛卫 裏里 裝装 裡里 製制 複复 見见 規规 視视 訂订 計计 記记 許许 註注 証证 詢询 話话 該该 誕诞 說说 説说 "
    "誰谁 談谈 請请 諶谌 諸诸 謝谢 證证 譚谭 護护 讓让 貓猫 貝贝 貨货 貳贰 貴贵 買买 費费 賀贺 賈贾 賣卖 質质 賬账 "
    "賴赖 購购 贛赣 趕赶 趙赵 車车 軒轩 轅辕 轉转 農农 這这 連连 週周 遊游 運运 過过 遞递 遲迟 遷迁 遼辽 邊边 郵邮 "
    "鄉乡 鄒邹 鄔邬 鄧邓 鄭郑 醫医 釋释 釦扣 鈡钟 鈴铃 銀银 錢钱 鍾钟 鎖锁 鎭镇 鎮镇 鏈链 鐘钟 鐵铁 長长 門门 閉闭 "
    "開开 間间 閔闵 閤合 閩闽 閻阎 關关 陝陕 陰阴 陳陈 陸陆 陽阳 隊队 際际 險险 雙双 難难 雲云 電电 靈灵 靜静 鞏巩 "
    "韋韦 韓韩 項项 順顺 領领 頭头 頻频 額额 顏颜 顔颜 類类 顧顾 顯显 風风 颱台 餘余 館馆 饒饶 馬马 馮冯 騎骑 髮发 "
    "鬍胡 鬱郁 魯鲁 鮑鲍 鵝鹅 麪面 麫面 麯曲 麴曲 麵面 麼么 麽么 黃黄 點点 黨党 齊齐 齡龄 齣出 龍龙 龐庞 龔龚 "
)
_TABLE = str.maketrans({pair[0]: pair[1] for pair in _PAIRS.split()})
_ANY = re.compile(f"[{''.join(pair[0] for pair in _PAIRS.split())}]")


def simplified(text: str) -> str:
    """`text` in simplified characters as far as the rules need it; of the same length."""
    return text.translate(_TABLE) if _ANY.search(text) else text
