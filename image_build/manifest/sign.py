"""The signature of SHA256SUMS: detached CMS (RFC 5652) by the province's authority. By openssl."""

import re
from pathlib import Path
from tempfile import TemporaryDirectory

from sync.errors import TrustRefused, UsageError
from sync.run import ProgramFailed, run

SUFFIX = ".p7s"
MAX_SIGNATURE = 2**18
MAX_CA = 2**18
_SECONDS = 60.0
_CODE_SIGNING = "Code Signing"
_PURPOSES = re.compile(r"Extended Key Usage:[^\n]*\n\s*([^\n]*)")
_ONLY_OURS = ("-no-CApath", "-no-CAstore")
"""Without these openssl believes every certificate this computer's browser believes, too."""


def sign(data: bytes, certificate: Path, key: bytes) -> bytes:
    """Signature of ``data`` in DER; ``key``: the private key, decrypted, in PEM.

    Raises UsageError if certificate and key do not belong together or cannot be read.
    """
    with TemporaryDirectory() as scratch:
        content = Path(scratch, "content")
        content.write_bytes(data)
        words = ["-sign", "-binary", "-md", "sha256", "-nosmimecap", "-outform", "DER"]
        words += ["-in", str(content), "-signer", str(certificate), "-inkey", "/dev/stdin"]
        try:
            return run(["openssl", "cms", *words], timeout=_SECONDS, stdin=key).stdout
        except ProgramFailed as error:
            raise UsageError(
                f"{certificate} and its key cannot sign: {error.fact}",
                hint="are signing.pem and signing.key of one authority?",
            ) from error


def prove(data: bytes, signature: bytes, ca: Path) -> str:
    """Who signed ``data``, by a certificate of ``ca`` for code signing; raises TrustRefused.

    The clock is not asked: this computer's may be wrong, and a signature of last year is as good.
    What ends a signature's life is the CA's rotation.
    """
    _check_ca(ca)
    with TemporaryDirectory() as scratch:
        content, paper = Path(scratch, "content"), Path(scratch, "signature")
        signer = Path(scratch, "signer.pem")
        content.write_bytes(data)
        paper.write_bytes(signature)
        words = ["-verify", "-binary", "-inform", "DER", "-in", str(paper)]
        words += ["-content", str(content), "-out", "/dev/null", "-signer", str(signer)]
        words += ["-CAfile", str(ca), *_ONLY_OURS, "-no_check_time", "-purpose", "any"]
        try:
            run(["openssl", "cms", *words], timeout=_SECONDS)
        except ProgramFailed as error:
            raise TrustRefused(
                f"the signature does not hold under {ca}",
                hint="take another copy; if it fails again, ask the province whose CA this is",
            ) from error
        return _signer(signer)


def _signer(certificates: Path) -> str:
    """The signer's name, if its certificate may sign code."""
    words = ["-noout", "-subject", "-nameopt", "RFC2253,-esc_msb,utf8", "-ext", "extendedKeyUsage"]
    told = run(["openssl", "x509", "-in", certificates, *words], timeout=_SECONDS)
    text = told.stdout.decode("utf-8", "replace")
    purposes = _PURPOSES.search(text)
    if purposes is None or _CODE_SIGNING not in purposes[1]:
        raise TrustRefused("the signer's certificate is not for signing systems and images")
    return text.partition("subject=")[2].splitlines()[0].strip()[:300]


def _check_ca(ca: Path) -> None:
    try:
        with ca.open("rb") as file:
            data = file.read(MAX_CA + 1)
    except OSError as error:
        raise UsageError(f"{ca}: {error.strerror}", hint="give the province's ca.pem") from error
    if b"-----BEGIN CERTIFICATE-----" not in data or len(data) > MAX_CA:
        raise UsageError(f"{ca} holds no certificate", hint="give the province's ca.pem")
