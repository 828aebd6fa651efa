"""The commands: one list, one way to run each. A command is an async function (viewer, connection, input) -> reference.

Laws
1. A command, its history and its idempotency row are one transaction.
2. A repeat under the same key gives the same reference and changes nothing; other content under it is KEY_REUSED.
3. What is not yours and what is not there give the same NOT_FOUND.
4. A refusal that is raised undoes everything; one that is given back is COUNTED: what it wrote is committed, and the
   key stays free, so that a repeat is judged anew.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from auth.viewer import Viewer
from registry.commands import digest_of, earlier_reference, remember
from resolvers import (
    access,
    consent,
    contact_commands,
    due,
    handover,
    lead,
    placements,
    post_commands,
    safety_net,
    support_request,
    uitval,
    webhooks,
)
from resolvers.given import check_given
from schema.errors import Refused

Input = Mapping[str, Any]
Command = Callable[[Viewer, Any, Input], Awaitable[str | Refused]]

COMMANDS: Mapping[str, Command] = {
    "setContactPoint": contact_commands.set_contact_point,
    "verifyContactPoint": contact_commands.verify_contact_point,
    "setPostState": post_commands.set_post_state,
    "appointCoordinator": post_commands.appoint_coordinator,
    "endAppointment": post_commands.end_appointment,
    "updatePost": post_commands.update_post,
    "recordConsent": consent.record_consent,
    "withdrawConsent": consent.withdraw_consent,
    "presentCandidate": access.present_candidate,
    "introduce": access.introduce,
    "renewAccess": access.renew_access,
    "endAccess": access.end_access,
    "requestSupport": support_request.request_support,
    "answerSupportRequest": support_request.answer_support_request,
    "setSafetyNet": safety_net.set_safety_net,
    "transferLead": lead.transfer_lead,
    "acceptLead": lead.accept_lead,
    "declineLead": lead.decline_lead,
    "startPlacement": placements.start_placement,
    "extendPlacement": placements.extend_placement,
    "answerPlacementEnd": placements.answer_placement_end,
    "closeDueItem": due.close_due_item,
    "endPlacement": placements.end_placement,
    "reportUitval": uitval.report_uitval,
    "confirmUitval": uitval.confirm_uitval,
    "acknowledgeUitval": uitval.acknowledge_uitval,
    "planInterview": uitval.plan_interview,
    "holdInterview": uitval.hold_interview,
    "recordNextStep": uitval.record_next_step,
    "closeUitval": uitval.close_uitval,
    "withdrawUitval": uitval.withdraw_uitval,
}


class Transactions(Protocol):
    """What running a command asks of the registry."""

    def command(self, seer: str) -> AbstractAsyncContextManager[Any]: ...


class Runner:
    """Runs commands by name, once per key."""

    def __init__(self, store: Transactions, codes: handover.Codes, making: webhooks.Making) -> None:
        self._store = store
        self._commands: Mapping[str, Command] = {**COMMANDS, **handover.commands(codes), **webhooks.commands(making)}

    async def __call__(self, viewer: Viewer, name: str, given: Input) -> str:
        """The reference that the payload is read by. Raises a Refused, or Unavailable."""
        check_given(given)
        key, digest = str(given["key"]).lower(), digest_of(name, {**given, "key": str(given["key"]).lower()})
        async with self._store.command(viewer.seer) as connection:
            earlier = await earlier_reference(connection, viewer.seer, key, digest)
            if earlier is not None:
                return earlier
            outcome = await self._commands[name](viewer, connection, given)
            if isinstance(outcome, str):
                await remember(connection, viewer.seer, key, name, digest, outcome)
                return outcome
        raise outcome
