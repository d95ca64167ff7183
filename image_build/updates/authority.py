"""The province's authority for systems: its CA, its signing certificate, their change. By openssl.

::

    ca.pem       what images carry: the CA's certificate, two of them while it is being changed
    ca.key       the CA's key: needed once in years, kept away from every network
    signing.pem  the code-signing certificate that system updates and image lists are signed with
    signing.key  its key
    next/        the authority that follows, while both are trusted · retired/<serial>/  what was
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from sync.errors import InputRefused, UsageError
from sync.files import make_folder, rename_durably, write_durably
from sync.run import ProgramFailed, run

CA_DAYS = 20 * 365 + 5
SIGNING_DAYS = 5 * 365 + 2
KEY_MODE = 0o600
FOLDER_MODE = 0o700
MAX_NAME = 40
"""Characters: a common name has at most 64, and ours says more than the province's name."""
DEMO = "DEMO"
_NAME = re.compile(rf"[^\x00-\x1f/+=\\,\"<>;#]{{1,{MAX_NAME}}}")
_CERTIFICATE = re.compile(
    rb"-----BEGIN CERTIFICATE-----\n.+?-----END CERTIFICATE-----\n", re.DOTALL
)
_TIMEOUT = 60.0
_CA = ("basicConstraints=critical,CA:TRUE,pathlen:0", "keyUsage=critical,keyCertSign,cRLSign")
_SIGNING = (
    "basicConstraints=critical,CA:FALSE",
    "keyUsage=critical,digitalSignature",
    "extendedKeyUsage=critical,codeSigning",
    "subjectKeyIdentifier=hash",
    "authorityKeyIdentifier=keyid",
)

Ask = Callable[[Path], bytes]
"""Asked for the passphrase of one encrypted key file."""


class Rotation(Enum):
    """The two halves of a change of the CA."""

    BEGIN = "begin"
    """From now on images and updates carry both certificates, signed by the old one."""
    FINISH = "finish"
    """Every box has had such an update: from now on the new one signs."""


@dataclass(frozen=True, slots=True)
class Authority:
    """An authority's folder."""

    folder: Path

    @property
    def ca(self) -> Path:
        """What images carry: one certificate, or two."""
        return self.folder / "ca.pem"

    @property
    def ca_key(self) -> Path:
        """The CA's private key; away from here most of the time."""
        return self.folder / "ca.key"

    @property
    def signing(self) -> Path:
        """The code-signing certificate."""
        return self.folder / "signing.pem"

    @property
    def signing_key(self) -> Path:
        """Its private key."""
        return self.folder / "signing.key"

    @property
    def following(self) -> "Authority":
        """The authority that follows, while the CA is being changed."""
        return Authority(self.folder / "next")


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a certificate says."""

    file: str
    subject: str
    expires: str
    """``2046-11-26 01:38:37Z``."""
    fingerprint: str
    """SHA-256, hexadecimal."""
    demo: bool


def found(folder: Path, name: str, passphrase: bytes | None) -> Authority:
    """Make an authority; ``None`` leaves its keys unencrypted (demo only). Raises UsageError."""
    if not _NAME.fullmatch(name) or name != name.strip():
        raise UsageError(
            f"{name[:60]!r} cannot stand in a certificate",
            hint=f'1 to {MAX_NAME} characters, none of / + = \\ , " < > ; #',
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(
            f"{folder} is there already",
            hint="an authority is made once; `kexia image authority rotate` changes its CA",
        )
    beside = Authority(folder.with_name(folder.name + ".partial"))
    _make_ca(beside, name, passphrase)
    _certify(beside, beside, name, lambda _: passphrase or b"", passphrase)
    if folder.is_dir():
        folder.rmdir()
    rename_durably(beside.folder, folder)
    return Authority(folder)


def open_authority(folder: Path) -> Authority:
    """The authority in ``folder``; raises UsageError if there is none."""
    authority = Authority(folder)
    if not (authority.ca.is_file() and authority.signing.is_file()):
        raise UsageError(
            f"{folder} is no authority: ca.pem or signing.pem is missing",
            hint=f"make one: kexia image authority new {folder} --name …",
        )
    return authority


def certificates(authority: Authority) -> tuple[Certificate, ...]:
    """Every certificate in force: the CA's, the signing one, and those that follow."""
    files = [authority.ca, authority.signing]
    if authority.following.signing.is_file():
        files.append(authority.following.signing)
    return tuple(
        _described(str(path.relative_to(authority.folder)), pem)
        for path in files
        for pem in _split(path)
    )


