"""Relay connections: edges, nodes, pageInfo and a count that is made only when it is asked."""

from typing import Generic, NoReturn, TypeVar

import strawberry

from schema.scalars import Cursor

NodeT = TypeVar("NodeT")


def planned() -> NoReturn:
    """What the body of every field with arguments says: the engine plans a field, nothing resolves it."""
    raise NotImplementedError("this field is planned by the engine")


@strawberry.type(description="Where a page stands in its list.")
class PageInfo:
    has_next_page: bool
    has_previous_page: bool
    start_cursor: Cursor | None
    end_cursor: Cursor | None


@strawberry.type
class Edge(Generic[NodeT]):
    cursor: Cursor
    node: NodeT


@strawberry.type
class Connection(Generic[NodeT]):
    edges: list[Edge[NodeT]]
    nodes: list[NodeT]
    page_info: PageInfo
    total_count: int = strawberry.field(description="How many this party sees in all; counted only when asked.")
