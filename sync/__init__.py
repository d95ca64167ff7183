"""Bytes: what moves a library from a publisher to a box, and proves it on the way."""
