"""The requests of consumer groups: finding the coordinator, joining, committing, listing."""

from __future__ import annotations

from typing import Any

from devctl.embedded.kafka.broker import NODE, Broker, Request
from devctl.embedded.kafka.groups import Group, Joining, State
from devctl.embedded.kafka.store import Committed
from devctl.wire.kafka.messages import Error
from devctl.wire.kafka.schema import Message

JOIN_TWICE_FROM_VERSION = 4
NO_OFFSET = -1


class GroupApi:
    """Answers what members of groups, and tools that look at them, ask."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def find_coordinator(self, request: Request) -> Message:
        """Name this node: it coordinates everything."""
        address = self._broker.advertised
        return {
            "throttle": 0,
            "error": Error.NONE,
            "message": None,
            "node": NODE,
            "host": address.host,
            "port": address.port,
        }

    async def join(self, request: Request) -> Message:
        """Add a member to its group."""
        body = request.body
        joined = await self._broker.groups.join(
            Joining(
                group=body["group"] or "",
                member=body["member"] or "",
                instance=body.get("instance"),
                kind=body["kind"] or "",
                protocols=tuple(
                    (protocol["name"], bytes(protocol["metadata"] or b"")) for protocol in body["protocols"] or ()
                ),
                session_ms=body["session_timeout"],
                rebalance_ms=body["rebalance_timeout"] if request.version else body["session_timeout"],
                client=request.client,
                host=request.host,
                must_ask_twice=request.version >= JOIN_TWICE_FROM_VERSION,
            )
        )
        members = [{"id": id, "instance": instance, "metadata": data} for id, instance, data in joined.members]
        return {
            "throttle": 0,
            "error": joined.error,
            "generation": joined.generation,
            "protocol": joined.protocol,
            "leader": joined.leader,
            "member": joined.member,
            "members": members,
        }

    async def sync(self, request: Request) -> Message:
        """Hand out the leader's assignments."""
        body = request.body
        assignments = {part["id"]: bytes(part["assignment"] or b"") for part in body["assignments"] or ()}
        error, assignment = await self._broker.groups.sync(*_who(body), assignments)
        return {"throttle": 0, "error": error, "assignment": assignment}

    def heartbeat(self, request: Request) -> Message:
        """Prolong a member's session."""
        return {"throttle": 0, "error": self._broker.groups.heartbeat(*_who(request.body))}

    def leave(self, request: Request) -> Message:
        """Remove members."""
        group = request.body["group"]
        if "member" in request.body:
            return {"throttle": 0, "error": self._broker.groups.leave(group, request.body["member"] or "", None)}
        members = [
            {**member, "error": self._broker.groups.leave(group, member["id"] or "", member["instance"])}
            for member in request.body["members"] or ()
        ]
        return {"throttle": 0, "error": Error.NONE, "members": members}

    def commit(self, request: Request) -> Message:
        """Keep the offsets that a group has come to; they are in the file before the answer is given."""
        group = request.body["group"] or ""
        error = self._broker.groups.may_commit(*_who(request.body))
        topics = [
            {
                "name": topic["name"],
                "partitions": [self._committed(group, topic["name"], part, error) for part in topic["partitions"]],
            }
            for topic in request.body["topics"]
        ]
        return {"throttle": 0, "topics": topics}

    def _committed(self, group: str, topic: str, part: Message, error: Error) -> Message:
        if error is Error.NONE and self._broker.topics.find(topic, part["index"]) is None:
            error = Error.UNKNOWN_TOPIC_OR_PARTITION
        if error is Error.NONE:
            committed = Committed(part["offset"], part["metadata"] or "")
            try:
                self._broker.offsets.commit(group, topic, part["index"], committed)
            except OSError:
                error = Error.COORDINATOR_NOT_AVAILABLE
        return {"index": part["index"], "error": error}

    def fetch_offsets(self, request: Request) -> Message:
        """Return the committed offsets of a group: those asked for, or all."""
        committed = self._broker.offsets.of(request.body["group"] or "")
        topics = request.body["topics"]
        if topics is None:
            names = dict.fromkeys(topic for topic, _ in committed)
            topics = [{"name": name, "partitions": [at for topic, at in committed if topic == name]} for name in names]
        topics = [
            {"name": topic["name"], "partitions": [_offset(committed, topic["name"], at) for at in topic["partitions"]]}
            for topic in topics
        ]
        return {"throttle": 0, "topics": topics, "error": Error.NONE}

    def list(self, request: Request) -> Message:
        """List the groups that have members or committed offsets."""
        kinds = dict.fromkeys(self._broker.offsets.groups(), "consumer")
        kinds |= {group.name: group.kind for group in self._broker.groups.groups()}
        groups = [{"group": name, "kind": kind} for name, kind in kinds.items()]
        return {"throttle": 0, "error": Error.NONE, "groups": groups}

    def describe(self, request: Request) -> Message:
        """Describe groups with their members."""
        return {"throttle": 0, "groups": [self._described(name) for name in request.body["groups"] or ()]}

    def _described(self, name: str) -> dict[str, Any]:
        group = self._broker.groups.find(name)
        if group is None:
            group = Group(name, "consumer" if self._broker.offsets.of(name) else "")
        empty = group.state is State.EMPTY and not self._broker.offsets.of(name) and not group.generation
        return {
            "error": Error.NONE,
            "group": name,
            "state": "Dead" if empty else group.state.value,
            "kind": group.kind,
            "protocol": group.protocol,
            "members": [
                {
                    "id": member.id,
                    "instance": member.request.instance,
                    "client": member.request.client,
                    "host": f"/{member.request.host}",
                    "metadata": member.metadata(group.protocol),
                    "assignment": member.assignment,
                }
                for member in group.members.values()
            ],
            "authorized": -(1 << 31),
        }

    def delete(self, request: Request) -> Message:
        """Delete groups without members, with what they committed."""
        return {
            "throttle": 0,
            "groups": [{"group": name, "error": self._deleted(name)} for name in request.body["groups"] or ()],
        }

    def _deleted(self, name: str) -> Error:
        if self._broker.groups.find(name) is None and not self._broker.offsets.of(name):
            return Error.GROUP_ID_NOT_FOUND
        error = self._broker.groups.delete(name)
        if error is Error.NONE:
            self._broker.offsets.forget_group(name)
        return error


def _who(body: Message) -> tuple[str, int, str, str | None]:
    return body["group"] or "", body["generation"], body["member"] or "", body.get("instance")


def _offset(offsets: dict[tuple[str, int], Committed], topic: str, index: int) -> dict[str, Any]:
    committed = offsets.get((topic, index), Committed(NO_OFFSET))
    return {
        "index": index,
        "offset": committed.offset,
        "leader_epoch": -1,
        "metadata": committed.metadata,
        "error": Error.NONE,
    }
