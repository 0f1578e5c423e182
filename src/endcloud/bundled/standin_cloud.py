"""The stand-in cloud: plays the large model of the loop where there is no key and no network.

A process of its own that gets HTTP requests in the OpenAI format and nothing else: it imports neither the
bundled shop nor its truth, and all it can know about a shop stands in the prompt. Client, prompt, answer cache
and budget are therefore the real ones. It is a stand-in and says so: its model is called `standin-cloud`.

    python -m endcloud.bundled.standin_cloud --port 0        # prints its base URL as one line

`running()` starts it for the length of a `with` block. The process ends when its standard input is closed, so it
never outlives the one that started it, however that one ended.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from endcloud.errors import CloudUnavailableError

KEY_VARIABLE = "STANDIN_CLOUD_KEY"
_START_SECONDS = 60.0
_STOP_SECONDS = 5.0


@contextmanager
def running(*, key: str | None = None) -> Iterator[str]:
    """Runs a stand-in cloud on this machine and gives its base URL (`http://127.0.0.1:<port>/v1`).

    With `key` it refuses requests that do not carry it. Raises CloudUnavailableError where it does not start
    within a minute.
    """
    environment = {name: value for name, value in os.environ.items() if name != KEY_VARIABLE}
    if key is not None:
        environment[KEY_VARIABLE] = key
    process = subprocess.Popen(
        [sys.executable, "-m", "endcloud.bundled.standin_cloud", "--port", "0", "--until-stdin-closes"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
        start_new_session=True,  # Ctrl-C is for the job that asks; it decides when its cloud may go
    )
    try:
        yield _wait_until_healthy(process)
    finally:
        _stop(process)


def _wait_until_healthy(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    url = process.stdout.readline().strip()  # an empty line: the process ended before it could print
    deadline = time.monotonic() + _START_SECONDS
    opener = build_opener(ProxyHandler({}))  # a proxy of the environment is not for this machine
    while url and process.poll() is None and time.monotonic() < deadline:
        try:
            with opener.open(f"{url.removesuffix('/v1')}/health", timeout=5) as response:
                if response.status == 200:
                    return url
        except (URLError, ConnectionError, TimeoutError):
            time.sleep(0.02)
    raise CloudUnavailableError(
        f"The stand-in cloud did not start (exit status {process.poll()!r}); "
        "run `python -m endcloud.bundled.standin_cloud` to see why."
    )


def _stop(process: subprocess.Popen[str]) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def main(arguments: Sequence[str] | None = None) -> None:
    """The process itself: binds, prints its base URL and serves until it is stopped."""
    from endcloud.bundled import standin_server  # the caller of `running` needs no web framework

    parser = argparse.ArgumentParser(prog="standin_cloud", description="A stand-in for a cloud model, for trials.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (0: any free one)")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end when standard input is closed")
    options = parser.parse_args(arguments)
    with socket.create_server((options.host, options.port)) as listener:
        port = listener.getsockname()[1]
        sys.stdout.write(f"http://{options.host}:{port}/v1\n")
        sys.stdout.flush()
        standin_server.serve(listener, key=os.environ.get(KEY_VARIABLE), until_stdin_closes=options.until_stdin_closes)


if __name__ == "__main__":
    main()
