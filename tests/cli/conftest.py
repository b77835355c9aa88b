"""No PDF where no test asks for it."""

from tests.pictures import every_format, no_pdf

__all__ = ["every_format", "no_pdf"]
