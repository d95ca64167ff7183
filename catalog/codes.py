"""Code lists: readable codes that never change, their names, and the platform's identifiers. Pure.

A code is what feeds, catalogues and addresses hold; a name is what people read and type. The last
but one column is the identifier of the same tag on the national platform (its dimensions:
``PLATFORM``); it resolves like an alias, so a sheet may hold codes, names or the platform's ids.
A code, once published, is never given to something else: lists grow at their ends.
"""

import difflib
import re
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache

DIMENSIONS = ("stage", "grade", "subject", "press", "book", "syllabus")
"""学段 年级 学科 版本 册次 新旧教材, in the order people choose them."""
PLATFORM = {
    "stage": "zxxxd",
    "grade": "zxxnj",
    "subject": "zxxxk",
    "press": "zxxbb",
    "book": "zxxcc",
    "syllabus": "zxxxjjc",
    "package_type": "bklx",
}
"""The national platform's name of each dimension."""


@dataclass(frozen=True, slots=True)
class Tag:
    """One entry of a code list."""

    dim: str
    code: str
    name_zh: str
    name_en: str
    aliases: tuple[str, ...]
    order: int
    """Place in its list, from 0: how menus are sorted."""
    platform: str = ""
    """Identifier on the national platform, where it has one."""


# code | Chinese name | English name | platform id | aliases
_TABLES = {
    "stage": """
primary    | 小学 | Primary school | e7bbb2de-0590-11ed-9c79-92fc3b3249d5 | 小学（六三学制）
junior     | 初中 | Junior secondary | e7bbce2c-0590-11ed-9c79-92fc3b3249d5 | 初中（六三学制）, 初级中学
senior     | 高中 | Senior secondary | e7bbcefe-0590-11ed-9c79-92fc3b3249d5 | 普通高中, 高级中学
primary-54 | 小学（五·四学制） | Primary school (5+4 system) | 44beb9aa-54e6-11ed-9c34-850ba61fa9f4 | 小学（五四制）, 小学五四制
junior-54  | 初中（五·四学制） | Junior secondary (5+4 system) | 44beb932-54e6-11ed-9c34-850ba61fa9f4 | 初中（五四制）, 初中五四制
special    | 特殊教育 | Special education | | 特教
""",  # noqa: E501 - a table, one entry a line
    "grade": """
g1  | 一年级 | Grade 1 | e7bbd296-0590-11ed-9c79-92fc3b3249d5 | 1年级, 1, 小学一年级, 小一
g2  | 二年级 | Grade 2 | e7bbd304-0590-11ed-9c79-92fc3b3249d5 | 2年级, 2, 小学二年级, 小二
g3  | 三年级 | Grade 3 | e7bbd372-0590-11ed-9c79-92fc3b3249d5 | 3年级, 3, 小学三年级, 小三
g4  | 四年级 | Grade 4 | e7bbd3ea-0590-11ed-9c79-92fc3b3249d5 | 4年级, 4, 小学四年级, 小四
g5  | 五年级 | Grade 5 | e7bbebc8-0590-11ed-9c79-92fc3b3249d5 | 5年级, 5, 小学五年级, 小五
g6  | 六年级 | Grade 6 | e7bbecae-0590-11ed-9c79-92fc3b3249d5 | 6年级, 6, 小学六年级, 小六
g7  | 七年级 | Grade 7 | 44bebf7c-54e6-11ed-9c34-850ba61fa9f4 | 7年级, 7, 初一, 初中一年级
g8  | 八年级 | Grade 8 | 44bec67a-54e6-11ed-9c34-850ba61fa9f4 | 8年级, 8, 初二, 初中二年级
g9  | 九年级 | Grade 9 | 44bec0c6-54e6-11ed-9c34-850ba61fa9f4 | 9年级, 9, 初三, 初中三年级
g10 | 高一 | Grade 10 | | 高中一年级, 高一年级, 高1, 10, 10年级, 十年级
g11 | 高二 | Grade 11 | | 高中二年级, 高二年级, 高2, 11, 11年级, 十一年级
g12 | 高三 | Grade 12 | | 高中三年级, 高三年级, 高3, 12, 12年级, 十二年级
""",
    "subject": """
chinese      | 语文 | Chinese | 6a749654-0772-11ed-ac74-092ab92074e6 | 語文
math         | 数学 | Mathematics | e7bbcf80-0590-11ed-9c79-92fc3b3249d5 | 數學, maths, mathematics
english      | 英语 | English | 6a7495dc-0772-11ed-ac74-092ab92074e6 | 英語, 外语·英语
science      | 科学 | Science | 6a749230-0772-11ed-ac74-092ab92074e6 | 科學, 小学科学
morality     | 道德与法治 | Morality and law | 6a74973a-0772-11ed-ac74-092ab92074e6 | 道法, 品德与生活, 品德与社会, 品德与生活（社会）, 思想品德
music        | 音乐 | Music | 6a7497b2-0772-11ed-ac74-092ab92074e6 | 艺术·音乐, 音樂
art          | 美术 | Fine art | 6a749398-0772-11ed-ac74-092ab92074e6 | 艺术·美术, 美術
arts         | 艺术 | Arts | | 艺术综合
stage-arts   | 艺术·舞蹈/影视/戏剧 | Dance, film and drama | 6a74947e-0772-11ed-ac74-092ab92074e6 | 舞蹈, 戏剧, 影视
pe           | 体育与健康 | Physical education and health | 6a747e26-0772-11ed-ac74-092ab92074e6 | 体育, 体健
labour       | 劳动 | Labour | 5036342961 | 劳动与技术, 劳动技术, 劳技, labor
it           | 信息科技 | Information technology | 6a747f2a-0772-11ed-ac74-092ab92074e6 | 信息技术, 信息
calligraphy  | 书法 | Calligraphy | 44bebe1e-54e6-11ed-9c34-850ba61fa9f4 | 语文·书法练习指导, 写字
practice     | 综合实践活动 | Integrated practice | | 综合实践, 综合
physics      | 物理 | Physics | e7bbcfee-0590-11ed-9c79-92fc3b3249d5 | 物理学
chemistry    | 化学 | Chemistry | e7bbd05c-0590-11ed-9c79-92fc3b3249d5 | 化學
biology      | 生物学 | Biology | 44bebcde-54e6-11ed-9c34-850ba61fa9f4 | 生物
geography    | 地理 | Geography | 6a748448-0772-11ed-ac74-092ab92074e6 |
history      | 历史 | History | 6a7481aa-0772-11ed-ac74-092ab92074e6 | 歷史
politics     | 思想政治 | Ideology and politics | 6a748f2e-0772-11ed-ac74-092ab92074e6 | 政治
society      | 历史与社会 | History and society | | 人文与社会
general-tech | 通用技术 | General technology | 6a7496c2-0772-11ed-ac74-092ab92074e6 |
japanese     | 日语 | Japanese | |
russian      | 俄语 | Russian | |
mongolian    | 蒙古语文 | Mongolian | | 蒙语, 蒙古语
tibetan      | 藏语文 | Tibetan | | 藏文, 藏语
uyghur       | 维吾尔语文 | Uyghur | | 维语文, 维吾尔语
kazakh       | 哈萨克语文 | Kazakh | | 哈萨克语
korean       | 朝鲜语文 | Korean | | 朝鲜语
mind         | 心理健康 | Mental health | | 心理健康教育, 心理
safety       | 安全教育 | Safety | | 生命安全, 安全
local        | 地方课程 | Local course | | 校本课程
class        | 班会 | Class meeting | | 主题班会, 班队活动
""",  # noqa: E501 - a table, one entry a line
    "press": """
tongbian       | 统编版 | National unified edition | 44bee8bc-54e6-11ed-9c34-850ba61fa9f4 | 统编, 部编版, 部编, 部编人教版, 統編版
renjiao        | 人教版 | People's Education Press | ff8080814371757b01437c363a187b0a | 人教, 人民教育出版社, pep
renjiao-a      | 人教A版 | People's Education Press A | 5036342963 | 人教版A版
renjiao-b      | 人教B版 | People's Education Press B | | 人教版B版
renjiao-pep    | 人教版（PEP） | People's Education Press PEP | 44becd82-54e6-11ed-9c34-850ba61fa9f4 | 人教PEP版, 人教版（PEP）（主编：吴欣）, 人教版（三年级起点）
renjiao-g1     | 人教版（一年级起点） | People's Education Press, from grade 1 | 44bece04-54e6-11ed-9c34-850ba61fa9f4 | 人教版（一年级起点）（主编：吴欣）, 人教新起点
renjiao-jt     | 人教版（精通） | People's Education Press Jingtong | 12dc75c0-2724-47a9-b556-209d442aafe1 | 人教精通版, 人教版（精通）（主编：苗兴伟）
renjiao-ejiao  | 人教鄂教版 | People's Education and Hubei Education | 44bed098-54e6-11ed-9c34-850ba61fa9f4 |
renjiao-zhongtu | 人教中图版 | People's Education and SinoMaps | 5036342965 |
renjiao-datong | 人教大同版 | People's Education Datong | fa195512-988f-45c7-b707-d6b6f8e530e2 |
beishida       | 北师大版 | Beijing Normal University | e7bbd21e-0590-11ed-9c79-92fc3b3249d5 | 北师大, 北京师范大学出版社
sujiao         | 苏教版 | Jiangsu Education | 3628801954e758f0015509b2a8660c83 | 苏教
beijing        | 北京版 | Beijing | ff808081439f924c0143a40bfce722d4 | 北京课改版
jijiao         | 冀教版 | Hebei Education | 362880034941a3a1014955bdd8d22d4a | 冀教版（三年级起点）, 冀教版（一年级起点）
jiren          | 冀人版 | Hebei People's | 362880034941a3a1014955e02fcd2fbc |
jishao         | 冀少版 | Hebei Children's | 44bed598-54e6-11ed-9c34-850ba61fa9f4 |
jimei          | 冀美版 | Hebei Fine Arts | 44bed78c-54e6-11ed-9c34-850ba61fa9f4 |
xinan          | 西南大学版 | Southwest University | 502036371480 |
xishida        | 西南师大版 | Southwest Normal University | 362880034a50be84014a51c02d7d005c | 西师大版, 西师版
qingdao        | 青岛版 | Qingdao | 8ae7e58c5cab1e02015cafac360702c4 | 青岛版（六三制）, 青岛版（五四制）
jiaoke         | 教科版 | Educational Science | 36288019491df525014935b7c67e15e2 | 教育科学版
jiaoke-eec     | 教科版（EEC学院） | Educational Science EEC | 44bedeb2-54e6-11ed-9c34-850ba61fa9f4 | 教科EEC版
xiangke        | 湘科版 | Hunan Science | 362880034a131b98014a14358cc6025e |
xiangjiao      | 湘教版 | Hunan Education | 362880034937650a0149410b4ca626f9 |
xiangyi        | 湘文艺版 | Hunan Literature and Art | 44bee4f2-54e6-11ed-9c34-850ba61fa9f4 | 湘艺版
xiangmei       | 湘美版 | Hunan Fine Arts | 44bee56a-54e6-11ed-9c34-850ba61fa9f4 |
xiangshao      | 湘少版 | Hunan Children's | 44bee484-54e6-11ed-9c34-850ba61fa9f4 |
xianglu        | 鲁教湘教版 | Shandong and Hunan Education | 5036343066 | 湘鲁版
yuejiao        | 粤教版 | Guangdong Education | 362880194cf07665014cfed020e403d9 |
yuejiao-keji   | 粤教科技版 | Guangdong Education and Technology | 44bee830-54e6-11ed-9c34-850ba61fa9f4 | 粤教粤科版
yuejiao-huacheng | 粤教花城版 | Guangdong Education and Huacheng | 44bee876-54e6-11ed-9c34-850ba61fa9f4 | 花城版
yuejiao-yueren | 粤教粤人版 | Guangdong Education and People's | 44bee7f4-54e6-11ed-9c34-850ba61fa9f4 | 粤人版
daxiang        | 大象社版 | Elephant Press | 44bedd4a-54e6-11ed-9c34-850ba61fa9f4 | 大象版
renyin         | 人音版 | People's Music | 5036342964 | 人民音乐版
renyin-jp      | 人音版（主编：敬谱） | People's Music (Jing Pu) | 44bed3a4-54e6-11ed-9c34-850ba61fa9f4 |
renyin-wb      | 人音版（主编：吴斌） | People's Music (Wu Bin) | 5036344078 |
sushao         | 苏少版 | Jiangsu Children's | 3628801954e758f0015509afdb500c7f |
suke           | 苏科版 | Jiangsu Science | 362880034bfbfa20014c0b98acd70152 |
liaohai        | 辽海版 | Liaohai | 36288019491df52501492b9704f5044a |
hujiao         | 沪教版 | Shanghai Education | 362880194a9ec684014a9f0dfa190056 |
huke           | 沪科技版 | Shanghai Science and Technology | 44bee222-54e6-11ed-9c34-850ba61fa9f4 | 沪科版
huke-yuejiao   | 沪科技粤教版 | Shanghai Science and Guangdong Education | 44bee2d6-54e6-11ed-9c34-850ba61fa9f4 | 沪粤版, 粤沪版
huwaijiao      | 沪外教版 | Shanghai Foreign Language | 44bee0ec-54e6-11ed-9c34-850ba61fa9f4 |
hushao         | 沪少版 | Shanghai Children's | 44bee128-54e6-11ed-9c34-850ba61fa9f4 |
niujin-sh      | 牛津上海版 | Oxford Shanghai | 362880194a9ec684014a9f2adb6f008d |
renmei         | 人美版 | People's Fine Arts | 44bed1a6-54e6-11ed-9c34-850ba61fa9f4 | 人民美术版
renmei-yl      | 人美版（主编：杨力） | People's Fine Arts (Yang Li) | 44bed2aa-54e6-11ed-9c34-850ba61fa9f4 |
ganmei         | 赣美版 | Jiangxi Fine Arts | 44beeb14-54e6-11ed-9c34-850ba61fa9f4 |
lumei          | 鲁美版 | Shandong Fine Arts | 502036371559 |
lingnan        | 岭南版 | Lingnan | | 岭南美术版
kexue          | 科学社版 | Science Press | 44bee5e2-54e6-11ed-9c34-850ba61fa9f4 |
kexue-yuejiao  | 科学粤教版 | Science Press and Guangdong Education | 44bee628-54e6-11ed-9c34-850ba61fa9f4 | 科粤版
kepu           | 科普版 | Popular Science | 44bee664-54e6-11ed-9c34-850ba61fa9f4 |
waiyan         | 外研社版 | Foreign Language Teaching and Research | 44bedbe2-54e6-11ed-9c34-850ba61fa9f4 | 外研版
waiyan-cl      | 外研社版（主编：陈琳） | Foreign Language Teaching and Research (Chen Lin) | 44bedcfa-54e6-11ed-9c34-850ba61fa9f4 | 外研版（三年级起点）
waiyan-syz     | 外研社版（主编：孙有中） | Foreign Language Teaching and Research (Sun Youzhong) | 8423c2ea-d9eb-4b8e-ad39-1bf23b3c2cf7 |
chuanjiao      | 川教版 | Sichuan Education | 3628800349568d6801495ab43f3f125e |
yilin          | 译林版 | Yilin | 44beead8-54e6-11ed-9c34-850ba61fa9f4 | 牛津译林版
yilin-g3       | 译林版三年级起点 | Yilin, from grade 3 | 502036371564 |
shanlv         | 陕旅版 | Shaanxi Tourism | 44beec72-54e6-11ed-9c34-850ba61fa9f4 |
minjiao        | 闽教版 | Fujian Education | 362880184a1b671a014a3d90218b1156 |
huashida       | 华东师大版 | East China Normal University | 362880194a9ec684014a9f1d2af50073 | 华师大版
jinan          | 济南版 | Jinan | 44bee38a-54e6-11ed-9c34-850ba61fa9f4 |
zhongtu        | 中图版 | SinoMaps | 44bec8dc-54e6-11ed-9c34-850ba61fa9f4 | 中图版（主编：王民）
jinjiao        | 晋教版 | Shanxi Education | 44bedfb6-54e6-11ed-9c34-850ba61fa9f4 |
dizhi          | 地质社版 | Geological Press | 502036371476 | 地质版
beishida-gyy   | 北师大版（主编：郭玉英） | Beijing Normal University (Guo Yuying) | 44bed9b2-54e6-11ed-9c34-850ba61fa9f4 |
beishida-yjd   | 北师大版（主编：闫金铎） | Beijing Normal University (Yan Jinduo) | 44beda34-54e6-11ed-9c34-850ba61fa9f4 |
luke           | 鲁科版 | Shandong Science | 362880194964b314014964bf4ae60085 |
lujiao         | 鲁教版 | Shandong Education | |
xinshiji       | 新世纪版 | New Century | 36288019573ca3980157417c5872020a |
zheke          | 浙科版 | Zhejiang Science | 502036371558 |
zhejiao        | 浙教版 | Zhejiang Education | |
zheren         | 浙人美版 | Zhejiang People's Fine Arts | | 浙美版
yuke           | 豫科版 | Henan Science | 502036371600 |
dianzi         | 电子工业版 | Electronics Industry | | 电子工业社版
xingqiu        | 商务星球版 | Commercial Press Star Map | | 星球版
renmin         | 人民版 | People's Publishing House | |
yuelu          | 岳麓版 | Yuelu | |
guijiao        | 桂教版 | Guangxi Education | | 接力版
neijiao        | 内蒙古教育版 | Inner Mongolia Education | | 内教版, 内蒙教育版
xinjiang       | 新疆教育版 | Xinjiang Education | | 新教社版
xizang         | 西藏人民版 | Tibet People's | | 藏教版
own            | 自编 | Own material | | 校本, 自编教材, 其他版本, 其他
""",  # noqa: E501 - a table, one entry a line
    "book": """
upper          | 上册 | First volume | ff8080814371757b014390f883db0453 | 上, 上學期, 上学期, 第一学期, 上冊
lower          | 下册 | Second volume | ff8080814371757b014390fcdce504bd | 下, 下学期, 第二学期, 下冊
full           | 全一册 | Single volume | 8ae7e58b77b3bac901783dd80dee0c44 | 全册, 全一冊
full-upper     | 全一册（上） | Single volume (1) | 5036342969 |
full-lower     | 全一册（下） | Single volume (2) | 5036342970 |
level-1        | 水平一 | Level 1 | 502036372038 |
level-2        | 水平二 | Level 2 | 502036372039 |
level-3        | 水平三 | Level 3 | 502036372040 |
required-upper | 必修 上册 | Required, first volume | eae5dc6a-147b-11ed-ab76-54d6327ace99 | 必修上
required-lower | 必修 下册 | Required, second volume | 8ae7e58b74dd6f1a01750b71fb3900a3 | 必修下
required       | 必修 全一册 | Required, single volume | 502036371447 | 必修
required-1     | 必修 第一册 | Required 1 | 5036342972 |
required-2     | 必修 第二册 | Required 2 | 5036342973 |
required-3     | 必修 第三册 | Required 3 | 5036342977 |
required-4     | 必修 第四册 | Required 4 | |
required-5     | 必修 第五册 | Required 5 | |
required-6     | 必修 第六册 | Required 6 | |
elective-upper | 选择性必修 上册 | Elective, first volume | eae5f7b8-147b-11ed-ab76-54d6327ace99 | 选择性必修上
elective-middle | 选择性必修 中册 | Elective, middle volume | eae5f88a-147b-11ed-ab76-54d6327ace99 | 选择性必修中
elective-lower | 选择性必修 下册 | Elective, last volume | 8ae7e58b77b3bac901781548699901fb | 选择性必修下
elective-1     | 选择性必修 第一册 | Elective 1 | 5036342974 |
elective-2     | 选择性必修 第二册 | Elective 2 | 5036342982 |
elective-3     | 选择性必修 第三册 | Elective 3 | 5036344062 |
elective-4     | 选择性必修 第四册 | Elective 4 | ff8080817b0a8395017b0adfdf920002 |
elective-5     | 选择性必修 第五册 | Elective 5 | |
elective-6     | 选择性必修 第六册 | Elective 6 | |
elective-7     | 选择性必修 第七册 | Elective 7 | |
elective-8     | 选择性必修 第八册 | Elective 8 | |
elective-9     | 选择性必修 第九册 | Elective 9 | |
elective-10    | 选择性必修 第十册 | Elective 10 | |
elective-11    | 选择性必修 第十一册 | Elective 11 | |
""",  # noqa: E501 - a table, one entry a line
    "syllabus": """
new | 新教材 | New textbook | 5136342961 | 新
old | 旧教材 | Old textbook | 5136342960 | 旧
""",
    "program": """
synchronous    | 同步课堂 | Synchronous classroom | | 同频互动课堂
delivered      | 专递课堂 | Delivered classroom | |
master-teacher | 名师课堂 | Master teachers' classroom | |
school-network | 名校网络课堂 | Strong schools' network classroom | | 名校课堂
one-teacher    | 一师一优课 | One teacher, one excellent lesson | | 一师一优课一课一名师
elite          | 精品课 | Elite lessons | | 基础教育精品课
""",
    "package_type": """
national_lesson | 课程包 | National lesson package | | 国家课程
elite_lesson    | 精品课 | Elite lesson package | | 基础教育精品课
prepare_lesson  | 备课资源 | Lesson preparation package | | 备课
singing         | 音乐歌曲 | Singing | | 歌曲, 学唱
""",
    "role": """
video       | 视频课程 | Video | | 微课, 视频, 课堂实录
courseware  | 课件 | Courseware | | 教学课件, 演示文稿
lesson_plan | 教学设计 | Lesson plan | | 教案
task_sheet  | 学习任务单 | Task sheet | | 任务单, 导学案, 学习单
exercise    | 课后练习 | Exercise | | 练习, 作业, 习题
audio       | 音频 | Audio | | 录音, 朗读, 听力
textbook    | 教材 | Textbook | | 课本, 电子教材, 教材页
interactive | 互动 | Interactive | | 互动课件, 交互, 互动资源
subtitle    | 字幕 | Subtitle | | 字幕文件
""",
}

