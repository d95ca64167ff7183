"""Programmes: the publisher's desk, the box's two processes, the pages and the command line."""
