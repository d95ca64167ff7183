"""The roles of a repository: who signs what. Pure."""

from enum import StrEnum


class KeyRole(StrEnum):
    """The design's roles, nothing else."""

    ROOT = "root"
    TARGETS = "targets"
    EDITOR = "editor"
    REVIEWER = "reviewer"
    ROLLOUT = "rollout"
    WITHDRAW = "withdraw"
    SNAPSHOT = "snapshot"
    TIMESTAMP = "timestamp"
