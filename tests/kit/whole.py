"""Is it whole? What a stranger with only the first root finds in a repository or on a box."""

from datetime import UTC, datetime
from pathlib import Path

from sync import feed
from sync.digest import prove
from sync.directory import Directory, feed_name, pack_name, table_name
from sync.pack import decode_table, open_group
from sync.transport.volume import VolumeTransport
from sync.trust import DemoKeys, TrustClock, parse_root, refresh

CLOCK = TrustClock(
    wall=datetime(2026, 11, 24, tzinfo=UTC),
    wall_is_set=True,
    floor=datetime(2026, 11, 22, tzinfo=UTC),
)


def published(repository: Path, root: bytes, scratch: Path) -> Directory:
    """What a new box is shown; fails unless every byte it promises is there and proves."""
    transport = VolumeTransport(repository)
    trusted = refresh(
        transport,
        scratch,
        root=parse_root(root),
        clock=CLOCK,
        demo=DemoKeys.ACCEPT,
    )
    for entry in trusted.directory.collections:
        stored = transport.read(feed_name(entry.feed), limit=feed.MAX_STORED)
        feed.decode(prove(stored, entry.feed.stored.digest, what="feed"), entry.feed)
        for ref in entry.packs:
            data = transport.read(table_name(ref.table), limit=ref.table.size)
            table = decode_table(prove(data, ref.table.digest, what="table"))
            pack = transport.read(pack_name(ref.pack), limit=ref.pack.size)
            prove(pack, ref.pack.digest, what="pack")
            for group in table.groups:
                open_group(group, pack[group.offset :][: group.stored], what="group")
    return trusted.directory
