"""Connections: frames in, the right handler, frames out; requests of one connection are answered in order."""

from __future__ import annotations

import asyncio
import contextlib
import struct

from devctl.embedded.kafka.broker import Asked, Broker, Handler
from devctl.embedded.kafka.data_api import DataApi
from devctl.embedded.kafka.group_api import GroupApi
from devctl.embedded.kafka.messages import APIS, REQUEST_HEADER, Api, Error
from devctl.embedded.kafka.topic_api import TopicApi
from devctl.embedded.kafka.transaction_api import TransactionApi
from devctl.embedded.kafka.wire import Malformed
from devctl.embedded.process import Log

MOST_FRAME_BYTES = 100 << 20
_SIZE = struct.Struct(">i")
_HEADER_BYTES = 10
API_VERSIONS = 18
FIRST_FLEXIBLE_API_VERSIONS = 3


class Server:
    """Speaks Kafka's protocol on one port."""

    def __init__(self, broker: Broker, log: Log) -> None:
        self._log = log
        self._handlers = _handlers(broker)
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> None:
        """Listen; raise OSError when the port is taken."""
        self._server = await asyncio.start_server(self._serve, host, port, limit=1 << 20, backlog=512)

    async def stop(self) -> None:
        """Take no more and cut all connections."""
        assert self._server is not None
        self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        host = writer.get_extra_info("peername")[0]
        try:
            while True:
                (size,) = _SIZE.unpack(await reader.readexactly(4))
                if not _HEADER_BYTES <= size <= MOST_FRAME_BYTES:
                    raise Malformed(f"a frame of {size} bytes")
                answer = await self._answer(memoryview(await reader.readexactly(size)), host)
                if answer is not None:
                    writer.write(answer)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except OSError as failure:
            self._log.error("closed a connection whose request could not be kept", peer=host, reason=str(failure))
        except Malformed as failure:
            self._log.warning("closed a connection that does not speak Kafka", peer=host, reason=str(failure))
        except asyncio.CancelledError:
            pass
        finally:
            self._connections.discard(task)
            writer.close()
            with contextlib.suppress(OSError):
                writer.transport.abort()

    async def _answer(self, frame: memoryview, host: str) -> bytes | None:
        head = REQUEST_HEADER.decode(frame, 0)
        api, version = APIS.get(head["key"]), head["version"]
        if api is None:
            raise Malformed(f"request {head['key']} is not known to this stand-in")
        if api.key == API_VERSIONS:
            return _framed(head["correlation"], _versions(version))
        if not api.first <= version <= api.last:
            raise Malformed(f"{api.name} version {version} is not known to this stand-in")
        body = api.request.decode(frame[_HEADER_BYTES + len((head["client"] or "").encode()) :], version)
        asked = Asked(body, version, head["client"] or "", host)
        answer = await self._handlers[api.key](asked)
        return None if answer is None else _framed(head["correlation"], api.response.encode(answer, version))


def _framed(correlation: int, body: bytes) -> bytes:
    return struct.pack(">ii", len(body) + 4, correlation) + body


def _versions(version: int) -> bytes:
    """Say which requests are known here, in the one message that has to understand clients of any age."""
    api: Api = APIS[API_VERSIONS]
    known = [{"key": one.key, "first": one.first, "last": one.last} for one in APIS.values()]
    if version < FIRST_FLEXIBLE_API_VERSIONS:
        return api.response.encode({"error": Error.NONE, "apis": known, "throttle": 0}, version)
    if version > api.last:
        return api.response.encode({"error": Error.UNSUPPORTED_VERSION, "apis": known, "throttle": 0}, 0)
    entries = b"".join(struct.pack(">hhhb", one["key"], one["first"], one["last"], 0) for one in known)
    assert len(known) < 0x7F
    return struct.pack(">hb", Error.NONE, len(known) + 1) + entries + struct.pack(">ib", 0, 0)


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
