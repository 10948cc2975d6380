"""
A distance: TCP relays that hold back every byte for half a round trip, in either direction.

`python -m benchmarks.fleet.relay SECONDS ADDRESS:PORT...` prints a port of this computer for each
target, and ends with its standard input. A kernel may lack netem; this needs nothing. TCP's own
handshake counts too: the kernel answers here at once, so what comes first waits the longer.
"""
# ruff: noqa: INP001 (a directory of a program)

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator, Sequence

_CHUNK = 65536


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    """Pass on what comes, each piece `delay` seconds after it came, and then its end."""
    loop = asyncio.get_running_loop()
    last = loop.time()
    while True:
        with contextlib.suppress(ConnectionError):
            data = await reader.read(_CHUNK)
            if data:
                last = loop.time() + delay
                loop.call_at(last, writer.write, data)
                continue
        break
    await asyncio.sleep(max(0, last - loop.time()) or delay)
    with contextlib.suppress(OSError):
        if writer.can_write_eof():
            writer.write_eof()


async def serve(address: str, port: int, rtt: float) -> int:
    """Listen on behalf of one target, and return the port."""
    tasks: set[asyncio.Task[None]] = set()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # As far away, sshd accepts after one and a half trips, and nothing that we sent was there
        # before our side had heard of that.
        await asyncio.sleep(1.5 * rtt)
        try:
            far_reader, far_writer = await asyncio.open_connection(address, port)
        except OSError:
            writer.close()
            return
        both = pump(reader, far_writer, 0.5 * rtt), pump(far_reader, writer, 0.5 * rtt)
        await asyncio.gather(*both)
        for one in (writer, far_writer):
            one.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(carry(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, backlog=512)
    return int(server.sockets[0].getsockname()[1])


async def run(rtt: float, targets: Sequence[str]) -> None:
    """Serve until standard input ends."""
    for target in targets:
        address, _, port = target.rpartition(":")
        sys.stdout.write(f"{await serve(address, int(port), rtt)}\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


@contextlib.contextmanager
def distance(rtt: float, targets: Sequence[str]) -> Iterator[list[int]]:
    """Lend relays in a process of their own: a port for each target, `ADDRESS:PORT`."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.fleet.relay", str(rtt), *targets],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        if process.stdout is None or process.stdin is None:
            raise RuntimeError("a relay has no pipes")
        yield [int(process.stdout.readline()) for _ in targets]
        process.stdin.close()


if __name__ == "__main__":
    asyncio.run(run(float(sys.argv[1]), sys.argv[2:]))