_IGNORED = re.compile(r"[\s·•・‧∙./、_《》\"'“”‘’-]+")
_RANGE = re.compile(r"(?P<first>.{1,4}?)(?:年级)?\s*(?:至|到|~|-|—|–)\s*(?P<last>.{1,4}?)(?:年级)?")
_SENIOR_BOOK = re.compile(
    r"(?P<kind>选择性必修|必修)第?(?P<number>[一二三四五六七八九十]+|\d{1,2})册?"
)
_ENDS = ("first", "last")
_KINDS = {"必修": "required", "选择性必修": "elective"}
_NUMERALS = {"十一": "11"} | {digit: str(n) for n, digit in enumerate("一二三四五六七八九十", 1)}


def fold(text: str) -> str:
    """``text`` as codes and names are compared: width, case, spaces and dots do not matter."""
    return _IGNORED.sub("", unicodedata.normalize("NFKC", text).casefold())


@cache
def tags(dim: str) -> tuple[Tag, ...]:
    """The code list of a dimension in its order; raises KeyError for a dimension we do not have."""
    lines = _TABLES[dim].strip().splitlines()
    return tuple(_parse(dim, line, order) for order, line in enumerate(lines))


def _parse(dim: str, line: str, order: int) -> Tag:
    code, name_zh, name_en, platform, aliases = (cell.strip() for cell in line.split("|"))
    names = tuple(alias.strip() for alias in aliases.split(",") if alias.strip())
    return Tag(dim, code, name_zh, name_en, names, order, platform)


