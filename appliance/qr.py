"""QR codes, the only door to segno: what a card, a page or a screen shows for a phone. Pure."""

import re

import segno

Modules = tuple[tuple[bool, ...], ...]
"""Rows of dark and light squares, without the quiet zone of four around them."""
_SPECIAL = re.compile(r'([\\;,:"])')


def modules(text: str) -> Modules:
    """The code of ``text`` (at most some 2,000 bytes of UTF-8), readable with 15 % of it dirty."""
    code = segno.make_qr(text, error="m", boost_error=False)
    return tuple(tuple(bool(square) for square in row) for row in code.matrix)


def wifi_text(ssid: str, passphrase: str) -> str:
    """What joins a phone to a Wi-Fi (the format of ZXing): ``WIFI:T:WPA;S:…;P:…;;``."""
    name = _SPECIAL.sub(r"\\\1", ssid)
    if not passphrase:
        return f"WIFI:T:nopass;S:{name};;"
    return f"WIFI:T:WPA;S:{name};P:{_SPECIAL.sub(r'\\\1', passphrase)};;"
