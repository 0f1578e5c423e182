"""What the values of the `unseen` half are made of."""

from __future__ import annotations

from personal.halves import Pools, words

POOLS = Pools(
    surnames=(
        *"李刘杨黄吴孙朱高马何郑谢于戴夏方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严武莫孔向常汤康",
        "司马",
        "慕容",
        "东方",
    ),
    given=words(
        "红梅 军 建华 丹 萍 鹏 慧 宇航 诗涵 嘉怡 志远 晓红 德华 美玲 辉 斌 燕 波 颖 莉 子轩 梦琪 浩然 雅静 永强 "
        "秋菊 振国 淑芬 彦君 瑞 瑶 楠 帅 冰 语嫣 景行 沐阳 可欣 家兴 世杰 卫东 翠莲 宏图 月娥 安琪 博文 清扬 巧云 鑫 峰"
    ),
    titles=("女士", "先生", "师傅", "医生", "太太", "总"),
    handles=(
        "dapeng",
        "nana",
        "liuyang",
        "huangjie",
        "xiaoyu",
        "gaofei",
        "baobao",
        "coco",
        "yoyo",
        "sunqi",
        "mengmeng",
        "kaikai",
    ),
    domains=("126.com", "foxmail.com", "outlook.com", "139.com", "sohu.com", "pku.edu.cn", "rongda-trade.cn"),
    cities=(
        "江苏省苏州市工业园区",
        "重庆市渝北区",
        "广州市天河区",
        "山东省青岛市市南区",
        "湖北武汉",
        "陕西省西安市雁塔区",
        "福建省厦门市",
        "河南郑州",
    ),
    roads=(
        "星湖街",
        "体育东路",
        "香港中路",
        "珞喻路",
        "高新一路",
        "民生路",
        "东风渠大道",
        "松江三路",
        "石板巷",
        "迎宾北街",
        "友谊大街",
        "嘉禾路",
    ),
    compounds=("碧桂园", "幸福里小区", "湖畔雅苑", "保利香槟国际", "东方名城", "紫荆公寓", "凤凰城花园", "和谐家园"),
    villages=("南窑镇赵家村", "小河口村", "永安镇双桥村", "青山乡枫树湾村", "西坪村"),
    campuses=("武汉大学信息学部", "交通大学闵行校区", "医科大学北区"),
    buildings=("恒隆大厦", "软件园B座", "时代商务中心"),
    first_names=words(
        "John Patricia Michael Susan Daniel Karen Emily Steven Rachel Aisha Diego Hannah Oliver Megan Victor"
    ),
    last_names=words(
        "Williams Jones Davis Miller Martinez Thompson Clark Lewis Walker Singh Ahmed Murphy Rossi Baker Hughes"
    ),
    streets=("2nd", "Oak", "Jefferson", "Riverside", "Hillcrest", "Station", "Willow Creek", "Highland", "Pine"),
    street_kinds=("Street", "Avenue", "Rd", "Blvd", "Way", "Dr", "Place"),
    towns=("Portland, OR", "Denver, CO", "Newark, NJ", "Phoenix AZ"),
    english_handles=("mthompson", "dwalker", "sarah.l", "hannahb", "diego", "karen"),
    english_domains=("hotmail.com", "icloud.com", "proton.me", "aol.com", "redkitesupply.com"),
)
