"""Who asks: party and function, and the role that follows from the kind of party. Source: graph.md 1 and 3."""

from __future__ import annotations

from dataclasses import dataclass

TIERS = ("TRACE", "CANDIDATE", "GIVEN_NAME", "IDENTIFIED")  # graph.md 3: lowest first
ROLE_OF = {  # graph.md 1
    "school": "SCHOOL",
    "mbo": "SCHOOL",
    "board": "SCHOOL",
    "servicepoint": "SERVICE_POINT",
    "sbb": "SERVICE_POINT",
    "municipality": "MUNICIPALITY",
    "service": "MUNICIPALITY",
    "doorstroompunt": "MUNICIPALITY",
    "uwv": "MUNICIPALITY",
    "employer": "EMPLOYER",
    "coordinator": "COORDINATOR",
    "national": "NATIONAL",
}


@dataclass(frozen=True)
class Seer:
    """Party and function; without a party it is the public."""

    party: str | None = None
    function: str | None = None

    @property
    def key(self) -> str | None:
        return f"{self.party}#{self.function}" if self.party else None

    @property
    def kind(self) -> str:
        return (self.party or "").partition(":")[0]

    @property
    def code(self) -> str:
        """What stands behind the colon: BRIN, KvK, region ..."""
        return (self.party or "").partition(":")[2]

    @property
    def role(self) -> str:
        return ROLE_OF[self.kind] if self.party else "PUBLIC"

    def __str__(self) -> str:
        return self.key or "PUBLIC"
