"""The API and its OpenAPI document say the same."""

import json
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import web
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate

from appliance.config import BoxPaths
from appliance.serve.admission import Admission
from appliance.serve.api import OPENAPI, Api
from appliance.serve.importing import Importer
from appliance.serve.state import State
from appliance.serve.upload_api import UploadApi
from appliance.serve.uploads import Uploads
from appliance.version import VERSION
from tests.kit.visiting import Visit

DOCUMENT: dict[str, Any] = json.loads(OPENAPI.read_text(encoding="utf-8"))
EXAMPLES = {
    "/api/v1/openapi.json": "/api/v1/openapi.json",
    "/api/v1/status": "/api/v1/status",
    "/api/v1/choices": "/api/v1/choices?grade=g1",
    "/api/v1/textbooks": "/api/v1/textbooks?stage=primary",
    "/api/v1/textbooks/{id}": "/api/v1/textbooks/43/music-1a/t1",
    "/api/v1/lessons/{key}": "/api/v1/lessons/43/music-1a/l1",
    "/api/v1/search": f"/api/v1/search?q={quote('分数')}&limit=1",
    "/api/v1/suggest": f"/api/v1/suggest?q={quote('分')}",
}


def check(value: object, schema: dict[str, Any]) -> None:
    """Raise unless ``value`` is what the document's schema says."""
    whole = {**schema, "components": DOCUMENT["components"]}
    OAS31Validator(whole).validate(value)


def upload_routes(folder: Path) -> list[web.RouteDef]:
    """The API that takes files; it is tested in test_uploads.py."""
    paths = BoxPaths(folder)
    uploads = Uploads(paths.uploads, lambda: datetime.now(UTC))
    admission = Admission(paths, now=uploads.now, ticks=monotonic)
    return UploadApi(uploads, admission, Importer(paths, uploads)).routes()


def test_the_document_is_valid_openapi() -> None:
    assert DOCUMENT["openapi"].startswith("3.1")
    validate(DOCUMENT)


def test_every_route_is_documented_and_every_document_is_a_route(tmp_path: Path) -> None:
    routes = {
        route.path.replace(":.+}", "}")
        for route in Api(State(BoxPaths(tmp_path)), box="b").routes()
    }
    assert routes == set(EXAMPLES)
    described = {
        (path, method.upper()) for path, item in DOCUMENT["paths"].items() for method in item
    }
    sending = {(route.path, route.method) for route in upload_routes(tmp_path)}
    assert described == {(path, "GET") for path in routes} | sending


@pytest.mark.parametrize("path", sorted(EXAMPLES))
async def test_answers_are_as_documented(visit: Visit, path: str) -> None:
    answer = await visit.get(EXAMPLES[path])
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    check(
        json.loads(answer.body),
        DOCUMENT["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"],
    )
    again = await visit.get(EXAMPLES[path], If_None_Match=answer.headers["ETag"])
    assert again.status == 304


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [
        ("/api/v1/lessons/43/none/l1", 404, "not_found"),
        ("/api/v1/textbooks/none", 404, "not_found"),
        ("/api/v1/nothing", 404, "not_found"),
        ("/api/v1/search?q=a&limit=101", 400, "bad_request"),
        ("/api/v1/search?q=a&offset=-1", 400, "bad_request"),
    ],
)
async def test_errors_are_as_documented(visit: Visit, path: str, status: int, error: str) -> None:
    answer = await visit.get(path)
    assert answer.status == status
    value = json.loads(answer.body)
    assert value["error"] == error
    check(value, DOCUMENT["components"]["schemas"]["Trouble"])


async def test_status_says_what_is_served(visit: Visit) -> None:
    value = json.loads((await visit.get("/api/v1/status")).body)
    assert (value["generation"], value["lessons"], value["textbooks"]) == (1, 11, 2)
    assert value["version"] == VERSION
    assert value["publishers"][0]["name"] == "湖南省"


async def test_a_lesson_and_its_pieces(visit: Visit) -> None:
    value = json.loads((await visit.get("/api/v1/lessons/43/music-1a/l1")).body)
    assert value["title"] == "你的名字叫什么"
    assert [piece["role"] for piece in value["pieces"]][:2] == ["video", "courseware"]
    video = value["pieces"][0]
    assert video["subtitles"][0]["language"] == "zh-Hans"
    assert (await visit.get(video["url"], Range="bytes=0-9")).status == 206
    for piece in value["pieces"]:
        assert (await visit.get(piece["page"])).status == 200
    assert (value["previous"]["key"], value["next"]["key"]) == ("43/music-1a/l2", "43/music-1a/l3")


async def test_names_come_in_the_language_asked_for(visit: Visit) -> None:
    chinese = json.loads((await visit.get("/api/v1/choices")).body)["choices"]["subject"]
    english = json.loads((await visit.get("/api/v1/choices", Cookie="language=en")).body)
    assert {choice["name"] for choice in chinese} >= {"音乐", "数学"}
    assert {choice["name"] for choice in english["choices"]["subject"]} >= {"Music", "Mathematics"}


async def test_search_counts_marks_and_pages(visit: Visit) -> None:
    first = json.loads((await visit.get(f"/api/v1/search?q={quote('分数')}&limit=1")).body)
    assert first["total"] >= 1
    assert len(first["hits"]) == 1
    assert any(part["matched"] for part in first["hits"][0]["snippet"])
    second = json.loads(
        (await visit.get(f"/api/v1/search?q={quote('分数')}&limit=1&offset=1")).body
    )
    assert first["hits"][0]["key"] not in [hit["key"] for hit in second["hits"]]


async def test_suggestions_go_on_from_what_was_typed(visit: Visit) -> None:
    value = json.loads((await visit.get(f"/api/v1/suggest?q={quote('拉勾')}")).body)
    assert any("拉勾勾" in item for item in value["suggestions"])
