"""A Relay connection as one lateral: keyset pages, and only those parts of it that were asked for.

    CROSS JOIN LATERAL (
        SELECT '{"nodes":[' || string_agg(q.n0, ',' ORDER BY q.k0) || '], ...}' AS j
        FROM (SELECT <object> AS n0, r.k0
              FROM (SELECT columns, keys FROM driver WHERE ... ORDER BY keys LIMIT n) r <laterals>) q)

Laws
1. A page is keyset: `after` and `before` compare the keys of its order; a key is never null.
2. `row_number()` and one row more than the page come only when `hasNextPage` or `hasPreviousPage` asks.
3. totalCount counts the driver alone: no field of a row is joined for it.
"""

from __future__ import annotations

from collections.abc import Callable

from graphql import FieldNode, SelectionSetNode

from federation.arguments import Arguments
from federation.build import ArgumentError, Build, Drive, Mark, Request
from federation.catalogue import Driver, Page
from federation.cursors import SEPARATOR_SQL
from federation.rows import NO_SUBJECT, Row, subjects_of
from federation.selection import below, collect
from schema.errors import BadInput, PageTooLarge

Compile = Callable[[Row, str, list[SelectionSetNode]], str]


class _Page:
    """One connection while it is compiled."""

    def __init__(self, row: Row, entry: Page, nodes: list[FieldNode], arguments: Arguments, place: str) -> None:
        self.build, self.entry, self.arguments = row.build, entry, arguments
        self.parent, self.nodes = row, nodes
        variables = self.build.variables
        self.backward = arguments.given(variables, "last")
        if self.backward and arguments.given(variables, "first"):
            raise ArgumentError(BadInput("Give `first` or `last`, not both."), self.build.path)
        order = arguments.read("order", "field")(variables) or next(iter(entry.orders))
        self.descending = arguments.read("order", "direction")(variables) == "DESC"
        self.label = f"{place}:{order}:{'DESC' if self.descending else 'ASC'}"
        self.child = Row(self.build, self.build.catalogue.types[entry.type], row, arguments, {}, entry.through)
        self.keys = [self.child.inside(key) for key, _ in entry.orders[order]]
        self.casts = [cast for _, cast in entry.orders[order]]
        self.filters = self._filters()
        self.size = self._size()
        self.beyond = [one for one in (self._beyond("after", True), self._beyond("before", False)) if one]
        self.cursor_number: tuple[str, int] | None = None

    def _filters(self) -> list[str]:
        found = []
        for name, one in self.entry.filters.items():
            if self.arguments.given(self.build.variables, "filter", name):
                read = self.arguments.read("filter", name)
                value = self.build.bind(one.cast, read, one.convert)
                found.append(self.child.inside(one.sql.replace("{value}", value)))
        return found

    def _size(self) -> str:
        asked = self.arguments.read("last" if self.backward else "first")
        limits, path = self.build.limits, self.build.path

        def bind(request: Request) -> int:
            value = asked(request.variables)
            if value is None:
                return limits.default_page
            if value < 0:
                raise ArgumentError(BadInput("A page has no negative size."), path)
            if value > limits.page:
                raise ArgumentError(PageTooLarge(), path)
            return int(value)

        self.count = asked
        return self.build.bind_request("int", bind)

    # ---- the rows

    def _beyond(self, argument: str, later: bool) -> str | None:
        """The condition of `after` or `before`, if given."""
        if not self.arguments.given(self.build.variables, argument):
            return None
        greater = later != self.descending
        read, path, label = self.arguments.read(argument), self.build.path, self.label

        def part(n: int) -> str:
            def bind(request: Request) -> str:
                return str(request.seal.open(read(request.variables), label, len(self.keys), path)[n])

            return self.build.bind_request("text", bind)

        values = [f"{part(n)}::{self.casts[n]}" for n in range(len(self.keys))]
        # Of a log: its cursor is asked whether it lives, and what follows it stays within its own epoch, its first key.
        lives = ""
        if self.entry.lives and argument == "after":
            lives = f" AND {self.keys[0]} = {values[0]} AND (SELECT {self.entry.lives.format(*values)})"
        return f"({', '.join(self.keys)}) {'>' if greater else '<'} ({', '.join(values)}){lives}"

    def driver(self, numbered: bool) -> str:
        """The limited inner query, rendered last: by now the row knows its columns."""
        child = self.child
        links = [self.entry.link] if self.entry.link else []
        source, where = child.source_sql([*child.conditions(*links), *self.filters])
        where += self.beyond
        down = " DESC" if self.descending != self.backward else ""
        order = ", ".join(f"{key}{down}" for key in self.keys)
        listed = [*child.exported(), *(f"{key} AS k{n}" for n, key in enumerate(self.keys))]
        if numbered:
            listed.append(f"row_number() OVER (ORDER BY {order}) AS rn")
        condition = f" WHERE {' AND '.join(where)}" if where else ""
        more = " + 1" if numbered else ""
        rows = f"SELECT {', '.join(listed)} FROM {source}{condition} ORDER BY {order} LIMIT {self.size}{more}"
        return f"({rows}) {child.outer}"

    def total(self) -> str:
        """The count, over a driver of its own with the same link, policy and filters."""
        links = [self.entry.link] if self.entry.link else []
        source, where = self.child.source_sql([*self.child.conditions(*links), *self.filters])
        condition = f" WHERE {' AND '.join(where)}" if where else ""
        return f"(SELECT count(*)::text FROM {source}{condition})"

    # ---- the cursors

    def cursor(self, alias: str) -> str:
        """A mark that becomes a sealed cursor: the keys of the row, as text."""
        return self._sealed([f"{alias}.k{n}" for n in range(len(self.keys))])

    def _sealed(self, keys: list[str]) -> str:
        if self.cursor_number is None:
            self.cursor_number = self.build.mark(Mark("cursor", self.label, path=self.build.path))
        nonce, number = self.cursor_number
        return f"{nonce} || '{number}:' || {f' || {SEPARATOR_SQL} || '.join(f'{key}::text' for key in keys)} || {nonce}"

    def end(self) -> str:
        """What `endCursor` is of a page without rows: null, but of a log its end, where nothing was left out."""
        if not self.entry.end or self.arguments.given(self.build.variables, "before"):
            return "'null'"
        place = self._sealed([f"({self.child.inside(key)})" for key in self.entry.end])
        return f"CASE WHEN {self.size} > 0 THEN '\"' || {place} || '\"' ELSE 'null' END"


