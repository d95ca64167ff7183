"""Volumes: from a stick that is plugged in to a folder the update process reads, and back."""
