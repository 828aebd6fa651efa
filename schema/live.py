"""What sources tell during a request, and the hub never keeps: who a student is, and the support of a municipality."""

import strawberry

from schema.scalars import Date


@strawberry.type(
    description="Who a student is, as the school tells it for this one request. What the school does not tell is null."
)
class StudentIdentity:
    given_name: str | None = strawberry.field(description="*Roepnaam*.")
    family_name: str | None = strawberry.field(description="With its prefix (*voorvoegsel*).")
    birth_date: Date | None
    mail: str | None
    phone: str | None
    legal_representative: str | None = strawberry.field(
        description="Name of the legal representative (*wettigevertegenwoordiger*), or of both."
    )


@strawberry.type(description="Somebody at work who can be called: a jobcoach, or an official of a municipality.")
class SupportContact:
    name: str | None
    phone: str | None
    mail: str | None


@strawberry.type(description="The plan for a young person (*plan van aanpak*): its days, not its text.")
class SupportPlan:
    from_: Date | None = strawberry.field(name="from")
    to: Date | None


@strawberry.type(description="A provision that is in place (*re-integratievoorziening*).")
class SupportInPlace:
    kind: str | None = strawberry.field(description="As the municipality's own code list (GGM) says it.")
    from_: Date | None = strawberry.field(name="from")
    to: Date | None


@strawberry.type(description="The support of a municipality, as it tells it for this one request.")
class MunicipalSupport:
    jobcoach: SupportContact | None = strawberry.field(description="*Clientbegeleider*.")
    werkconsulent: SupportContact | None
    plan: SupportPlan | None
    in_place: list[SupportInPlace] | None
