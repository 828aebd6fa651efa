"""The closed lists of the field, as enums. Dutch where there is no honest English word."""

from enum import Enum

import strawberry


@strawberry.enum(description="Kind of school: *praktijkonderwijs* or *voortgezet speciaal onderwijs*.")
class SchoolKind(Enum):
    PRO = "PRO"
    VSO = "VSO"


@strawberry.enum(description="Kind of service point.")
class ServicePointKind(Enum):
    WSP = "WSP"
    WERKCENTRUM = "WERKCENTRUM"
    LEERWERKLOKET = "LEERWERKLOKET"
    RMT = "RMT"
    SBB = "SBB"
    DOORSTROOMPUNT = "DOORSTROOMPUNT"
    MBO = "MBO"
    ONTWIKKELBEDRIJF = "ONTWIKKELBEDRIJF"


@strawberry.enum(description="State of a region's coordinator post.")
class PostState(Enum):
    NONE = "NONE"
    IN_TALKS = "IN_TALKS"
    RECRUITING = "RECRUITING"
    APPOINTED = "APPOINTED"


@strawberry.enum(description="What a contact is asked for.")
class ContactTopic(Enum):
    PUPILS_TO_WORK = "PUPILS_TO_WORK"
    INTERNSHIPS = "INTERNSHIPS"
    SCHOOL_BOARD_AS_EMPLOYER = "SCHOOL_BOARD_AS_EMPLOYER"
    CAREER_GUIDANCE = "CAREER_GUIDANCE"
    LEARNING_TRACKS = "LEARNING_TRACKS"
    BASIC_CONDITIONS = "BASIC_CONDITIONS"


@strawberry.enum(description="Whose contact point it is.")
class ContactOwnerKind(Enum):
    SCHOOL = "SCHOOL"
    SCHOOL_BOARD = "SCHOOL_BOARD"
    MUNICIPALITY = "MUNICIPALITY"
    REGION = "REGION"
    SERVICE_POINT = "SERVICE_POINT"
    DOORSTROOMPUNT = "DOORSTROOMPUNT"
    NATIONAL = "NATIONAL"


@strawberry.enum(description="A step on the way to the right contact.")
class ContactStepKind(Enum):
    COORDINATOR = "COORDINATOR"
    SCHOOL_DESK = "SCHOOL_DESK"
    SERVICE_POINT = "SERVICE_POINT"
    CENTRE_MUNICIPALITY = "CENTRE_MUNICIPALITY"
    MUNICIPALITY = "MUNICIPALITY"
    REGION_DESK = "REGION_DESK"
    DOORSTROOMPUNT = "DOORSTROOMPUNT"
    NATIONAL_DESK = "NATIONAL_DESK"
    UNKNOWN_PLACE = "UNKNOWN_PLACE"


@strawberry.enum(description="Why a step was taken or passed over.")
class ContactStepReason(Enum):
    FOUND = "FOUND"
    DEPUTY = "DEPUTY"
    ABSENT = "ABSENT"
    NOT_VERIFIED = strawberry.enum_value("NOT_VERIFIED", description="Nobody confirmed it in the past 12 months.")
    NO_CONTACT = "NO_CONTACT"
    POST_NOT_FILLED = "POST_NOT_FILLED"
    UNKNOWN_PLACE = "UNKNOWN_PLACE"


@strawberry.enum(description="*Uitstroomprofiel*: where the way out of school leads.")
class DestinationAim(Enum):
    ARBEID = "ARBEID"
    ARBEID_EN_LEREN = "ARBEID_EN_LEREN"
    VERVOLGONDERWIJS = "VERVOLGONDERWIJS"
    DAGBESTEDING = "DAGBESTEDING"
    BESCHUT_WERK = "BESCHUT_WERK"
    ONBEKEND = "ONBEKEND"


@strawberry.enum(description="Age band as the school gives it; the hub derives none.")
class AgeBand(Enum):
    AGE_12_15 = strawberry.enum_value("12_15", description="12 to 15 years")
    AGE_16_17 = strawberry.enum_value("16_17", description="16 or 17 years")
    AGE_18_PLUS = strawberry.enum_value("18_PLUS", description="18 years or older")


@strawberry.enum(description="Sector, as the regional learning tracks (*leerlijnen*) name them.")
class Sector(Enum):
    ZORG = "ZORG"
    HORECA = "HORECA"
    PRODUCTIE = "PRODUCTIE"
    LOGISTIEK = "LOGISTIEK"
    INSTALLATIETECHNIEK = "INSTALLATIETECHNIEK"
    METAAL = "METAAL"
    GROEN = "GROEN"
    FACILITAIR = "FACILITAIR"


