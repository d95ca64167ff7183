"""Proves every file of a medium by the digest in its name, or, piece by piece, by its table."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from appliance.technician.listing import Found, Kind
from appliance.technician.medium import Medium
from sync.digest import Digest
from sync.errors import FormatError, MediumFailing, NoSource
from sync.raw import MAX_CONCATENATIONS
from sync.stick.concatenation import CONCATENATION, MAX_TABLE, TABLE, Entry, decode_table
from sync.stick.layout import BACK, CONCATENATIONS, NOTE, RESOURCES, ROOT

MOST_RESOURCES = 1_000_000
"""Most resources that are remembered; no stick holds so many."""
_FOLDER = re.compile(rf"{ROOT}/(?P<publisher>[0-9a-f]{{16}})/(?P<inner>.+)")
_SHARDED = re.compile(
    r"(?P<kind>resources|feeds|tables|routes|packs|updates)/"
    r"(?P<shard>[0-9a-f]{2})/(?P<digest>(?P=shard)[0-9a-f]{62})(\.pack)?"
)
_TARGET = re.compile(r"targets/([a-z]+/)?(?P<digest>[0-9a-f]{64})\.[a-z0-9.-]+")
_METADATA = re.compile(r"metadata/([0-9]+\.[a-z]+|timestamp)\.json")
_CONCATENATED = re.compile(rf"{CONCATENATIONS}/(0|[1-9][0-9]{{0,5}})\.(cat|tab)")


@dataclass(slots=True)
class Proofs:
    """What was found on a medium."""

    resources: dict[Digest, int] = field(default_factory=dict)
    """Proved ones, with their sizes in bytes, of all publishers: a digest says enough."""
    files: dict[str, set[str]] = field(default_factory=dict)
    """Names of other proved files, by publisher, as in a repository."""
    count: int = 0
    bytes: int = 0
    bad: list[str] = field(default_factory=list)
    """What is not what its name says, or no file at all; one line each."""
    failing: list[str] = field(default_factory=list)
    """What the medium could not give."""
    strange: int = 0
    """Names that have no place on a stick."""


def publishers(found: Iterable[Found]) -> tuple[str, ...]:
    """Ids of the publishers that have a folder."""
    matches = (_FOLDER.fullmatch(each.name) for each in found)
    return tuple(sorted({match["publisher"] for match in matches if match}))


def prove_all(medium: Medium, found: Iterable[Found], advance: Callable[[int], None]) -> Proofs:
    """Read and prove every file; what fails is noted, the rest goes on."""
    prover = _Prover(medium, {each.name: each for each in found}, advance)
    prover.run()
    return prover.proofs


class _Prover:
    def __init__(
        self, medium: Medium, listed: Mapping[str, Found], advance: Callable[[int], None]
    ) -> None:
        self._medium = medium
        self._listed = listed
        self._advance = advance
        self.proofs = Proofs()

    def run(self) -> None:
        for each in self._listed.values():
            if each.name == NOTE or each.name.startswith(f"{BACK}/"):
                continue
            if each.kind is not Kind.FILE:
                self._bad(each.name, f"a {each.kind.value}, not a file")
                continue
            try:
                self._prove(each)
            except MediumFailing as error:
                self.proofs.failing.append(error.fact)
            except NoSource as error:  # it went, or became shorter, since it was listed
                self.proofs.bad.append(error.fact)

    def _bad(self, name: str, why: str) -> None:
        self.proofs.bad.append(f"{shown(name)}: {why}")

    def _prove(self, each: Found) -> None:
        match = _FOLDER.fullmatch(each.name)
        inner = match["inner"] if match else ""
        named = _SHARDED.fullmatch(inner) or _TARGET.fullmatch(inner)
        if match and named:
            self._prove_named(each, match["publisher"], inner, Digest(named["digest"]))
        elif match and _CONCATENATED.fullmatch(inner):
            self._prove_concatenated(each)
        elif not (match and _METADATA.fullmatch(inner)):
            self.proofs.strange += 1

    def _prove_named(self, each: Found, publisher: str, inner: str, digest: Digest) -> None:
        if self._digest(each.name, 0, each.size) != digest:
            self._bad(each.name, "its bytes are not what its name says")
            return
        self._count(each.size)
        if inner.startswith(f"{RESOURCES}/"):
            self.proofs.resources[digest] = each.size
        else:
            self.proofs.files.setdefault(publisher, set()).add(inner)

    def _prove_concatenated(self, each: Found) -> None:
        """A table with its file; a file is proved with its table."""
        if each.name.endswith(CONCATENATION):
            if each.name.removesuffix(CONCATENATION) + TABLE not in self._listed:
                self._bad(each.name, "its table is missing")
            return
        if not self._is_asked_for(each.name):
            self._bad(each.name, "a lower number is missing, and boxes do not look behind it")
            return
        try:
            entries = decode_table(self._medium.transport.read(each.name, limit=MAX_TABLE))
        except FormatError as error:
            self._bad(each.name, error.fact)
            return
        self._count(each.size)
        file = self._listed.get(each.name.removesuffix(TABLE) + CONCATENATION)
        if file is None or file.kind is not Kind.FILE:
            self._bad(each.name, "the file it is the table of is missing")
            return
        if file.size != sum(entry.size for entry in entries):
            self._bad(file.name, f"it has {file.size} bytes, its table says otherwise")
            return
        self._prove_pieces(file, entries)

    def _is_asked_for(self, table: str) -> bool:
        """Whether all tables before it are there."""
        folder, _, last = table.rpartition("/")
        number = int(last.removesuffix(TABLE))
        return number < MAX_CONCATENATIONS and all(
            f"{folder}/{each}{TABLE}" in self._listed for each in range(number)
        )

    def _prove_pieces(self, file: Found, entries: tuple[Entry, ...]) -> None:
        """In one pass: a table may name many pieces of a few bytes."""
        if len(self.proofs.resources) + len(entries) > MOST_RESOURCES:
            self._bad(file.name, f"more than {MOST_RESOURCES} resources on one stick")
            return
        self._count(0)
        wrong = 0
        blocks = self._medium.transport.stream(file.name, offset=0, length=file.size)
        for entry, digest in _digests(blocks, entries):
            self._advance(entry.size)
            if digest == entry.digest:
                self.proofs.resources[entry.digest] = entry.size
                self.proofs.bytes += entry.size
            else:
                wrong += 1
        if wrong:
            self._bad(file.name, f"{wrong} of the {len(entries)} resources in it are damaged")

    def _digest(self, name: str, offset: int, size: int) -> str:
        proof = sha256()
        for block in self._medium.transport.stream(name, offset=offset, length=size):
            proof.update(block)
            self._advance(len(block))
        return proof.hexdigest()

    def _count(self, size: int) -> None:
        self.proofs.count += 1
        self.proofs.bytes += size


def _digests(blocks: Iterator[bytes], entries: Iterable[Entry]) -> Iterator[tuple[Entry, str]]:
    """The digest of each piece, one after the other; of what is there, where the file is short."""
    left = memoryview(b"")
    for entry in entries:
        proof, lacking = sha256(), entry.size
        while lacking:
            left = left or memoryview(next(blocks, b""))
            if not left:
                break
            proof.update(left[:lacking])
            lacking, left = lacking - len(left[:lacking]), left[lacking:]
        yield entry, proof.hexdigest() if not lacking else ""


def shown(name: str) -> str:
    """A name of a stranger's medium as it may stand on a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in name)[:160]
