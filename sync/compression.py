"""Zstandard, the only door to it: bounded frames for directories, feeds and groups. Pure.

A frame is decoded only after its digest was proved, never beyond its signed length, and never
with a window above 64 MiB (what a box of 1 GB memory can afford beside 40 tablets). A delta is a
frame whose matches may reach into a ``prefix``, bytes the reader holds already. A frame does not
say which prefix it needs: read with another, it may give wrong bytes of the right size, so whoever
decodes one must know the prefix by its digest, and prove the digest of what comes out.
"""

from typing import BinaryIO

import zstandard

from sync.errors import FormatError

MAX_WINDOW = 64 * 2**20
LEVEL = 19
_TREES = 16
"""From this level on zstd finds matches in binary trees (ZSTD_btopt)."""
_OWN_TREES = 22
"""Up to so many bits of prefix and data the tables that zstd chooses are large enough."""


def compress(data: bytes, *, level: int = LEVEL) -> bytes:
    """One zstd frame with its content size; the same input gives the same bytes."""
    return _compressor(level, len(data)).compress(data)


def compress_with(prefix: bytes, data: bytes, *, level: int = LEVEL) -> bytes:
    """One frame that ``decompress_with`` the same ``prefix`` reads; deterministic as ``compress``.

    Matches reach back 64 MiB at most; below level 16 zstd indexes a long prefix only coarsely.
    """
    if not prefix:
        return compress(data, level=level)
    total = len(prefix) + len(data)
    return _compressor(level, total, dictionary=_raw(prefix)).compress(data)


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
    return _decompress(frame, None, size=size, what=what)


class Unpacking:
    """A zstd file of any length, read from its beginning; see ``unpacking``."""

    def __init__(self, file: BinaryIO, what: str) -> None:
        decoder = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW)
        self._reader = decoder.stream_reader(file, read_across_frames=True)
        self._what = what

    def read(self, size: int, /) -> bytes:
        """The next ``size`` bytes or fewer, none at the end; raises FormatError."""
        try:
            return self._reader.read(size)
        except zstandard.ZstdError as error:
            raise FormatError(f"{self._what}: broken zstd frame ({error})") from error


def unpacking(file: BinaryIO, *, what: str) -> Unpacking:
    """``file`` unpacked bit by bit, for what is too large for memory (images of cards).

    Nothing was proved yet: the caller bounds what it reads. A file that is cut off just ends.
    """
    return Unpacking(file, what)


class Prefix:
    """A prefix as the decoder takes it: a copy, so that the caller can let go of its own first."""

    def __init__(self, data: bytes | memoryview) -> None:
        self.dictionary = _raw(data) if data else None


def decompress_with(prefix: bytes | Prefix, frame: bytes, *, size: int, what: str) -> bytes:
    """Decode exactly ``size`` bytes made by ``compress_with``; raises FormatError.

    Takes memory for a copy of ``prefix`` and for the result, whatever the frame says. With another
    prefix than the one it was made with, the result is wrong or an error: prove its digest.
    """
    taken = prefix if isinstance(prefix, Prefix) else Prefix(prefix)
    return _decompress(frame, taken.dictionary, size=size, what=what)


def _compressor(
    level: int,
    total: int,
    *,
    dictionary: zstandard.ZstdCompressionDict | None = None,
) -> zstandard.ZstdCompressor:
    """Parameters for ``total`` bytes of prefix and data."""
    bits = min(26, max(10, (max(total, 2) - 1).bit_length()))
    tables: dict[str, int] = {}
    if level >= _TREES and bits > _OWN_TREES:
        # zstd's own tables forget what lies more than 8 MiB back; these hold all of it
        tables = {"chain_log": bits + 1, "hash_log": 24}
    parameters = zstandard.ZstdCompressionParameters.from_level(
        level,
        source_size=total,
        window_log=bits,
        write_checksum=False,
        write_content_size=True,
        write_dict_id=False,
        **tables,
    )
    return zstandard.ZstdCompressor(dict_data=dictionary, compression_params=parameters)


def _raw(prefix: bytes | memoryview) -> zstandard.ZstdCompressionDict:
    """``prefix`` as bytes to match with, also if it happens to begin like a trained dictionary."""
    return zstandard.ZstdCompressionDict(prefix, dict_type=zstandard.DICT_TYPE_RAWCONTENT)


def _decompress(
    frame: bytes, dictionary: zstandard.ZstdCompressionDict | None, *, size: int, what: str
) -> bytes:
    try:
        _check_frame(frame, size=size, what=what)
        decoder = zstandard.ZstdDecompressor(dict_data=dictionary, max_window_size=MAX_WINDOW)
        plain = decoder.decompress(frame, max_output_size=size, allow_extra_data=False)
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
