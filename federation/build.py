"""What one compilation shares: numbers for aliases, binds, tables touched, marks, and the rules of the role."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import FragmentDefinitionNode, GraphQLSchema, VariableDefinitionNode

from federation.arguments import Read, Variables
from federation.catalogue import Catalogue
from federation.cost import Cost
from federation.limits import Limits
from schema.errors import BadInput, SpilError
from schema.scalars import WrongForm

Path = tuple[str, ...]


class ArgumentError(Exception):
    """An argument that cannot be bound: the error, and the response path of its field."""

    def __init__(self, error: SpilError, path: tuple[str | int, ...]) -> None:
        super().__init__(error.code)
        self.error, self.path = error, path


@dataclass(frozen=True)
class Request:
    """What a bind may read."""

    seer: str | None
    party: str | None
    viewer: Mapping[str, Any]
    variables: Variables
    nonce: str
    constants: Mapping[str, str]
    seal: Any  # federation.cursors.Seal


Bind = Callable[[Request], Any]


@dataclass(frozen=True)
class Mark:
    """What stands between two nonces in the statement's text: a cursor to seal, or a key to ask a live layer for."""

    kind: str  # 'cursor' | 'live'
    label: str  # of a cursor: list and order, which it is sealed to; of a live mark: the layer
    shown: Any = None  # of a live mark: what is shown of its value (federation/live.py), or None for a scalar
    path: Path = ()


@dataclass(frozen=True)
class Drive:
    """A source to be asked before the statement, and the name under which its references join the variables."""

    key: str
    finder: str
    read: Read
    path: Path


@dataclass
class Build:
    """Mutable while a plan is made; thrown away afterwards."""

    schema: GraphQLSchema
    catalogue: Catalogue
    predicates: Mapping[str, str]
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Variables  # of the request that is planned: read for structure only
    limits: Limits
    definitions: tuple[VariableDefinitionNode, ...] = ()
    binds: list[tuple[str, Bind]] = field(default_factory=list)
    tables: set[str] = field(default_factory=set)
    marks: list[Mark] = field(default_factory=list)
    drives: list[Drive] = field(default_factory=list)
    keyed: list[Any] = field(default_factory=list)  # the Keys of every keyed field: their errors are per request
    cost: Cost = field(default_factory=Cost)
    has_subjects: bool = False
    path: Path = ()
    _numbers: int = 0
    _known: dict[Any, str] = field(default_factory=dict)

    def number(self) -> int:
        self._numbers += 1
        return self._numbers

    def touch(self, table: str) -> None:
        self.tables.add(table)

    def predicate(self, name: str) -> str | None:
        """The policy's predicate for a table of this role, as a template."""
        return self.predicates.get(name)

    def bind_request(self, cast: str, bind: Bind, key: Any = None) -> str:
        """A bind that reads the request; the same `key` is bound once."""
        if key is not None and key in self._known:
            return self._known[key]
        self.binds.append((cast, bind))
        sql = f"${len(self.binds)}::{cast}"
        if key is not None:
            self._known[key] = sql
        return sql

    def bind(self, cast: str, read: Read, convert: Callable[[Any], Any] | None = None) -> str:
        """A bind that reads an argument; a conversion that fails names the field's path."""
        path = self.path

        def bind(request: Request) -> Any:
            value = read(request.variables)
            if convert is None or value is None:
                return value
            try:
                return convert(value)
            except SpilError as error:
                raise ArgumentError(error, path) from None
            except WrongForm as error:
                raise ArgumentError(BadInput(str(error)), path) from None

        return self.bind_request(cast, bind)

    def viewer(self, name: str) -> str:
        """Something of who asks; `key` is what stands behind the colon of the party."""
        cast = "text[]" if name == "scopes" else "text"
        return self.bind_request(cast, lambda request: request.viewer[name], ("viewer", name))

    def mark(self, mark: Mark) -> tuple[str, int]:
        """The nonce as SQL, and the number of a new mark."""
        self.marks.append(mark)
        return self.bind_request("text", lambda request: request.nonce, "nonce"), len(self.marks) - 1
