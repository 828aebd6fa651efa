"""The commands: one list, one way to run each. A command is an async function (viewer, connection, input) -> reference.

Laws
1. A command, its history and its idempotency row are one transaction.
2. A repeat under the same key gives the same reference and changes nothing; other content under it is KEY_REUSED.
3. What is not yours and what is not there give the same NOT_FOUND.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from auth.viewer import Viewer
from registry.commands import digest_of, earlier_reference, remember
from resolvers import contact_commands, post_commands

Input = Mapping[str, Any]
Command = Callable[[Viewer, Any, Input], Awaitable[str]]

COMMANDS: Mapping[str, Command] = {
    "setContactPoint": contact_commands.set_contact_point,
    "verifyContactPoint": contact_commands.verify_contact_point,
    "setPostState": post_commands.set_post_state,
    "appointCoordinator": post_commands.appoint_coordinator,
    "endAppointment": post_commands.end_appointment,
    "updatePost": post_commands.update_post,
}


class Transactions(Protocol):
    """What running a command asks of the registry."""

    def command(self, seer: str) -> AbstractAsyncContextManager[Any]: ...


class Runner:
    """Runs commands by name, once per key."""

    def __init__(self, store: Transactions) -> None:
        self._store = store

    async def __call__(self, viewer: Viewer, name: str, given: Input) -> str:
        """The reference that the payload is read by. Raises a Refused, or Unavailable."""
        key, digest = str(given["key"]).lower(), digest_of(name, {**given, "key": str(given["key"]).lower()})
        async with self._store.command(viewer.seer) as connection:
            earlier = await earlier_reference(connection, viewer.seer, key, digest)
            if earlier is not None:
                return earlier
            reference = await COMMANDS[name](viewer, connection, given)
            await remember(connection, viewer.seer, key, name, digest, reference)
            return reference