@strawberry.enum(description="Functional support at work: what is needed, never why.")
class Support(Enum):
    VASTE_BEGELEIDER = strawberry.enum_value("VASTE_BEGELEIDER", description="one familiar person at work")
    STAP_VOOR_STAP = strawberry.enum_value("STAP_VOOR_STAP", description="instruction step by step")
    RUSTIGE_PLEK = strawberry.enum_value("RUSTIGE_PLEK", description="a quiet place to work")
    VASTE_TAKEN = strawberry.enum_value("VASTE_TAKEN", description="the same tasks each day")
    HULP_BIJ_REIZEN = strawberry.enum_value("HULP_BIJ_REIZEN", description="help with the way to work")
    AANGEPASTE_TIJDEN = strawberry.enum_value("AANGEPASTE_TIJDEN", description="other working hours")


@strawberry.enum(description="Kind of placement or opportunity.")
class PlacementKind(Enum):
    STAGE = "STAGE"
    BBL = "BBL"
    WERK = "WERK"
    WERKERVARINGSPLAATS = "WERKERVARINGSPLAATS"
    BESCHUT_WERK = "BESCHUT_WERK"
    ARBEIDSMATIGE_DAGBESTEDING = "ARBEIDSMATIGE_DAGBESTEDING"
    MBO = "MBO"


@strawberry.enum
class PlacementState(Enum):
    PLANNED = "PLANNED"
    RUNNING = "RUNNING"
    ENDED = "ENDED"


@strawberry.enum(description="What a placement leads to, as agreed at its start.")
class LeadsTo(Enum):
    CONTRACT = "CONTRACT"
    STAGE = "STAGE"
    DIPLOMA = "DIPLOMA"
    NONE = "NONE"


@strawberry.enum(description="Kind of proof of competence.")
class CredentialKind(Enum):
    PRAKTIJKVERKLARING = "PRAKTIJKVERKLARING"
    BRANCHECERTIFICAAT = "BRANCHECERTIFICAAT"
    MBO_CERTIFICAAT = "MBO_CERTIFICAAT"
    SCHOOLDIPLOMA = "SCHOOLDIPLOMA"
    DIPLOMA = "DIPLOMA"


@strawberry.enum(description="How much a party sees of a young person; tells why a field is null.")
class Disclosure(Enum):
    TRACE = "TRACE"
    CANDIDATE = "CANDIDATE"
    GIVEN_NAME = "GIVEN_NAME"
    IDENTIFIED = "IDENTIFIED"


@strawberry.enum(description="Why a party sees a young person: the closed list (*doel*).")
class AccessPurpose(Enum):
    ENROLMENT = "ENROLMENT"
    CAREER_GUIDANCE = "CAREER_GUIDANCE"
    STAGE_SEARCH = "STAGE_SEARCH"
    WORK_SEARCH = "WORK_SEARCH"
    INTRODUCTION = "INTRODUCTION"
    STAGE = "STAGE"
    EMPLOYMENT = "EMPLOYMENT"
    INVOLVE_MUNICIPALITY = "INVOLVE_MUNICIPALITY"
    CONTINUE_SUPPORT = "CONTINUE_SUPPORT"
    SAFETY_NET = "SAFETY_NET"
    CONSULTATION = "CONSULTATION"
    CARE_ROUTE = "CARE_ROUTE"
    EVIDENCE = "EVIDENCE"
    PLACED_FROM = "PLACED_FROM"


@strawberry.enum(description="What a service point looks for.")
class SearchPurpose(Enum):
    STAGE_SEARCH = "STAGE_SEARCH"
    WORK_SEARCH = "WORK_SEARCH"


@strawberry.enum(
    description="Who agrees: TOESTEMMING under 16 a parent or representative, from 16 the young person;"
    " INSTEMMING under 18 a parent or representative."
)
class ConsentGiver(Enum):
    SELF = "SELF"
    PARENT = "PARENT"
    REPRESENTATIVE = "REPRESENTATIVE"


@strawberry.enum(description="Where a support request stands.")
class SupportRequestState(Enum):
    SENT = "SENT"
    IN_TRIAGE = "IN_TRIAGE"
    ACCEPTED = "ACCEPTED"
    DECLINED = "DECLINED"


@strawberry.enum(description="What a municipality answers.")
class SupportAnswer(Enum):
    IN_TRIAGE = "IN_TRIAGE"
    ACCEPTED = "ACCEPTED"
    DECLINED = "DECLINED"


@strawberry.enum(description="Why a municipality declines.")
class SupportReason(Enum):
    NOT_OUR_RESIDENT = "NOT_OUR_RESIDENT"
    NO_SUPPORT_NEEDED = "NO_SUPPORT_NEEDED"
    OTHER_ROUTE = "OTHER_ROUTE"
    NO_RIGHT = "NO_RIGHT"


