"""Cuts update packs: what is new in an edition, with what a box at another one holds as context.

Old and new bytes are both here, so the work is done once, by the publisher, and a box only decodes.
The same two editions give the same bytes.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from sync import compression
from sync.chunker import Buffer
from sync.digest import Digest, sha256
from sync.directory import Stored, update_name
from sync.feed import Feed, Resource, plain_bytes
from sync.files import durable_file, make_folder, rename_durably
from sync.pack import Table
from sync.progress import Progress
from sync.publish.packs.alike import Alike, Settled
from sync.publish.packs.contents import Contents
from sync.publish.packs.cut import ALONE
from sync.publish.packs.foreign import NEAR, Foreign
from sync.publish.packs.groups import Drafted, Effort, fill, pack_groups
from sync.publish.packs.images import image_items, is_image
from sync.publish.packs.items import (
    LARGE_MEDIA,
    Context,
    Item,
    Nature,
    Old,
    as_it_is,
    make_item,
    nature_of,
)
from sync.publish.packs.kept import Kept
from sync.publish.packs.pairs import Labels, Side, find_pairs, nearest, pattern, suffix
from sync.publish.packs.similar import most_similar
from sync.publish.packs.sketchbook import SketchBook
from sync.publish.packs.streams import Trials
from sync.staging import BLOCK
from sync.updates.head import Base, encode_head
from sync.updates.parts import MAX_PREFIX, Span

LEVEL = 19
FEED = 2**20
"""Longest feed taken as context, in bytes."""
NEIGHBOURS = 8 * 2**20
"""Most bytes of neighbouring old files taken as context for a group of text."""
HELD = 8 * 2**20
"""Most bytes of new files taken as context for one document that holds them."""
SAMPLE = 64
QUICK = 9
"""zstd level at which is tried what films and pictures take beside what their chunks take."""
DENSE_LEVEL = 12
"""zstd level of what is dense in a pack from nothing, which is most of it: the highest shortens it
by 1 to 2 % more, and takes so long that such packs could not be cut anew as often."""
AGAIN_LEVEL = 9
"""zstd level of documents in a pack from nothing that is cut again: a quarter of the highest's work
for 2 % more. What they share lies in the prefix, which every level finds."""
ORDER = (Nature.TEXT, Nature.MEDIA, Nature.DOCUMENT)
"""Documents come last, after what lies in chunk packs: they may hold pictures and films that the
edition also has as files."""


@dataclass(frozen=True, slots=True)
class Edition:
    """One of the two editions: what it lists, how to read it, what its files are called."""

    feed: Feed
    contents: Contents
    labels: Labels = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UpdateRequest:
    """From which edition to which; ``old`` is None for a pack from nothing."""

    new: Edition
    old: Edition | None
    tables: tuple[Table, ...]
    """Of the new edition's entry, in its order."""
    kept: Kept = field(default_factory=Kept)
    """Groups of an earlier pack from nothing, for the next one."""
    again: bool = False
    """Whether there was a pack from nothing before this one."""
    trials: Trials = field(default_factory=Trials)
    """Shared by the packs of one release."""

    @property
    def base(self) -> Base:
        """Where the pack starts."""
        if self.old is None:
            return Base()
        return Base(plain_bytes(self.old.feed), self.old.feed)

    def effort(self, nature: Nature, level: int) -> Effort:
        """How hard to try where ``level`` is the usual."""
        if self.old is not None:
            return Effort(level, level)
        if self.again and nature is Nature.DOCUMENT:
            return Effort(min(level, AGAIN_LEVEL), min(level, AGAIN_LEVEL))
        return Effort(level, DENSE_LEVEL)

    @property
    def added(self) -> list[Resource]:
        """The resources that neither the old edition has nor a kept group makes."""
        held = set(self.old.feed.resources) if self.old else set(self.kept.resources)
        return [one for one in self.new.feed.resources if one not in held and one.size]


