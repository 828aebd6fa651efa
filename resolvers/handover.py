"""Warm handover (*warme overdracht*): a code passes from school to municipality, and no number of the person.

    state      who         command               -> state
    (none)     own school  startHandover         STARTED, with INSTEMMING; the code is shown for ten minutes
    STARTED    own school  renewHandoverCode     STARTED, a new round: the old code is worth nothing
    STARTED    addressed   acceptHandover        ACCEPTED by the code and its own case number; it sees the identity
    STARTED    addressed   declineHandover       DECLINED, by the code
    ACCEPTED   addressed   confirmIdentity       CONFIRMED: support can be asked live under that case number
    ACCEPTED, CONFIRMED    relinkHandover        ACCEPTED under another case number
    ACCEPTED   addressed   declineHandover       DECLINED: not this person; it sees no more
    STARTED    own school  endAccess             WITHDRAWN: called off
    STARTED    -           withdrawConsent       WITHDRAWN, with the consent that it rests on; ACCEPTED, with its right
    STARTED    (30 days)   -                     EXPIRED, or with its consent; `renewHandoverCode` starts it again

Laws
1. The code is an HMAC over (handover, round): it stands in no table, log or event.
2. A wrong code is COUNTED: its row of tries is committed with the refusal; after five in an hour nothing is compared.
3. A code ends with the consent under which it was made; another consent does not revive it (0013_handover_ends.sql).
4. A number that passes the eleven-test is refused as a case number: it may be a BSN. So is a word: it may be a name.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from uuid import uuid4

from auth.viewer import Viewer
from connectors.values import eleven_test, is_number
from federation.catalogue import Expression, Form, Live, Many, Rows
from resolvers.below import SIGHT
from resolvers.held import accept, hold, hold_own
from schema.errors import BadInput, CaseNumberRefused, CodeRefused, Conflict, NotFound, Refused, TooManyTries

Input = Mapping[str, Any]
DAY = "({%s} AT TIME ZONE 'Europe/Amsterdam')::date"
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford: no I, L, O, U
CHECKS = ALPHABET + "*~$=U"
READ_AS = str.maketrans("OIL", "011", "- ")
LENGTH, TRIES = 10, 5
CASE_NUMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9./_-]{0,39}")
NO_CASE_NUMBER = (
    "A case number is digits, . / _ - and at most four letters in a row, together at most 40; no day and no telephone."
)
LAYER = "handover_code"

HANDOVER = Rows(
    "handover",
    {
        "state": Expression(
            "CASE WHEN {state} = 'STARTED' AND {expires_at} <= now() THEN 'EXPIRED' ELSE {state} END", Form.CODE
        ),
        "to": Expression("split_part({to_seer}, '#', 1)", Form.CODE),
        "startedOn": Expression(DAY % "started_at", Form.CODE),
        "expiresOn": Expression(
            "(({expires_at} - interval '1 microsecond') AT TIME ZONE 'Europe/Amsterdam')::date", Form.CODE
        ),
        "reason": Expression("{reason}", Form.CODE),
        "code": Live(
            LAYER,
            "String",
            "{id}::text || ':' || {round}::text",
            "{state} = 'STARTED' AND {minted_at} > now() - interval '10 minutes'",
        ),
    },
    joins={"person": SIGHT},
    person="student",
)
HANDOVERS = Many("WarmHandover", "{student} = {parent.student}", ("{n}",), given="{until_candidate} > now()", limit=20)


class Codes:
    """Makes the codes, under a key of the server's."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def under(cls, secret: bytes) -> Codes:
        """Under a key derived from the server's secret, so that one secret serves two ends."""
        return cls(hmac.digest(secret, b"spil handover code", hashlib.sha256))

    def mint(self, handover: str, number: int) -> str:
        """Ten Crockford characters and a check character, in groups: XXXXX-XXXXX-C."""
        digest = hmac.digest(self._key, f"handover {handover} {number}".encode(), hashlib.sha256)
        value = int.from_bytes(digest) >> (len(digest) * 8 - LENGTH * 5)
        text = "".join(ALPHABET[value >> 5 * place & 31] for place in reversed(range(LENGTH)))
        return f"{text[:5]}-{text[5:]}-{CHECKS[value % 37]}"

    async def ask(self, _: Any, keys: Sequence[str]) -> Mapping[str, str]:
        """The layer behind `WarmHandover.code`: `<handover>:<round>` -> code."""
        parts = {key: key.rpartition(":") for key in keys}
        return {key: self.mint(handover, int(number)) for key, (handover, _, number) in parts.items()}


