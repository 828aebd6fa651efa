"""Which types and fields exist for which role, and the cutting of a role's schema from the full one.

Laws
1. What a role may not see does not exist in its contract: no field, no type, no argument, no message names it.
2. A type is in VISIBLE or the hub does not start; fields that differ from their type stand in EXCEPT.
3. A connection whose node is hidden dies with it, and so does whatever becomes empty, until nothing changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    is_introspection_type,
    is_specified_scalar_type,
)

from auth.viewer import Role

ALL = frozenset(Role)
_PARTNERS = frozenset({Role.SCHOOL, Role.SERVICE_POINT, Role.MUNICIPALITY, Role.COORDINATOR, Role.NATIONAL})
_STUDENTS = frozenset({Role.SCHOOL, Role.MUNICIPALITY})
_CANDIDATES = frozenset({Role.SERVICE_POINT, Role.EMPLOYER})
_SEERS = _STUDENTS | _CANDIDATES
_PARTIES = ALL - {Role.PUBLIC}
_HISTORY = frozenset({Role.COORDINATOR, Role.NATIONAL})
_CONTACTS = frozenset({Role.SCHOOL, Role.SERVICE_POINT, Role.MUNICIPALITY, Role.COORDINATOR, Role.NATIONAL})
_NATIONAL = frozenset({Role.NATIONAL})
_SCHOOL = frozenset({Role.SCHOOL})
_MUNICIPALITY = frozenset({Role.MUNICIPALITY})
_EMPLOYER = frozenset({Role.EMPLOYER})
_SERVICE_POINT = frozenset({Role.SERVICE_POINT})
_VACANCIES = frozenset({Role.SERVICE_POINT, Role.MUNICIPALITY})

# Object types, interfaces and unions; Connection, Edge and PageInfo follow their node.
VISIBLE: Mapping[str, frozenset[Role]] = {
    **dict.fromkeys(
        (
            "Query",
            "Viewer",
            "Node",
            "Region",
            "Municipality",
            "DoorstroompuntRegion",
            "SchoolBoard",
            "School",
            "ServicePoint",
            "CoordinatorPost",
            "ContactPoint",
            "ContactOwner",
            "ContactStep",
            "ContactAnswer",
            "Employer",
            "Opportunity",
            "PageInfo",
            "_Entity",
            "_Service",
        ),
        ALL,
    ),
    "PostHistory": _HISTORY,
    "Source": _PARTNERS,
    "SourceRun": _PARTNERS,
    "Student": _STUDENTS,
    "Lead": _STUDENTS,
    "Candidate": _CANDIDATES,
    "Placement": _SEERS,
    "Credential": _SEERS,
    "WorkProcess": _SEERS,
    "StudentIdentity": _STUDENTS,
    "MunicipalSupport": _STUDENTS,
    "SupportContact": _STUDENTS | _EMPLOYER,
    "VacancyHits": _VACANCIES,
    "VacancyHit": _VACANCIES,
    "SupportPlan": _MUNICIPALITY,
    "SupportInPlace": _MUNICIPALITY,
    "AccessGrant": _SCHOOL,
    "SupportRequest": _STUDENTS,
    "WarmHandover": _SCHOOL,
    "Subscription": _PARTIES,
    "Mutation": _CONTACTS | _EMPLOYER,
    "ContactPointPayload": _CONTACTS,
    "AccessPayload": _SEERS,
    "PostPayload": _HISTORY,
    "Uitval": _STUDENTS | _EMPLOYER,
    "Event": _PARTIES,
    "EventCase": _SEERS,
    "Completeness": _PARTIES,
    "DueItem": _STUDENTS,
    "DueCase": _STUDENTS,
    "OverdueItem": _PARTIES - _NATIONAL,
    "OverdueFigure": _NATIONAL,
    "PlacementPayload": _STUDENTS | _EMPLOYER,
    "UitvalPayload": _STUDENTS | _EMPLOYER,
    **dict.fromkeys(("Webhook", "WebhookKey", "DeadLetter", "WebhookPayload"), _PARTIES),
}

EXCEPT: Mapping[str, frozenset[Role]] = {
    "Viewer.name": _PARTIES,
    "Subscription.uitval": _STUDENTS | _EMPLOYER,
    "CoordinatorPost.state": _PARTNERS,
    "CoordinatorPost.holder": _PARTNERS,
    "CoordinatorPost.organisation": _PARTNERS,
    "CoordinatorPost.hours": _PARTNERS,
    "CoordinatorPost.mandate": _PARTNERS,
    "CoordinatorPost.schoolsRepresented": _PARTNERS,
    "CoordinatorPost.since": _PARTNERS,
    "CoordinatorPost.history": _HISTORY,
    "Student.reference": _SCHOOL,
    "Student.access": _SCHOOL,
    "StudentOrderField.REFERENCE": _SCHOOL,
    "Opportunity.distance": _SCHOOL,
    "OpportunityOrderField.DISTANCE": _SCHOOL,
    "MunicipalSupport.werkconsulent": _MUNICIPALITY,
    "MunicipalSupport.plan": _MUNICIPALITY,
    "MunicipalSupport.inPlace": _MUNICIPALITY,
    "Candidate.givenName": _EMPLOYER,
    "Candidate.jobcoach": _EMPLOYER,
    "Placement.leadsTo": _STUDENTS,
    "Credential.title": _STUDENTS,
    "Credential.issuedOn": _STUDENTS,
    "Query.placements": _SEERS,
    "Query.findStudents": _SCHOOL,
    "Mutation.setContactPoint": _CONTACTS,
    "Mutation.verifyContactPoint": _CONTACTS,
    "Mutation.recordConsent": _SCHOOL,
    "Mutation.presentCandidate": _STUDENTS,
    "Mutation.introduce": _SCHOOL,
    "Mutation.renewAccess": _SCHOOL,
    "Mutation.requestSupport": _SCHOOL,
    "Mutation.answerSupportRequest": _MUNICIPALITY,
    "Mutation.startHandover": _SCHOOL,
    "Mutation.renewHandoverCode": _SCHOOL,
    "Mutation.acceptHandover": _MUNICIPALITY,
    "Mutation.declineHandover": _MUNICIPALITY,
    "Mutation.confirmIdentity": _MUNICIPALITY,
    "Mutation.relinkHandover": _MUNICIPALITY,
    "Mutation.setSafetyNet": _SCHOOL,
    "Mutation.transferLead": _STUDENTS,
    "Mutation.acceptLead": _STUDENTS,
    "Mutation.declineLead": _STUDENTS,
    "Mutation.withdrawConsent": _SEERS,
    "Mutation.endAccess": _SEERS,
    "Uitval.state": _STUDENTS,
    "Uitval.basis": _STUDENTS,
    "Uitval.reportedBy": _STUDENTS,
    "Uitval.interviewOn": _STUDENTS,
    "Uitval.interviewHeldOn": _STUDENTS,
    "Uitval.nextStep": _STUDENTS,
    "Uitval.closedOn": _STUDENTS,
    "UitvalFilter.state": _STUDENTS,
    "Event.purpose": _SEERS,
    "Event.forget": _SEERS,
    "Event.month": _SERVICE_POINT,
    "Event.opportunity": _SERVICE_POINT,
    "Mutation.closeDueItem": _STUDENTS,
    "Mutation.acknowledgeUitval": _STUDENTS,
    "Mutation.planInterview": _STUDENTS,
    "Mutation.holdInterview": _STUDENTS,
    "Mutation.recordNextStep": _STUDENTS,
    "Mutation.closeUitval": _STUDENTS,
    "Mutation.withdrawUitval": _STUDENTS,
    "Mutation.setPostState": _NATIONAL,
    "Mutation.appointCoordinator": _NATIONAL,
    "Mutation.endAppointment": _NATIONAL,
    "Mutation.updatePost": frozenset({Role.COORDINATOR}),
}


def visible(role: Role, type_name: str, field: str | None = None) -> bool:
    """Whether the role has the type, or the field of it. A type that nobody listed is an error, not a yes."""
    for suffix in ("Connection", "Edge"):
        if type_name.endswith(suffix) and type_name not in VISIBLE:
            type_name = type_name.removesuffix(suffix)
    roles = VISIBLE[type_name]
    return role in (roles if field is None else EXCEPT.get(f"{type_name}.{field}", roles))


def cut(full: GraphQLSchema, role: Role) -> GraphQLSchema:
    """The contract of a role: a copy of the full schema without what the role may not see."""
    return _Cut(full, role).schema()


class _Cut:
    def __init__(self, full: GraphQLSchema, role: Role) -> None:
        self._full, self._role = full, role
        self._kept = self._fixpoint()
        self._made: dict[str, GraphQLNamedType] = {}

    # ---- which types stay

    def _fixpoint(self) -> set[str]:
        kept = {name for name, kind in self._full.type_map.items() if self._may_stay(name, kind)}
        while True:
            empty = {name for name in kept if self._is_empty(self._full.type_map[name], kept)}
            if not empty:
                return kept
            kept -= empty

    def _may_stay(self, name: str, kind: GraphQLNamedType) -> bool:
        if is_introspection_type(kind) or not isinstance(
            kind, GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType
        ):
            return True
        return visible(self._role, name)

    def _is_empty(self, kind: GraphQLNamedType, kept: set[str]) -> bool:
        if isinstance(kind, GraphQLUnionType):
            return not any(one.name in kept for one in kind.types)
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType) and not is_introspection_type(kind):
            names = self._fields(kind, kept)
            if kind.name.endswith(("Connection", "Edge")):  # a connection without its nodes would still count them
                return not ({"nodes", "node"} & set(names))
            return not names
        return False

    def _fields(self, kind: GraphQLObjectType | GraphQLInterfaceType, kept: set[str]) -> list[str]:
        return [
            name
            for name, field in kind.fields.items()
            if visible(self._role, kind.name, name) and get_named_type(field.type).name in kept
        ]

    # ---- the copy

    def schema(self) -> GraphQLSchema:
        kwargs: dict[str, Any] = dict(self._full.to_kwargs())
        for root in ("query", "mutation", "subscription"):
            kwargs[root] = self._named(kwargs[root]) if kwargs[root] and kwargs[root].name in self._kept else None
        reachable = [self._named(kind) for kind in kwargs["types"] or () if self._stays_listed(kind)]
        kwargs["types"] = [kind for kind in reachable if kind is not None]
        return GraphQLSchema(**kwargs)

    def _stays_listed(self, kind: GraphQLNamedType) -> bool:
        # Inputs, enums and scalars come back by being used; listing them would show what only hidden fields use.
        return kind.name in self._kept and isinstance(kind, GraphQLObjectType) and not kind.name.startswith("__")

    def _named(self, kind: GraphQLNamedType) -> Any:
        if is_introspection_type(kind) or is_specified_scalar_type(kind):
            return kind
        if kind.name not in self._made:
            self._made[kind.name] = self._copy(kind)
        return self._made[kind.name]

    def _copy(self, kind: GraphQLNamedType) -> GraphQLNamedType:
        if isinstance(kind, GraphQLScalarType):
            return kind
        if isinstance(kind, GraphQLEnumType):
            return self._enum(kind)
        kwargs: dict[str, Any] = dict(kind.to_kwargs())
        if isinstance(kind, GraphQLUnionType):
            kwargs["types"] = lambda: [self._named(one) for one in kind.types if one.name in self._kept]
        elif isinstance(kind, GraphQLInputObjectType):
            kwargs["fields"] = lambda: {name: self._field(kind.fields[name]) for name in self._given(kind)}
            # Strawberry prints @oneOf and counts in resolvers that nobody runs here; graphql-core must be told.
            definition = kind.extensions.get("strawberry-definition")
            kwargs["is_one_of"] = bool(getattr(definition, "is_one_of", False))
        elif isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            kwargs["interfaces"] = lambda: [self._named(one) for one in kind.interfaces if one.name in self._kept]
            kwargs["fields"] = lambda: {name: self._field(kind.fields[name]) for name in self._fields(kind, self._kept)}
        return type(kind)(**kwargs)

    def _enum(self, kind: GraphQLEnumType) -> GraphQLEnumType:
        hidden = {name for name in kind.values if self._role not in EXCEPT.get(f"{kind.name}.{name}", ALL)}
        if not hidden:
            return kind
        kwargs: dict[str, Any] = dict(kind.to_kwargs())
        kwargs["values"] = {name: value for name, value in kind.values.items() if name not in hidden}
        return GraphQLEnumType(**kwargs)  # a plain one: its values arrive as texts, which is what is bound

    def _field(self, field: Any) -> Any:
        kwargs: dict[str, Any] = dict(field.to_kwargs())
        kwargs["type_"] = self._wrapped(field.type)
        if "args" in kwargs:
            kwargs["args"] = {name: self._field(one) for name, one in field.args.items() if self._is_asked(one)}
        return type(field)(**kwargs)

    def _given(self, kind: GraphQLInputObjectType) -> list[str]:
        return [name for name in kind.fields if self._role in EXCEPT.get(f"{kind.name}.{name}", ALL)]

    def _is_asked(self, argument: Any) -> bool:
        """An input of which nothing is left takes its argument with it."""
        kind = get_named_type(argument.type)
        return not isinstance(kind, GraphQLInputObjectType) or bool(self._given(kind))

    def _wrapped(self, kind: Any) -> Any:
        if isinstance(kind, GraphQLNonNull):
            return GraphQLNonNull(self._wrapped(kind.of_type))
        if isinstance(kind, GraphQLList):
            return GraphQLList(self._wrapped(kind.of_type))
        return self._named(kind)
