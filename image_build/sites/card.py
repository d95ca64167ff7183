"""The card of one site, as words: what a teacher needs in the first ten minutes. Pure.

Chinese first, English below; one page each, drawn by ``card_pdf``. It holds the site's secrets.
"""

from dataclasses import dataclass

from appliance import qr
from appliance.firststart.site import Site
from appliance.lan import ranges
from appliance.lan.config import Mode
from catalog import codes

OWN_NAME = "http://ke.lan/"
"""The box in its own Wi-Fi, by name."""
MAX_STEPS = 12


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of the card: what it is in two languages, and its value."""

    chinese: str
    english: str
    value: str


@dataclass(frozen=True, slots=True)
class Square:
    """A QR code and what stands below it."""

    chinese: str
    english: str
    text: str


@dataclass(frozen=True, slots=True)
class Card:
    """One page."""

    title: str
    subtitle: str
    facts: tuple[Fact, ...]
    squares: tuple[Square, ...]
    steps: tuple[tuple[str, str], ...]
    """The first ten minutes: Chinese, English."""
    warning: tuple[str, str]


WARNING = (
    "用电脑当课匣时，请在 BIOS 中设为“断电恢复后自动开机”；本卡含密码，请妥善保管，勿拍照外传。",
    "A PC as the box: set it to power on after a power cut (BIOS). This card holds passwords.",
)


def make_card(site: Site) -> Card:
    """The card of ``site``."""
    facts = [*_network_facts(site), *_address_facts(site)]
    facts.append(Fact("管理 PIN", "PIN of /admin", site.pin or "—"))
    facts.append(Fact("编号", "Serial", site.serial or "—"))
    return Card(
        title=site.name,
        subtitle=_subtitle(site),
        facts=tuple(facts),
        squares=_squares(site),
        steps=_steps(site),
        warning=WARNING,
    )


def address_of(site: Site) -> str:
    """Where the pages are, as a number a QR code may hold; empty: the box finds out itself."""
    network = site.network
    if network.mode is Mode.ACCESS_POINT:
        # By number, as long as no uplink has that network: then the name still leads there.
        return f"http://{ranges.choose((), wanted=network.address).ip}/"
    return f"http://{network.address.ip}/" if network.address else ""


def _subtitle(site: Site) -> str:
    grades = "、".join(codes.name("grade", f"g{grade}") for grade in site.grades)
    subjects = "、".join(codes.name("subject", subject) for subject in site.subjects)
    return "  ·  ".join(part for part in (site.code, grades, subjects) if part)


def _network_facts(site: Site) -> list[Fact]:
    network = site.network
    if not network.ssid:
        return [Fact("联网方式", "Network", "网线 / cable")]
    passphrase = network.passphrase or "（无密码 / open）"
    return [
        Fact("Wi-Fi 名称", "Wi-Fi name", network.ssid),
        Fact("Wi-Fi 密码", "Pass phrase", passphrase),
    ]


def _address_facts(site: Site) -> list[Fact]:
    number = address_of(site)
    if site.network.mode is Mode.ACCESS_POINT:
        return [Fact("网址", "Address", f"{OWN_NAME}   {number}")]
    return [Fact("网址", "Address", number or "见课匣屏幕 / shown on the box's screen")]


def _squares(site: Site) -> tuple[Square, ...]:
    network, found = site.network, []
    if network.ssid:
        text = qr.wifi_text(network.ssid, network.passphrase)
        found.append(Square("① 扫码连 Wi-Fi", "1 Join the Wi-Fi", text))
    if address := address_of(site):
        found.append(Square("② 扫码看课", "2 Open the lessons", address))
    return tuple(found)


def _steps(site: Site) -> tuple[tuple[str, str], ...]:
    is_own = site.network.mode is Mode.ACCESS_POINT
    place = OWN_NAME if is_own else address_of(site)
    return (
        ("把存储卡插入课匣（电脑用 U 盘或硬盘）。", "Put the card into the box."),
        *_cable(site),
        ("有显示器就接上：它会显示网址和进度。", "A screen, if there is one, shows the way."),
        ("接通电源，等 3 分钟；第一次较慢，不要断电。", "Switch on, wait 3 minutes; leave it on."),
        *_joining(site),
        (
            f"打开浏览器，输入 {place or '屏幕上的网址'}" + ("，或扫右码。" if place else "。"),
            f"Open {place or 'its address on the screen'} in a browser.",
        ),
        ("选年级、学科和教材，点开一课，播放试试。", "Choose grade, subject, book; play a lesson."),
        ("没有课？插上县里发的 U 盘，等页面说完成。", "No lessons? Plug in the county's stick."),
        ("在 /admin 输入 PIN，核对名称和时间。", "Give the PIN at /admin; check name and time."),
        ("断电再通电一次，确认课匣会自己启动。", "Cut the power once: it must start by itself."),
        ("把本卡交给负责老师保管。", "Give this card to the teacher in charge."),
    )


def _cable(site: Site) -> list[tuple[str, str]]:
    if site.network.mode is Mode.WIRED:
        return [("用网线把课匣接到路由器或交换机。", "Connect the box to the router by cable.")]
    if site.network.mode is Mode.ACCESS_POINT:
        return [("有外网就插上网线；没有也能用。", "Plug in the uplink's cable, if there is one.")]
    return []


def _joining(site: Site) -> list[tuple[str, str]]:
    if not site.network.ssid:
        return [("平板或电脑连到同一个网络。", "Join the same network with a tablet or PC.")]
    return [("平板扫左码（或手动输入密码）连上 Wi-Fi。", "Scan the left code to join the Wi-Fi.")]
