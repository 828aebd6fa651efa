"""The young person that a command is about: named by a pseudonym of who acts, and locked until the command ends.

Laws
1. A command that gives, ends or moves something of a young person holds that student's row first, then judges.
2. A pseudonym that is not of who acts, or is seen no more, is NOT_FOUND, and says nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from auth.viewer import Role, Viewer
from resolvers.given import key_of
from schema.errors import Conflict, ConsentMissing, NotFound

TYPE_OF = {Role.SCHOOL: "Student", Role.MUNICIPALITY: "Student", Role.SERVICE_POINT: "Candidate"} | {
    Role.EMPLOYER: "Candidate"
}

NOT_GIVEN = "There is no such party for this purpose, or this is not yours to give."


@dataclass(frozen=True, slots=True)
class Held:
    """`age_band` is as the school gave it, and told to the own school alone."""

    alias: str
    student: UUID
    own_school: bool
    age_band: str | None


async def hold(viewer: Viewer, connection: Any, reference: str) -> Held:
    """Locks the young person behind `Student:...` or `Candidate:...`. Raises NotFound."""
    alias = key_of(TYPE_OF.get(viewer.role), reference)
    row = await connection.fetchrow("SELECT student, own_school, age_band FROM hold($1)", alias)
    if row is None:
        raise NotFound
    return Held(str(alias), row["student"], row["own_school"], row["age_band"])


@dataclass(frozen=True, slots=True)
class Case:
    """A placement or an uitval: whose it is, and its number within them."""

    alias: str
    student: UUID
    n: int

    @property
    def reference(self) -> str:
        """What a payload is read by."""
        return f"{self.alias}.{self.n}"


async def hold_case(viewer: Viewer, connection: Any, kind: str, reference: str) -> Case:
    """Locks the young person whose case `Placement:<alias>.<part>` or `Uitval:...` is. Raises NotFound."""
    whose, _, part = reference.partition(".")
    alias = key_of(kind, whose)
    if viewer.role not in TYPE_OF or not (part.isascii() and part.isalnum()):
        raise NotFound
    row = await connection.fetchrow("SELECT student, n FROM hold_case($1, $2, $3)", alias, kind, part)
    if row is None:
        raise NotFound
    return Case(str(alias), row["student"], row["n"])


async def hold_own(viewer: Viewer, connection: Any, reference: str) -> Held:
    """The same for the own school's guidance alone."""
    held = await hold(viewer, connection, reference)
    if not held.own_school:
        raise NotFound
    return held


async def give(connection: Any, held: Held, receiver: str | None, purpose: str, *case: Any) -> None:
    """Shows the young person to `receiver`; None: to who covers the municipality. Raises what the keeper answers."""
    about, n = case or (None, None)
    told = await connection.fetchval("SELECT give($1, $2, $3, $4, $5)", held.student, receiver, purpose, about, n)
    accept(told)


def accept(told: str, sentence: str = NOT_GIVEN) -> None:
    """Raises what the keeper's word for a refusal stands for; with this sentence, where it is not theirs to do."""
    if told == "CONSENT_MISSING":
        raise ConsentMissing
    if told == "OPEN_ALREADY":
        raise Conflict("This party sees the young person for this purpose already.")
    if told != "GIVEN":
        raise NotFound(sentence)


async def finish(connection: Any, held: Held, seer: str, purpose: str | None) -> int:
    """Ends the open reasons of a seer, of one purpose or of all; gives how many there were."""
    ended: int = await connection.fetchval("SELECT finish($1, $2, $3)", held.student, seer, purpose)
    return ended
