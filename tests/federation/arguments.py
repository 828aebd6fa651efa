"""The arguments of generated fields: pages, filters, orders, codes, ids, places; as literals and as variables."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from graphql import (
    GraphQLField,
    GraphQLID,
    GraphQLInputObjectType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLString,
    get_named_type,
    get_nullable_type,
    is_list_type,
)

from tests.federation.values import Name, Written, literal

if TYPE_CHECKING:
    from tests.federation.operations import Writer

CODE_OF = {"region": "RegionCode", "municipality": "MunicipalityCode", "school": "Brin", "employer": "KvK"}
PLACES = {
    "school": "Brin",
    "board": "BoardNumber",
    "municipality": "MunicipalityCode",
    "region": "RegionCode",
    "postcode": "Postcode",
}
MALFORMED = {
    "Brin": "x",
    "BoardNumber": "1",
    "MunicipalityCode": "GM1",
    "RegionCode": "am27",
    "Postcode": "0123",
    "KvK": "",
}
SEARCHED = {
    "distance": (0, 25, 999),
    "hoursLeast": (1, 16, None),
    "hoursMost": (24, 99, None),
    "occupation": ("https://x.example/\u00e9{}", None),
}
MODES = (
    "none",
    "first",
    "after",
    "last",
    "before",
    "first before",
    "last after",
    "first after before",
    "after without size",
)
WEIGHTS = (10, 34, 32, 5, 6, 3, 3, 3, 4)


class Arguments:
    """Written for one operation."""

    def __init__(self, writer: Writer) -> None:
        self.w, self.random, self.values = writer, writer.random, writer.values
        self._variable = False  # whether what is drawn now is drawn again with the variables
        self._searched: str | None = None

    def of(
        self, kind: GraphQLObjectType, name: str, one: GraphQLField, depth: int, many: int
    ) -> tuple[str, int] | None:
        """`(a: 1, b: $c)` and how many nodes it counts for; None where that would cost too much."""
        if "first" in one.args:
            return self._page(f"{kind.name}.{name}", one, depth, many)
        size = self.w.size_of(one, name, many)
        if size is None:
            return None
        if not one.args:
            return "", size
        return f"({', '.join(self._plain(name, one))})", size

    def _plain(self, name: str, one: GraphQLField) -> list[str]:
        if name in CODE_OF:
            (argument,) = one.args
            return [f"{argument}: {self._put(one.args[argument].type, lambda: self._code(CODE_OF[name]), 0.4)}"]
        if name == "contact":
            topic = self._put(one.args["topic"].type, lambda: self.values.of_type(one.args["topic"].type), 0.3)
            return [f"topic: {topic}", f"at: {self._place(one)}"]
        if name == "completeness":
            return [f"date: {self._put(one.args['date'].type, lambda: self.values.of_scalar('Date'), 0.4)}"]
        if name == "vacancyHits":
            return [f"search: {self._search(one)}"]
        if name == "_entities":
            kinds = [t.name for t in self.w.schema.get_possible_types(get_named_type(one.type))]  # type: ignore[arg-type]

            def some() -> list[Any]:
                return [self.values.representation(kinds) for _ in range(self.random.randint(0, 4))]

            return [f"representations: {self._put(one.args['representations'].type, some, 0.7)}"]
        kind = get_named_type(one.type)
        kinds = [t.name for t in self.w.schema.get_possible_types(kind)] if name in ("node", "nodes") else [kind.name]  # type: ignore[arg-type]
        if name == "nodes":
            draw: Callable[[], Any] = lambda: [self.values.identity(kinds) for _ in range(self.random.randint(0, 6))]  # noqa: E731
            return [f"ids: {self._put(one.args['ids'].type, draw, 0.5)}"]
        return [f"id: {self._put(one.args['id'].type, lambda: self.values.identity(kinds), 0.6)}"]

    def _code(self, scalar: str) -> str:
        if self.random.random() < 0.01:
            self._fault("BAD_INPUT")
            return MALFORMED[scalar]
        return self.values.code(scalar)

    def _search(self, one: GraphQLField) -> str:
        """One search for the whole operation, as a literal, with a variable in it, or as one variable."""
        if self._searched is None:
            kind = GraphQLNonNull(GraphQLString)
            if self.random.random() < 0.4:
                self._searched = self._put(one.args["search"].type, self._whole_search, 1)
            else:
                given = {name: literal(value) for name, value in self._whole_search().items()}
                given["postcode"] = self._put(kind, self._postcode, 0.5)
                self._searched = "{" + ", ".join(f"{name}: {value}" for name, value in given.items()) + "}"
        return self._searched

    def _postcode(self) -> str:
        if self.random.random() < 0.02:
            self._fault("BAD_INPUT")
            return "5211ab"
        return self.random.choice(("5211AB", "1011ZZ"))

    def _whole_search(self) -> dict[str, Any]:
        wanted: dict[str, Any] = {"postcode": self._postcode()}
        for name, values in SEARCHED.items():
            if self.random.random() < 0.4:
                wanted[name] = self.random.choice(values)
        return wanted

    def _place(self, one: GraphQLField) -> str:
        """Exactly one way to say where: as a literal, with a variable in it, or as one variable."""

        def whole() -> dict[str, str]:
            where = self.random.choice(list(PLACES))
            return {where: self._code(PLACES[where])}

        if self.random.random() < 0.3:
            return self._put(one.args["at"].type, whole, 1)
        ((where, code),) = whole().items()
        kind = GraphQLNonNull(GraphQLString if where == "postcode" else GraphQLID)
        if self.random.random() < 0.5:
            return f"{{{where}: {self._put(kind, lambda: self._code(PLACES[where]), 1)}}}"
        return literal({where: code})

    # ---- pages

    def _page(self, place: str, one: GraphQLField, depth: int, many: int) -> tuple[str, int] | None:
        most = min(100 if depth == 1 else 12, 3000 // many)
        if most < 1:
            return None
        mode = self.random.choices(MODES, WEIGHTS)[0]
        if ("none" in mode or "without" in mode) and most < 20:
            mode = "first"
        label = self._label(place, mode)
        written = self._order(one, label)
        size = self._sizes(most)
        which = "last" if "last" in mode or mode == "before" else "first"
        if mode not in ("none", "after without size"):
            written.append(f"{which}: {self._put(one.args[which].type, size, 0.3 if most >= 20 else 0)}")
        for name in ("after", "before"):
            if label and name in mode:
                written.append(f"{name}: {self._put(one.args[name].type, self._cursor(label, name, depth), 0.4)}")
        if "filter" in one.args and self.random.random() < 0.35:
            written.append(f"filter: {self._filter(one.args['filter'].type)}")
        if self.random.random() < 0.006:
            written.append(self._wrong(written, which))
        for name in ("first", "last", "before", "filter", "order"):
            if name in one.args and self.random.random() < 0.01 and not any(w.startswith(f"{name}:") for w in written):
                written.append(f"{name}: null")
        self.random.shuffle(written)
        bound = min(20, most)
        self.w.cost += many * bound
        return f"({', '.join(one for one in written if one)})".replace("()", ""), bound

    def _label(self, place: str, mode: str) -> str | None:
        """The list and order that a cursor of this page will be of, if some were seen."""
        if "after" not in mode and "before" not in mode:
            return None
        known = [label for label in self.w.seat.known if label.startswith(f"{place}:")]
        return self.random.choice(known) if known else None

    def _sizes(self, most: int) -> Callable[[], int]:
        return lambda: min(most, self.random.choice((0, 1, 1, 2, 2, 3, 3, 4, 5, 8, self.random.randint(1, most))))

    def _order(self, one: GraphQLField, label: str | None) -> list[str]:
        if "order" not in one.args:
            return []
        kind = get_named_type(one.args["order"].type)
        assert isinstance(kind, GraphQLInputObjectType)
        if label:
            _, name, direction = label.split(":")
            return [f"order: {{field: {name}, direction: {direction}}}"]
        drawn = self.random.random()
        field, direction = kind.fields["field"].type, kind.fields["direction"].type

        def both() -> dict[str, Any]:
            return {"field": self.values.of_type(field), "direction": self.values.of_type(direction)}

        if drawn < 0.5:
            return []
        if drawn < 0.65:
            return [f"order: {self._put(kind, both, 1)}"]
        given = {"field": self._written(field, 0.3)}
        if self.random.random() < 0.6:
            given["direction"] = self._written(direction, 0.3)
        return [f"order: {literal(given)}"]

    def _cursor(self, label: str, name: str, depth: int) -> Callable[[], str]:
        def draw() -> str:
            drawn = self.random.random()
            if drawn < 0.01:
                self._fault("BAD_CURSOR")
                return self.random.choice(("abc", "AAAA", self._foreign(label)))
            self._say("after deep" if name == "after" and depth >= 2 else name)
            return self.random.choice(self.w.seat.known[label])

        return draw

    def _foreign(self, label: str) -> str:
        """A cursor of this seer's, of another list or order."""
        others = [one for one in self.w.seat.known if one != label]
        return self.random.choice(self.w.seat.known[self.random.choice(others)]) if others else "abc"

    def _wrong(self, written: list[str], which: str) -> str:
        if any(one.startswith(f"{which}:") for one in written):
            self.w.faults.add("BAD_INPUT")
            return f"{'last' if which == 'first' else 'first'}: 1"
        code, size = self.random.choice((("PAGE_TOO_LARGE", 101), ("BAD_INPUT", -1)))
        self.w.faults.add(code)
        return f"{which}: {size}"

    def _filter(self, kind: Any) -> str:
        """Some of the filter's fields: as one variable, or each as literal or variable."""
        inner = get_named_type(kind)
        assert isinstance(inner, GraphQLInputObjectType)
        names = self.random.sample(list(inner.fields), k=min(len(inner.fields), self.random.choice((0, 1, 1, 1, 2, 3))))
        if self.random.random() < 0.3:

            def whole() -> dict[str, Any]:
                kept = [name for name in names if self.random.random() < 0.8]
                return {name: self._or_null(inner.fields[name].type) for name in kept}

            return self._put(inner, whole, 1)
        return literal({name: self._written(inner.fields[name].type, 0.4) for name in names})

    def _or_null(self, kind: Any) -> Any:
        return None if self.random.random() < 0.1 else self.values.of_type(kind)

    # ---- literals and variables

    def _written(self, kind: Any, share: float) -> Written:
        if not isinstance(kind, GraphQLNonNull) and self.random.random() < 0.05:
            return Written("null")
        return Written(self._put(kind, lambda: self.values.of_type(kind), share))

    def _put(self, kind: Any, draw: Callable[[], Any], share: float) -> str:
        """What is drawn as a literal, or a variable of it; of a list, now and then, a literal with variables in it."""
        if (
            is_list_type(get_nullable_type(kind))
            and get_named_type(kind).name != "_Any"
            and self.random.random() < 0.15
        ):
            inner = get_nullable_type(kind).of_type
            return f"[{', '.join(self._put(inner, partial(_one, draw), 0.5) for _ in draw()[:3])}]"
        if self.random.random() >= share:
            return literal(draw())

        def again() -> Any:
            self._variable = True
            try:
                return _json(draw())
            finally:
                self._variable = False

        default = literal(draw()) if self.random.random() < 0.15 and get_named_type(kind).name != "_Any" else None
        return self.w.variable(kind, again, default=default)

    def _fault(self, code: str) -> None:
        (self.w.faults_now if self._variable else self.w.faults).add(code)

    def _say(self, what: str) -> None:
        (self.w.now if self._variable else self.w.said)[what] += 1


def _one(draw: Callable[[], Any]) -> Any:
    """One of what a list would hold."""
    while True:
        drawn = draw()
        if drawn:
            return drawn[0]


def _json(value: Any) -> Any:
    """A drawn value as a variable's JSON."""
    if isinstance(value, Name):
        return str(value)
    if isinstance(value, dict):
        return {name: _json(one) for name, one in value.items()}
    return [_json(one) for one in value] if isinstance(value, list) else value