def read_certificates(pem: bytes, what: str) -> tuple[Certificate, ...]:
    """What the certificates in a PEM file say; raises InputRefused for what is none."""
    try:
        return tuple(_described(what, each) for each in _parted(pem, what))
    except (UsageError, ProgramFailed) as error:
        raise InputRefused(
            f"{what} holds no certificate that can be read", hint="give an authority's ca.pem"
        ) from error


def is_cut_off(authority: Authority) -> bool:
    """Did a change of the CA end between its two writes: new keys there, not yet carried?"""
    following = authority.following.ca
    return following.is_file() and _split(following)[0] not in _split(authority.ca)


def renew(authority: Authority, ask: Ask, passphrase: bytes | None) -> None:
    """A new signing key and certificate from the same CA; the old one goes to ``retired/``."""
    _need_ca_key(authority)
    beside = Authority(authority.folder / "renewed.partial")
    name = _name_of(authority.signing)
    _prepare(beside.folder)
    _certify(authority, beside, name, ask, passphrase)
    _retire(authority)
    rename_durably(beside.signing_key, authority.signing_key)
    rename_durably(beside.signing, authority.signing)
    beside.folder.rmdir()


def rotate(authority: Authority, half: Rotation, passphrase: bytes | None = None) -> None:
    """Change the CA, in two halves with an update of every box between; raises UsageError.

    A first half that was cut off goes on; its keys keep the passphrase they were made with.
    """
    if half is Rotation.BEGIN:
        _begin(authority, passphrase)
    else:
        _finish(authority)


def opened_key(authority: Authority, ask: Ask) -> bytes:
    """The signing key, decrypted, for a program that cannot ask; raises UsageError."""
    return _opened(authority.signing_key, ask)


def _begin(authority: Authority, passphrase: bytes | None) -> None:
    following = authority.following
    if is_cut_off(authority):
        _carry_both(authority)
        return
    if len(_split(authority.ca)) > 1 or following.folder.exists():
        raise UsageError(
            f"{authority.folder} is being changed already",
            hint="when every box has had its update: kexia image authority rotate … --finish",
        )
    name = _name_of(authority.signing)
    beside = Authority(authority.folder / "next.partial")
    _make_ca(beside, name, passphrase)
    _certify(beside, beside, name, lambda _: passphrase or b"", passphrase)
    rename_durably(beside.folder, following.folder)
    _carry_both(authority)


def _carry_both(authority: Authority) -> None:
    both = b"".join([_split(authority.ca)[0], *_split(authority.following.ca)])
    write_durably(authority.ca, both)


def _finish(authority: Authority) -> None:
    following = authority.following
    if not following.folder.is_dir():
        raise UsageError(
            f"{authority.folder} is not being changed",
            hint=f"begin: kexia image authority rotate {authority.folder}",
        )
    if is_cut_off(authority):
        raise UsageError(
            f"{authority.ca} does not hold the new CA yet: its beginning was cut off",
            hint=f"no box has it; go on with: kexia image authority rotate {authority.folder}",
        )
    _retire(authority)
    for path in (following.ca_key, following.signing_key, following.signing, following.ca):
        if path.is_file():
            rename_durably(path, authority.folder / path.name)
    following.folder.rmdir()


def _retire(authority: Authority) -> None:
    """Old keys are kept: only people know when nothing signed with them is needed any more.

    Copies, so that whatever instant it ends at, there is an authority; the command, run again, goes
    on.
    """
    serial = _openssl("x509", "-in", authority.signing, "-noout", "-serial").decode()
    place = authority.folder / "retired" / serial.partition("=")[2].strip().lower()
    make_folder(place)
    place.chmod(FOLDER_MODE)
    for path in (authority.ca_key, authority.signing_key, authority.signing):
        if path.is_file() and not (place / path.name).exists():
            write_durably(place / path.name, path.read_bytes(), mode=KEY_MODE)


def _make_ca(authority: Authority, name: str, passphrase: bytes | None) -> None:
    _prepare(authority.folder)
    _make_key(authority.ca_key, passphrase)
    common = _common(name, "Kexia system CA", passphrase)
    made = _openssl(
        "req", "-x509", "-new", "-sha256", "-utf8", "-days", str(CA_DAYS),
        "-key", authority.ca_key, "-passin", "stdin", "-subj", common,
        *(word for each in _CA for word in ("-addext", each)),
        stdin=passphrase or b"",
    )  # fmt: skip
    write_durably(authority.ca, made)


