"""The parts that take in what people bring: put together once, closed with the pages."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from appliance.config import BoxPaths
from appliance.serve.admission import Admission
from appliance.serve.importing import Importer
from appliance.serve.media import Media
from appliance.serve.upload_api import UploadApi
from appliance.serve.uploads import Uploads

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Receiving:
    """What /admin, /stick, /send and the API of uploads share."""

    uploads: Uploads
    media: Media
    admission: Admission
    api: UploadApi
    now: Clock


@asynccontextmanager
async def receiving(
    paths: BoxPaths, *, now: Clock, ticks: Callable[[], float]
) -> AsyncIterator[Receiving]:
    """Take up what an earlier run left, and go on with it until the block ends."""
    uploads = Uploads(paths.uploads, now)
    await asyncio.to_thread(uploads.recover)
    admission = Admission(paths, now=now, ticks=ticks)
    importer = Importer(paths, uploads)
    media = Media(paths, uploads, now=now, ticks=ticks)
    importer.start()
    try:
        yield Receiving(uploads, media, admission, UploadApi(uploads, admission, importer), now)
    finally:
        await importer.close()
        await admission.close()
