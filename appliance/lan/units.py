"""The programmes of the classroom's network, as systemd runs them (units below /run). Pure."""

HOSTAPD, DNSMASQ, THROUGH, SUPPLICANT = (
    "kexia-hostapd.service",
    "kexia-dnsmasq.service",
    "kexia-dnsmasq-through.service",
    "kexia-wpa.service",
)
FOLDER = "/run/kexia-network"
"""Where their configuration lies; it may hold a secret, so root alone reads it."""
_CAGE = """\
NoNewPrivileges=yes
ProtectSystem=strict
ReadWritePaths=/run/kexia-network
ProtectHome=yes
PrivateTmp=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK AF_PACKET
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
UMask=0077
"""
_RADIO = "CAP_NET_ADMIN CAP_NET_RAW"
_NAMES = "CAP_NET_ADMIN CAP_NET_RAW CAP_NET_BIND_SERVICE CAP_SETUID CAP_SETGID CAP_CHOWN"


def text(unit: str, card: str) -> str:
    """The unit's text."""
    what, start, caps = _PROGRAMMES[unit]
    return (
        f"[Unit]\nDescription=Kexia: {what}\nAfter=network-pre.target\n\n"
        f"[Service]\nExecStart={start.format(card=card)}\n"
        "Restart=always\nRestartSec=3\nTimeoutStopSec=5\n"
        f"CapabilityBoundingSet={caps}\n{_CAGE}"
    )


_PROGRAMMES = {
    HOSTAPD: ("the classroom's Wi-Fi", f"/usr/sbin/hostapd {FOLDER}/hostapd.conf", _RADIO),
    SUPPLICANT: (
        "join the Wi-Fi that stands there",
        f"/sbin/wpa_supplicant -D nl80211 -i {{card}} -c {FOLDER}/wpa.conf",
        _RADIO,
    ),
    DNSMASQ: (
        "addresses and names for the classroom",
        f"/usr/sbin/dnsmasq -k --log-facility=- --pid-file= --conf-file={FOLDER}/dnsmasq.conf",
        _NAMES,
    ),
    THROUGH: (
        "names for devices that are let through",
        f"/usr/sbin/dnsmasq -k --log-facility=- --pid-file= --conf-file={FOLDER}/through.conf",
        _NAMES,
    ),
}
