"""The limit: one hand-written statement per document behind a bare ASGI endpoint. No GraphQL, no walls, no reads log.

What Spil pays for parsing, planning, walls and accounting is measured against this: prepared statements held per
connection, one round trip, the JSON text of Postgres sent out as it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg
import orjson

from bench.peers.route import ROUTE, STEPS
from bench.peers.serving import POOL, SESSION, main

LOOKUP = f"""
SELECT convert_to('{{"data":{{"contact":{{"contact":{{"name":' || coalesce(to_json(c.name)::text, 'null')
    || ',"desk":' || to_json(c.desk)::text
    || ',"phone":' || coalesce(to_json(c.phone)::text, 'null')
    || ',"mail":' || coalesce(to_json(c.mail)::text, 'null')
    || ',"verified":' || coalesce('"' || c.verified || '"', 'null')
    || '}},"path":[' || w.path || ']}}}}}}', 'UTF8')
FROM (
    SELECT r.contact, (
        SELECT string_agg('{{"kind":"' || j.kind || '","why":"' || j.why || '","verified":'
            || coalesce('"' || j.verified || '"', 'null') || '}}', ',' ORDER BY j.n) FROM {STEPS}
    ) AS path FROM {ROUTE} r OFFSET 0
) w JOIN contact_point c ON c.id = w.contact
"""
PLACEMENTS = """
SELECT string_agg('{"kind":"' || p.kind || '","state":"' || p.state || '","from":"' || p.from_on
    || '","to":' || coalesce('"' || p.to_on || '"', 'null') || ',"hours":' || coalesce(p.hours::text, 'null')
    || ',"employer":{"name":' || e.j || '}}', ',' ORDER BY p.n) AS j
FROM (SELECT p.n, p.kind, p.state, p.from_on, p.to_on, p.hours, p.employer FROM placement p
      WHERE p.student = v.student ORDER BY p.n LIMIT 10) p
LEFT JOIN LATERAL (SELECT to_json(e.name)::text AS j FROM employer e WHERE e.kvk = p.employer OFFSET 0) e ON true
"""
PORTAL = f"""
SELECT convert_to('{{"data":{{"school":' || coalesce((
    SELECT '{{"brin":"' || s.brin || '","name":' || to_json(s.name)::text || ',"kind":"' || s.kind
        || '","region":{{"code":"' || r.code || '","name":' || to_json(r.name)::text
        || ',"post":{{"state":"' || t.state || '","holder":'
        || CASE WHEN h.id IS NULL THEN 'null' ELSE '{{"name":' || coalesce(to_json(h.name)::text, 'null') || '}}' END
        || '}}}},"students":{{"nodes":[' || coalesce(q.j, '') || ']}}}}'
    FROM school s
    JOIN region r ON r.code = s.region
    JOIN coordinator_post t ON t.region = r.code
    LEFT JOIN contact_point h ON h.id = t.holder
    CROSS JOIN LATERAL (
        SELECT string_agg('{{"id":"Student:' || v.alias || '","destinationAim":"' || f.destination_aim
            || '","leavesOn":' || coalesce('"' || f.leaves_on || '"', 'null')
            || ',"municipality":' || coalesce('{{"code":"' || v.municipality || '","name":' || m.j || '}}', 'null')
            || ',"placements":{{"nodes":[' || coalesce(l.j, '') || ']}}}}', ',' ORDER BY v.alias) AS j
        FROM (SELECT v.alias, v.student, v.municipality FROM sight v
              WHERE v.seer = $2 AND v.school = $1 AND v.until_candidate > now() ORDER BY v.alias LIMIT $3) v
        LEFT JOIN LATERAL (SELECT f.destination_aim, f.leaves_on FROM student_profile f
                           WHERE f.student = v.student OFFSET 0) f ON true
        LEFT JOIN LATERAL (SELECT to_json(m.name)::text AS j FROM municipality m
                           WHERE m.code = v.municipality OFFSET 0) m ON true
        CROSS JOIN LATERAL ({PLACEMENTS}) l
    ) q
    WHERE s.brin = $1
), 'null') || '}}}}', 'UTF8')
"""

Bind = Callable[[dict[str, Any]], tuple[Any, ...]]
STATEMENTS: dict[str, tuple[str, Bind]] = {
    "L": (LOOKUP, lambda v: (v["p"],)),
    "P": (PORTAL, lambda v: (v["b"], f"school:{v['b']}#guidance", v["n"])),
}


class Bare:
    """Eight connections on a stack, each with its statements prepared."""

    def __init__(self) -> None:
        self._idle: asyncio.LifoQueue[dict[str, Any]] = asyncio.LifoQueue()
        self._connections: list[asyncpg.Connection] = []

    async def open(self, url: str) -> Bare:
        for _ in range(POOL):
            connection = await asyncpg.connect(url, server_settings=SESSION)
            self._connections.append(connection)
            self._idle.put_nowait({name: await connection.prepare(sql) for name, (sql, _) in STATEMENTS.items()})
        return self

    async def __call__(self, _scope: Any, receive: Any, send: Any) -> None:
        body = (await receive())["body"]
        asked = orjson.loads(body)
        name = asked["operationName"]
        statements = await self._idle.get()
        try:
            data: bytes = await statements[name].fetchval(*STATEMENTS[name][1](asked["variables"]))
        finally:
            self._idle.put_nowait(statements)
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(data)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": data})


if __name__ == "__main__":
    main(Bare().open)
