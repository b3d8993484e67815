"""The routes of notification: one's own messages and preferences, the mailbox, the dead letters."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import Field

from services.common.http.auth import Caller, OptionalCaller, User, forbidden, unauthorized
from services.common.http.problems import ProblemError
from services.common.http.schemas import Answer, Moment, Request
from services.common.runtime.clock import Clock
from services.common.runtime.ids import Identifier
from services.notification import handlers
from services.notification.adapters import SqlNotifications
from services.notification.domain import Contact, Message, MessageType, Preferences
from services.notification.sender import Sender


class NotificationView(Answer):
    """A message as its reader sees it."""

    id: str
    order_id: str | None
    type: MessageType
    channel: str
    state: str
    title: str
    text: str
    created_at: Moment
    sent_at: Moment | None


class NotificationList(Answer):
    """A page of messages, the newest first."""

    items: list[NotificationView]
    next_cursor: str | None


class PreferencesView(Answer):
    """Which messages about orders are not wanted."""

    muted: list[MessageType]


class NewPreferences(Request):
    """Which messages about orders are not wanted; those about the account always come."""

    muted: Annotated[list[Annotated[MessageType, Field(strict=False)]], Field(max_length=20)]


class MailView(Answer):
    """A message as it went out."""

    id: str
    to: str
    type: MessageType
    order_id: str | None
    title: str
    text: str
    sent_at: Moment | None


class MailList(Answer):
    """The newest messages that went out."""

    items: list[MailView]


class DeadView(Answer):
    """A message that was given up."""

    id: str
    user_id: str
    order_id: str | None
    type: MessageType
    channel: str
    attempts: int
    error: str | None


class DeadList(Answer):
    """Messages that were given up."""

    items: list[DeadView]


async def _operator(caller: OptionalCaller) -> Caller:
    """Let another service or an administrator in."""
    if caller.is_service or caller.is_admin:
        return caller
    if not caller.user_id:
        raise unauthorized("Show the service credential or an administrator's token")
    raise forbidden("Only an administrator may read other people's messages")


Operator = Annotated[Caller, Depends(_operator)]


def routes(store: SqlNotifications, sender: Sender, clock: Clock) -> APIRouter:
    """Return the routes of notification."""
    router = APIRouter(tags=["notifications"])
    _add_own(router, store)
    _add_operating(router, store, sender, clock)
    return router


def _add_own(router: APIRouter, store: SqlNotifications) -> None:
    @router.get("/api/v1/notifications", operation_id="list_notifications")
    async def list_notifications(
        caller: User,
        limit: Annotated[int, Query(ge=1, le=200)] = 100,
        cursor: Identifier | None = None,
    ) -> NotificationList:
        """List one's own messages, the newest first."""
        messages = await store.of_user(caller.user_id, cursor, limit + 1)
        page = messages[:limit]
        after = page[-1].id if len(messages) > limit else None
        return NotificationList(items=[_view(message) for message in page], next_cursor=after)

    @router.get("/api/v1/notifications/preferences", operation_id="get_preferences")
    async def get_preferences(caller: User) -> PreferencesView:
        """Show which messages one does not want."""
        return _preferences_view(await store.preferences(caller.user_id))

    @router.put("/api/v1/notifications/preferences", operation_id="set_preferences")
    async def set_preferences(body: NewPreferences, caller: User) -> PreferencesView:
        """Say which messages one does not want."""
        return _preferences_view(await handlers.mute(caller.user_id, body.muted, store=store))


def _add_operating(router: APIRouter, store: SqlNotifications, sender: Sender, clock: Clock) -> None:
    @router.get("/messages", operation_id="list_messages")
    async def list_messages(_: Operator, limit: Annotated[int, Query(ge=1, le=500)] = 100) -> MailList:
        """List the newest messages that went out, whoever they were for."""
        return MailList(items=[_mail_view(*entry) for entry in await store.mailbox(limit)])

    @router.get("/messages/dead", operation_id="list_dead_messages")
    async def list_dead(_: Operator, limit: Annotated[int, Query(ge=1, le=500)] = 100) -> DeadList:
        """List the messages that were given up."""
        return DeadList(items=[_dead_view(message) for message in await store.dead(limit)])

    @router.post("/messages/{message_id}/replay", status_code=202, operation_id="replay_message")
    async def replay(message_id: Identifier, _: Operator) -> NotificationView:
        """Try a message again that was given up."""
        message = await handlers.replay(message_id, store=store, clock=clock)
        if message is None:
            raise ProblemError(404, "not_found", f"There is no message {message_id}")
        sender.send([message])
        return _view(message)


def _view(message: Message) -> NotificationView:
    return NotificationView(
        id=message.id,
        order_id=message.order_id,
        type=message.type,
        channel=message.channel.value,
        state=message.state.value,
        title=message.title,
        text=message.text,
        created_at=message.created_at,
        sent_at=message.sent_at,
    )


def _preferences_view(preferences: Preferences) -> PreferencesView:
    return PreferencesView(muted=sorted(preferences.muted))


def _mail_view(message: Message, contact: Contact | None) -> MailView:
    return MailView(
        id=message.id,
        to=contact.email if contact else "",
        type=message.type,
        order_id=message.order_id,
        title=message.title,
        text=message.text,
        sent_at=message.sent_at,
    )


def _dead_view(message: Message) -> DeadView:
    return DeadView(
        id=message.id,
        user_id=message.user_id,
        order_id=message.order_id,
        type=message.type,
        channel=message.channel.value,
        attempts=message.attempts,
        error=message.error,
    )
