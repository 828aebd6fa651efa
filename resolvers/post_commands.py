"""The coordinator's post: NONE -> IN_TALKS -> RECRUITING -> APPOINTED -> NONE, with history (graph.md, process 7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auth.viewer import Viewer
from resolvers.contact_commands import check_person, keep_history
from schema.errors import BadInput, Conflict, NotFound

Input = Mapping[str, Any]

# A post that is not filled may be in any of these; only an appointment fills it, and only its end empties it.
OPEN_STATES = ("NONE", "IN_TALKS", "RECRUITING")


async def set_post_state(viewer: Viewer, connection: Any, given: Input) -> str:
    """National: says how far a region is without a coordinator."""
    state = given["state"].value
    if state not in OPEN_STATES:
        raise BadInput("APPOINTED comes with a holder: use `appointCoordinator`.")
    before = await _locked(connection, given["region"])
    if before["state"] == "APPOINTED":
        raise Conflict("The post is filled: use `endAppointment` first.")
    if before["state"] != state:
        await _keep(viewer, connection, before, "setPostState")
        await connection.execute(
            "UPDATE coordinator_post SET state = $2, since = today() WHERE region = $1", given["region"], state
        )
    return str(given["region"])


async def appoint_coordinator(viewer: Viewer, connection: Any, given: Input) -> str:
    """National: fills the post; the region's contact for pupils becomes the holder's, verified today."""
    region = given["region"]
    check_person(given)
    _check_numbers(given)
    before = await _locked(connection, region)
    if before["state"] == "APPOINTED":
        raise Conflict("The post is filled: use `endAppointment` first.")
    await _keep(viewer, connection, before, "appointCoordinator")
    row = await connection.fetchrow(
        "SELECT * FROM contact_point WHERE owner_kind = 'REGION' AND owner = $1 AND topic = 'PUPILS_TO_WORK'"
        " FOR UPDATE",
        region,
    )
    holder = await connection.fetchval(
        "INSERT INTO contact_point (owner_kind, owner, topic, name, desk, phone, mail, verified)"
        " VALUES ('REGION', $1, 'PUPILS_TO_WORK', $2, $3, $4, $5, today())"
        " ON CONFLICT (owner_kind, owner, topic) DO UPDATE SET"
        " name = excluded.name, desk = excluded.desk, phone = excluded.phone, mail = excluded.mail,"
        " hours = NULL, absent_until = NULL, deputy = NULL, verified = excluded.verified RETURNING id",
        region,
        *(given.get(name) for name in ("name", "desk", "phone", "mail")),
    )
    await keep_history(viewer, connection, holder, "appointCoordinator", row)
    await connection.execute(
        "UPDATE coordinator_post SET state = 'APPOINTED', holder = $2, organisation = $3, hours = $4, mandate = $5,"
        " schools_represented = $6, since = today() WHERE region = $1",
        region,
        holder,
        *(given.get(name) for name in ("organisation", "hours", "mandate", "schoolsRepresented")),
    )
    return str(region)


async def end_appointment(viewer: Viewer, connection: Any, given: Input) -> str:
    """National: empties the post; the holder's name leaves the region's contact point, which is verified no more."""
    region = given["region"]
    before = await _locked(connection, region)
    if before["state"] != "APPOINTED":
        raise Conflict("The post is not filled.")
    await _keep(viewer, connection, before, "endAppointment")
    await connection.execute(
        "UPDATE coordinator_post SET state = 'NONE', holder = NULL, organisation = NULL, hours = NULL, mandate = NULL,"
        " schools_represented = NULL, since = today() WHERE region = $1",
        region,
    )
    row = await connection.fetchrow("SELECT * FROM contact_point WHERE id = $1 FOR UPDATE", before["holder"])
    await connection.execute(
        "UPDATE contact_point SET name = NULL, phone = NULL, mail = NULL, verified = NULL WHERE id = $1",
        before["holder"],
    )
    await keep_history(viewer, connection, before["holder"], "endAppointment", row)
    return str(region)


async def update_post(viewer: Viewer, connection: Any, given: Input) -> str:
    """A coordinator: keeps the own post up to date; what is not given stays."""
    region = given["region"]
    if viewer.party != f"coordinator:{region}":
        raise NotFound
    _check_numbers(given)
    before = await _locked(connection, region)
    if before["state"] != "APPOINTED":
        raise Conflict("The post is not filled.")
    await _keep(viewer, connection, before, "updatePost")
    kept = {
        column: given[name] if name in given else before[column]
        for name, column in (
            ("organisation", "organisation"),
            ("hours", "hours"),
            ("mandate", "mandate"),
            ("schoolsRepresented", "schools_represented"),
        )
    }
    await connection.execute(
        "UPDATE coordinator_post SET organisation = $2, hours = $3, mandate = $4, schools_represented = $5,"
        " since = today() WHERE region = $1",
        region,
        *kept.values(),
    )
    return str(region)


def _check_numbers(given: Input) -> None:
    if given.get("hours") is not None and not 1 <= given["hours"] <= 40:
        raise BadInput("`hours` wants 1 to 40 a week.")
    if given.get("schoolsRepresented") is not None and not 0 <= given["schoolsRepresented"] <= 1000:
        raise BadInput("`schoolsRepresented` wants 0 to 1000.")


async def _locked(connection: Any, region: str) -> Any:
    row = await connection.fetchrow("SELECT * FROM coordinator_post WHERE region = $1 FOR UPDATE", region)
    if row is None:
        raise NotFound
    return row


async def _keep(viewer: Viewer, connection: Any, before: Any, command: str) -> None:
    await connection.execute(
        "INSERT INTO coordinator_post_history"
        " (region, n, state, holder, organisation, hours, mandate, schools_represented, since, until,"
        " seer, command) SELECT $1, coalesce(max(h.n), 0) + 1, $2, $3, $4, $5, $6, $7, $8, today(), $9, $10"
        " FROM coordinator_post_history h WHERE h.region = $1",
        *(
            before[name]
            for name in (
                "region",
                "state",
                "holder",
                "organisation",
                "hours",
                "mandate",
                "schools_represented",
                "since",
            )
        ),
        viewer.seer,
        command,
    )
