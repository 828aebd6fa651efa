"""The engine: viewer and document in, bytes out. Five steps: document, plan, statement, reads log, answer.

Laws
1. One operation, one statement; of a mutation, one command and one statement per root field.
2. Bytes leave, and a source is asked, only after the reads log confirmed who was read.
3. No network call stands inside a transaction.
4. A deadline that passes after a command's commit says so at its field: `committed`.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import orjson

from auth.viewer import Viewer
from federation.arguments import Variables
from federation.build import ArgumentError, Request
from federation.catalogue import Catalogue
from federation.cursors import Cursors
from federation.document import Document, Documents, Problem, Problems
from federation.limits import Limits
from federation.plan import (
    REFERENCE,
    Plan,
    Probe,
    RootField,
    Rules,
    make_payload_plan,
    make_plan,
    make_stream_plan,
    probes_of,
    root_fields,
)
from federation.result import drive, fill_marks, seal_marks
from federation.variables import coerce
from schema.errors import AnswerTooLarge, CursorMoved, Forbidden, SpilError, StreamNeeded, TooSlow

T = TypeVar("T")


class Store(Protocol):
    """What the engine asks of the registry."""

    async def read(self, role: str | None, seer: str | None, sql: str, values: Sequence[Any]) -> Sequence[Any]:
        """One statement, one row. `role` None: the directory pool, without a transaction of its own."""
        ...


Record = Callable[["ReadOf"], Awaitable[None]]


@dataclass(frozen=True)
class ReadOf:
    """One operation's reads of young people, for the reads log."""

    viewer: Viewer
    operation_hash: str
    request_id: str
    layers: tuple[str, ...]
    students: frozenset[bytes]
    subscribers: tuple[str, ...] = ()  # of a reading that several share: who they are


@dataclass(frozen=True)
class Contract:
    """A role's schema and rules."""

    schema: Any
    rules: Rules


@dataclass
class Answer:
    """What goes to the client, and what the log line says about it."""

    data: bytes | None = None  # JSON text; None: no data member at all
    problems: list[Problem] = field(default_factory=list)
    operation: str | None = None
    hash: str | None = None
    students: int = 0

    @property
    def is_request_error(self) -> bool:
        return self.data is None


