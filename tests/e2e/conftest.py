"""What every browser test asks for."""

from tests.kit.browser import browser

__all__ = ["browser"]
