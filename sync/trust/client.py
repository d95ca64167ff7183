"""One TUF repository of any kind: python-tuf's updater, fed by our transports, at our time.

What is Kexia's own (roles, codes, reviews) is decided above, in ``proof``; this module is what the
public TUF conformance suite tests.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tuf.api import exceptions
from tuf.api.metadata import Metadata, Root, Snapshot, TargetFile, Timestamp  # type: ignore[attr-defined]  # documented, no __all__
from tuf.ngclient import Updater  # type: ignore[attr-defined]  # documented, no __all__
from tuf.ngclient._internal.trusted_metadata_set import TrustedMetadataSet
from tuf.ngclient.fetcher import FetcherInterface

from sync.errors import FormatError, KexiaError, NoSource, NotThere, ProofFailed, TrustRefused
from sync.files import disk_errors, make_folder
from sync.transport.base import Transport, too_long

MAX_METADATA = 5_000_000
"""Bytes of the longest metadata file (python-tuf's own limit for targets roles)."""


class RolledBack(TrustRefused):
    """Well signed, but older than what the box has.

    From the publisher's own address that is an alarm; from a stick or a peer it only means that
    the source is good for bytes and no more.
    """


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a repository keeps its two kinds of files; prefixes of names."""

    metadata: str = "metadata/"
    targets: str = "targets/"


class Client:
    """Refreshes the metadata kept in ``folder`` from ``transport``, judging expiry at ``at``.

    ``bootstrap`` is the root to begin from. ``folder`` is a scratch copy: python-tuf writes there
    file by file and without fsync. Every method raises NoSource (also for answers that are no
    metadata at all), TrustRefused, RolledBack, or the error of a failing disk.
    """

    def __init__(
        self,
        transport: Transport,
        folder: Path,
        *,
        bootstrap: bytes,
        at: datetime,
        layout: Layout | None = None,
    ) -> None:
        make_folder(folder)
        self._transport = transport
        self._folder = folder
        self._layout = layout or Layout()
        self._fetcher = _Fetcher(transport)
        with self._errors():
            self._updater = Updater(
                str(folder), self._layout.metadata, fetcher=self._fetcher, bootstrap=bootstrap
            )
        judge_at(self.trusted, at)

    @property
    def trusted(self) -> TrustedMetadataSet:
        """The metadata proved so far."""
        return trusted_set(self._updater)

    def refresh(self) -> None:
        """Bring root, timestamp, snapshot and targets up to date."""
        with self._errors():
            self._updater.refresh()

    def find(self, path: str) -> TargetFile | None:
        """The signed length and hashes of a target, following delegations; None if not signed."""
        with self._errors():
            return self._updater.get_targetinfo(path)

    def fetch(self, target: TargetFile, *, limit: int) -> bytes:
        """The target's bytes, proved; raises FormatError if it is signed as above ``limit``."""
        name = self._layout.targets + self._stored_path(target)
        if target.length > limit:
            raise too_long(self._transport.label, name, limit=limit)
        data = self._transport.read(name, limit=target.length)
        if not matches(target, data):
            if looks_like_page(data):
                raise no_repository(self._transport.label, name)
            raise ProofFailed(
                f"{self._transport.label}: {name} is not what was signed",
                hint="the source altered or damaged it; sync from another source or copy it again",
            )
        return data

    def _stored_path(self, target: TargetFile) -> str:
        """With consistent snapshots a target's name begins with its first hash."""
        if not self.trusted.root.consistent_snapshot:
            return target.path
        folder, slash, last = target.path.rpartition("/")
        return f"{folder}{slash}{next(iter(target.hashes.values()))}.{last}"

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            with disk_errors(self._folder):
                yield
        except exceptions.DownloadError as error:
            raise _unfetched(error, self._transport.label) from error
        except exceptions.RepositoryError as error:
            where = f"{self._transport.label}: {self._fetcher.name}"
            if self._is_older(error):
                raise RolledBack(
                    f"{where} is older than what this box has ({error})",
                    hint="nothing was changed; if this is the publisher's own address, ask there",
                ) from error
            raise refusal(error, where) from error

    def _is_older(self, error: exceptions.RepositoryError) -> bool:
        """Whether the file just refused is well signed and only older than what the box has.

        Only the class of the refusal depends on this: nothing older is ever accepted.
        """
        timestamp = self._fetcher.name.endswith("timestamp.json")
        if isinstance(error, exceptions.UnsignedMetadataError):
            return timestamp and self._is_of_earlier_root()
        if not isinstance(error, exceptions.BadVersionNumberError):
            return False
        if timestamp:
            return self._points_back()
        return self._fetcher.name.endswith("snapshot.json") and self._lists_older()

    def _points_back(self) -> bool:
        given, held = (
            Metadata[Timestamp].from_bytes(self._fetcher.data).signed,
            self.trusted.timestamp,
        )
        return (
            given.version < held.version or given.snapshot_meta.version < held.snapshot_meta.version
        )

    def _lists_older(self) -> bool:
        if Snapshot.type not in self.trusted:
            return False
        given = Metadata[Snapshot].from_bytes(self._fetcher.data).signed.meta
        held = self.trusted.snapshot.meta
        return any(given[name].version < held[name].version for name in held if name in given)

    def _is_of_earlier_root(self) -> bool:
        """Whether a timestamp is older than ours and was signed before its key was replaced.

        So a stick from before a rotation is an old stick and no forgery.
        """
        given = Metadata[Timestamp].from_bytes(self._fetcher.data)
        if Timestamp.type not in self.trusted:
            return False
        if given.signed.version >= self.trusted.timestamp.version:
            return False
        return any(_signs(root, given) for root in self._earlier_roots())

    def _earlier_roots(self) -> Iterator[Root]:
        for version in range(1, self.trusted.root.version):
            path = self._folder / "root_history" / f"{version}.root.json"
            if path.exists():
                yield Metadata[Root].from_bytes(path.read_bytes()).signed


class _Fetcher(FetcherInterface):
    """Hands python-tuf the files of a transport, and nothing that is no metadata at all."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.name = ""
        """The file fetched last."""
        self.data = b""

    def download_bytes(self, url: str, max_length: int) -> bytes:
        """The file of that name; a missing one is the 404 that TUF wants to see."""
        self.name = url.lstrip("/")
        try:
            self.data = self._transport.read(self.name, limit=max_length)
        except NotThere as error:
            raise exceptions.DownloadHTTPError(error.fact, 404) from error
        except FormatError:
            # too long for metadata: a portal's page is often longer than a timestamp may be
            start = b"".join(self._transport.stream(self.name, offset=0, length=16))
            if looks_like_page(start):
                raise no_repository(self._transport.label, self.name) from None
            raise
        if not is_json(self.data):
            raise no_repository(self._transport.label, self.name)
        return self.data

    def _fetch(self, url: str) -> Iterator[bytes]:
        return iter([self.download_bytes(url, MAX_METADATA)])


def _signs(root: Root, timestamp: Metadata[Timestamp]) -> bool:
    return bool(
        root.get_verification_result(Timestamp.type, timestamp.signed_bytes, timestamp.signatures)
    )


def trusted_set(updater: Updater) -> TrustedMetadataSet:
    """The metadata an updater has proved; private in python-tuf, so a test holds it in place."""
    return updater._trusted_set  # there is no public way to set its time


def judge_at(trusted: TrustedMetadataSet, at: datetime) -> None:
    """Judge expiry at ``at``; raises KexiaError if python-tuf no longer keeps its time there."""
    if not isinstance(getattr(trusted, "reference_time", None), datetime):
        raise KexiaError("this python-tuf keeps its reference time elsewhere; use the locked one")
    trusted.reference_time = at


def matches(target: TargetFile, data: bytes) -> bool:
    """Whether ``data`` is what was signed."""
    try:
        target.verify_length_and_hashes(data)
    except exceptions.LengthOrHashMismatchError:
        return False
    return True


def looks_like_page(start: bytes) -> bool:
    """Whether a file begins as HTML does; none of a repository's files does."""
    return start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def is_json(data: bytes) -> bool:
    """Whether ``data`` is JSON of any kind."""
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True


def no_repository(label: str, name: str) -> NoSource:
    """The error for an answer that is no repository's file."""
    return NoSource(
        f"{label}: answers with something else instead of {name}",
        hint="a portal's page, or a broken file: log in to the network, or try another source",
    )


def refusal(error: exceptions.RepositoryError, where: str) -> TrustRefused:
    """Our refusal for python-tuf's, which names the role and what is wrong with it."""
    for kind, what, hint in _REFUSALS:
        if isinstance(error, kind):
            return TrustRefused(f"{where}: {what} ({error})", hint=hint)
    return TrustRefused(
        f"{where}: breaks the rules of The Update Framework ({error})",
        hint="somebody altered it, or the publisher made a mistake; ask the publisher",
    )


_REFUSALS: tuple[tuple[type[exceptions.RepositoryError], str, str], ...] = (
    (
        exceptions.UnsignedMetadataError,
        "not signed by enough of the keys in force",
        "somebody altered it, or signed with a key that is not or no longer valid",
    ),
    (
        exceptions.ExpiredMetadataError,
        "has expired",
        "the publisher has not signed for too long, or this box's clock is set wrong",
    ),
    (
        exceptions.BadVersionNumberError,
        "does not belong to the other files, this is a mix of versions",
        "the copy was made while the publisher wrote; copy it again",
    ),
    (
        exceptions.LengthOrHashMismatchError,
        "is not the file that was signed for",
        "the source altered or damaged it; sync from another source or copy it again",
    ),
)


def _unfetched(error: exceptions.DownloadError, label: str) -> KexiaError:
    """Our error for a download python-tuf could not do without."""
    if isinstance(error.__cause__, KexiaError):
        return error.__cause__
    return NoSource(f"{label}: {error}", hint="try another source")
