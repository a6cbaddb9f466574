"""Statuses of questions whose caller has gone."""

from typing import Final

CLIENT_CLOSED: Final = 499
"""The status in the log record; it is never sent."""
ABANDONED: Final = "abandoned"
"""The outcome of a request to a model's server whose caller left before the answer."""
