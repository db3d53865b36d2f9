"""A load tool in a process of its own, so that it takes nothing of the server's interpreter.

    python -m benchmarks.harness.http_load URL BODY --callers 4 --requests 200

Each caller posts the content of the file BODY as JSON, again once it is answered, on a connection that stays
open. Prints the seconds of all and the milliseconds of each request as JSON. Any status but 200 ends it.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import httpx2

from ftcore import paths


class Load(NamedTuple):
    """What callers saw."""

    seconds: float
    milliseconds: list[float]


def post(url: str, body: Path, callers: int, requests: int) -> Load:
    """Run the tool and return what it saw. Raises CalledProcessError."""
    command = [sys.executable, "-m", "benchmarks.harness.http_load", url, str(body)]
    command += ["--callers", str(callers), "--requests", str(requests)]
    done = subprocess.run(command, cwd=paths.ROOT, check=True, stdout=subprocess.PIPE)
    return Load(**json.loads(done.stdout))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("body", type=Path)
    parser.add_argument("--callers", type=int)
    parser.add_argument("--requests", type=int)
    options = parser.parse_args()
    load = asyncio.run(
        _load(options.url, options.body.read_bytes(), options.callers, options.requests)
    )
    print(json.dumps(load._asdict()))


async def _load(url: str, body: bytes, callers: int, requests: int) -> Load:
    milliseconds: list[float] = []
    left = iter(range(requests))
    headers = {"Content-Type": "application/json"}
    async with httpx2.AsyncClient(timeout=300, trust_env=False) as client:

        async def call() -> None:
            for _ in left:
                began = time.perf_counter()
                response = await client.post(url, content=body, headers=headers)
                response.raise_for_status()
                milliseconds.append((time.perf_counter() - began) * 1000)

        began = time.perf_counter()
        await asyncio.gather(*(call() for _ in range(callers)))
        return Load(time.perf_counter() - began, milliseconds)


if __name__ == "__main__":
    main()
