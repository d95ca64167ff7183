"""What a site's texts may be: each check says what is wrong, or nothing. Pure.

Used for site files and for the sheets they are made from, so that both say the same.
"""

import base64
import binascii
import re
import unicodedata
from itertools import pairwise

from catalog import codes
from sync.directory import COLLECTION, is_address

MAX_NAME, MAX_SERIAL, MAX_SSH_KEY = 40, 24, 3000
"""Characters."""
FORMULA = ("=", "+", "-", "@")
"""What a text may not begin with: a spreadsheet program would run it."""
_CODE = re.compile(r"[0-9]{6,12}")
_SERIAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
_PIN = re.compile(r"[0-9]{6}")
_SSH_KEY = re.compile(
    r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)|sk-ssh-ed25519@openssh\.com)"
    r" ([A-Za-z0-9+/]+={0,2})(?: [^\s\"\\][^\"\\]{0,200})?"
)
_MONGOLIAN = "\u180e"
"""The one character of format that names are written with (the Mongolian vowel separator)."""


def check_name(text: str) -> str:
    """What is wrong with a teaching point's name."""
    if len(text) > MAX_NAME:
        return f"is longer than {MAX_NAME} characters"
    if text != " ".join(text.split()):
        return "holds spaces at an end, or several in a row"
    if text.startswith(FORMULA):
        return f"may not begin with {text[0]}"
    if bad := next((letter for letter in text if not _is_written(letter)), ""):
        return f"holds a character that cannot be printed on a card (U+{ord(bad):04X})"
    return "" if any(map(str.isalnum, text)) else "holds no letter and no digit"


def check_code(text: str) -> str:
    """What is wrong with a county's code."""
    return "" if _CODE.fullmatch(text) else "must be 6 to 12 digits, like 430121"


def check_serial(text: str) -> str:
    """What is wrong with a box's number."""
    if len(text) <= MAX_SERIAL and _SERIAL.fullmatch(text):
        return ""
    return f"may hold at most {MAX_SERIAL} Latin letters, digits and -"


def check_subject(text: str) -> str:
    """What is wrong with a subject's code."""
    return "" if codes.tag("subject", text) else "is no subject's code"


def check_pin(text: str) -> str:
    """What is wrong with a PIN; the rule of ``appliance.pin``, for six digits."""
    if not _PIN.fullmatch(text):
        return "must be six digits"
    steps = {int(after) - int(before) for before, after in pairwise(text)}
    return "is the first that anybody tries" if len(steps) == 1 else ""


def check_url(text: str) -> str:
    """What is wrong with a repository's address."""
    if is_address(text) and text.isascii() and text.isprintable():
        return ""
    return "is no address like https://www.example.cn/kexia"


def check_collection(text: str) -> str:
    """What is wrong with a collection's id."""
    return "" if COLLECTION.fullmatch(text) else "is no collection's id, like 43/math-1a"


def check_ssh_key(text: str) -> str:
    """What is wrong with a public key of OpenSSH: one line, without options (sshd(8))."""
    found = _SSH_KEY.fullmatch(text) if len(text) <= MAX_SSH_KEY and text.isprintable() else None
    if found is None:
        return "is no public key of ssh, like ssh-ed25519 AAAA… name"
    try:
        inside = base64.b64decode(found[2], validate=True)
    except binascii.Error:
        inside = b""
    kind = found[1].encode()
    return "" if inside.startswith(len(kind).to_bytes(4) + kind) else "is a damaged public key"


def _is_written(letter: str) -> bool:
    """Letters, marks, digits, punctuation, the plain space: nothing that hides, turns or breaks."""
    if letter in (" ", _MONGOLIAN, "\u202f"):
        return True
    kind = unicodedata.category(letter)
    return kind[0] in "LMNP" and not 0xFE00 <= ord(letter) <= 0xFE0F and ord(letter) != 0xFFFD
