"""How a worker can fail its caller.

The caller of the pool knows what it means: a picture that kills its decoder is a bad picture, a
model that dies is our fault. Untranslated, each of these is a 500.
"""

from visus.errors import Internal, WorkerUnavailable


class WorkerFault(Internal):
    """One job was lost, and only that one."""


class WorkerFailed(WorkerFault):
    """The handler raised something that is not a `ServiceError`."""


class WorkerDied(WorkerFault):
    """The process ended."""


class WorkerTimedOut(WorkerFault):
    """The job ran past its deadline, and its process was killed."""


class NoWorker(WorkerUnavailable):
    """No process can be started at all: never the job's fault, so no `WorkerFault`."""
