"""What a plan may cost: the nodes of its connections and lists, as a tree that is weighed per request.

A page's size may be a variable: the tree is made with the plan, its weight with the variables.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from federation.arguments import Read, Variables


@dataclass
class Node:
    """A list in the plan: how many it may hold, and the lists below each of them."""

    count: Read
    below: list[Node] = field(default_factory=list)

    def weigh(self, variables: Variables, default: int) -> int:
        value = self.count(variables)
        many = default if value is None else max(int(value), 0)
        return many * (1 + sum(one.weigh(variables, default) for one in self.below))


class Cost:
    """Collects the tree while a plan is compiled."""

    def __init__(self) -> None:
        self.root = Node(lambda _: 1)
        self._stack = [self.root]

    @contextmanager
    def page_of(self, count: Read) -> Iterator[None]:
        """What is compiled inside stands on a page of this size (None: the default)."""
        node = Node(count)
        self._stack[-1].below.append(node)
        self._stack.append(node)
        yield
        self._stack.pop()

    @contextmanager
    def list_of(self, count: int) -> Iterator[None]:
        """What is compiled inside stands in a plain list of at most this many."""
        with self.page_of(lambda _: count):
            yield

    def weigh(self, variables: Any, default: int) -> int:
        """The nodes that an operation may touch, without its root."""
        return self.root.weigh(variables, default) - 1
