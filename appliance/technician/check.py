"""Judges a stick or a ``.kexia`` file: complete? signed by whom? which editions? good for a box?

Reads only, believes nothing on it but what is signed or has its digest, and goes on after each
fault, so that one look tells all.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from appliance.technician.findings import Checked, Edition, ForBox, Signer
from appliance.technician.listing import Found
from appliance.technician.medium import Medium
from appliance.technician.origin import FIRST_ROOT, MAX_ROOT, Desk
from appliance.technician.proving import Proofs, prove_all, publishers
from appliance.technician.wanted import Wisher
from sync import feed as feeds
from sync.digest import Digest
from sync.directory import CollectionEntry, feed_name, pack_name, table_name
from sync.errors import KexiaError, MediumFailing, NoSource, TrustRefused
from sync.feed import Feed, Resource
from sync.progress import Progress
from sync.stick.layout import NOTE, ROOT, publisher_folder
from sync.transport.subtree import Subtree
from sync.trust import Trusted, parse_root, refresh
from sync.trust.clock import format_time

MOST = 1000
"""Faults of one kind that are kept."""


AskWisher = Callable[[Sequence[tuple[CollectionEntry, Feed]]], Wisher]
"""Who wants something of the stick, once it is known which editions are on it."""


def check(path: Path, desk: Desk, ask: AskWisher | None, progress: Progress) -> Checked:
    """Look at everything on the stick at ``path``; raises NoSource if it is none at all."""
    checked = Checked(str(path))
    look = _Look(Medium(path), desk, checked)
    found = look.listing()
    if not found:
        if checked.is_sound:
            raise NoSource(
                f"{path}: has no folder {ROOT} with anything in it",
                hint="is it the right stick? give the folder where it is mounted, or a .kexia file",
            )
        return checked
    progress.step("prove", total=sum(each.size for each in found))
    look.take(prove_all(look.medium, found, progress.advance))
    look.judge(publishers(found), ask)
    return checked


@dataclass(frozen=True, slots=True)
class _State:
    """A publisher's state on the stick, proved, and the editions whose feeds are here."""

    trusted: Trusted
    editions: tuple[tuple[CollectionEntry, Feed], ...]


