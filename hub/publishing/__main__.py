"""Beside the flow: `python -m hub.publishing` writes everything that is published: schemas, examples, asyncapi.yaml, openapi.yaml."""

from __future__ import annotations

from hub.publishing.declarations import asyncapi
from hub.publishing.examples import files
from hub.publishing.openapi import openapi
from schemas.publish import published, write


def everything() -> dict[str, str]:
    """Every file of `schemas/published` as text, by its place there."""
    return {**published(), **dict(files()), "asyncapi.yaml": asyncapi(), "openapi.yaml": openapi()}


if __name__ == "__main__":
    write(everything())
