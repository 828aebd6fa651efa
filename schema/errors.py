"""Every error that Spil tells a caller: one tree, one stable code each.

    SpilError
    |- Refused          the caller can mend it
    |  |- BadInput, BadCursor, Unauthenticated, Forbidden, NotFound ...
    |  `- TooMuch       a limit of this hub, named by its knob
    `- Broken           we, or the database, cannot answer now

Laws
1. A sentence never quotes a value that the caller sent: it may be a person's.
2. A code is never renamed; docs/errors.md has one row for each (tested).
"""

from __future__ import annotations

from typing import ClassVar


class SpilError(Exception):
    """The root. `code` is stable, `sentence` is for a person, `owner` says who can mend it."""

    code: ClassVar[str] = "INTERNAL"
    sentence: ClassVar[str] = "Something went wrong in the hub. Give the request id when you ask about it."
    owner: ClassVar[str] = "hub"
    status: ClassVar[int] = 200

    def __init__(self, sentence: str | None = None) -> None:
        self.message = sentence or self.sentence
        super().__init__(self.message)


class Refused(SpilError):
    """Something that the caller can change."""

    owner = "caller"


class Broken(SpilError):
    """Something that only the operator can change."""

    owner = "operator"


class BadInput(Refused):
    code = "BAD_INPUT"
    sentence = "A value has a form that its type does not allow."


class BadCursor(Refused):
    code = "BAD_CURSOR"
    sentence = "This cursor was not made for this list, order and party. Start again without it."


class CursorMoved(Refused):
    """A cursor of a log from which nothing follows any more. `place`: where to go on from, (epoch, pos), if known."""

    def __init__(self, sentence: str | None = None, place: tuple[int, int] | None = None) -> None:
        super().__init__(sentence)
        self.place = place


class CursorExpired(CursorMoved):
    code = "CURSOR_EXPIRED"
    sentence = "What follows this cursor is not kept any more. `extensions.cursor` is before the oldest that is."


class EpochChanged(CursorMoved):
    code = "EPOCH_CHANGED"
    sentence = (
        "The hub may have lost the end of its log, and goes on in another epoch: from `extensions.cursor`. Compare what"
        " you have with what it holds."
    )


class BadDocument(Refused):
    code = "BAD_DOCUMENT"
    sentence = "The GraphQL document cannot be read."
    status = 400


class InvalidDocument(Refused):
    code = "INVALID_DOCUMENT"
    sentence = "The document does not fit the contract of this role."
    status = 400


class BadRequest(Refused):
    code = "BAD_REQUEST"
    sentence = "The body must be one JSON object with a `query`."
    status = 400


class MethodNotAllowed(Refused):
    code = "METHOD_NOT_ALLOWED"
    sentence = "Questions come by POST here."
    status = 405


class NotAcceptable(Refused):
    code = "NOT_ACCEPTABLE"
    sentence = "Answers are application/graphql-response+json or application/json."
    status = 406


class UnsupportedMediaType(Refused):
    code = "UNSUPPORTED_MEDIA_TYPE"
    sentence = "A question is application/json in UTF-8."
    status = 415


class UnknownEntity(Refused):
    code = "UNKNOWN_ENTITY"
    sentence = "This contract has no entity of that `__typename`."


class BadRepresentation(Refused):
    code = "BAD_REPRESENTATION"
    sentence = "A representation has `__typename` and the one @key field of its type, and nothing else."


class Unauthenticated(Refused):
    code = "UNAUTHENTICATED"
    sentence = "The bearer token is not valid here. Ask for a new one, or send none for the public graph."
    status = 401


class Forbidden(Refused):
    code = "FORBIDDEN"
    sentence = "This party may not do this here."


class NotFound(Refused):
    code = "NOT_FOUND"
    sentence = "There is no such thing, or it is not yours to change."


class KeyReused(Refused):
    code = "KEY_REUSED"
    sentence = "This key was used before with other content. Take a new key."


class Conflict(Refused):
    code = "CONFLICT"
    sentence = "The present state does not allow this step."


class EventRefused(Refused):
    code = "EVENT_REFUSED"
    sentence = "This event is not taken. `field` and `reason` say what does not fit."
    status = 422


class NobodyHears(Refused):
    code = "NOBODY_HEARS"
    sentence = (
        "No school and no municipality follows this young person any more: nobody would hear this, and it is not kept."
        " Call the desk that `contact(topic: PUPILS_TO_WORK, at: ...)` gives."
    )


