"""`hub conformance` against a running hub: every case passes; against one that is otherwise, the case says so; the page can be signed."""

from __future__ import annotations

import json
import sys
from asyncio import create_subprocess_exec, subprocess, wait_for
from pathlib import Path

import httpx
import pytest

from hub.conformance.cases import FHIR_REST, SUITES
from hub.conformance.playing import Report, play
from hub.conformance.table import page
from schemas.words import keys
from tests.hub.conformance.conftest import Deployment


async def hub(*arguments: str) -> tuple[int, str, str]:
    """`hub conformance …` in a process of its own."""
    process = await create_subprocess_exec(sys.executable, "-m", "hub", "conformance", *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = await wait_for(process.communicate(), 120)
    return process.returncode or 0, out.decode(), err.decode()


async def test_a_running_hub_passes_every_case_that_it_offers(deployment: Deployment, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(deployment.key + "\n")
    code, out, err = await hub(deployment.url, "--client", deployment.client, "--key-file", str(key), "--json")
    report = json.loads(out)
    assert [one for one in report["cases"] if one["verdict"] == "fail"] == []
    assert (code, err) == (0, "")
    assert [one["case"] for one in report["cases"]] == [one.name for one in FHIR_REST]
    stored = await deployment.hub.rows("SELECT 1 FROM request WHERE client = $1", deployment.client)
    assert report["created"] == len(stored), "what it says it left behind is what the ledger holds"


async def test_the_page_names_each_case_and_has_two_places_to_sign_in_both_languages(deployment: Deployment) -> None:
    report = await play(deployment.url, deployment.client, deployment.key, "fhir_rest", FHIR_REST[:3])
    english, welsh = (page(report, "0.1.0", language) for language in ("en", "cy"))
    for shown in (english, welsh):
        assert shown.count("_" * 40) == 8
        assert deployment.url in shown
        assert deployment.key not in shown
    assert "3 passed, 0 failed, 0 not offered." in english
    assert "Derbynnir atgyfeiriad cadarn" in welsh


async def test_a_deployment_that_answers_otherwise_fails_and_nothing_of_its_answers_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that takes everything and says it all back."""

    async def otherwise(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=request.content or b"Prawf", headers={"Location": "/Prawf"})

    report = await _against(httpx.MockTransport(otherwise), monkeypatch)
    verdicts = {one.case: one.verdict for one in report.played}
    assert {verdicts[name] for name in ("create", "repeat", "reused", "three-faults", "no-key", "too-large", "capability")} == {"fail"}
    assert verdicts["stale-update"] == "not-offered"
    assert "Prawf" not in page(report, "0.1.0", "en")
    assert "✗ nothing said back" in page(report, "0.1.0", "en")


async def test_a_deployment_that_does_not_answer_is_a_failed_case(monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    report = await _against(httpx.MockTransport(silent), monkeypatch)
    assert report.failed == len(FHIR_REST) - sum(case.offers is not None for case in FHIR_REST)
    assert report.played[0].got == "ConnectError"


async def _against(transport: httpx.MockTransport, monkeypatch: pytest.MonkeyPatch) -> Report:
    client = httpx.AsyncClient

    def made(**given: object) -> httpx.AsyncClient:
        return client(transport=transport, base_url=str(given["base_url"]))

    monkeypatch.setattr(httpx, "AsyncClient", made)
    return await play("https://hub.example.wales", "gp", "hub_gp_x", "fhir_rest", FHIR_REST)


@pytest.mark.parametrize("location", ["https://elsewhere.example/fhir/ServiceRequest/1", "//elsewhere.example/x", "x", ""])
async def test_the_key_goes_to_nobody_whom_an_answer_names(location: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    async def elsewhere(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return httpx.Response(201, json={}, headers={"Location": location})

    await _against(httpx.MockTransport(elsewhere), monkeypatch)
    assert set(asked) == {"hub.example.wales"}


WRONG = [
    ("no key", ("https://hub.example.wales", "--client", "gp")),
    ("another's key", ("https://hub.example.wales", "--client", "gp", "--key", "hub_other_x")),
    ("a key over plain HTTP to another machine", ("http://hub.example.wales", "--client", "gp", "--key", "hub_gp_x")),
    ("no address", ("hub.example.wales", "--client", "gp", "--key", "hub_gp_x")),
    ("a key file that is not there", ("https://hub.example.wales", "--client", "gp", "--key-file", "/nowhere")),
    ("an interface that has no cases", ("https://hub.example.wales", "--client", "gp", "--key", "hub_gp_x", "--connector", "nobody")),
]


@pytest.mark.parametrize(("why", "arguments"), WRONG, ids=[row[0] for row in WRONG])
async def test_what_cannot_be_played_is_usage_and_nothing_is_sent(why: str, arguments: tuple[str, ...]) -> None:
    code, out, err = await hub(*arguments)
    assert (code, out) == (64, "")
    assert "hub_gp_x" not in err
    assert err.strip(), why


def test_every_case_has_words_and_a_name_of_its_own() -> None:
    for cases in SUITES.values():
        names = [one.name for one in cases]
        assert len(names) == len(set(names)) >= 30
        assert {f"conformance.case.{name}" for name in names} <= keys()