def cut_update(
    request: UpdateRequest, book: SketchBook, out: Path, progress: Progress, *, level: int = LEVEL
) -> tuple[Stored, Stored]:
    """Write one update pack below ``out``, shaped like a repository; returns pack and head."""
    added = request.added
    progress.step(f"update {request.new.feed.collection}", total=sum(one.size for one in added))
    work = _Cutting(request, book, progress)
    groups = list(request.kept.groups)
    with TemporaryFile() as body:
        body.writelines(request.kept.stored())
        for nature in ORDER:
            if nature is ORDER[-1]:
                groups += work.foreign.groups()
            for packed in pack_groups(work.drafts(nature), request.effort(nature, level)):
                groups.append(packed.group)
                body.write(packed.stored)
        body.seek(0)
        return _write(encode_head(request.base, request.new.feed, groups), body, out)


def _write(head: bytes, body: IO[bytes], out: Path) -> tuple[Stored, Stored]:
    proof = hashlib.sha256()
    size = 0
    path = out / "updates" / "next"
    with durable_file(path) as file:
        for block in (head, *iter(lambda: body.read(BLOCK), b"")):
            proof.update(block)
            size += file.write(block)
    pack = Stored(Digest(proof.hexdigest()), size)
    make_folder((out / update_name(pack)).parent)
    rename_durably(path, out / update_name(pack))
    return pack, Stored(sha256(head), len(head))