@strawberry.enum(description="Where a warm handover stands.")
class HandoverState(Enum):
    STARTED = "STARTED"
    EXPIRED = "EXPIRED"
    ACCEPTED = "ACCEPTED"
    CONFIRMED = "CONFIRMED"
    DECLINED = "DECLINED"
    WITHDRAWN = "WITHDRAWN"


@strawberry.enum(description="Why a handover was declined.")
class HandoverReason(Enum):
    NOT_OUR_RESIDENT = "NOT_OUR_RESIDENT"
    NOT_THIS_PERSON = "NOT_THIS_PERSON"
    NO_SUPPORT_NEEDED = "NO_SUPPORT_NEEDED"


@strawberry.enum(description="Who is told when a place is lost.")
class SafetyNetChoice(Enum):
    INFORM_MUNICIPALITY_AT_ONCE = "INFORM_MUNICIPALITY_AT_ONCE"
    SCHOOL_FIRST = "SCHOOL_FIRST"
    NONE = "NONE"


@strawberry.enum(description="Hours a week, in bands.")
class HoursBand(Enum):
    UP_TO_16 = "UP_TO_16"
    FROM_17_TO_28 = "FROM_17_TO_28"
    FROM_29 = "FROM_29"


@strawberry.enum(description="How far someone can travel, in bands.")
class TravelBand(Enum):
    UP_TO_10_KM = "UP_TO_10_KM"
    UP_TO_30_KM = "UP_TO_30_KM"
    FURTHER = "FURTHER"


@strawberry.enum(description="Role: which contract a party reads.")
class RoleName(Enum):
    PUBLIC = "PUBLIC"
    SCHOOL = "SCHOOL"
    SERVICE_POINT = "SERVICE_POINT"
    MUNICIPALITY = "MUNICIPALITY"
    EMPLOYER = "EMPLOYER"
    COORDINATOR = "COORDINATOR"
    NATIONAL = "NATIONAL"


@strawberry.enum(description="Why `me` sees less than its token suggests.")
class Notice(Enum):
    AGREEMENT_MISSING = "AGREEMENT_MISSING"


@strawberry.enum
class Direction(Enum):
    ASC = "ASC"
    DESC = "DESC"


@strawberry.enum(description="Orders of students; there is no name to order by.")
class StudentOrderField(Enum):
    ID = "ID"
    LEAVES_ON = "LEAVES_ON"
    REFERENCE = strawberry.enum_value("REFERENCE", description="the own school's number")


@strawberry.enum
class CandidateOrderField(Enum):
    ID = "ID"


@strawberry.enum
class SchoolOrderField(Enum):
    BRIN = "BRIN"
    NAME = "NAME"


@strawberry.enum
class OpportunityOrderField(Enum):
    ID = "ID"
    CLOSES_ON = "CLOSES_ON"
    DISTANCE = strawberry.enum_value("DISTANCE", description="from the own school")


@strawberry.enum
class PlacementOrderField(Enum):
    ID = "ID"
    FROM = "FROM"


@strawberry.enum(description="Whose system a source is.")
class SourceKind(Enum):
    SCHOOL = "SCHOOL"
    SERVICEPOINT = "SERVICEPOINT"
    MUNICIPALITY = "MUNICIPALITY"


@strawberry.enum(description="Whether a source is read and asked.")
class SourceState(Enum):
    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    ENDED = "ENDED"


@strawberry.enum(description="How a reading of a source stands, or ended.")
class SourceRunState(Enum):
    RUNNING = "RUNNING"
    DONE = "DONE"
    FAILED = "FAILED"
    SHRANK = strawberry.enum_value("SHRANK", description="It would have ended too many; nobody was.")
    BROKEN_OFF = strawberry.enum_value("BROKEN_OFF", description="It was stopped; the next one goes on from there.")


@strawberry.enum(description="Whether a webhook is brought events.")
class WebhookState(Enum):
    PENDING = strawberry.enum_value("PENDING", description="Its challenge is on the way.")
    ACTIVE = "ACTIVE"
    FAILED = strawberry.enum_value("FAILED", description="It did not give the challenge back.")
    DISABLED = "DISABLED"


@strawberry.enum(description="Why a webhook is brought nothing any more.")
class WebhookReason(Enum):
    NO_ANSWER = "NO_ANSWER"
    WRONG_ANSWER = strawberry.enum_value("WRONG_ANSWER", description="A 2xx without the challenge.")
    NOT_ALLOWED = strawberry.enum_value("NOT_ALLOWED", description="Its name leads to an address that is not public.")
    GONE = strawberry.enum_value("GONE", description="It answered 410.")
    BY_PARTY = "BY_PARTY"
