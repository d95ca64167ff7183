"""Where things lie on a stick: names that are safe on FAT32 and in Windows Explorer. Pure."""

ROOT = "KEXIA"
"""The one folder of a stick that is ours; only media that have it are looked at."""
NOTE = f"{ROOT}/stick.json"
"""What the stick says of itself: for people and for status; never trusted."""
BACK = f"{ROOT}/back"
"""The way back: one folder for each box that is expected, ``back/<box-id>/``."""
BACK_FILE = "back.kxb"
"""Preallocated in the box's folder; the box overwrites it and never makes it longer."""
RESOURCES = "resources"
"""In a publisher's folder: whole resources, ``resources/<aa>/<sha256>``, as they are."""
CONCATENATIONS = "concatenations"
"""In a publisher's folder: resources one after the other, each file with its table beside it."""
README = "说明.txt"
"""For people, beside the folder."""


def publisher_folder(publisher_id: str) -> str:
    """Where the repository of a publisher lies."""
    return f"{ROOT}/{publisher_id}"