class ConsentMissing(Refused):
    code = "CONSENT_MISSING"
    sentence = "This rests on a consent that is not there, or no more. Use `recordConsent` first."


class CodeRefused(Refused):
    code = "CODE_REFUSED"
    sentence = "This code belongs to no open handover to you. After five wrong codes in an hour none is read."


class TooManyTries(Refused):
    code = "TOO_MANY_TRIES"
    sentence = "Five wrong codes within an hour. Ask the school, and try again later."


class CaseNumberRefused(Refused):
    code = "CASE_NUMBER_REFUSED"
    sentence = "A BSN may stand in this number, and letters before it do not hide one. Give the case another number."


class LiveInSubscription(Refused):
    code = "LIVE_IN_SUBSCRIPTION"
    sentence = "Fields that are asked live at a source cannot stand in a subscription."


class StreamNeeded(Refused):
    code = "STREAM_NEEDED"
    sentence = "A subscription comes over WebSocket (graphql-transport-ws), or by POST with Accept text/event-stream."
    status = 400


class TokenExpired(Refused):
    code = "TOKEN_EXPIRED"
    sentence = "The token of this stream has ended. Come back with a new one, after the last cursor."


class TooMuch(Refused):
    """A limit that bounds load; each has a knob of its own."""


class BodyTooLarge(TooMuch):
    code = "BODY_TOO_LARGE"
    sentence = "The body is larger than this hub reads."
    status = 413


class TooManyTokens(TooMuch):
    code = "TOO_MANY_TOKENS"
    sentence = "The document has more tokens than this hub reads."
    status = 400


class TooDeep(TooMuch):
    code = "TOO_DEEP"
    sentence = "The document nests deeper than this hub answers."
    status = 400


class TooManyAliases(TooMuch):
    code = "TOO_MANY_ALIASES"
    sentence = "The document has more aliases than this hub answers."
    status = 400


class TooManySelections(TooMuch):
    code = "TOO_MANY_SELECTIONS"
    sentence = "One level of the document selects more fields than this hub answers."
    status = 400


class TooCostly(TooMuch):
    code = "TOO_COSTLY"
    sentence = "The document may touch more nodes than this hub answers. Ask for smaller pages."
    status = 400


class PageTooLarge(TooMuch):
    code = "PAGE_TOO_LARGE"
    sentence = "A page is larger than this hub gives. Ask for smaller pages."


class AnswerTooLarge(TooMuch):
    code = "ANSWER_TOO_LARGE"
    sentence = "The answer is larger than this hub sends. Ask for smaller pages."


class TooSlow(TooMuch):
    code = "TOO_SLOW"
    sentence = "The answer took longer than this hub works on one request. Ask for less at once."


class TooManySubscriptions(TooMuch):
    code = "TOO_MANY_SUBSCRIPTIONS"
    sentence = "One socket has at most ten operations at once. Complete one, or open another socket."


class SlowConsumer(TooMuch):
    code = "SLOW_CONSUMER"
    sentence = "Events came faster than they were taken. Subscribe again after `extensions.cursor`: nothing is lost."


class TooManyRequests(TooMuch):
    code = "TOO_MANY_REQUESTS"
    sentence = "This client asks faster than it may. Wait as long as Retry-After says."
    status = 429


class Unavailable(Broken):
    code = "UNAVAILABLE"
    sentence = "The registry cannot be reached now. Try again; a command under the same key is never done twice."
    status = 503


class SourceTimeout(Broken):
    code = "SOURCE_TIMEOUT"
    sentence = "A source did not answer in time."
    owner = "partner"


class SourceDown(Broken):
    code = "SOURCE_DOWN"
    sentence = "A source cannot be reached."
    owner = "partner"


class SourceRefused(Broken):
    code = "SOURCE_REFUSED"
    sentence = "A source refused this hub's question."
    owner = "partner"


class SourceMalformed(Broken):
    code = "SOURCE_MALFORMED"
    sentence = "A source answered in a form that was not agreed."
    owner = "partner"


class SyncShrank(Broken):
    code = "SYNC_SHRANK"
    sentence = (
        "This full sync would end more than one in twenty of the source's students; nothing was ended."
        " When that is right: `spil sources sync KEY --confirm-shrink`."
    )
    owner = "partner"
    status = 409


class SetUp(Broken):
    code = "SET_UP"
    sentence = "The hub cannot start as it is set up."


class BadMapping(Broken):
    code = "BAD_MAPPING"
    sentence = "The mapping of a source does not fit the record that it fills."


class Internal(Broken):
    code = "INTERNAL"