def compile_page(
    row: Row, entry: Page, nodes: list[FieldNode], arguments: Arguments, place: str, compile_object: Compile
) -> str:
    """The JSON text of the connection, as SQL over `row.outer`."""
    if entry.driven:
        arguments = _driven(row.build, entry.driven, arguments)
    page = _Page(row, entry, nodes, arguments, place)
    columns: list[str] = []
    with row.build.cost.page_of(page.count):
        plan = _Parts(page, columns, compile_object)
        json = plan.connection(below(nodes))
    child, name = page.child, f"p{row.build.number()}"
    beside = child.beside()
    inner = page.driver(plan.numbered)
    listed = [f"{sql} AS n{n}" for n, sql in enumerate(columns)]
    listed += [f"{child.outer}.k{n}" for n in range(len(page.keys))] + ([f"{child.outer}.rn"] if plan.numbered else [])
    given = "{arg.references:text[]} IS NOT NULL" if entry.driven else entry.given
    told = child.inside(given) if given and entry.driven else given and row.outside(given)
    shown = f"CASE WHEN {told} THEN {name}.j ELSE 'null' END" if told else f"{name}.j"
    if not columns and not plan.needs_rows:
        row.laterals.append(f"CROSS JOIN LATERAL (SELECT {json} AS j) {name}")
        return shown
    subject = ""
    if child.subjects and columns:  # pageInfo alone shows nobody
        listed.append(f"{child.subject()} AS s")
        subject = f", string_agg(q.s, {NO_SUBJECT}){plan.within()} AS s"
        row.subjects.append(subjects_of(name, told))
    row.laterals.append(
        f"CROSS JOIN LATERAL (SELECT {json} AS j{subject}"
        f"\nFROM (SELECT {', '.join(listed)} FROM {inner}{beside}) q) {name}"
    )
    return shown


