"""How a question ends whose caller has gone."""

from typing import Final

CLIENT_CLOSED: Final = 499
"""The status of the record; nobody is told it."""
ABANDONED: Final = "abandoned"
"""What became of the request to the model's server: nobody waited for its answer."""