def read_code(text: str) -> str:
    """A code as it is compared. Raises BadInput when it was mistyped: that tells nobody anything, and counts no try."""
    plain = text.upper().translate(READ_AS)
    if len(plain) != LENGTH + 1 or not set(plain[:-1]) <= set(ALPHABET) or plain[-1] not in CHECKS:
        raise BadInput("A code has ten characters and a check character.")
    value = 0
    for character in plain[:-1]:
        value = value << 5 | ALPHABET.index(character)
    if CHECKS[value % 37] != plain[-1]:
        raise BadInput("The code was mistyped: its check character does not fit.")
    return plain


def check_case_number(text: str) -> str:
    """Raises CaseNumberRefused for what may hold a BSN, with or without separators."""
    if not CASE_NUMBER.fullmatch(text) or not is_number(text):
        raise BadInput(NO_CASE_NUMBER)
    if any(eleven_test(run) for run in (*re.findall("[0-9]+", text), re.sub("[^0-9]", "", text))):
        raise CaseNumberRefused
    return text


async def start_handover(viewer: Viewer, connection: Any, given: Input) -> str:
    """The own school starts; to whom follows from where the young person lives."""
    held = await hold_own(viewer, connection, given["student"])
    told = await connection.fetchval("SELECT start_handover($1)", held.student)
    if told == "OPEN_ALREADY":
        raise Conflict("A handover is open: `renewHandoverCode` makes a new code, `endAccess` calls it off.")
    accept(told)
    return held.alias


async def renew_handover_code(viewer: Viewer, connection: Any, given: Input) -> str:
    """A new code for a handover that nobody accepted yet."""
    held = await hold_own(viewer, connection, given["student"])
    told = await connection.fetchval("SELECT renew_handover($1)", held.student)
    if told == "REFUSED":
        raise NotFound("There is no handover that waits for its acceptance.")
    accept(told)
    return held.alias


async def accept_handover(codes: Codes, _: Viewer, connection: Any, given: Input) -> str | Refused:
    """The addressed accepts under its own case number."""
    return await _settle(codes, connection, given["code"], check_case_number(given["caseNumber"]), None)


async def decline_handover(codes: Codes, viewer: Viewer, connection: Any, given: Input) -> str | Refused:
    """The addressed declines: by the code, or, having seen who it is, by the young person."""
    if (given.get("code") is None) == (given.get("student") is None):
        raise BadInput("`code` before the acceptance, `student` after it: exactly one.")
    if given.get("code") is not None:
        return await _settle(codes, connection, given["code"], None, given["reason"].value)
    return await _move(viewer, connection, given, "DECLINE", None, given["reason"].value)


async def confirm_identity(viewer: Viewer, connection: Any, given: Input) -> str:
    """The addressed: it is this person. From now on its case number is the key for live support."""
    return await _move(viewer, connection, given, "CONFIRM", None, None)


async def relink_handover(viewer: Viewer, connection: Any, given: Input) -> str:
    """The addressed: another case number; it is confirmed again."""
    return await _move(viewer, connection, given, "RELINK", check_case_number(given["caseNumber"]), None)


async def _move(
    viewer: Viewer, connection: Any, given: Input, move: str, number: str | None, reason: str | None
) -> str:
    held = await hold(viewer, connection, given["student"])
    told = await connection.fetchval("SELECT move_handover($1, $2, $3, $4)", held.student, move, number, reason)
    if told == "CONFIRMED":
        raise Conflict("The identity is confirmed already. `relinkHandover` and `endAccess` are what is left.")
    if told == "OPEN_ALREADY":
        raise Conflict("This case number is another young person's here: `relinkHandover` takes another one.")
    if told == "REFUSED":
        raise NotFound("There is no handover of this young person that you accepted.")
    accept(told)
    return held.alias


async def _settle(codes: Codes, connection: Any, text: str, number: str | None, reason: str | None) -> str | Refused:
    """Compares the code with those of all open handovers to who acts. Gives a refusal that is to be committed."""
    code = read_code(text)
    if await connection.fetchval("SELECT handover_tries()") >= TRIES:
        raise TooManyTries
    found = None
    for row in await connection.fetch("SELECT id, round FROM open_handovers()"):
        if hmac.compare_digest(codes.mint(str(row["id"]), row["round"]).replace("-", ""), code):
            found = row
    if found is None:
        await connection.execute("SELECT count_try()")
        return CodeRefused()
    settled = await connection.fetchrow(
        "SELECT told, alias FROM settle_handover($1, $2, $3, $4)", found["id"], found["round"], number, reason
    )
    accept(settled["told"])
    return str(settled["alias"] or uuid4())  # who declined sees nobody: the payload is read by an id of nothing


def commands(codes: Codes) -> dict[str, Any]:
    """The commands of this process."""
    return {
        "startHandover": start_handover,
        "renewHandoverCode": renew_handover_code,
        "acceptHandover": partial(accept_handover, codes),
        "declineHandover": partial(decline_handover, codes),
        "confirmIdentity": confirm_identity,
        "relinkHandover": relink_handover,
    }
