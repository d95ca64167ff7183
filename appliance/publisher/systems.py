"""From a registered bundle to what ``sync.publish`` cuts: a collection of kind "system"."""

import hashlib
from pathlib import Path

from appliance.system.rauc import read_bundle
from catalog.system import DIMENSIONS, System, check_system, encode_system
from sync.digest import Digest
from sync.errors import Fault, FormatError, InputRefused
from sync.feed import Resource
from sync.publish.packs.cut import CutRequest, Source
from sync.publish.workspace import Registration


def read_system(bundle: Path, *, ca: Path | None = None) -> System:
    """What ``bundle`` is; raises InputRefused for a file that is no bundle of ours.

    With ``ca`` it must be signed by one of its certificates (TrustRefused); boxes ask no less.
    """
    try:
        with bundle.open("rb") as file:
            digest = Digest(hashlib.file_digest(file, "sha256").hexdigest())
            size = file.tell()
    except OSError as error:
        raise _refused(bundle, str(error.strerror)) from error
    said = read_bundle(bundle, ca=ca)
    try:
        return check_system(System(said.compatible, said.version, said.built, digest, size))
    except FormatError as error:
        raise _refused(bundle, error.fact) from error


def system_request(registration: Registration) -> CutRequest:
    """What the next edition of a system collection shall be; raises InputRefused."""
    system = read_system(registration.folder)
    title = registration.title or system.compatible
    return CutRequest(
        collection=registration.collection,
        title=title,
        dimensions=DIMENSIONS,
        lessons=0,
        block=encode_system(registration.collection, title, system),
        sources=(Source(Resource(system.bundle, system.size), registration.folder),),
    )


def system_faults(bundle: Path) -> tuple[Fault, ...]:
    """What is wrong with a file that shall be a system update."""
    try:
        read_system(bundle)
    except InputRefused as refused:
        return refused.faults
    return ()


def _refused(bundle: Path, what: str) -> InputRefused:
    cure = "give a bundle that `kexia image bundle` made"
    return InputRefused(f"{bundle} is no system update", faults=(Fault(str(bundle), what, cure),))
