"""Joining a Wi-Fi that stands there, as wpa_supplicant reads it. Pure."""

from appliance.lan.config import NetworkConfig
from appliance.lan.psk import key_of


def text(config: NetworkConfig) -> str:
    """wpa_supplicant.conf; holds the secret."""
    lines = [
        "ctrl_interface=/run/kexia-network/wpa",
        "update_config=0",
        f"country={config.country}",
        "network={",
        f"\tssid={config.ssid.encode().hex()}",
        "\tscan_ssid=1",
        *_key(config),
        "}",
    ]
    return "\n".join(lines) + "\n"


def _key(config: NetworkConfig) -> list[str]:
    if not config.passphrase:
        return ["\tkey_mgmt=NONE"]
    return ["\tkey_mgmt=WPA-PSK", "\tproto=RSN", f"\tpsk={key_of(config)}"]
