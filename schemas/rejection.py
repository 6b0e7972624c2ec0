"""Why a message, a decision or a delivery did not go the usual way: a closed list, used at every stage of the flow."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from schemas.words import Text, text


class Effect(StrEnum):
    """What a reason does to what it is said of."""

    REJECTS = "rejects"
    WARNS = "warns"
    HOLDS = "holds"
    EXCLUDES = "excludes"
    IGNORES = "ignores"


class Reason(StrEnum):
    """The closed list of reasons. Its words stand in `schemas/words` under `reason.<code>`; adding one changes the language."""

    # the message cannot be read
    STRUCTURE = "structure"
    TOO_LARGE = "too-large"
    TOO_DEEP = "too-deep"
    DUPLICATE_KEY = "duplicate-key"
    NOT_JSON = "not-json"
    ENCODING = "encoding"
    FRAME = "frame"
    SEPARATORS = "separators"
    REQUIRED = "required"
    INVALID = "invalid"
    CODE_UNKNOWN = "code-unknown"
    UNKNOWN_ELEMENT = "unknown-element"
    UNKNOWN_MODIFIER = "unknown-modifier-extension"
    UNRESOLVED_REFERENCE = "unresolved-reference"
    INVARIANT = "invariant"
    # it is not for us, or not from somebody we know
    UNSUPPORTED_TYPE = "unsupported-type"
    UNSUPPORTED_VERSION = "unsupported-version"
    UNSUPPORTED_MEDIA = "unsupported-media-type"
    UNSUPPORTED_BATCH = "unsupported-batch"
    NO_REFERRAL = "no-referral"
    WRONG_SERVICE = "wrong-service"
    NO_IDENTITY = "no-identity"
    NOT_PERMITTED = "not-permitted"
    NOT_AUTHENTICATED = "not-authenticated"
    NOT_FOUND = "not-found"
    MULTIPLE_MATCHES = "multiple-matches"
    KEY_REUSED = "request-key-reused"
    DUPLICATE = "duplicate"
    IN_FLIGHT = "in-flight"
    STALE_VERSION = "stale-version"
    VERSION_REQUIRED = "version-required"
    ILLEGAL_TRANSITION = "illegal-transition"
    METHOD_NOT_ALLOWED = "method-not-allowed"
    NOT_ACCEPTABLE = "not-acceptable"
    TOO_MANY_REQUESTS = "too-many-requests"
    TIMEOUT = "timeout"
    # kept, with a warning
    NHS_NUMBER_FAILED = "nhs-number-failed-check"
    NHS_NUMBER_FORMAT = "nhs-number-format"
    DATE_IMPOSSIBLE = "date-impossible"
    DATE_FUTURE = "date-in-future"
    ORGANISATION_UNKNOWN = "organisation-unknown"
    CHARSET_MISMATCH = "charset-mismatch"
    ESCAPE_UNTERMINATED = "escape-unterminated"
    SEGMENT_ENDS = "segment-ends"
    PRIORITY_STAT = "priority-stat"
    PRIORITY_TEXT = "priority-text"
    TIME_NOT_GIVEN = "time-not-given"
    HEADERS_NOT_CHECKED = "headers-not-checked"
    ELEMENT_REMOVED = "element-removed"
    FIELD_SHIFTED = "field-shifted"
    RULE_NOT_MET = "rule-not-met"
    NO_CONSENT_STATED = "no-consent-stated"
    REFERENCE_ELSEWHERE = "reference-elsewhere"
    STATUS_REASON_MISSING = "status-reason-missing"
    # ignored, by name
    NOTHING_FOR_US = "nothing-for-us"
    NO_OPEN_REFERRAL = "no-open-referral"
    DISCHARGE_WITHOUT_TRIGGER = "discharge-without-trigger"
    # held for a human
    CRISIS = "crisis"
    SAFEGUARDING = "safeguarding"
    DOMESTIC_ABUSE = "domestic-abuse"
    CLINICAL = "clinical"
    IDENTITY_CONFLICT = "identity-conflict"
    IDENTITY_MISMATCH = "identity-mismatch"
    TEST_DATA = "test-data"
    DECEASED = "deceased"
    CONSENT_REFUSED = "consent-refused"
    CONSENT_UNCLEAR = "consent-unclear"
    CHILD_ALONE = "child-alone"
    OFFER_TO_CONFIRM = "offer-to-confirm"
    # a practical need today
    PRACTICAL_TONIGHT = "practical-tonight"
    # a choice left out
    AREA = "area"
    AREA_UNCERTAIN = "area-uncertain"
    AGE = "age"
    LANGUAGE = "language"
    NEED = "need"
    SOURCE = "source"
    CAPACITY = "capacity"
    CLOSED = "closed"
    EXPIRED = "expired"
    UNVERIFIED = "unverified"
    DISTANCE = "distance"
    CONSENT = "consent"
    DECLINED_BEFORE = "declined-before"
    NO_PRESCRIBER = "no-prescriber"
    NO_ELIGIBLE_ASSET = "no-eligible-asset"
    # what happened afterwards
    NO_RESPONSE = "no-response"
    AT_CAPACITY = "at-capacity"
    DECLINED_BY_PERSON = "declined-by-person"
    FAILED_CONTACT = "failed-contact"
    CANCELLED_BY_REFERRER = "cancelled-by-referrer"
    DELIVERY_EXHAUSTED = "delivery-exhausted"
    DELIVERY_REFUSED = "delivery-refused"
    LETTER_NOT_POSTED = "letter-not-posted"
    DIED = "died"
    GOALS_MET = "goals-met"
    DISENGAGED = "disengaged"
    NO_SUITABLE_SERVICE = "no-suitable-service"
    POISON = "poison"
    STORE_UNAVAILABLE = "store-unavailable"


EFFECTS: dict[Reason, Effect] = {}  # filled below, one row a code; completeness is a test

_REJECTS = """structure too-large too-deep duplicate-key not-json encoding frame separators required invalid unknown-modifier-extension
unresolved-reference invariant unsupported-type unsupported-version unsupported-media-type unsupported-batch no-referral wrong-service no-identity
not-permitted not-authenticated not-found multiple-matches request-key-reused duplicate in-flight stale-version version-required
illegal-transition method-not-allowed not-acceptable too-many-requests timeout store-unavailable poison"""
_WARNS = """code-unknown unknown-element nhs-number-failed-check nhs-number-format date-impossible date-in-future organisation-unknown charset-mismatch
escape-unterminated segment-ends priority-stat priority-text time-not-given headers-not-checked element-removed field-shifted no-consent-stated
rule-not-met reference-elsewhere status-reason-missing area-uncertain delivery-exhausted delivery-refused letter-not-posted"""
_HOLDS = """crisis safeguarding domestic-abuse clinical identity-conflict identity-mismatch test-data deceased consent-refused consent-unclear child-alone
offer-to-confirm practical-tonight no-prescriber no-response failed-contact died"""
_EXCLUDES = """area age language need source capacity closed expired unverified distance consent declined-before no-eligible-asset at-capacity
declined-by-person cancelled-by-referrer goals-met disengaged no-suitable-service"""
_IGNORES = "nothing-for-us no-open-referral discharge-without-trigger"

for _effect, _codes in ((Effect.REJECTS, _REJECTS), (Effect.WARNS, _WARNS), (Effect.HOLDS, _HOLDS), (Effect.EXCLUDES, _EXCLUDES), (Effect.IGNORES, _IGNORES)):
    EFFECTS.update({Reason(code): _effect for code in _codes.split()})


@dataclass(frozen=True, slots=True)
class Issue:
    """One fault, and where it is: `at` is a FHIRPath, `PID[1]-3[2].1`, a form field, `row 3, need` or a header name; never an input value.

    `detail` is a word key whose text is said instead of the reason's general one; `params` fill its placeholders and are
    names of elements, limits or closed codes, never what a field held.
    """

    reason: Reason
    at: str
    detail: str | None = None
    params: dict[str, str] = field(default_factory=dict)

    @property
    def text(self) -> Text:
        """The words of this issue in both languages."""
        return text(self.detail or f"reason.{self.reason}", **self.params)


class Rejected(Exception):  # noqa: N818  (the field's word, not an error of ours)
    """The message is wrong: it is recorded, answered with every issue, and never retried. Holds no input value."""

    def __init__(self, reason: Reason, issues: tuple[Issue, ...] | list[Issue]) -> None:
        self.reason = reason
        self.issues = tuple(issues)
        super().__init__(f"{reason}: " + ", ".join(f"{issue.reason} at {issue.at}" for issue in self.issues))
