"""From a request's text to a valid document: parse, measure, validate. The outcome, good or bad, is remembered.

Laws
1. What is said of a bad document names places in it (line, column) and names of the contract, never a value.
2. Rules run in order of price: tokens, then size, then graphql-core's validation.
3. No somebody's name is remembered: a document in which one is written out is refused, and forgotten.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    OperationType,
    VariableDefinitionNode,
    VariableNode,
    Visitor,
    is_leaf_type,
    is_non_null_type,
    parse,
    type_from_ast,
    validate,
    visit,
)

from federation.limits import Limits, check
from schema.errors import BadDocument, InvalidDocument, SpilError, TooManyTokens

NAMES: Final = {"findStudents": "name"}  # field -> its argument that is somebody's name
BY_VARIABLE: Final = "Somebody's name is given as a variable, without a default: documents are kept, variables are not."


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, as the client reads it."""

    error: SpilError
    locations: tuple[tuple[int, int], ...] = ()
    path: tuple[str | int, ...] = ()
    details: Mapping[str, str | bool] = field(default_factory=dict)  # which source and when; `committed`


class Problems(Exception):
    """A request that is refused before anything was run."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__(", ".join(p.error.code for p in problems))
        self.problems = problems


class NotKept(Problems):
    """Refused, and not remembered: the text may hold a name."""


@dataclass(frozen=True)
class Document:
    """A valid operation of one contract."""

    contract: str
    schema: GraphQLSchema
    ast: DocumentNode
    operation: OperationDefinitionNode
    fragments: dict[str, FragmentDefinitionNode]
    hash: str  # of text and operation name: what logs and the reads log name

    @property
    def name(self) -> str | None:
        return self.operation.name.value if self.operation.name else None

    @property
    def is_mutation(self) -> bool:
        return self.operation.operation is OperationType.MUTATION

    @property
    def is_subscription(self) -> bool:
        return self.operation.operation is OperationType.SUBSCRIPTION

    @cached_property
    def scalars(self) -> tuple[tuple[str, Callable[[Any], Any]], ...] | None:
        """How each variable is read, when there are some and each of them is one scalar or enum."""
        found = []
        for definition in self.operation.variable_definitions or ():
            kind = type_from_ast(self.schema, definition.type)
            kind = kind.of_type if is_non_null_type(kind) else kind
            if not is_leaf_type(kind):
                return None
            found.append((definition.variable.name.value, kind.coerce_input_value))
        return tuple(found)


def operation_hash(text: str, name: str | None) -> str:
    """SHA-256 of the document and the chosen operation's name, hex."""
    return hashlib.sha256(f"{name or ''}\n{text}".encode("utf-8", "surrogatepass")).hexdigest()


def read_document(contract: str, schema: GraphQLSchema, text: str, name: str | None, limits: Limits) -> Document:
    """Parses, measures and validates. Raises Problems."""
    ast = _parse(text, limits)
    operation = _choose(ast, name)
    try:
        check(ast, operation, limits)
    except SpilError as error:
        raise Problems(Problem(error)) from None
    except RecursionError:
        raise Problems(Problem(BadDocument())) from None
    _keep_no_names(ast)
    errors = validate(schema, ast, max_errors=20, hide_suggestions=True)
    if errors:
        raise Problems(*(Problem(InvalidDocument(_words(e)), _locations(e)) for e in errors))
    fragments = {d.name.value: d for d in ast.definitions if isinstance(d, FragmentDefinitionNode)}
    return Document(contract, schema, ast, operation, fragments, operation_hash(text, name))


def _parse(text: str, limits: Limits) -> DocumentNode:
    try:
        return parse(
            text, max_lexical_tokens=limits.tokens, max_comments=limits.tokens, allow_empty_selection_sets=False
        )
    except GraphQLSyntaxError as error:
        if "contains more than" in error.message:
            raise Problems(Problem(TooManyTokens())) from None
        line, column = _locations(error)[0] if error.locations else (1, 1)
        words = f"The document cannot be read at line {line}, column {column}."
        raise Problems(Problem(BadDocument(words), _locations(error))) from None
    except (RecursionError, UnicodeError):
        raise Problems(Problem(BadDocument())) from None


