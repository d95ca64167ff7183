"""What of a way through update packs is fetched in vain, as the heads tell it."""

import pytest

from sync.digest import sha256
from sync.feed import Resource
from sync.pack import Codec, Group
from sync.publish.packs.vain import fetched
from sync.updates.head import Head
from sync.updates.parts import Literal, Part, Span, UpdateGroup
from tests.kit.heads import feed_of, named

A, B, C, D = (named(name, 100) for name in "abcd")


def group(stored: int, *made: Resource, on: tuple[Resource, ...] = ()) -> UpdateGroup:
    """A group of ``stored`` bytes that makes some files, each as long as it is."""
    plain = sum(one.size for one in made)
    name = sha256(repr((stored, made)).encode())
    parts = tuple(Part(one, (Literal(one.size),)) for one in made)
    prefix = tuple(Span(one.digest, 0, one.size) for one in on)
    return UpdateGroup(Group(name, 0, stored, plain, Codec.ZSTD), 0, prefix, parts)


def head(has: list[Resource], *groups: UpdateGroup) -> Head:
    return Head(feed_of(has), groups)


def test_nothing_is_in_vain_where_all_stays() -> None:
    assert fetched([head([A], group(40, A)), head([A, B], group(30, B))]) == pytest.approx((70, 0))


def test_a_group_of_which_nothing_stays_is_not_fetched() -> None:
    assert fetched([head([A], group(40, A)), head([B], group(30, B))]) == pytest.approx((30, 0))


def test_what_is_removed_is_in_vain_by_its_share_of_the_group() -> None:
    heads = [head([A, B], group(40, A, B)), head([A, C], group(30, C))]
    assert fetched(heads) == pytest.approx((70, 20))


def test_of_a_replaced_file_the_change_is_in_vain() -> None:
    heads = [head([A], group(40, A)), head([B], group(5, B, on=(A,)))]
    assert fetched(heads) == pytest.approx((45, 5))


def test_each_change_of_the_same_file_is_in_vain() -> None:
    changes = [head([B], group(5, B, on=(A,))), head([C], group(7, C, on=(B,)))]
    assert fetched([head([A], group(40, A)), *changes]) == pytest.approx((52, 12))


def test_of_many_files_that_one_replaces_the_change_of_one_is_in_vain_and_the_others() -> None:
    heads = [head([A, B, C], group(60, A, B, C)), head([D], group(5, D, on=(A, B, C)))]
    assert fetched(heads) == pytest.approx((65, 45))


def test_a_new_file_that_came_with_a_change_is_not_in_vain() -> None:
    """Documents of an edition lie in one group, which builds on all that they build on."""
    new = named("new", 900)
    heads = [head([A], group(40, A)), head([B, new], group(50, B, new, on=(A,)))]
    assert fetched(heads) == pytest.approx((90, 5))


def test_files_of_like_length_replace_each_other() -> None:
    short, long, shorter, longer = (
        named("s", 100), named("l", 1000), named("t", 90), named("m", 1100)
    )  # fmt: skip
    first = head([short, long], group(110, short, long))
    then = head([shorter, longer], group(119, shorter, longer, on=(short, long)))
    # of the short one its change is the shorter, of the long one the file
    assert fetched([first, then]) == pytest.approx((229, 9 + 100))


def test_a_file_of_quite_another_length_replaces_none() -> None:
    new = named("new", 250)
    heads = [head([A], group(40, A)), head([new], group(5, new, on=(A,)))]
    assert fetched(heads) == pytest.approx((45, 40))


def test_a_document_takes_no_more_than_its_own_bytes() -> None:
    """Opened, a picture in it is long, though other files have the same and it is stored once."""
    opened = (Part(A, (Literal(10_000),)), Part(B, (Literal(100),)))
    one = UpdateGroup(Group(sha256(b"one"), 0, 300, 10_100, Codec.ZSTD), 0, (), opened)
    assert fetched([head([A, B], one), head([B, C], group(30, C))]) == pytest.approx((330, 100))


def test_a_neighbour_in_the_first_pack_was_not_replaced() -> None:
    first = [group(40, A), group(3, B, on=(A,))]
    assert fetched([head([A, B], *first), head([B, C], group(30, C))]) == pytest.approx((73, 40))