def _certify(ca: Authority, to: Authority, name: str, ask: Ask, passphrase: bytes | None) -> None:
    """A signing key in ``to``, and ``ca``'s certificate for it."""
    _make_key(to.signing_key, passphrase)
    common = _common(name, "Kexia system signing", passphrase)
    request, rules = to.folder / "request.partial", to.folder / "rules.partial"
    issuer = to.folder / "issuer.partial"
    write_durably(
        request,
        _openssl(
            "req", "-new", "-sha256", "-utf8", "-key", to.signing_key, "-passin", "stdin",
            "-subj", common, stdin=passphrase or b"",
        ),
    )  # fmt: skip
    write_durably(rules, "\n".join(_SIGNING).encode())
    write_durably(issuer, _split(ca.ca)[0])
    made = _openssl(
        "x509", "-req", "-sha256", "-days", str(SIGNING_DAYS), "-in", request, "-CA", issuer,
        "-CAkey", ca.ca_key, "-passin", "stdin", "-extfile", rules,
        stdin=_passphrase(ca.ca_key, ask),
    )  # fmt: skip
    write_durably(to.signing, made)
    for scrap in (request, rules, issuer):
        scrap.unlink()


def _make_key(path: Path, passphrase: bytes | None) -> None:
    cipher = () if passphrase is None else ("-aes-256-cbc", "-pass", "stdin")
    pem = _openssl(
        "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", *cipher,
        stdin=passphrase or b"",
    )  # fmt: skip
    write_durably(path, pem, mode=KEY_MODE)


def _common(name: str, what: str, passphrase: bytes | None) -> str:
    mark = f" {DEMO}" if passphrase is None else ""
    return f"/O={name}/CN={name} {what}{mark}"


def _prepare(folder: Path) -> None:
    """An empty folder that only we read, whatever an interrupted command left there."""
    make_folder(folder)
    folder.chmod(FOLDER_MODE)
    for path in folder.iterdir():
        path.unlink()


def _need_ca_key(authority: Authority) -> None:
    if not authority.ca_key.is_file():
        raise UsageError(
            f"{authority.ca_key} is not here",
            hint="bring the CA's key from where it is kept, and take it away again afterwards",
        )


def _opened(path: Path, ask: Ask) -> bytes:
    if not path.is_file():
        raise UsageError(f"{path} is not here", hint="bring the key from where it is kept")
    return _openssl("pkey", "-in", path, "-passin", "stdin", stdin=_passphrase(path, ask))


def _passphrase(path: Path, ask: Ask) -> bytes:
    return ask(path) if b"ENCRYPTED" in path.read_bytes() else b""


def _split(path: Path) -> list[bytes]:
    """The certificates in a file, the older first; raises UsageError if there is none."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    return _parted(data, str(path))


def _parted(data: bytes, what: str) -> list[bytes]:
    pems = _CERTIFICATE.findall(data.replace(b"\r\n", b"\n"))
    if not pems:
        raise UsageError(f"{what} holds no certificate", hint="copy it back from a backup")
    return list(pems)


def _name_of(certificate: Path) -> str:
    """The province's name, as its certificate has it."""
    subject = _described(certificate.name, _split(certificate)[0]).subject
    return subject.partition("O=")[2].partition(", CN=")[0].replace("\\", "")


def _described(file: str, pem: bytes) -> Certificate:
    said = _openssl(
        "x509", "-noout", "-subject", "-enddate", "-dateopt", "iso_8601", "-fingerprint",
        "-sha256", "-nameopt", "RFC2253,-esc_msb,utf8,-dn_rev,sep_comma_plus_space", stdin=pem,
    )  # fmt: skip
    fields = dict(line.partition("=")[::2] for line in said.decode().splitlines())
    subject = fields.get("subject", "")
    return Certificate(
        file=file,
        subject=subject,
        expires=fields.get("notAfter", ""),
        fingerprint=fields.get("sha256 Fingerprint", "").replace(":", "").lower(),
        demo=subject.endswith(DEMO),
    )


def _openssl(*arguments: str | Path, stdin: bytes = b"") -> bytes:
    words = stdin + b"\n" if not stdin.startswith(b"-----") else stdin
    try:
        return run(("openssl", *arguments), timeout=_TIMEOUT, stdin=words).stdout
    except ProgramFailed as error:
        if any(word in error.fact for word in ("password", "bad decrypt", "empty pass")):
            raise UsageError("wrong passphrase for this key", hint="nothing was changed") from error
        raise
