"""Across the flow: what may happen instead of an answer, told apart by what happens next (beside `schemas.rejection.Rejected`)."""

from __future__ import annotations


class Unavailable(Exception):  # noqa: N818 - the name is the language
    """The world is not ready: wait `retry_after` seconds and try again; nothing about the input or the settings is wrong.

    The message is a plain sentence without patient data that says what is missing and what to do.
    """

    def __init__(self, message: str, retry_after: float = 5.0) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after


class Misconfigured(Exception):  # noqa: N818 - the name is the language
    """We are wrong: do not start. The message is a plain sentence that says what to do; trying again changes nothing."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
