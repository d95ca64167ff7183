"""Two radios of the kernel's own (mac80211_hwsim) in a guest: the box's, and a tablet's.

The second lies in a network namespace of the guest, so that nothing but Wi-Fi joins the two.
"""

import json
from ipaddress import ip_address, ip_network

from appliance.lan.config import NetworkConfig
from appliance.lan.psk import key_of
from tests.vm.image_machine import ImageMachine

PATIENCE = 900.0
TABLET = """
rfkill unblock all
ip netns add other
iw phy "$(cat /sys/class/net/wlan1/phy80211/name)" set netns name other
ip -n other link set lo up
ip -n other link set wlan1 up
"""
"""The second radio becomes the tablet's own."""
RADIOS = f"""
modprobe mac80211_hwsim radios=2
for i in $(seq 40); do [ -e /sys/class/net/wlan1 ] && break; sleep 0.5; done{TABLET}"""
LEASE = """cat > /var/lease <<'X'
#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr add $ip/$mask dev $interface
ip route add default via $router
echo "$ip $router $dns" > /run/lease
X
chmod +x /var/lease
"""
JOIN = """cat > /run/client.conf <<'X'
network={{
 ssid={ssid}
 psk={psk}
}}
X
ip netns exec other wpa_supplicant -B -D nl80211 -i wlan1 -c /run/client.conf >/run/client.log
for i in $(seq 120); do
  ip netns exec other iw dev wlan1 link | grep -q 'Connected to' && break; sleep 0.5
done
ip netns exec other iw dev wlan1 link | head -1
ip netns exec other busybox udhcpc -i wlan1 -n -q -t 15 -T 2 -s /var/lease >/run/udhcpc.log 2>&1
cat /run/lease
"""
ASK = """cat > /var/ask.py <<'X'
import http.client, json, socket, struct, sys
dns = sys.argv[1]
def look(name):
    q = struct.pack(">6H", 7, 256, 1, 0, 0, 0)
    q += b"".join(bytes([len(p)]) + p.encode() for p in name.split(".")) + b"\\0\\0\\1\\0\\1"
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(20); s.sendto(q, (dns, 53)); r = s.recv(999)
    return socket.inet_ntoa(r[-4:])
said = []
for host, path in (("connect.rom.miui.com", "/generate_204"), ("ke.lan", "/"),
                   ("captive.apple.com", "/hotspot-detect.html"), ("ke.lan", sys.argv[2])):
    w = http.client.HTTPConnection(look(host), timeout=60)
    w.request("GET", path, headers={"Host": host}); a = w.getresponse(); body = a.read()
    said.append([a.status, a.headers.get("Location", ""), len(body)])
try:
    socket.create_connection((dns, 443), 20)
    said.append("open")
except ConnectionRefusedError:
    said.append("refused")
print(json.dumps(said))
X
"""
ACCESS_POINT = """cat > /run/ap.conf <<'X'
interface=wlan1
driver=nl80211
ssid2={ssid}
hw_mode=g
channel=6
wpa=2
wpa_key_mgmt=WPA-PSK
rsn_pairwise=CCMP
wpa_psk={psk}
X
ip -n other addr add 10.33.0.1/24 dev wlan1
ip netns exec other hostapd -B /run/ap.conf >/run/ap.log
ip netns exec other dnsmasq --conf-file=/dev/null --interface=wlan1 --bind-interfaces \\
  --dhcp-range=10.33.0.50,10.33.0.60,1h --no-resolv --pid-file=/run/ap-dns.pid \\
  --dhcp-leasefile=/run/ap.leases --user=root
"""


def said(machine: ImageMachine, command: str) -> str:
    return machine.shell(command, seconds=PATIENCE)[1]


def state(machine: ImageMachine) -> dict[str, object]:
    value = json.loads(said(machine, "cat /var/lib/kexia/run/network.json"))
    assert isinstance(value, dict)
    return value


def until(machine: ImageMachine, **wanted: object) -> dict[str, object]:
    """The network in force when it is as wanted."""
    found: dict[str, object] = {}
    for _ in range(200):
        found = state(machine)
        if all(found[name] == value for name, value in wanted.items()):
            return found
        said(machine, "sleep 3")
    log = said(machine, "journalctl -u kexia-network -n 30 --no-pager -o cat")
    raise AssertionError(f"never {wanted}: {found}\n{log}")


def until_it_has(machine: ImageMachine, address: str) -> str:
    """The box's address, with its prefix, once it begins with ``address``."""
    found = ""
    for _ in range(100):
        found = str(state(machine)["address"])
        if found.startswith(address):
            return found
        said(machine, "sleep 3")
    raise AssertionError(f"never had {address}: {state(machine)}")


def insert_radios(machine: ImageMachine) -> None:
    """The box has a Wi-Fi card now, and makes its Wi-Fi by itself."""
    said(machine, RADIOS)
    found = until(machine, mode="access-point", card="wlan0", problem="")
    assert found["address"] == "192.168.77.1/24"


def key(config: NetworkConfig) -> dict[str, str]:
    """Name and key as a client's file wants them."""
    return {"ssid": config.ssid.encode().hex(), "psk": key_of(config)}


def join(machine: ImageMachine, config: NetworkConfig) -> str:
    """The tablet joins and gets an address; where it shall ask for names."""
    joined = said(machine, LEASE + JOIN.format(**key(config)))
    assert joined.startswith("Connected to"), joined
    address, router, dns = joined.splitlines()[-1].split()
    assert ip_address(address) in ip_network("192.168.77.0/24")
    assert router == dns == "192.168.77.1"
    return dns


def plays(machine: ImageMachine, dns: str, lesson: str) -> None:
    """The tablet asks whether it is online, opens the pages by name, and gets a lesson's file."""
    answers = json.loads(
        said(machine, f"{ASK}ip netns exec other python3 /var/ask.py {dns} /r/{lesson}")
    )
    probe, home, apple, video, https = answers
    assert probe[:2] == [302, f"http://{dns}/welcome"]
    assert home[0] == apple[0] == video[0] == 200
    assert video[2] > 0
    assert https == "refused"
