"""Whom an image trusts, as its spec names them: who signs systems, publishers' roots; judged."""

from pathlib import Path

from image_build.builder.spec import Spec
from image_build.updates.authority import read_certificates
from sync.errors import InputRefused, TrustRefused
from sync.trust.root import MAX_ROOT, DemoKeys, check_demo, parse_root

_MAX_CA = 1 << 16


def read_ca(spec: Spec, home: Path) -> bytes:
    """The certificate that signs systems, or two; empty if the spec names none.

    Raises InputRefused for what is none, TrustRefused for one with demo keys on an image that does
    not say ``demo = true``.
    """
    if not spec.ca:
        return b""
    path = home / spec.ca
    data = _read(path, _MAX_CA)
    if any(one.demo for one in read_certificates(data, str(path))) and not spec.demo:
        raise TrustRefused(
            f"{path} is marked DEMO: its keys have no passphrase",
            hint="give the province's own ca.pem; or, for trials only, demo = true in the spec",
        )
    return data


def read_roots(spec: Spec, home: Path) -> dict[str, bytes]:
    """Publishers' roots by their code.

    Raises InputRefused, FormatError for what is none, TrustRefused for demo keys as above.
    """
    demo = DemoKeys.ACCEPT if spec.demo else DemoKeys.REFUSE
    found = {}
    for name in spec.roots:
        data = _read(home / name, MAX_ROOT)
        root = parse_root(data)
        check_demo(root, demo)
        found[root.code] = data
    return found


def _read(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise InputRefused(f"{path}: {error.strerror}", hint="mend the spec") from error
    if len(data) > most:
        raise InputRefused(f"{path} is longer than {most} bytes", hint="mend the spec")
    return data
