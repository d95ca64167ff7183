"""What a file is called on the wire: an allow-list; all else is a download. Pure."""

from urllib.parse import quote

UNKNOWN = "application/octet-stream"

#: Formats a tablet's browser shows or plays.
SHOWN = {
    "mp4": "video/mp4",
    "m4v": "video/mp4",
    "webm": "video/webm",
    "mp3": "audio/mpeg",
    "m4a": "audio/mp4",
    "aac": "audio/aac",
    "ogg": "audio/ogg",
    "oga": "audio/ogg",
    "opus": "audio/ogg",
    "wav": "audio/wav",
    "vtt": "text/vtt; charset=utf-8",
    "pdf": "application/pdf",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "webp": "image/webp",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
}

#: Formats another programme opens.
SAVED = {
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "ppt": "application/vnd.ms-powerpoint",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "epub": "application/epub+zip",
    "zip": "application/zip",
}

#: What a site is made of, on top of what is shown.
_SITE = {
    **SHOWN,
    "html": "text/html; charset=utf-8",
    "htm": "text/html; charset=utf-8",
    "xhtml": "application/xhtml+xml; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "mjs": "text/javascript; charset=utf-8",
    "json": "application/json; charset=utf-8",
    "xml": "application/xml; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "md": "text/plain; charset=utf-8",
    "wasm": "application/wasm",
    "woff": "font/woff",
    "woff2": "font/woff2",
    "ttf": "font/ttf",
    "otf": "font/otf",
    "ico": "image/x-icon",
    "bmp": "image/bmp",
}

VIDEO = frozenset({"mp4", "m4v", "webm"})
AUDIO = frozenset({"mp3", "m4a", "aac", "ogg", "oga", "opus", "wav"})
IMAGE = frozenset({"jpg", "jpeg", "png", "gif", "webp", "svg"})


def of_format(name: str) -> str:
    """Content type of a resource's format."""
    return SHOWN.get(name) or SAVED.get(name, UNKNOWN)


def of_path(path: str) -> str:
    """Content type of a site's file, by its suffix."""
    return _SITE.get(path.rpartition(".")[2].lower(), UNKNOWN)


def disposition(name: str, title: str) -> str:
    """Content-Disposition of a resource: shown where a browser can, else saved under its title.

    The name travels as RFC 8187 says, with an ASCII one beside it for the very old.
    """
    how = "inline" if name in SHOWN else "attachment"
    clean = "".join(" " if char in '\\/:*?"<>|' or ord(char) < 32 else char for char in title)
    file_name = f"{' '.join(clean.split())[:100] or 'kexia'}.{name}"
    return f"{how}; filename=\"kexia.{name}\"; filename*=UTF-8''{quote(file_name, safe='')}"
