"""Networks and cards that several tests use, one for each way a box can stand in a school."""

from ipaddress import IPv4Address, IPv4Interface

from appliance.lan.card import Card
from appliance.lan.config import Mode, NetworkConfig
from appliance.lan.plan import Plan, Ports, make_plan

WORDS = 'pa"s s #1=\\x'
WIFI = Card("wlan0", "a4:50:46:00:00:04", is_wireless=True, is_phone=False, has_link=False)
CABLE = Card("eth0", "a4:50:46:00:00:02", is_wireless=False, is_phone=False, has_link=True)
PHONE = Card("usb0", "a4:50:46:00:00:03", is_wireless=False, is_phone=True, has_link=True)
CARDS = (CABLE, PHONE, WIFI)
ALONE = NetworkConfig(ssid="青山教学点", passphrase=WORDS)
THROUGH = NetworkConfig(
    ssid="青山教学点",
    passphrase=WORDS,
    channel=36,
    band="5",
    dns=("223.5.5.5",),
    forward=("02:00:5e:10:00:01", "a4:50:46:00:00:09"),
)
CLIENT = NetworkConfig(mode=Mode.CLIENT, ssid="办公室 \u201c2\u201d", passphrase=WORDS)
FIXED = NetworkConfig(
    mode=Mode.WIRED,
    address=IPv4Interface("192.168.1.2/24"),
    gateway=IPv4Address("192.168.1.1"),
    dns=("192.168.1.1",),
)
DOORS = Ports(ssh=True, peers=8082, neighbours=("eth0",))


def plans() -> dict[str, Plan]:
    """A plan for each way, by the name of its golden folder."""
    return {
        "alone": make_plan(ALONE, (WIFI,), Ports()),
        "through": make_plan(THROUGH, CARDS, DOORS),
        "client": make_plan(CLIENT, CARDS, Ports()),
        "wired": make_plan(NetworkConfig(mode=Mode.WIRED), (CABLE,), Ports(peers=8082)),
        "fixed": make_plan(FIXED, CARDS, DOORS),
    }
