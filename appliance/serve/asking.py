"""From a page to the update process: one question over its socket, without a thread that waits.

The same lines as ``appliance.control`` speaks; a request that is given up closes its connection,
and the work goes on for the box.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from appliance.config import BoxPaths
from appliance.control import (
    MAX_ANSWER,
    Event,
    cut_off,
    event_of,
    line_of,
    not_running,
    refused,
    short_name,
)
from sync.errors import Incomplete

_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Unanswered(Incomplete):
    """The update process has not answered yet; what it was asked for goes on."""


async def ask(
    paths: BoxPaths,
    message: Mapping[str, object],
    *,
    seconds: float | None,
    on_progress: Callable[[Event], None] = lambda _: None,
) -> Event:
    """The result; raises NotRunning, Refused with the other side's error, Unanswered after
    ``seconds`` (None: however long it takes), Incomplete when the update process ends first.
    """
    try:
        async with asyncio.timeout(seconds), _connected(paths) as (reader, writer):
            writer.write(line_of(message))
            await writer.drain()
            return await _result(reader, on_progress)
    except TimeoutError as error:
        raise Unanswered("the update process does not answer") from error
    except (OSError, ValueError) as error:  # ValueError: a line beyond the limit
        raise cut_off() from error


async def _result(reader: asyncio.StreamReader, on_progress: Callable[[Event], None]) -> Event:
    while line := await reader.readline():
        event = event_of(line, limit=MAX_ANSWER)
        if event.get("event") == "failed":
            raise refused(event)
        if event.get("event") == "done":
            result = event.get("result")
            return dict(result) if isinstance(result, dict) else {}
        on_progress(event)
    raise cut_off()


@asynccontextmanager
async def _connected(paths: BoxPaths) -> AsyncIterator[_Streams]:
    try:
        with short_name(paths.run) as folder:
            reader, writer = await asyncio.open_unix_connection(
                f"{folder}/{paths.socket.name}", limit=MAX_ANSWER
            )
    except OSError as error:
        raise not_running(paths) from error
    try:
        yield reader, writer
    finally:
        writer.close()
