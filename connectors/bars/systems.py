"""In translating BaRS: the systems and profiles of the standard, and what is said when a sender spells one otherwise."""

from __future__ import annotations

NHS = "https://fhir.nhs.uk"
UK_CORE = "https://fhir.hl7.org.uk"
EVENTS = f"{NHS}/CodeSystem/message-events-bars"
REASONS = f"{NHS}/CodeSystem/message-reason-bars"
CATEGORY = f"{NHS}/CodeSystem/message-category-servicerequest"
USE_CASES = f"{NHS}/CodeSystem/usecases-categories-bars"
REJECTED_REASONS = f"{NHS}/CodeSystem/rejected-reasons-bars"
HTTP_ERRORS = f"{NHS}/CodeSystem/http-error-codes"
DOS = f"{NHS}/Id/dos-service-id"
ODS = f"{NHS}/Id/ods-organization-code"
GMC = f"{UK_CORE}/Id/gmc-number"
SNOMED = "http://snomed.info/sct"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
BUNDLE_PROFILE = f"{NHS}/StructureDefinition/BARSBundleMessage"
OUTCOME_PROFILE = f"{UK_CORE}/StructureDefinition/UKCore-OperationOutcome"
DEFINITION = f"{NHS}/MessageDefinition/bars-message-servicerequest"

_IDS = ("nhs-number", "ods-organization-code", "ods-site-code", "dos-service-id", "sds-user-id", "sds-role-profile-id")
_PROFESSIONS = ("gmc", "gmp", "nmc", "hcpc", "gphc", "gdc")
_LISTS = ("flag-categories-bars", "safeguarding-codes-bars", "household-composition-bars", "consent-categories-bars", "reasonable-adjustment-codes-bars")
_KNOWN = frozenset(
    (
        *(EVENTS, REASONS, CATEGORY, USE_CASES, REJECTED_REASONS, SNOMED),
        *(f"{NHS}/Id/{name}" for name in _IDS),
        *(f"{UK_CORE}/Id/{name}-number" for name in _PROFESSIONS),
        *(f"{NHS}/CodeSystem/{name}" for name in _LISTS),
    )
)


def plain(system: str) -> str:
    """A system without what senders vary: case, http or https, a closing slash."""
    return system.strip().lower().removeprefix("https://").removeprefix("http://").rstrip("/")


_BY_PLAIN = {plain(system): system for system in _KNOWN}


def meant(system: str) -> str | None:
    """The system that a sender means who writes it in another case, with http for https or the like; None when it is written right or is not
    one of the standard's."""
    if system in _KNOWN:
        return None
    return _BY_PLAIN.get(plain(system))


def is_one(system: str, wanted: str) -> bool:
    """Whether a system as sent is the wanted one, however it is spelt."""
    if system == wanted or (system in _KNOWN and wanted in _KNOWN):
        return system == wanted
    return plain(system) == plain(wanted)