@cache
def _by_code(dim: str) -> dict[str, Tag]:
    return {tag.code: tag for tag in tags(dim)}


@cache
def _by_name(dim: str) -> dict[str, Tag]:
    return {fold(name): tag for tag in tags(dim) for name in _names(tag) if name}


def _names(tag: Tag) -> tuple[str, ...]:
    return (tag.code, tag.name_zh, tag.name_en, tag.platform, *tag.aliases)


def tag(dim: str, code: str) -> Tag | None:
    """The entry of exactly that code."""
    return _by_code(dim).get(code)


def name(dim: str, code: str) -> str:
    """The Chinese name of a code; a code we do not know (a newer publisher's) stands for itself."""
    known = tag(dim, code)
    return code if known is None else known.name_zh


def resolve(dim: str, text: str) -> Tag | None:
    """The entry that ``text`` means: a code, a name, an alias or the platform's id."""
    folded = fold(text)
    return _by_name(dim).get(folded) or (_senior_book(folded) if dim == "book" else None)


@lru_cache(maxsize=4096)
def resolve_all(dim: str, text: str) -> tuple[Tag, ...]:
    """The entries that ``text`` means: one, the grades of a range (一至三年级), none if unknown."""
    found = _RANGE.fullmatch(unicodedata.normalize("NFKC", text).strip())
    if dim != "grade" or found is None:
        known = resolve(dim, text)
        return () if known is None else (known,)
    first, last = (resolve(dim, found[end]) or resolve(dim, found[end] + "年级") for end in _ENDS)
    if first is None or last is None:
        return ()
    return tags(dim)[first.order : last.order + 1]


@lru_cache(maxsize=4096)
def suggest(dim: str, text: str, *, limit: int = 3) -> tuple[str, ...]:
    """Names nearest to a text that is not in the list, best first; all of a short list if none."""
    names = {fold(name): tag.name_zh for tag in tags(dim) for name in _names(tag) if name}
    near = difflib.get_close_matches(fold(text), names, n=2 * limit, cutoff=0.4)
    best = tuple(dict.fromkeys(names[key] for key in near))[:limit]
    if best or len(tags(dim)) > 12:
        return best
    return tuple(tag.name_zh for tag in tags(dim))


def _senior_book(folded: str) -> Tag | None:
    """必修1 分子与细胞, 选择性必修二 …: the number decides, the book's own name is passed over."""
    found = _SENIOR_BOOK.match(folded)
    if found is None:
        return None
    number = _NUMERALS.get(found["number"], found["number"])
    return tag("book", f"{_KINDS[found['kind']]}-{number}")
