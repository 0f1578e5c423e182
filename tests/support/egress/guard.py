"""A machine with no other machine: a network namespace with loopback only, and a record of every connection tried.

The namespace (Linux, where users may make one) lets nothing out; the audit hook, which every Python process of the
walk loads as its `sitecustomize`, writes down each address that is asked for, so that an attempt is seen and not only
stopped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

_HOOK = '''"""Writes down every address that this process connects to or sends to."""
import os, sys
def _see(event, arguments):
    if event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
        name = address[0] if isinstance(address, tuple) and address else str(address)
        with open(os.environ["EGRESS_ADDRESSES"], "a", encoding="utf-8") as seen:
            seen.write(f"{name}\\n")
    elif event == "socket.getaddrinfo":
        with open(os.environ["EGRESS_ADDRESSES"], "a", encoding="utf-8") as seen:
            seen.write(f"{arguments[0]}\\n")
sys.addaudithook(_see)
'''
_LOOPBACK = ("127.", "::1", "localhost", "None", "/", "b'", "\x00")


def environment(folder: Path) -> dict[str, str]:
    """The environment in which every Python process is watched."""
    hook = folder / "hook"
    hook.mkdir(parents=True, exist_ok=True)
    (hook / "sitecustomize.py").write_text(_HOOK, encoding="utf-8")
    path = os.pathsep.join([str(hook), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "PYTHONPATH": path, "EGRESS_ADDRESSES": str(folder / "addresses")}


def elsewhere(folder: Path) -> set[str]:
    """The addresses asked for that are not this machine; a path is a socket of this machine too."""
    seen = (folder / "addresses").read_text(encoding="utf-8").splitlines()
    return {address for address in seen if not address.startswith(_LOOPBACK)}


def alone() -> list[str]:
    """What a command begins with so that it runs in a namespace without any network but loopback; empty where this
    machine allows none."""
    if not shutil.which("unshare"):
        return []
    tried = subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False)
    return ["unshare", "-rn", "--"] if tried.returncode == 0 else []


def loopback_up() -> None:
    """Switches a new namespace's loopback on; call it as the first thing in there."""
    import fcntl
    import socket
    import struct

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        up_and_running = struct.pack("16sh14s", b"lo", 0x1 | 0x40, b"")
        fcntl.ioctl(any_socket, 0x8914, up_and_running)  # SIOCSIFFLAGS
