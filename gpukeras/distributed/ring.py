"""Processes in a ring: each sends to the next and receives from the one before it, over TCP on one machine."""

import hmac
import json
import os
import select
import socket
import struct
import time

import numpy as np

HOST = "127.0.0.1"
PATIENCE = 600.0  # seconds without a byte after which the others count as lost
_HEADER = struct.Struct("!4sQ")

RANK, SIZE = "GPUKERAS_RANK", "GPUKERAS_SIZE"
MEETING, TOKEN = "GPUKERAS_MEETING_PORT", "GPUKERAS_MEETING_TOKEN"


class Alone:
    """One process by itself: the same calls, without anybody to talk to."""

    rank = local_rank = 0
    size = local_size = 1
    gpus = None  # what connects the processes' GPUs, False for nothing: see `gpukeras.distributed.gpus`

    def sum(self, flat):
        """Adds up a flat array over the processes, in place.

        Arguments:
            flat: contiguous NumPy array of one axis.
        """

    def agree(self, nbytes):
        """Makes sure that all processes are about to add up as much, from GPU to GPU.

        Arguments:
            nbytes: int.
        """

    def gather(self, data):
        """What every process has to say.

        Arguments:
            data: bytes.

        Returns:
            List of bytes, in the order of the ranks.
        """
        return [data]

    def broadcast(self, data, root):
        """What one process has to say.

        Arguments:
            data: bytes; any other process than `root` may pass None.
            root: int, rank of that process.

        Returns:
            bytes.
        """
        return data

    def close(self):
        """Ends the connections."""
        self.gpus = None