def _driven(build: Build, driver: Driver, arguments: Arguments) -> Arguments:
    """The arguments and, beside them, what the source will have named by then."""
    key = f"#references{len(build.drives)}"  # no variable of a document can have this name
    build.drives.append(Drive(key, driver.finder, arguments.read(driver.argument), build.path))
    return arguments.beside("references", lambda variables: variables.get(key))


class _Parts:
    """The selections of a connection, each as an aggregate over `q`."""

    def __init__(self, page: _Page, columns: list[str], compile_object: Compile) -> None:
        self.page, self.columns, self.compile_object = page, columns, compile_object
        self.build: Build = page.build
        self.type_name = page.entry.type
        self.numbered = self.needs_rows = False
        self.numbered = self._asks_for_more(below(page.nodes))
        order = ", ".join(f"q.k{n}{' DESC' if page.descending else ''}" for n in range(len(page.keys)))
        self.order = f" ORDER BY {order}"

    def _asks_for_more(self, sets: list[SelectionSetNode]) -> bool:
        wanted = "hasPreviousPage" if self.page.backward else "hasNextPage"
        infos = collect(self.build, sets, f"{self.type_name}Connection")
        for nodes in infos.values():
            if nodes[0].name.value == "pageInfo":
                inside = collect(self.build, below(nodes), "PageInfo")
                if any(found[0].name.value == wanted for found in inside.values()):
                    return True
        return False

    def within(self) -> str:
        """Keeps the one row too many out of every aggregate."""
        return f" FILTER (WHERE q.rn <= {self.page.size})" if self.numbered else ""

    def connection(self, sets: list[SelectionSetNode]) -> str:
        return self._object(sets, f"{self.type_name}Connection", self._connection_field)

    def _object(self, sets: list[SelectionSetNode], type_name: str, each: Callable[[list[FieldNode]], str]) -> str:
        parts, path = [], self.build.path
        for key, nodes in collect(self.build, sets, type_name).items():
            self.build.path = (*path, key)
            plain = nodes[0].name.value == "__typename"
            parts.append(f"'\"{key}\":' || " + (f"'\"{type_name}\"'" if plain else each(nodes)))
        self.build.path = path
        return "'{' || " + " || ',' || ".join(parts) + " || '}'" if parts else "'{}'"

    def _connection_field(self, nodes: list[FieldNode]) -> str:
        match nodes[0].name.value:
            case "nodes":
                return self._list(self.compile_object(self.page.child, self.type_name, below(nodes)))
            case "edges":
                return self._list(self._object(below(nodes), f"{self.type_name}Edge", self._edge_field))
            case "pageInfo":
                return self._object(below(nodes), "PageInfo", self._info_field)
            case _:
                return self.page.total()

    def _list(self, json: str) -> str:
        self.columns.append(json)
        self.needs_rows = True
        return f"'[' || coalesce(string_agg(q.n{len(self.columns) - 1}, ','{self.order}){self.within()}, '') || ']'"

    def _edge_field(self, nodes: list[FieldNode]) -> str:
        if nodes[0].name.value == "cursor":
            return f"'\"' || {self.page.cursor(self.page.child.outer)} || '\"'"
        return self.compile_object(self.page.child, self.type_name, below(nodes))

    def _info_field(self, nodes: list[FieldNode]) -> str:
        name, backward = nodes[0].name.value, self.page.backward
        if name in ("startCursor", "endCursor"):
            return self._bound_cursor(last=name == "endCursor")
        if (name == "hasNextPage") != backward:
            self.needs_rows = True
            return f"coalesce(bool_or(q.rn > {self.page.size}), false)::text"
        given = self.page.arguments.given(self.build.variables, "before" if backward else "after")
        return "'true'" if given else "'false'"

    def _bound_cursor(self, last: bool) -> str:
        self.needs_rows = True
        cursor = self.page.cursor("q")
        down = last != self.page.descending
        order = ", ".join(f"q.k{n}{' DESC' if down else ''}" for n in range(len(self.page.keys)))
        none = self.page.end() if last else "'null'"
        return f"coalesce('\"' || (array_agg({cursor} ORDER BY {order}){self.within()})[1] || '\"', {none})"
