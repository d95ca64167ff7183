"""The box's own Wi-Fi, as hostapd reads it (hostapd.conf). Pure."""

from appliance.lan.config import NetworkConfig
from appliance.lan.psk import key_of


def text(card: str, config: NetworkConfig) -> str:
    """hostapd.conf; holds the secret. The name goes as hexadecimal digits, whatever it is."""
    lines = [
        f"interface={card}",
        "driver=nl80211",
        "ctrl_interface=/run/kexia-network/hostapd",
        f"ssid2={config.ssid.encode().hex()}",
        "utf8_ssid=1",
        f"country_code={config.country}",
        "ieee80211d=1",
        f"hw_mode={'g' if config.band == '2.4' else 'a'}",
        f"channel={config.channel}",
        "ieee80211n=1",
        "wmm_enabled=1",
        "auth_algs=1",
        "wpa=2",
        "wpa_key_mgmt=WPA-PSK",
        "rsn_pairwise=CCMP",
        f"wpa_psk={key_of(config)}",
        # Tablets need the box, not each other.
        "ap_isolate=1",
    ]
    return "\n".join(lines) + "\n"
