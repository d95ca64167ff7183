"""QR codes, the only door to segno: what a card, a page or a screen shows for a phone. Pure."""

import re

import segno

Modules = tuple[tuple[bool, ...], ...]
"""Rows of dark and light squares, without the quiet zone of four around them."""
QUIET_ZONE = 4
"""Squares of white around a code (ISO/IEC 18004)."""
_SPECIAL = re.compile(r'([\\;,:"])')


def modules(text: str) -> Modules:
    """The code of ``text`` (at most some 2,000 bytes of UTF-8), readable with 15 % of it dirty."""
    # Said to be UTF-8 where it must be: some readers take Chinese for Japanese otherwise.
    encoding = None if text.isascii() else "utf-8"
    code = segno.make_qr(text, error="m", boost_error=False, encoding=encoding, eci=bool(encoding))
    return tuple(tuple(bool(square) for square in row) for row in code.matrix)


def svg(text: str) -> str:
    """The same code as an inline SVG of black squares, with its quiet zone."""
    rows = modules(text)
    side = len(rows) + 2 * QUIET_ZONE
    squares = "".join(
        f"M{x + QUIET_ZONE} {y + QUIET_ZONE}h1v1h-1z"
        for y, row in enumerate(rows)
        for x, dark in enumerate(row)
        if dark
    )
    return (
        f'<svg class="qr" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}"'
        f' width="{4 * side}" height="{4 * side}"><path fill="#fff" d="M0 0h{side}v{side}H0z"/>'
        f'<path d="{squares}"/></svg>'
    )


def wifi_text(ssid: str, passphrase: str) -> str:
    """What joins a phone to a Wi-Fi (the format of ZXing): ``WIFI:T:WPA;S:…;P:…;;``."""
    name, secret = (_SPECIAL.sub(r"\\\1", text) for text in (ssid, passphrase))
    if not passphrase:
        return f"WIFI:T:nopass;S:{name};;"
    return f"WIFI:T:WPA;S:{name};P:{secret};;"
