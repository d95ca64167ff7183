"""Style sheet and script: read once, compressed once, named by their content, kept for ever."""

import hashlib
from pathlib import Path

from aiohttp import web

from appliance.serve.reply import FOREVER, Finished, answer, finish

FOLDER = Path(__file__).with_name("static")
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}


class Assets:
    """Answers ``/static/<name>.<digest>.<suffix>``."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._addresses: dict[str, str] = {}
        self._files: dict[str, Finished] = {}
        for path in sorted(folder.iterdir()):
            if path.suffix in _TYPES:
                self._add(path)

    def address(self, name: str) -> str:
        """Address of the file ``name``; raises KeyError for one there is not."""
        return f"/static/{self._addresses[name]}"

    async def get(self, request: web.Request) -> web.Response:
        """The file; an old page's old address is gone with the old version."""
        found = self._files.get(request.match_info["name"])
        if found is None:
            raise web.HTTPNotFound
        return answer(request, found, cache=FOREVER, vary="Accept-Encoding")

    def _add(self, path: Path) -> None:
        data = path.read_bytes()
        address = f"{path.stem}.{hashlib.sha256(data).hexdigest()[:12]}{path.suffix}"
        self._addresses[path.name] = address
        self._files[address] = finish(data, _TYPES[path.suffix])