class _Cutting:
    """One update pack on its way."""

    def __init__(self, request: UpdateRequest, book: SketchBook, progress: Progress) -> None:
        self._request = request
        self._book = book
        self._progress = progress
        self._pairs = self._find_pairs(request.added)
        self._natures = self._by_nature(request.added)
        self._held = self._find_held()
        self.foreign = Foreign(request.tables, filter(self._lies_alone, request.added))

    def drafts(self, nature: Nature) -> Iterator[Drafted]:
        """The groups to compress, each with what it builds on."""
        recent: list[Context] = []
        for draft in self._filled(nature):
            draft.put_before(_within(recent, MAX_PREFIX - draft.prefix_size))
            if nature is Nature.TEXT and not draft.level:
                draft.neighbours = [self._feed_context(), self._neighbours(draft)]
            recent = _within([*recent, *draft.offers], MAX_PREFIX)
            yield draft

    def _filled(self, nature: Nature) -> Iterator[Drafted]:
        """Items in groups; in a pack from nothing long media have their own, to be kept alone."""
        if nature is not Nature.MEDIA or self._request.old:
            yield from fill(self._items(nature))
            return
        for _, items in groupby(self._items(nature), key=_own_group):
            yield from fill(items)

    def _lies_alone(self, one: Resource) -> bool:
        """Whether its groups of chunk packs hold nothing that comes another way."""
        return one.size >= ALONE or nature_of(self._request.new.contents.start(one)) is Nature.MEDIA

    def _find_pairs(self, added: Sequence[Resource]) -> Mapping[Digest, Sequence[Resource]]:
        new, old = self._request.new, self._request.old
        if old is None:
            return {}
        return find_pairs(self._side(new, added), self._side(old, old.feed.resources))

    def _side(self, edition: Edition, resources: Sequence[Resource]) -> Side:
        sketches = {one.digest: self._book.of(one, edition.contents) for one in resources}
        return Side(resources, edition.labels, sketches)

    def _by_nature(self, added: Sequence[Resource]) -> Mapping[Nature, Sequence[Resource]]:
        """Resources of each nature, those that resemble each other side by side."""
        natures: dict[Nature, list[Resource]] = {nature: [] for nature in Nature}
        for one in added:
            natures[nature_of(self._request.new.contents.start(one))].append(one)
        return {nature: sorted(found, key=self._order) for nature, found in natures.items()}

    def _find_held(self) -> Mapping[Digest, Sequence[Resource]]:
        """New pictures and films that new documents may hold, those that share most first."""
        media = {one.digest: one for one in self._natures[Nature.MEDIA]}
        documents = self._natures[Nature.DOCUMENT]
        if not (media and documents):
            return {}
        new = self._request.new
        among = self._side(new, list(media.values())).sketches
        alike = most_similar(self._side(new, documents).sketches, among)
        return {digest: [media[one] for one in found] for digest, found in alike.items()}

    def _order(self, one: Resource) -> tuple[str, str, str, str]:
        label = self._request.new.labels.get(one.digest, "")
        before = [self._old_label(old) for old in self._pairs.get(one.digest, ())[:1]]
        return suffix(label), pattern((*before, label)[0] or label), label, one.digest

    def _old_label(self, one: Resource) -> str:
        return self._request.old.labels.get(one.digest, "") if self._request.old else ""

    def _items(self, nature: Nature) -> Iterator[Item]:
        alike = Alike()
        for one in self._natures[nature]:
            data = self._request.new.contents.read(one)
            if nature is Nature.MEDIA and self._left_where_it_lies(one, data):
                self._progress.advance(one.size)
                continue
            olds = [Old(old, self._read_old(old)) for old in self._pairs.get(one.digest, ())]
            if olds and is_image(data[:SAMPLE]):
                yield from image_items(one, data, olds[0], self._request.trials)
                self._progress.advance(one.size)
                continue
            olds += self._media_in(one, data)
            item = make_item(one, data, nature, olds, self._request.trials)
            if item is not None:
                yield item
            else:
                kind = suffix(self._request.new.labels.get(one.digest, ""))
                yield from self._settled(alike.add(as_it_is(one, data), kind))
            self._progress.advance(one.size)
        yield from self._settled(alike.end())

    def _settled(self, settled: Settled) -> Iterator[Item]:
        """Those that shorten each other go in; the others stay where they lie, if they do."""
        yield from settled.together
        for item in settled.apart:
            if not self.foreign.take(item.resource):
                yield item

    def _left_where_it_lies(self, one: Resource, data: Buffer) -> bool:
        """Whether a pack from nothing takes it from chunk packs, as that costs hardly more."""
        if self._request.old or len(data) > LARGE_MEDIA:
            return False
        if len(data) < ALONE:
            return self.foreign.settle(one, self._together)
        cost = self.foreign.cost(one)
        if cost is None or NEAR * cost > len(compression.compress(bytes(data), level=QUICK)):
            return False
        return self.foreign.take(one)

    def _together(self, resources: Sequence[Resource]) -> int:
        """Bytes that small pictures take in the pack, about."""
        data = b"".join(bytes(self._request.new.contents.read(one)) for one in resources)
        return min(len(data), len(compression.compress(data, level=QUICK)))

    def _media_in(self, one: Resource, data: Buffer) -> Iterator[Old]:
        """New files that lie in the document ``one`` byte for byte, as far as a sample tells."""
        left = HELD
        for file in self._held.get(one.digest, ()):
            if file.size > left:
                continue
            found = self._request.new.contents.read(file)
            middle = len(found) // 2
            if bytes(data).find(found[middle : middle + SAMPLE]) >= 0:
                left -= file.size
                yield Old(file, found)

    def _read_old(self, one: Resource) -> Buffer:
        return self._request.old.contents.read(one) if self._request.old else b""

    def _feed_context(self) -> list[Context]:
        """The new feed itself, which a box has by then: lists of sites name the same digests."""
        plain = plain_bytes(self._request.new.feed)
        if len(plain) > FEED:
            return []
        return [Context(Span(sha256(plain), 0, len(plain)), plain)]

    def _neighbours(self, draft: Drafted) -> list[Context]:
        """Old files of the same kind from the same places: they share the words of the new ones."""
        old = self._request.old
        if old is None:
            return []
        labels = [self._request.new.labels.get(part.resource.digest, "") for part in draft.parts]
        taken = {span.digest for span in draft.builds_on}
        near = nearest(
            labels, old.labels, [one for one in old.feed.resources if one.digest not in taken]
        )
        found: list[Context] = []
        left = min(NEIGHBOURS, MAX_PREFIX - draft.prefix_size)
        for one in near:
            if one.size > left:
                break
            left -= one.size
            found.append(Context(Span(one.digest, 0, one.size), bytes(old.contents.read(one))))
        found.reverse()
        return found


def _own_group(item: Item) -> str:
    return item.resource.digest if len(item.payload) >= ALONE else ""


def _within(context: Iterable[Context], room: int) -> list[Context]:
    """The newest of ``context`` that fit into ``room``, the newest last."""
    found: list[Context] = []
    for one in reversed(list(context)):
        if len(one.data) > room:
            break
        room -= len(one.data)
        found.append(one)
    found.reverse()
    return found