class _Look:
    def __init__(self, medium: Medium, desk: Desk, checked: Checked) -> None:
        self.medium = medium
        self._desk = desk
        self._checked = checked
        self._proofs = Proofs()
        self._here: set[Digest] = set()
        """Resources of the editions listed that can be had from the stick."""

    def listing(self) -> list[Found]:
        """What lies there; nothing if it cannot be listed, which is told."""
        try:
            return list(self.medium.found())
        except KexiaError as error:
            self._tell(error, self.medium.transport.label, self._checked.bad)
        return []

    def take(self, proofs: Proofs) -> None:
        """Keep what was proved, tell what was not."""
        self._proofs = proofs
        self._checked.files, self._checked.bytes = proofs.count, proofs.bytes
        self._checked.bad += proofs.bad[:MOST]
        self._checked.failing += proofs.failing[:MOST]
        if proofs.strange:
            self._checked.notes.append(f"{proofs.strange} files have no place on a stick")

    def judge(self, ids: Sequence[str], ask: AskWisher | None) -> None:
        """Who signed, what is there, what lacks, what of it a box needs."""
        with self._telling(NOTE, self._checked.bad):
            self._checked.note = self.medium.note()
        states = [state for each in ids for state in self._state(each)]
        wisher = ask([one for state in states for one in state.editions]) if ask else None
        vouched = self._vouched([state.trusted for state in states])
        self._checked.publishers = tuple(
            self._signer(state, wisher, vouched=state.trusted.publisher_id in vouched)
            for state in states
        )
        self._look_for_what_lacks()
        if wisher is not None:
            self._serve(wisher, [one for state in states for one in state.editions])
        self._checked.complete = self._checked.is_sound

    def _state(self, publisher_id: str) -> Iterator[_State]:
        """The publisher's state, if it holds."""
        folder = publisher_folder(publisher_id)
        with self._telling(folder, self._checked.refused):
            transport = Subtree(self.medium.transport, folder)
            root = parse_root(transport.read(FIRST_ROOT, limit=MAX_ROOT))
            if root.publisher_id != publisher_id:
                raise TrustRefused(f"it holds the repository of publisher {root.publisher_id}")
            trusted = refresh(
                transport,
                self._desk.scratch / publisher_id,
                root=root,
                clock=self._desk.clock,
                demo=self._desk.demo,
            )
            yield _State(trusted, tuple(self._editions(transport, trusted)))

    def _editions(
        self, transport: Subtree, trusted: Trusted
    ) -> Iterator[tuple[CollectionEntry, Feed]]:
        proved = self._proofs.files.get(trusted.publisher_id, set())
        for entry in trusted.directory.collections:
            name = feed_name(entry.feed)
            if name in proved:
                stored = transport.read(name, limit=feeds.MAX_STORED)
                yield entry, feeds.decode(stored, entry.feed)

    def _vouched(self, listed: Sequence[Trusted]) -> frozenset[str]:
        """Ids of those that were given or introduced; if roots were given, others are refused."""
        known = {root.publisher_id for root in self._desk.roots}
        for _ in listed:
            for trusted in listed:
                if trusted.publisher_id in known:
                    known |= {child.root.publisher_id for child in trusted.children}
        for trusted in listed:
            if self._desk.roots and trusted.publisher_id not in known:
                self._checked.refused.append(
                    f"{publisher_folder(trusted.publisher_id)}: signed by publisher "
                    f"{trusted.code}, whom none of the given roots is of or introduces"
                )
        return frozenset(known)

    def _signer(self, state: _State, wisher: Wisher | None, *, vouched: bool) -> Signer:
        trusted = state.trusted
        signed_at = format_time(trusted.signed_at)
        before = wisher.signed.get(trusted.publisher_id) if wisher else None
        return Signer(
            id=trusted.publisher_id,
            code=trusted.code,
            name=trusted.directory.name,
            signed_at=signed_at,
            expired=trusted.expired,
            vouched=vouched,
            age="" if before is None else _age(signed_at, before),
            editions=tuple(
                self._edition(entry, feed, trusted, wisher) for entry, feed in state.editions
            ),
        )

    def _edition(
        self, entry: CollectionEntry, feed: Feed, trusted: Trusted, wisher: Wisher | None
    ) -> Edition:
        here = self._resources_here(entry, feed, trusted)
        self._here |= {one.digest for one in here}
        return Edition(
            id=entry.id,
            title=entry.title,
            edition=entry.edition,
            files=len(here),
            all_files=len(feed.resources),
            bytes=sum(one.size for one in here),
            box_edition=wisher.editions.get(entry.id) if wisher else None,
        )

    def _resources_here(
        self, entry: CollectionEntry, feed: Feed, trusted: Trusted
    ) -> tuple[Resource, ...]:
        """Those that are here by themselves; all of them if the edition's packs are."""
        proved = self._proofs.files.get(trusted.publisher_id, set())
        packs = [
            name for ref in entry.packs for name in (pack_name(ref.pack), table_name(ref.table))
        ]
        if packs and proved.issuperset(packs):
            return feed.resources
        sizes = self._proofs.resources
        return tuple(one for one in feed.resources if sizes.get(one.digest) == one.size)

    def _look_for_what_lacks(self) -> None:
        note, lacking = self._checked.note, self._checked.lacking
        found = {one.id: one for each in self._checked.publishers for one in each.editions}
        if note is None:
            self._checked.notes.append("it has no stick.json: whole editions are looked for")
            lacking += [
                f"{one.id} edition {one.edition}: {one.all_files - one.files} files lack"
                for one in found.values()
                if one.files < one.all_files
            ]
            return
        if not note.complete:
            lacking.append("its preparation did not end: prepare it again to go on")
        for carried in (one for each in note.publishers for one in each.collections):
            here = found.get(carried.id)
            if here is None or here.edition != carried.edition:
                lacking.append(f"{carried.id} edition {carried.edition}: its feed is not here")
            elif here.files < carried.files or here.bytes < carried.bytes:
                lacking.append(
                    f"{carried.id} edition {carried.edition}: {here.files} of {carried.files} "
                    f"files, {here.bytes} of {carried.bytes} bytes are here"
                )

    def _serve(self, wisher: Wisher, editions: Sequence[tuple[CollectionEntry, Feed]]) -> None:
        """What of the stick the box needs, and what it needs besides."""
        asked = {one.digest: one for _, feed in editions for one in wisher.asks_for(feed)}
        held = wisher.holds(asked.values())
        new = [one for digest, one in asked.items() if digest in self._here and digest not in held]
        missing = [
            one for digest, one in asked.items() if digest not in self._here and digest not in held
        ]
        self._checked.box = ForBox(
            name=wisher.name,
            files=len(new),
            bytes=sum(one.size for one in new),
            missing=len(missing),
            missing_bytes=sum(one.size for one in missing),
            certain=wisher.certain,
        )
        absent = sorted(wisher.subscriptions - {entry.id for entry, _ in editions})
        self._checked.notes += [f"{each}: nothing of it is on this stick" for each in absent]
        prepared_for = self._checked.note.made_for if self._checked.note else ()
        if missing and wisher.certain:
            self._checked.lacking.append(
                f"{wisher.name}: {len(missing)} files it asks for are neither there nor here"
            )
        elif missing and wisher.id not in prepared_for:
            self._checked.notes.append(
                f"{wisher.name}: {len(missing)} files are not here; its have-list names editions "
                "that the stick does not know, so it may hold them"
            )

    @contextmanager
    def _telling(self, where: str, others: list[str]) -> Iterator[None]:
        try:
            yield
        except KexiaError as error:
            self._tell(error, where, others)

    def _tell(self, error: KexiaError, where: str, others: list[str]) -> None:
        """Among what is failing or lacking; ``others`` is for every other kind of error."""
        lines = others
        if isinstance(error, MediumFailing):
            lines = self._checked.failing
        elif isinstance(error, NoSource):
            lines = self._checked.lacking
        lines.append(error.fact if where in error.fact else f"{where}: {error.fact}")


def _age(stick: str, box: str) -> str:
    """Times as they are written sort as they follow each other."""
    if stick == box:
        return "same"
    return "newer" if stick > box else "older"
