"""What the values of the `tried` half are made of."""

from __future__ import annotations

from personal.halves import Pools, words

POOLS = Pools(
    surnames=(
        *"王张陈赵周徐胡郭林罗梁宋唐许邓冯韩曹彭萧蔡潘田董袁余叶蒋杜苏魏程吕丁沈任姚卢傅钟姜崔谭廖范汪陆金石",
        "欧阳",
        "上官",
        "诸葛",
    ),
    given=words(
        "小明 伟 芳 秀英 娜 敏 静 丽丽 强 磊 洋 艳 勇 杰 娟 涛 超 霞 平 刚 建国 桂花 子涵 雨桐 浩宇 思远 佳怡 晓东 "
        "志强 雪梅 海燕 文博 俊熙 梓萱 一诺 欣怡 春花 国庆 婷婷 立新 玉兰 嘉豪 天佑 凯 琳 倩 薇 晨曦 若曦 明哲"
    ),
    titles=("先生", "女士", "小姐", "老师", "经理", "阿姨"),
    handles=(
        "xiaoming",
        "lily",
        "zhangwei",
        "wanghui",
        "chenyu",
        "linlin",
        "momo",
        "sunny",
        "tiantian",
        "zhaolei",
        "fangfang",
        "haohao",
    ),
    domains=("qq.com", "163.com", "gmail.com", "sina.com", "vip.163.com", "zju.edu.cn", "hengyuan-textile.com"),
    cities=(
        "浙江省杭州市西湖区",
        "上海市浦东新区",
        "北京市朝阳区",
        "广东省深圳市南山区",
        "江苏省南京市",
        "四川成都",
        "湖南省长沙市岳麓区",
        "天津市",
    ),
    roads=(
        "文三路",
        "中山北路",
        "解放大道",
        "建国门外大街",
        "人民南路",
        "梧桐街",
        "科技园南路",
        "长江西路",
        "学院路",
        "和平里东街",
        "青年巷",
        "滨海二路",
    ),
    compounds=("金色家园小区", "阳光花园", "翠苑新村", "龙湖天街公寓", "万科城", "锦绣华庭", "梅园小区", "水岸名邸"),
    villages=("桥头镇李家村", "大王庄村", "新塘镇白石村", "沙河乡柳树屯村", "东岭村"),
    campuses=("浙江大学紫金港校区", "理工大学南校区", "师范学院东区"),
    buildings=("国贸大厦", "创新中心A座", "环球金融广场"),
    first_names=words("James Mary Robert Linda Crystal Kevin Jessica Brian Nicole Andrew Priya Omar Grace Liam Chloe"),
    last_names=words(
        "Smith Johnson Brown Nguyen Patel Garcia Minh Wilson Anderson Taylor Khan O'Brien Lopez Young Harris"
    ),
    streets=("1st", "Maple", "Washington", "Lakeview", "Sunset", "Church", "Cedar Hill", "Park", "Elm"),
    street_kinds=("Ave", "St", "Road", "Boulevard", "Lane", "Drive", "Court"),
    towns=("San Mateo, CA", "Austin, TX", "Brooklyn, NY", "Columbus OH"),
    english_handles=("cminh", "jsmith", "kevin.w", "gracek", "omar", "linda"),
    english_domains=("email.com", "gmail.com", "yahoo.com", "outlook.com", "bluebirdmail.co.uk"),
)
