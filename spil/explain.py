"""What the hub would do for an operation: its plan in words and SQL, its binds and their sources. Nothing is run.

Law: a bind's source is what it read when it was asked, not what somebody wrote down about it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from federation.build import ArgumentError, Bind
from federation.catalogue import Catalogue
from federation.document import Problems, read_document
from federation.engine import Contract
from federation.limits import Limits
from federation.plan import REFERENCE, Plan, make_payload_plan, make_plan, root_fields
from federation.variables import coerce
from schema.errors import BadInput
from spil.sql_layout import lay_out

LONGEST = 60


class _Watched(dict[str, Any]):
    """A mapping that notes under which name it was read."""

    def __init__(self, values: Mapping[str, Any], words: str, read: list[str]) -> None:
        super().__init__(values)
        self._words, self._read = words, read

    def get(self, key: str, default: Any = None) -> Any:
        self._note(key)
        return super().get(key, default)

    def __getitem__(self, key: str) -> Any:
        self._note(key)
        return super().__getitem__(key)

    def _note(self, key: str) -> None:
        self._read.append("the command" if key == REFERENCE else self._words.format(key))


class _Asked:
    """A request that gives no real values of who asks, and notes what a bind reads of it."""

    def __init__(self, variables: Mapping[str, Any], constants: Mapping[str, str], read: list[str]) -> None:
        who = ("seer", "party", "key", "role", "function", "notice")
        self.viewer = _Watched({name: f"<{name}>" for name in who} | {"scopes": ["<scopes>"]}, "the viewer's {}", read)
        self.variables = _Watched(variables, "${}", read)
        self.constants = _Watched({name: f"<{name}>" for name in constants}, "the contract's {}", read)
        self._read = read

    @property
    def nonce(self) -> str:
        self._read.append("the request's nonce")
        return "<nonce>"

    @property
    def seal(self) -> SimpleNamespace:
        """Opens nothing: cursors belong to a party, and this is nobody."""

        def opened(_cursor: Any, _label: str, keys: int, _path: Any) -> list[str]:
            self._read.append("inside the cursor")
            return ["<key>"] * keys

        return SimpleNamespace(open=opened)


@dataclass(frozen=True)
class BindLine:
    """One bind: its number, its type, its value for these variables, where that comes from."""

    number: int
    cast: str
    value: str
    source: str


def binds_of(plan: Plan, variables: Mapping[str, Any], constants: Mapping[str, str]) -> list[BindLine]:
    """The binds of a plan, each with its source."""
    return [_bind_line(n, cast, bind, variables, constants) for n, (cast, bind) in enumerate(plan.binds, 1)]


def _bind_line(
    number: int, cast: str, bind: Bind, variables: Mapping[str, Any], constants: Mapping[str, str]
) -> BindLine:
    read: list[str] = []
    try:
        value = bind(_Asked(variables, constants, read))  # type: ignore[arg-type]  # stands in for a Request
    except ArgumentError as error:
        value = f"refused: {error.error.code}"
    text = repr(value)
    shown = text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
    return BindLine(number, cast, shown, ", ".join(dict.fromkeys(read)) or "the document, or a default of the hub")


def explain(
    text: str, role: str, contract: Contract, catalogue: Catalogue, given: Mapping[str, Any], limits: Limits
) -> str:
    """The explanation of a document's only operation. Raises BadInput with what the hub would refuse it for."""
    try:
        document = read_document(role, contract.schema, text, None, limits)
        variables = coerce(document, given)
        if not document.is_mutation:
            plan = make_plan(document, catalogue, contract.rules, variables, limits)
            title = f"{document.name or 'An operation'} as {role}"
            return _explained(title, plan, variables, contract.rules.constants, 0)
        parts = []
        for field in root_fields(document, catalogue, contract.rules, variables, limits):
            known = {**variables, REFERENCE: "<reference>"}
            plan = make_payload_plan(document, catalogue, contract.rules, known, limits, field)
            title = f"{field.name} as {role}: one command in a read-write transaction, then its payload"
            parts.append(_explained(title, plan, known, contract.rules.constants, 3))
        return "\n\n".join(parts)
    except Problems as problems:
        raise BadInput(
            "\n".join(f"{p.error.code}: {p.error.message}{_where(p.locations)}" for p in problems.problems)
        ) from None
    except ArgumentError as error:
        raise BadInput(f"{error.error.code} at {'.'.join(map(str, error.path))}: {error.error.message}") from None


def _where(locations: tuple[tuple[int, int], ...]) -> str:
    return f" (line {locations[0][0]}, column {locations[0][1]})" if locations else ""


def _explained(title: str, plan: Plan, variables: Mapping[str, Any], constants: Mapping[str, str], before: int) -> str:
    weight = plan.cost.weigh(variables, plan.limits.default_page)
    heads = [
        ("hash", plan.hash[:16]),
        ("pool", _pool(plan)),
        ("round trips", _round_trips(plan, before)),
        ("cost", f"{weight:,} of {plan.limits.cost:,} nodes{'' if weight <= plan.limits.cost else ': refused'}"),
        ("tables", ", ".join(plan.tables) or "none"),
        ("live layers", ", ".join(plan.layers) or "none"),
    ]
    lines = [title, "", *(f"{name:<12} {value}" for name, value in heads), ""]
    binds = binds_of(plan, variables, constants)
    if binds:
        widths = [max(len(getattr(bind, name)) for bind in binds) for name in ("cast", "value")]
        lines += [f"${b.number:<3} {b.cast:<{widths[0]}}  {b.value:<{widths[1]}}  from {b.source}" for b in binds]
        lines.append("")
    return "\n".join([*lines, lay_out(plan.sql)])


def _pool(plan: Plan) -> str:
    if plan.in_directory:
        return "directory: no table of it is any party's, so one implicit statement without settings"
    return f"party: READ ONLY, as the database role of {plan.contract}, row-level security on"


def _round_trips(plan: Plan, before: int) -> str:
    statement = 1 if plan.in_directory else 3
    words = ["the statement"] if plan.in_directory else ["begin and settings", "the statement", "commit"]
    if before:
        words.insert(0, "the command's own")
    if plan.has_subjects:
        words.append("the reads log's commit, shared by all that wait")
    words += [f"one call per source of {layer}" for layer in plan.layers]
    return f"{before + statement + plan.has_subjects} ({'; '.join(words)})"
