"""Read by the BaRS connector: what the standard's own codes mean to the hub, and which of them say what the hub has to say."""

from __future__ import annotations

from schemas.codes.data_files import data_file


def use_case_known(code: str) -> bool:
    """Whether a code is on the standard's list of use cases, of England or Wales."""
    return any(code.strip().lower() in codes for codes in data_file("bars")["use_case"].values())


def use_case_is_another_service(code: str) -> bool:
    """Whether a use case names a service that is not social prescribing (the standard has none that is)."""
    return code.strip().lower() in data_file("bars")["use_case"]["other"]


def rejected_reason(reason: str | None) -> tuple[str, str]:
    """Code and name of the reason in rejected-reasons-bars for the hub's reason."""
    lists = data_file("bars")
    code: str = lists["rejected"].get(reason or "", "OTH")
    return code, lists["rejected_names"][code]


def http_error_code(status: int) -> str:
    """The code of http-error-codes for an HTTP status."""
    codes = data_file("bars")["http"]
    found: str = codes.get(str(status)) or codes["500" if status >= 500 else "400"]
    return found
