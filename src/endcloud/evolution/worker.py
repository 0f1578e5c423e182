"""Who works on a round: a name that tells whether the process behind it still runs.

A killed worker cannot give its lease back. Another on the same machine sees at once that it is gone and goes on;
workers of other machines wait until the lease has run out, since nobody can tell from there.
"""

from __future__ import annotations

import os
import socket
from uuid import uuid4

import psutil


def own_name() -> str:
    """`host:process:start:nonce`. A process number is given again some day; with the time of its start it is not."""
    return f"{socket.gethostname()}:{os.getpid()}:{_started(os.getpid())}:{uuid4().hex[:6]}"


def is_gone(name: str) -> bool:
    """Whether the worker ran on this machine and runs no more. False where that cannot be told."""
    parts = name.split(":")
    if len(parts) != 4 or parts[0] != socket.gethostname() or not parts[1].isdecimal():
        return False
    try:
        return str(_started(int(parts[1]))) != parts[2]
    except psutil.NoSuchProcess:
        return True
    except psutil.Error:
        return False


def _started(process: int) -> int:
    """In whole seconds since 1970: all that psutil's figure is sure of."""
    found = psutil.Process(process)
    if found.status() == psutil.STATUS_ZOMBIE:
        raise psutil.NoSuchProcess(process)
    return round(found.create_time())
