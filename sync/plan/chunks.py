"""Resources from chunk packs and from files the library has, by their chunks. Pure.

The general way beneath the update packs: it needs nothing but the collection's tables, and serves
new boxes, boxes many editions behind, repairs, and boxes that lack a codec.
"""

from collections.abc import Iterable, Mapping

from sync.directory import Stored, pack_name
from sync.errors import FormatError
from sync.feed import Resource
from sync.pack import Group
from sync.plan.draft import Draft
from sync.plan.pieces import FromGroup, FromSeed, Have, Piece, Wanted
from sync.recipe import MAX_CHUNK, Chunk, ChunkId, Chunks, whole

Cut = list[tuple[Resource, Chunks]]
"""Resources to make, with their chunks."""
Places = dict[ChunkId, tuple[Stored, Group, int, int]]
"""Pack, group, start and length of chunks."""


def cut_of(one: Wanted, resources: Iterable[Resource]) -> Cut:
    """``resources`` with their chunks; raises FormatError if the tables do not know them."""
    recipes = {recipe.resource: recipe for table in one.tables for recipe in table.recipes}
    found: Cut = []
    for resource in resources:
        recipe = recipes.get(resource.digest)
        chunks = recipe.chunks if recipe else _only_chunk(resource)
        if chunks is None or (recipe and recipe.size != resource.size):
            raise _unfit(one, f"no recipe makes resource {resource.digest[:16]}…")
        found.append((resource, chunks))
    return found


def find_seeds(cuts: Iterable[Cut], have: Have) -> dict[ChunkId, FromSeed]:
    """Where the library holds needed chunks; only needed ones, so that memory stays small."""
    needed = {chunk.id for cut in cuts for _, chunks in cut for chunk in chunks}
    if not needed or not have.resources:
        return {}
    found: dict[ChunkId, FromSeed] = {}
    for digest, size in have.resources.items():
        if size <= MAX_CHUNK and (only := whole(digest)) in needed:
            found.setdefault(only, FromSeed(digest, 0, size))
    for recipe in (recipe for table in have.tables for recipe in table.recipes):
        if have.resources.get(recipe.resource) != recipe.size:
            continue
        start = 0
        for chunk in recipe.chunks:
            if chunk.id in needed:
                found.setdefault(chunk.id, FromSeed(recipe.resource, start, chunk.length))
            start += chunk.length
    return found


def add_chunks(
    draft: Draft, one: Wanted, cut: Cut, seeds: Mapping[ChunkId, FromSeed], places: Places
) -> None:
    """Plan the resources of ``cut``; raises FormatError if the tables lack a chunk."""
    for resource, chunks in cut:
        if not draft.lacks(resource):
            continue
        pieces = [_piece(draft, one, resource, chunk, seeds, places) for chunk in chunks]
        draft.assemble(resource, pieces)


def _piece(
    draft: Draft,
    one: Wanted,
    resource: Resource,
    chunk: Chunk,
    seeds: Mapping[ChunkId, FromSeed],
    places: Places,
) -> Piece:
    piece: FromGroup | FromSeed | None = seeds.get(chunk.id)
    if piece is None and chunk.id in places:
        pack, group, start, length = places[chunk.id]
        piece = FromGroup(draft.group(pack_name(pack), group), start, length)
    if piece is None or piece.length != chunk.length:
        raise _unfit(one, f"no table holds chunk {chunk.id.hex()} of resource {resource.digest}")
    return piece


def _only_chunk(resource: Resource) -> Chunks | None:
    """The chunks of a resource without recipe: none, one, or unknown."""
    if resource.size > MAX_CHUNK:
        return None
    return Chunks.of([Chunk(whole(resource.digest), resource.size)] if resource.size else [])


def find_places(one: Wanted, cut: Cut, seeds: Mapping[ChunkId, FromSeed]) -> Places:
    """Where the tables hold the chunks of ``cut`` that are not in ``seeds``."""
    needed = {chunk.id for _, chunks in cut for chunk in chunks} - seeds.keys()
    places: Places = {}
    for table in one.tables if needed else ():
        for chunk, group, start in table.places():
            if chunk.id in needed:
                places.setdefault(chunk.id, (table.pack, group, start, chunk.length))
    return places


def _unfit(one: Wanted, what: str) -> FormatError:
    return FormatError(
        f"collection {one.entry.id}, edition {one.entry.edition}: {what}",
        hint="the publisher's packs are incomplete; it must release the collection again",
    )
