"""Read by connectors that speak HL7 v2: what its tables say, in FHIR's words. Each look-up gives None for a code that is not known."""

from __future__ import annotations

from schemas.codes.data_files import data_file


def priority_of(code: str) -> str | None:
    """Table 0280 → routine, urgent, asap or stat."""
    return _look_up("priority", code)


def local_priority_of(code: str, words: str) -> str | None:
    """RF1-2 as British sites write it: its words where they are a priority's name, else, where it has none, its code."""
    return _look_up("priority_local", words or code)


def referral_status_of(code: str) -> str | None:
    """Table 0283, said by a referrer → ServiceRequest.status."""
    return _look_up("referral_status", code)


def provider_role_of(code: str) -> str | None:
    """Table 0286 → referring, primary-care, consulting or referred-to."""
    return _look_up("provider_role", code)


def gender_of(code: str) -> str | None:
    """Table 0001 and the NHS's numbers → Patient.gender."""
    return _look_up("gender", code)


def names_nhs_number(authority_or_type: str) -> bool:
    """Whether an assigning authority or identifier type says that the identifier is an NHS number."""
    return authority_or_type.strip().upper() in data_file("hl7")["nhs_number"]["names"]


def _look_up(table: str, code: str) -> str | None:
    found: str | None = data_file("hl7")[table].get(code.strip().upper())
    return found