class Engine:
    """Plans and runs operations. Everything it needs is handed to it; it keeps plans and documents, nothing else."""

    def __init__(
        self,
        contracts: Mapping[str, Contract],
        catalogue: Catalogue,
        store: Store,
        record: Record,
        cursors: Cursors,
        limits: Limits,
        run_command: Callable[..., Awaitable[Any]] | None = None,
        plans: int = 2_000,
    ) -> None:
        self._contracts, self._catalogue, self._store = contracts, catalogue, store
        self._record, self._cursors, self._limits = record, cursors, limits
        self._run_command = run_command
        self._documents = Documents(limits)
        self._probes: dict[tuple[str, str], tuple[Probe, ...]] = {}
        self._plans: OrderedDict[Any, Plan] = OrderedDict()
        self._most = plans

    async def execute(
        self, viewer: Viewer, text: str, given: Mapping[str, Any] | None, name: str | None, request_id: str
    ) -> Answer:
        """Runs one operation in `limits.seconds`. Never raises a SpilError: what is wrong stands in the answer."""
        answer, until = Answer(), asyncio.get_running_loop().time() + self._limits.seconds
        try:
            contract = self._contracts[viewer.role]
            document = self._documents.get(viewer.role, contract.schema, text, name)
            answer.operation, answer.hash = document.name, document.hash
            variables = coerce(document, given or {})
            self.allow(viewer, document)
            if document.is_subscription:
                raise StreamNeeded
            if document.is_mutation:
                await self._mutate(viewer, document, variables, request_id, answer, until)
            else:
                plan = self.plan(document, variables)
                await _in_time(until, self._query(viewer, plan, variables, request_id, answer))
        except Problems as problems:
            answer.problems.extend(problems.problems)
        except ArgumentError as error:
            answer.data = b"null"
            answer.problems.append(Problem(error.error, path=error.path))
        except SpilError as error:
            answer.data = None if error.status in (400, 503) else b"null"
            answer.problems.append(Problem(error, details=self._moved_to(viewer, error)))
        return answer

    def _moved_to(self, viewer: Viewer, error: SpilError) -> Mapping[str, str | bool]:
        """Where to go on from, where a cursor of the log leads nowhere any more."""
        if not isinstance(error, CursorMoved) or error.place is None:
            return {}
        return {"cursor": self._cursors.of(viewer.seer).close_place(*error.place)}

    # ---- plans

    def schema(self, role: str) -> Any:
        """The schema of a role's contract."""
        return self._contracts[role].schema

    def document(self, role: str, text: str, name: str | None) -> Document:
        """The document as this role's contract reads it. Raises Problems."""
        return self._documents.get(role, self._contracts[role].schema, text, name)

    def plan(self, document: Document, variables: Variables) -> Plan:
        """The plan of a query or a subscription, from the cache or new."""
        key = self.key(document, variables)
        plan = self._plans.get(key)
        if plan is None:
            rules = self._contracts[document.contract].rules
            make = make_stream_plan if document.is_subscription else make_plan
            plan = self.remember(key, make(document, self._catalogue, rules, variables, self._limits))
        return plan

    def key(self, document: Document, variables: Variables, part: str = "") -> Any:
        """Contract, operation and what the variables decide about the statement."""
        name = (document.contract, document.hash)
        probes = self._probes.get(name)
        if probes is None:
            probes = self._probes[name] = probes_of(document)
            if len(self._probes) > self._most:
                self._probes.pop(next(iter(self._probes)))
        return (name, part, *(probe.read(variables) for probe in probes))

    def remember(self, key: Any, plan: Plan) -> Plan:
        """Keeps a plan; the oldest goes when there are too many."""
        self._plans[key] = plan
        if len(self._plans) > self._most:
            self._plans.popitem(last=False)
        return plan

    @staticmethod
    def allow(viewer: Viewer, document: Document) -> None:
        """Whether the token's scope allows this kind of operation. Raises Forbidden."""
        needed = "command" if document.is_mutation else "events" if document.is_subscription else "read"
        if viewer.seer and needed not in viewer.scopes:
            raise Forbidden("The token's scope does not allow this kind of operation.")

    # ---- mutations

    async def _mutate(
        self,
        viewer: Viewer,
        document: Document,
        variables: Variables,
        request_id: str,
        answer: Answer,
        until: float,
    ) -> None:
        assert self._run_command is not None, "a contract has commands and the engine has nobody to run them"
        contract, parts = self._contracts[document.contract], []
        for root in root_fields(document, self._catalogue, contract.rules, variables, self._limits):
            try:
                given = root.arguments.read("input")(variables) or {}
                reference = await _in_time(until, self._run_command(viewer, root.name, given))
            except SpilError as error:
                answer.problems.append(Problem(error, path=(root.key,)))
                parts.append(b'"%s":null' % root.key.encode())
                continue
            with_reference = {**variables, REFERENCE: reference}
            parts.append(
                b'"%s":%s'
                % (
                    root.key.encode(),
                    await self._payload(viewer, document, root, with_reference, request_id, answer, until),
                )
            )
        answer.data = b"{" + b",".join(parts) + b"}"

    async def _payload(
        self,
        viewer: Viewer,
        document: Document,
        root: RootField,
        with_reference: Variables,
        request_id: str,
        answer: Answer,
        until: float,
    ) -> bytes:
        """The payload of a command that has been committed: a query of its own. What fails here says `committed`."""
        try:
            key = self.key(document, with_reference, root.key)
            plan = self._plans.get(key)
            if plan is None:
                rules = self._contracts[document.contract].rules
                plan = make_payload_plan(document, self._catalogue, rules, with_reference, self._limits, root)
                self.remember(key, plan)
            plan.weigh(with_reference)
            request = self.request(viewer, plan, with_reference)
            return await _in_time(until, self.run(viewer, plan, request, request_id, answer))
        except (SpilError, ArgumentError) as error:
            found = error.error if isinstance(error, ArgumentError) else error
            answer.problems.append(Problem(found, path=(root.key,), details={"committed": True}))
            return b"null"

    # ---- queries

    async def _query(self, viewer: Viewer, plan: Plan, variables: Variables, request_id: str, answer: Answer) -> None:
        plan.weigh(variables)
        if plan.drives:
            variables = await drive(plan.drives, self._catalogue.finders, viewer, variables, answer.problems)
        request = self.request(viewer, plan, variables)
        answer.problems += [Problem(e.error, path=e.path) for e in plan.key_errors(variables)]
        answer.data = await self.run(viewer, plan, request, request_id, answer)

    def request(self, viewer: Viewer, plan: Plan, variables: Variables) -> Request:
        """What the binds read. The nonce is made only where something is to be put between two of it."""
        seer = viewer.seer or None
        party = viewer.party if seer else None
        who = {
            "seer": seer,
            "party": party,
            "key": party.partition(":")[2] if party else None,
            "role": viewer.role.value,
            "function": viewer.function if seer else None,
            "scopes": sorted(viewer.scopes),
            "notice": viewer.notice,
        }
        nonce = secrets.token_hex(16) if plan.marks else ""
        constants = self._contracts[viewer.role].rules.constants
        return Request(seer, party, who, variables, nonce, constants, self._cursors.of(seer))

    async def run(
        self,
        viewer: Viewer,
        plan: Plan,
        request: Request,
        request_id: str,
        answer: Answer,
        subscribers: tuple[str, ...] = (),
    ) -> bytes:
        """Statement, reads log, marks: the JSON text of `data`."""
        role = None if plan.in_directory else viewer.role.value
        row = await self._store.read(role, request.seer, plan.sql, plan.bind(request))
        data: bytes = row[0]
        if len(data) > self._limits.answer_bytes:
            raise AnswerTooLarge
        if plan.has_subjects and row[1]:
            keys = row[1]
            students = frozenset([keys[n : n + 16] for n in range(0, len(keys), 16)])
            answer.students = len(students)
            await self._record(ReadOf(viewer, plan.hash, request_id, plan.layers, students, subscribers))
        if not plan.marks:
            return data
        nonce = request.nonce.encode()
        if not plan.layers:
            return seal_marks(data, nonce, plan.marks, request.seal)
        data, errors = await fill_marks(data, nonce, plan.marks, request.seal, self._catalogue.layers, viewer)
        answer.problems += errors
        return data


async def _in_time(until: float, work: Awaitable[T]) -> T:
    """Its result. Raises TooSlow when the loop's clock passes `until` first."""
    try:
        async with asyncio.timeout_at(until):
            return await work
    except TimeoutError:
        raise TooSlow from None


def encode(answer: Answer, request_id: str) -> bytes:
    """The response body (GraphQL over HTTP)."""
    if not answer.problems:
        return b'{"data":' + (answer.data or b"null") + b"}"
    body: dict[str, Any] = {"errors": [error_json(problem, request_id) for problem in answer.problems]}
    if answer.data is not None:
        body["data"] = orjson.Fragment(answer.data)
    return orjson.dumps(body)


def error_json(problem: Problem, request_id: str) -> dict[str, Any]:
    """One error of a response."""
    found: dict[str, Any] = {"message": problem.error.message}
    if problem.locations:
        found["locations"] = [{"line": line, "column": column} for line, column in problem.locations]
    if problem.path:
        found["path"] = list(problem.path)
    found["extensions"] = {"code": problem.error.code, "requestId": request_id, **problem.details}
    return found