def _choose(ast: DocumentNode, name: str | None) -> OperationDefinitionNode:
    operations = [d for d in ast.definitions if isinstance(d, OperationDefinitionNode)]
    if name is not None:
        operations = [d for d in operations if d.name and d.name.value == name]
        if not operations:
            raise Problems(
                Problem(BadDocument("The document has no operation of the name that `operationName` gives."))
            )
    if len(operations) != 1:
        words = "has several operations: give `operationName`" if operations else "has no operation"
        raise Problems(Problem(BadDocument(f"The document {words}.")))
    return operations[0]


def _keep_no_names(ast: DocumentNode) -> None:
    """A person's name comes as a variable: documents are remembered, variables are not. Raises NotKept."""
    visitor = _Names()
    visit(ast, visitor)
    if any(name is None or name in visitor.defaults for name in visitor.given):
        raise NotKept(Problem(InvalidDocument(BY_VARIABLE)))


class _Names(Visitor):
    """By which variables arguments that are names are given, None where one is written out; and variables' defaults."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[str | None] = []
        self.defaults: set[str] = set()

    def enter_variable_definition(self, node: VariableDefinitionNode, *_: Any) -> None:
        if node.default_value is not None:
            self.defaults.add(node.variable.name.value)

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        for argument in node.arguments or ():
            if NAMES.get(node.name.value) == argument.name.value:
                value = argument.value
                self.given.append(value.name.value if isinstance(value, VariableNode) else None)


def _locations(error: GraphQLError) -> tuple[tuple[int, int], ...]:
    return tuple((place.line, place.column) for place in error.locations or ())


# graphql-core's sentences quote literals; those that begin so name only what the contract or the document names.
_QUOTES_NAMES_ONLY = (
    "Cannot query field ",
    "Unknown argument ",
    "Unknown type ",
    "Unknown fragment ",
    "Unknown directive ",
    "Variable ",
    "Fragment ",
    "Argument ",
    "There can be only one ",
    "Directive ",
    "Subscription ",
    "Anonymous Subscription ",
)
NOT_SUPPORTED: Final = " operation is not supported by the schema."


def _words(error: GraphQLError) -> str:
    message = error.message
    if message.startswith("Field ") and ("selection" in message or "argument" in message or "conflict" in message):
        return message
    if message.startswith(_QUOTES_NAMES_ONLY) and "found" not in message and "value" not in message:
        return message
    kind = message.removeprefix("The ").removesuffix(NOT_SUPPORTED)
    if kind in ("mutation", "subscription"):
        return f"This contract has no {kind}s. Was a token meant to go along?"
    return "A value does not fit the type that its place asks for."


class Documents:
    """Documents by contract and text, the latest that fit; the refused ones too, so that they stay cheap.

    An AST weighs a hundred times its text, so the bound is on text: `most` characters in all.
    """

    def __init__(self, limits: Limits, most: int = 1_000_000) -> None:
        self._limits, self._most, self._held = limits, most, 0
        self._known: OrderedDict[tuple[str, str, str | None], Document | tuple[Problem, ...]] = OrderedDict()

    def get(self, contract: str, schema: GraphQLSchema, text: str, name: str | None) -> Document:
        """The document of this text. Raises Problems."""
        key = (contract, text, name)
        found = self._known.get(key)
        if found is None:
            found = self._read(key, schema)
        else:
            self._known.move_to_end(key)
        if isinstance(found, Document):
            return found
        raise Problems(*found)

    def _read(self, key: tuple[str, str, str | None], schema: GraphQLSchema) -> Document | tuple[Problem, ...]:
        found: Document | tuple[Problem, ...]
        try:
            found = read_document(key[0], schema, key[1], key[2], self._limits)
        except NotKept as problems:
            return problems.problems
        except Problems as problems:
            found = problems.problems
        self._known[key] = found
        self._held += len(key[1])
        while self._held > self._most:
            gone, _ = self._known.popitem(last=False)
            self._held -= len(gone[1])
        return found
