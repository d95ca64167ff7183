"""Zstandard, the only door to it: bounded frames for directories, feeds and groups. Pure.

A frame is decoded only after its digest was proved, never beyond its signed length, and never
with a window above 64 MiB (what a box of 1 GB memory can afford beside 40 tablets).
"""

import zstandard

from sync.errors import FormatError

MAX_WINDOW = 64 * 2**20
LEVEL = 19


def compress(data: bytes, *, level: int = LEVEL) -> bytes:
    """One zstd frame with its content size; the same input gives the same bytes."""
    parameters = zstandard.ZstdCompressionParameters.from_level(
        level,
        source_size=len(data),
        window_log=min(26, max(10, (max(len(data), 2) - 1).bit_length())),
        write_checksum=False,
        write_content_size=True,
    )
    return zstandard.ZstdCompressor(compression_params=parameters).compress(data)


def content_size(frame: bytes, *, limit: int, what: str) -> int:
    """Bytes a proved frame declares; raises FormatError above ``limit`` or if it declares none."""
    try:
        declared = int(zstandard.frame_content_size(frame))
    except zstandard.ZstdError as error:
        raise FormatError(f"{what}: broken zstd frame ({error})") from error
    if not 0 <= declared <= limit:
        raise FormatError(f"{what}: frame declares {declared} bytes, at most {limit} are allowed")
    return declared


def decompress(frame: bytes, *, size: int, what: str) -> bytes:
    """Decode exactly ``size`` bytes; raises FormatError for a broken frame."""
    try:
        _check_frame(frame, size=size, what=what)
        plain = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW).decompress(
            frame, max_output_size=size, allow_extra_data=False
        )
    except zstandard.ZstdError as error:
        raise FormatError(f"{what}: broken zstd frame ({error})") from error
    if len(plain) != size:
        raise FormatError(f"{what}: frame held {len(plain)} bytes, signed were {size}")
    return plain


def _check_frame(frame: bytes, *, size: int, what: str) -> None:
    """Refuse a false size or a wide window; zstd itself checks windows only when streaming."""
    parameters = zstandard.get_frame_parameters(frame)
    if parameters.content_size != size:
        raise FormatError(
            f"{what}: frame declares {parameters.content_size} bytes, signed were {size}"
        )
    if parameters.window_size > MAX_WINDOW:
        raise FormatError(
            f"{what}: frame needs a window of {parameters.window_size} bytes, "
            f"at most {MAX_WINDOW} are allowed"
        )
