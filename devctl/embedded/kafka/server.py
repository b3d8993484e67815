"""Connections: frames in, the right handler, frames out; requests of one connection are answered in order."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Coroutine
from typing import Any

from devctl.embedded.kafka.broker import Broker, Handler, Request
from devctl.embedded.kafka.data_api import DataApi
from devctl.embedded.kafka.group_api import GroupApi
from devctl.embedded.kafka.messages import APIS
from devctl.embedded.kafka.topic_api import TopicApi
from devctl.embedded.kafka.transaction_api import TransactionApi
from devctl.embedded.process import Log
from devctl.wire.kafka.messages import API_VERSIONS, REQUEST_HEADER, Api, Error, response_frame
from devctl.wire.kafka.schema import Malformed, Message

MOST_FRAME_BYTES = 100 << 20
MOST_WAITING_BYTES = 1 << 20
_SIZE = struct.Struct(">i")
_HEADER_BYTES = 10


class Server:
    """Speaks Kafka's protocol on one port."""

    def __init__(self, broker: Broker, log: Log) -> None:
        self.log = log
        self.handlers = _handlers(broker)
        self.connections: set[Connection] = set()
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> None:
        """Listen; raise OSError when the port is taken."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), host, port, backlog=512)

    async def stop(self) -> None:
        """Take no more and cut all connections."""
        assert self._server is not None
        self._server.close()
        waiting = [connection.waiting for connection in self.connections if connection.waiting is not None]
        for connection in list(self.connections):
            connection.cut()
        await asyncio.gather(*waiting, return_exceptions=True)


class Connection(asyncio.Protocol):
    """One client. A request that has to wait holds back those behind it, as in Kafka itself."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._buffer = bytearray()
        self._host = ""
        self._may_write = True
        self.waiting: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._host = transport.get_extra_info("peername")[0]
        self._server.connections.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._server.connections.discard(self)
        if self.waiting is not None:
            self.waiting.cancel()

    def cut(self) -> None:
        """Close at once, whatever is under way."""
        self._transport.abort()
        if self.waiting is not None:
            self.waiting.cancel()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self.waiting is not None and len(self._buffer) > MOST_WAITING_BYTES:
            self._transport.pause_reading()
        self._serve()

    def pause_writing(self) -> None:
        self._may_write = False

    def resume_writing(self) -> None:
        self._may_write = True
        self._serve()

    def _serve(self) -> None:
        """Answer the requests that are there, up to one that has to wait."""
        try:
            while self.waiting is None and self._may_write and (frame := self._next_frame()) is not None:
                self._answer(frame)
        except Malformed as failure:
            self._server.log.warning(
                "closed a connection that does not speak Kafka", peer=self._host, reason=str(failure)
            )
            self._transport.abort()
        except OSError as failure:
            reason = str(failure)
            self._server.log.error(
                "closed a connection whose request could not be kept", peer=self._host, reason=reason
            )
            self._transport.abort()

    def _next_frame(self) -> memoryview | None:
        if len(self._buffer) < _SIZE.size or self._transport.is_closing():
            return None
        (size,) = _SIZE.unpack_from(self._buffer)
        if not _HEADER_BYTES <= size <= MOST_FRAME_BYTES:
            raise Malformed(f"a frame of {size} bytes")
        end = _SIZE.size + size
        if len(self._buffer) < end:
            return None
        frame = memoryview(bytes(memoryview(self._buffer)[_SIZE.size : end]))
        del self._buffer[:end]
        return frame

    def _answer(self, frame: memoryview) -> None:
        head = REQUEST_HEADER.decode(frame, 0)
        api, version = APIS.get(head["key"]), head["version"]
        if api is None:
            raise Malformed(f"request {head['key']} is not known to this emulator")
        if api is API_VERSIONS:
            self._transport.write(response_frame(head["correlation"], _versions(version)))
            return
        if not api.first <= version <= api.last:
            raise Malformed(f"{api.name} version {version} is not known to this emulator")
        body = api.request.decode(frame[_HEADER_BYTES + len((head["client"] or "").encode()) :], version)
        answer = self._server.handlers[api.key](Request(body, version, head["client"] or "", self._host))
        if isinstance(answer, Coroutine):
            self.waiting = asyncio.get_running_loop().create_task(
                self._later(answer, head["correlation"], api, version)
            )
        else:
            self._write(answer, head["correlation"], api, version)

    async def _later(self, answer: Coroutine[Any, Any, Message], correlation: int, api: Api, version: int) -> None:
        try:
            self._write(await answer, correlation, api, version)
        except BaseException:
            self._transport.abort()  # an answer that never comes would hold its client for a minute
            raise
        finally:
            self.waiting = None
        self._transport.resume_reading()
        self._serve()

    def _write(self, answer: Message | None, correlation: int, api: Api, version: int) -> None:
        if answer is not None:
            self._transport.write(response_frame(correlation, api.response.encode(answer, version)))


def _versions(version: int) -> bytes:
    """Return which requests are spoken here, in the one message that has to understand clients of any age."""
    apis = [{"key": api.key, "first": api.first, "last": api.last} for api in APIS.values()]
    is_newer = version > API_VERSIONS.last
    error = Error.UNSUPPORTED_VERSION if is_newer else Error.NONE
    body = {"error": error, "apis": apis, "throttle": 0}
    return API_VERSIONS.response.encode(body, 0 if is_newer else version)


def _handlers(broker: Broker) -> dict[int, Handler]:
    data, group, topic, transaction = DataApi(broker), GroupApi(broker), TopicApi(broker), TransactionApi(broker)
    by_name: dict[str, Handler] = {
        "Produce": data.produce,
        "Fetch": data.fetch,
        "ListOffsets": data.list_offsets,
        "Metadata": topic.metadata,
        "OffsetCommit": group.commit,
        "OffsetFetch": group.fetch_offsets,
        "FindCoordinator": group.find_coordinator,
        "JoinGroup": group.join,
        "Heartbeat": group.heartbeat,
        "LeaveGroup": group.leave,
        "SyncGroup": group.sync,
        "DescribeGroups": group.describe,
        "ListGroups": group.list,
        "CreateTopics": topic.create,
        "DeleteTopics": topic.delete,
        "DeleteRecords": topic.delete_records,
        "InitProducerId": transaction.init_producer,
        "AddPartitionsToTxn": transaction.add_partitions,
        "AddOffsetsToTxn": transaction.add_offsets,
        "EndTxn": transaction.end,
        "TxnOffsetCommit": transaction.commit_offsets,
        "DescribeConfigs": topic.describe_configs,
        "CreatePartitions": topic.grow,
        "DeleteGroups": group.delete,
    }
    return {api.key: by_name[api.name] for api in APIS.values() if api.name in by_name}
