"""Sites from their own port, in their cage."""

from sync.digest import Digest
from tests.kit import served
from tests.kit.served import INDEX_HTML, ServedBox
from tests.kit.visiting import Visit, visiting


def game(stocked: ServedBox) -> Digest:
    """Digest of the music lesson's site."""
    return stocked.lessons["43/music-1a"].lessons[0].resources[-1].digest


async def test_a_site_opens_with_its_index(visit: Visit, stocked: ServedBox) -> None:
    for path in ("", "index.html"):
        answer = await visit.get_site(f"/s/{game(stocked)}/{path}")
        assert (answer.status, answer.body) == (200, INDEX_HTML)
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"


async def test_its_files_are_caged_and_may_be_fetched_from_the_cage(
    visit: Visit, stocked: ServedBox
) -> None:
    answer = await visit.get_site(f"/s/{game(stocked)}/js/site.js")
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    cage = answer.headers["Content-Security-Policy"]
    assert cage.startswith("sandbox allow-scripts; default-src 'self'")
    assert "allow-same-origin" not in cage
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    unknown = await visit.get_site(f"/s/{game(stocked)}/thing.unknown")
    assert unknown.headers["Content-Type"] == "application/octet-stream"


async def test_only_what_the_list_names(visit: Visit, stocked: ServedBox) -> None:
    for path in ("missing.js", "../x", "%2e%2e/x", "js/", "/etc/passwd"):
        assert (await visit.get_site(f"/s/{game(stocked)}/{path}")).status == 404
    assert (await visit.get_site(f"/s/{'0' * 64}/index.html")).status == 404


async def test_pages_and_sites_do_not_share_an_origin(visit: Visit, stocked: ServedBox) -> None:
    assert (await visit.get_site("/")).status == 404
    assert (await visit.get_site("/api/v1/status")).status == 404
    assert (await visit.get(f"/s/{game(stocked)}/index.html")).status == 404
    assert (await visit.get(f"/r/{game(stocked)}")).status == 404


async def test_a_foreign_name_gets_nothing(visit: Visit, stocked: ServedBox) -> None:
    answer = await visit.get_site(f"/s/{game(stocked)}/", Host="evil.example")
    assert answer.status == 421
    assert "Rhythm" not in answer.text


async def test_a_damaged_list_is_not_followed(fresh: ServedBox) -> None:
    lessons = served.music(fresh)
    digest = lessons.lessons[0].resources[-1].digest
    fresh.publish(lessons)
    path = fresh.store.library.path(digest)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"index", b"iNdex"))
    async with visiting(fresh.paths.root) as visit:
        assert (await visit.get_site(f"/s/{digest}/index.html")).status == 404


async def test_the_player_frames_the_site_of_its_own_host(visit: Visit, stocked: ServedBox) -> None:
    answer = await visit.get(f"/play/{game(stocked)}", Host="ke.lan:80")
    address = f"http://ke.lan:{visit.running.site_port}"
    assert f'src="{address}/s/{game(stocked)}/index.html"' in answer.text
    assert f"frame-src {address};" in answer.headers["Content-Security-Policy"]
    assert 'sandbox="allow-scripts"' in answer.text