class Ring(Alone):
    """The processes that `python -m gpukeras.distributed` started.

    Arguments:
        rank: int, number of this process.
        size: int, number of processes.
        port: int, where the starter introduces the processes to each other.
        token: str, what tells them from other programs on this machine.
    """

    def __init__(self, rank, size, port, token):
        self.rank = self.local_rank = rank
        self.size = self.local_size = size
        self._next, self._last = _join(rank, size, port, token)
        for end in (self._next, self._last):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            end.setblocking(False)

    @classmethod
    def from_environment(cls):
        """The ring that this process was started in, or None."""
        if SIZE not in os.environ:
            return None
        get = os.environ.__getitem__
        return cls(int(get(RANK)), int(get(SIZE)), int(get(MEETING)), get(TOKEN))

    def sum(self, flat):
        self._agree(b"sum ", flat.nbytes)
        # Every part goes round once, growing by each process' share, and once more to be told: all have the same bits.
        edges = [len(flat) * i // self.size for i in range(self.size + 1)]
        parts = [flat[a:b] for a, b in zip(edges, edges[1:])]
        coming = np.empty(max(map(len, parts)), flat.dtype)
        for step in range(self.size - 1):
            mine, theirs = parts[(self.rank - step) % self.size], parts[(self.rank - step - 1) % self.size]
            room = coming[: len(theirs)]
            self._exchange(mine, room)
            np.add(theirs, room, out=theirs)
        for step in range(self.size - 1):
            mine, theirs = parts[(self.rank + 1 - step) % self.size], parts[(self.rank - step) % self.size]
            self._exchange(mine, theirs)

    def agree(self, nbytes):
        self._agree(b"gpus", nbytes)

    def gather(self, data):
        self._agree(b"gath", 0)
        found = {self.rank: data}
        for step in range(self.size - 1):
            found[(self.rank - step - 1) % self.size] = data = self._pass_on(data)
        return [found[rank] for rank in range(self.size)]

    def broadcast(self, data, root):
        self._agree(b"root", root)
        if self.rank != root:
            length = bytearray(8)
            self._exchange(b"", length)
            data = bytearray(int.from_bytes(length, "big"))
            self._exchange(b"", data)
        if (self.rank + 1) % self.size != root:
            self._exchange(len(data).to_bytes(8, "big"), b"")
            self._exchange(data, b"")
        return bytes(data)

    def close(self):
        super().close()
        for end in (self._next, self._last):
            end.close()

    def _agree(self, kind, number):
        """Makes sure that all processes make the same call."""
        header = _HEADER.pack(kind, number)
        coming = bytearray(len(header))
        self._exchange(header, coming)
        if coming != header:
            before = (self.rank - 1) % self.size
            raise RuntimeError(
                f"gpukeras.distributed: rank {self.rank} calls {_told(header)} while rank {before} calls "
                f"{_told(bytes(coming))}; all processes must make the same calls in the same order"
            )

    def _pass_on(self, data):
        length = bytearray(8)
        self._exchange(len(data).to_bytes(8, "big"), length)
        coming = bytearray(int.from_bytes(length, "big"))
        self._exchange(data, coming)
        return bytes(coming)

    def _exchange(self, going, coming):
        """Sends to the next process and receives from the last one at the same time."""
        going, coming = memoryview(going).cast("B"), memoryview(coming).cast("B")
        while len(going) or len(coming):
            readable, writable, _ = select.select(
                [self._last] if len(coming) else [], [self._next] if len(going) else [], [], PATIENCE
            )
            if not readable and not writable:
                raise ConnectionError(
                    f"gpukeras.distributed: rank {self.rank} has heard nothing for {PATIENCE:.0f} s; another process "
                    "has stopped, or makes fewer calls than this one"
                )
            try:
                if readable:
                    count = self._last.recv_into(coming)
                    if not count:
                        raise ConnectionResetError("end of data")
                    coming = coming[count:]
                if writable:
                    going = going[self._next.send(going) :]
            except OSError as error:
                raise ConnectionError(
                    f"gpukeras.distributed: rank {self.rank} has lost its neighbour ({error}): another process ended"
                ) from error


def _told(header):
    kind, number = _HEADER.unpack(header)
    return {
        b"sum ": f"allreduce of {number} bytes",
        b"gpus": f"allreduce of {number} bytes between GPUs",
        b"gath": "allgather",
        b"root": f"broadcast from rank {number}",
    }.get(kind, "something else")


def _join(rank, size, port, token):
    """Connections to the next process and from the last one."""
    with socket.create_server((HOST, 0), backlog=size) as own:
        with socket.create_connection((HOST, port), timeout=PATIENCE) as meeting:
            hello = {"token": token, "rank": rank, "port": own.getsockname()[1]}
            meeting.sendall(json.dumps(hello).encode() + b"\n")
            with meeting.makefile("rb") as answer:
                line = answer.readline()
        if not line:
            raise ConnectionError(f"gpukeras.distributed: rank {rank} was not let in; start the processes together")
        ports = json.loads(line)
        after = socket.create_connection((HOST, ports[(rank + 1) % size]), timeout=PATIENCE)
        secret = f"{token} {(rank - 1) % size}\n".encode()
        after.sendall(f"{token} {rank}\n".encode())
        own.settimeout(PATIENCE)
        while True:  # other programs may knock
            before, _ = own.accept()
            before.settimeout(10)
            if hmac.compare_digest(_exactly(before, len(secret)), secret):
                return after, before
            before.close()


def _exactly(end, count):
    data = b""
    try:
        while len(data) < count:
            more = end.recv(count - len(data))
            if not more:
                break
            data += more
    except OSError:
        pass
    return data


def introduce(server, size, token, alive):
    """Tells each of the processes where all the others listen.

    Arguments:
        server: listening socket; closed in the end.
        size: int, number of processes.
        token: str.
        alive: function without arguments: whether to go on waiting.
    """
    server.settimeout(0.2)
    ports, ends = {}, []
    with server:
        while len(ports) < size and alive():
            try:
                end, _ = server.accept()
            except TimeoutError:
                continue
            end.settimeout(10)
            try:
                line = end.makefile("rb").readline(4096)
                hello = json.loads(line)
                if not hmac.compare_digest(str(hello["token"]), token):
                    raise ValueError("a stranger")
                ports[int(hello["rank"])] = int(hello["port"])
                ends.append(end)
            except (OSError, ValueError, KeyError, TypeError):
                end.close()
                time.sleep(0.01)
        for end in ends:
            if len(ports) == size:
                end.sendall(json.dumps([ports[rank] for rank in range(size)]).encode() + b"\n")
            end.close()
