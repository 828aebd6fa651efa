"""One question per role, to read, copy and run: what this role asks first, and what only it sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from auth.viewer import Role


@dataclass(frozen=True, slots=True)
class Example:
    """A role's card: who it is, what it sees, and a question that its contract answers (tested)."""

    role: Role
    who: str
    sees: str
    query: str


EXAMPLES: Final[tuple[Example, ...]] = (
    Example(
        Role.PUBLIC,
        "Anyone",
        "The directory: regions, schools, service points, and the one right contact for a question at a place.",
        """{
  contact(topic: PUPILS_TO_WORK, at: {postcode: "5211"}) {
    contact { name desk phone mail verified }
    path { kind why verified }
  }
}""",
    ),
    Example(
        Role.SCHOOL,
        "A school for pro or vso",
        "Its own students, by the names that its own system tells, and the jobcoach of whom a municipality supports:"
        " two live sources in one question. The hub keeps neither. Without support: no municipality is involved.",
        """{
  students(first: 12, filter: {hasLeft: false}, order: {field: LEAVES_ON}) {
    totalCount
    nodes {
      leavesOn
      identity { givenName familyName }
      support { jobcoach { name phone } }
      lead { party }
      placements(first: 1) { nodes { kind state employer { name } } }
    }
  }
}""",
    ),
    Example(
        Role.MUNICIPALITY,
        "A municipality",
        "The young people whom a school involved it for, under pseudonyms of its own, and nobody else; its own support"
        " live from its own system; who of them lost a place, and the events that it was told.",
        """{
  students(first: 3) {
    totalCount
    nodes {
      id disclosure destinationAim school { name } lead { party }
      support { jobcoach { name } werkconsulent { name } plan { from to } inPlace { kind } }
    }
  }
  uitvallen(first: 3) { nodes { state endedOn student { id } } }
  events(last: 3) { nodes { pos type recorded } }
}""",
    ),
    Example(
        Role.SERVICE_POINT,
        "A service point (WSP, Werkcentrum)",
        "Candidates as a card that does not recognise: what somebody can do and needs, never who it is or why.",
        """{
  candidates(first: 3) {
    totalCount
    nodes { id sectors highestCredential hoursBand travelBand supportWanted }
  }
}""",
    ),
    Example(
        Role.EMPLOYER,
        "An employer",
        "Who was introduced to it or works there, and its own placements and opportunities.",
        """{
  candidates(first: 3) {
    nodes {
      id disclosure sectors
      placements(first: 2) { nodes { kind state from hours } }
    }
  }
}""",
    ),
    Example(
        Role.COORDINATOR,
        "A region's coordinator pro-vso",
        "The network of the region: posts with their history, contacts, service points. No young people.",
        """{
  region(code: "AM27") {
    name
    post { state organisation since history { state since until } }
    servicePoints { kind name contacts { topic desk verified } }
  }
  sources(first: 10) { nodes { key protocol state lastRun { state endedAt added rejected } } }
}""",
    ),
    Example(
        Role.NATIONAL,
        "The national lead",
        "All regions side by side: which posts are filled, by whom, since when. No young people.",
        """{
  regions {
    code name
    post { state organisation hours since }
  }
}""",
    ),
)
