"""Within translating a discharge document: what becomes of each heading of the record standard. A heading that is in no list here is dropped.

Codes of https://fhir.hl7.org.uk/CodeSystem/UKCore-RecordStandardHeadings.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from schemas.codes.flags import Flag
from schemas.fhir.read import JsonObject, codings, string

HEADINGS_SYSTEM = "https://fhir.hl7.org.uk/CodeSystem/UKCore-RecordStandardHeadings"

REFERRALS = ("outbound-referral", "referral-details")
"""What stands under these is referred by standing there."""
ASKING = frozenset((*REFERRALS, "services-and-care", "plan-and-requested-actions"))
"""Where a request for social prescribing is looked for; of these only the lines that name it are carried."""
WITHIN = frozenset({"reason-for-referral", "expectation-of-referral"})
"""Carried only as part of a section that asks for social prescribing: elsewhere it is why the person came to hospital."""
_WANTED = """social-context social-circumstances patient-and-carer-concerns patient-and-carer-concerns-expectations-and-wishes hobbies-and-interests aim-goal
    individual-requirements reasonable-adjustments-for-health-and-care-access signpost-details"""
CARRIED = frozenset(_WANTED.split())
"""What the receiving worker needs, carried as it stands."""
CONSENT = "consent-for-information-sharing"
RISKS: Mapping[str, Flag] = MappingProxyType(
    {
        "risks-to-self": Flag.SELF_HARM,
        "safeguarding": Flag.SAFEGUARDING,
        "safeguarding-issues": Flag.SAFEGUARDING,
        "risk-from-others": Flag.SAFEGUARDING,
        "risks-to-others": Flag.SAFEGUARDING,
    }
)
"""For a human to look at: the heading becomes a flag, its words are heard by triage and not carried."""
_DROPPED = """admission-details allergies-and-adverse-reactions assessment-scales clinical-summary diagnoses discharge-details distribution-list
drug/substance-use educational-history examination-findings family-history gp-practice information-and-advice-given investigation-results
legal-information medical-history medications-and-medical-devices occupational-history outcome participation-in-research patient-demographics
person-completing-record person-demographics problems-and-issues procedures referrer-details safety-alerts special-requirements"""
KNOWN = frozenset((*ASKING, *WITHIN, *CARRIED, CONSENT, *RISKS, *_DROPPED.split()))
"""Headings that may be named to a sender; another's code is theirs, and not said back."""


def heading_of(section: JsonObject) -> str | None:
    """The heading of a Composition's section: by its code, else by a title that says the same; None for one that is not known."""
    for coded in codings(section, "code", ""):
        if (code := coded.code.lower()) in KNOWN and "heading" in (coded.system.lower() or "heading"):
            return code
    concept = section.get("code")
    titles = (string(section, "title"), string(concept, "text") if isinstance(concept, dict) else None, *(one.display for one in codings(section, "code", "")))
    return next((found for title in titles if title and (found := _BY_TITLE.get(plain(_TAG.sub("", title))))), None)


def plain(title: str) -> str:
    """Small letters and single spaces, so that a title and a code can be compared."""
    return " ".join(re.findall(r"\w+", title.casefold()))


_TAG = re.compile(r"^[\s0-9.)]+|\s*\(record artefact\)|\s*\(record artifact\)", re.IGNORECASE)
"""A number before the name of a heading, and what SNOMED CT writes after it."""
_ALSO = {
    "plan-and-requested-actions": """plan; actions; requested actions; recommendations; follow up; followup; follow up plan; management plan; discharge plan;
    plan and actions; actions for healthcare professionals; actions for other services; actions for community services; cynllun; camau gweithredu""",
    "outbound-referral": "referrals; referrals made; onward referral; onward referrals; atgyfeiriadau",
    "social-context": "social history; social situation; social; cyd-destun cymdeithasol; hanes cymdeithasol",
}
"""Titles in use beside the standard's."""
_BY_TITLE = {plain(code): code for code in sorted(KNOWN)} | {plain(title): code for code, titles in _ALSO.items() for title in titles.split(";")}
