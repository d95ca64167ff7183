"""How tablets, phones and PCs ask whether a network leads to the Internet, and what they expect.

Pure. A box in the middle of nowhere has to answer them: a system that hears nothing calls its
Wi-Fi broken, and some leave it. What is answered to whom, and why:

Android (from 5 to now; Huawei, Xiaomi, OPPO, vivo, Samsung with servers of their own)
    asks ``/generate_204`` by http, beside it by https, which nobody can answer here. A redirect:
    "sign in to this network", our welcome page opens. 204: up to Android 6 the Wi-Fi is good; from
    7 on, without the https answer, it is asked once whether to stay on a Wi-Fi with no (10:
    limited) Internet, and remembers. So: the welcome page until somebody pressed its button, then
    204. It is not counted as pressed by being shown: the sign-in window closes itself at the first
    204, and would do so while it is being read.
Windows
    asks for a text. A redirect opens the real browser with our page, and costs nothing; with the
    text it calls itself connected. Treated as Android is.
Apple
    asks for a page that says "Success". Without it a small window opens, and whoever closes that
    window by its only button, "Cancel", leaves the Wi-Fi. So: success, always; the address is on
    the poster.
Firefox, GNOME
    only show a bar. So: success, always.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

_APPLE: Final = "<HTML><HEAD><TITLE>Success</TITLE></HEAD><BODY>Success</BODY></HTML>"
_FIREFOX: Final = (
    '<meta http-equiv="refresh" content="0;url=https://support.mozilla.org/kb/captive-portal"/>'
)


class Treatment(Enum):
    """What a system is told."""

    ONLINE = "online"
    """Always what it hopes for."""
    WELCOME = "welcome"
    """The welcome page, until somebody has seen it; then what it hopes for."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One way to ask, and the answer that means "online"."""

    treatment: Treatment
    status: int = 200
    text: str = ""
    kind: str = "text/plain"


ANDROID = Probe(Treatment.WELCOME, status=204)
_BY_PATH = {
    "/gen_204": ANDROID,
    "/connecttest.txt": Probe(Treatment.WELCOME, text="Microsoft Connect Test"),
    "/ncsi.txt": Probe(Treatment.WELCOME, text="Microsoft NCSI"),
    "/hotspot-detect.html": Probe(Treatment.ONLINE, text=_APPLE, kind="text/html"),
    "/library/test/success.html": Probe(Treatment.ONLINE, text=_APPLE, kind="text/html"),
    "/success.txt": Probe(Treatment.ONLINE, text="success\n"),
    "/canonical.html": Probe(Treatment.ONLINE, text=_FIREFOX, kind="text/html"),
    "/check_network_status.txt": Probe(Treatment.ONLINE, text="NetworkManager is online\n"),
}
_APPLE_HOST = "captive.apple.com"


def probe_of(host: str, path: str) -> Probe | None:
    """The probe that a request to ``host`` (a name, lower case) for ``path`` is; None: it is none.

    By path, as servers differ from maker to maker and year to year: connectivitycheck.gstatic.com,
    connectivitycheck.platform.hicloud.com, connect.rom.miui.com, conn1.oppomobile.com,
    wifi.vivo.com.cn and others all are asked for ``/generate_204``, some with letters after it.
    """
    if path.startswith("/generate_204"):
        return ANDROID
    if host == _APPLE_HOST and path == "/":
        return _BY_PATH["/hotspot-detect.html"]
    return _BY_PATH.get(path)
