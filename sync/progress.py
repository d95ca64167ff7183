"""Progress of long operations: what the work says; who shows it is the caller's business. Pure."""

from typing import Protocol


class Progress(Protocol):
    """Told by the work about its steps; never raises, never slows it down."""

    def step(self, name: str, *, total: int = 0, unit: str = "B") -> None:
        """A new step begins; ``total`` units to do, 0 if nobody knows."""
        ...

    def advance(self, count: int) -> None:
        """``count`` more units of the current step are done."""
        ...


class Silent:
    """Shows nothing."""

    def step(self, name: str, *, total: int = 0, unit: str = "B") -> None:
        """Nothing."""

    def advance(self, count: int) -> None:
        """Nothing."""
