"""Beside the flow: what is installed, built and composed is pinned, hashed, complete, and holds no secret and no address of a machine."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from hub.settings import PREFIX, Settings
from hub.telemetry import LABELS
from tests.architecture.source import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
STAGES = ("intake", "relay", "routing", "dispatch", "watch")
_UNSET = re.compile(r"\$\{HUB_[A-Z_]+:-\}")
"""What compose makes nothing of where neither the shell nor .env says it."""
_PINNED = re.compile(r"[a-z0-9./-]+:v?\d+\.\d+(\.\d+)?[a-z0-9.-]*(@sha256:[0-9a-f]{64})?")


def locked() -> dict[str, Version]:
    """Name → version of everything in the lock."""
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^ \\;]+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    return {canonicalize_name(name): Version(version) for name, version in found}


def tracked() -> list[Path]:
    """Every text file of the project as git has it or would have it."""
    named = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [ROOT / name for name in named if (ROOT / name).is_file()]


# -- the lock --


def test_every_requirement_of_the_lock_is_pinned_and_hashed() -> None:
    entries = re.split(r"\n(?=\S)", re.sub(r"^ *#.*\n", "", (ROOT / "requirements.lock").read_text(), flags=re.MULTILINE).strip())
    wrong = [entry.split()[0] for entry in entries if not re.match(r"[A-Za-z0-9._-]+==\S+( ;[^\\]*)? \\\n( +--hash=sha256:[0-9a-f]{64}( \\)?\n?)+$", entry)]
    assert wrong == []
    assert len(entries) > 80


def test_the_lock_names_no_address() -> None:
    text = (ROOT / "requirements.lock").read_text()
    assert re.findall(r"https?://|--(?:extra-)?index-url|--find-links|--trusted-host|file:|@ ", text) == []


@pytest.mark.parametrize("wanted", [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]])
def test_what_pyproject_asks_for_is_in_the_lock_and_installed(wanted: str) -> None:
    requirement = Requirement(wanted)
    assert locked()[canonicalize_name(requirement.name)] in requirement.specifier


# a package, the first version without a known fault that matters here, and the fault; one that is not locked is no fault
SAFE = (
    ("faststream", "0.7.8", "a broker-wide acknowledgement policy was lost"),
    ("pyjwt", "2.13.0", "CVE-2026-32597, CVE-2026-48523"),
    ("python-multipart", "0.0.27", "CVE-2026-42561"),
    ("aiokafka", "0.14", "idempotent producer"),
    ("h11", "0.16", "CVE-2025-43859, request smuggling"),
    ("urllib3", "2.6.3", "decompression of redirects"),
)


@pytest.mark.parametrize(("name", "version", "fault"), SAFE)
def test_nothing_is_locked_at_a_version_with_a_known_fault(name: str, version: str, fault: str) -> None:
    assert locked().get(name, Version(version)) >= Version(version), fault


def test_the_embedded_and_the_composed_kafka_are_one_sound_version() -> None:
    embedded = set(re.findall(r"^org\.apache\.kafka:kafka_2\.13:(\S+)", (ROOT / "hub/embedded/kafka-jars.lock").read_text(), re.MULTILINE))
    composed = COMPOSE["services"]["kafka"]["image"].split(":")[1]
    assert embedded == {composed}
    assert Version(composed) >= Version("4.1.2")


def test_the_version_is_said_once_and_the_image_carries_it() -> None:
    assert {service["image"] for service in COMPOSE["services"].values() if "build" in service} == {f"referral-hub:{PROJECT['version']}"}


# -- docker-compose.yml --


def test_every_image_is_pinned_to_a_version() -> None:
    images = {name: service["image"] for name, service in COMPOSE["services"].items()}
    assert [f"{name}: {image}" for name, image in images.items() if not _PINNED.fullmatch(image)] == []


def test_there_is_one_service_for_each_stage_and_prometheus_asks_each() -> None:
    commands = {name: service["command"] for name, service in COMPOSE["services"].items() if "build" in service}
    assert commands == {stage: ["run", stage] for stage in STAGES}
    assert set(STAGES) <= LABELS["stage"]
    asked = yaml.safe_load((ROOT / "deploy/prometheus.yml").read_text())["scrape_configs"][0]["static_configs"][0]["targets"]
    assert asked == [f"{stage}:9100" for stage in STAGES]


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_every_service_has_a_health_check_and_comes_back(name: str) -> None:
    service = COMPOSE["services"][name]
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["restart"] == "unless-stopped"


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_may_write_nothing_and_become_nobody(stage: str) -> None:
    service = COMPOSE["services"][stage]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]


@pytest.mark.parametrize("stage", STAGES)
def test_every_variable_of_a_stage_is_a_setting_and_no_value_is_a_secret(stage: str) -> None:
    given = COMPOSE["services"][stage]["environment"]
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    assert set(given) - known == set()
    assert [name for name, value in given.items() if re.search(r"://[^/@]*:[^/@]*@", str(value)) or (name.endswith(("PASSWORD", "KEY", "SECRET")))] == []


def test_the_settings_of_a_composed_stage_are_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hub.settings import load

    for name in ("database_password", "kafka_password"):
        (tmp_path / name).write_text("f" * 48)
    for name, value in COMPOSE["services"]["intake"]["environment"].items():
        monkeypatch.setenv(name, _UNSET.sub("", str(value)).replace("/run/secrets", str(tmp_path)))
    found = load()
    assert found.database_dsn == f"postgresql://hub:{'f' * 48}@postgres:5432/hub"
    assert (found.kafka_servers, str(found.http), str(found.metrics)) == (["kafka:9092"], "0.0.0.0:8080", "0.0.0.0:9100")


def test_secrets_are_files_that_git_ignores_and_make_writes(tmp_path: Path) -> None:
    files = {secret["file"] for secret in COMPOSE["secrets"].values()}
    (tmp_path / "Makefile").write_text((ROOT / "Makefile").read_text())
    for _ in range(2):
        subprocess.run(["make", "secrets"], cwd=tmp_path, check=True, capture_output=True)
    assert {path.relative_to(tmp_path).as_posix() for path in (tmp_path / ".secrets").iterdir()} == files
    assert (tmp_path / ".secrets").stat().st_mode & 0o777 == 0o700
    assert ".secrets/" in (ROOT / ".gitignore").read_text().splitlines()


def test_make_keeps_secrets_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text((ROOT / "Makefile").read_text())
    (tmp_path / ".secrets").mkdir()
    (tmp_path / ".secrets/hub_key").write_text("kept")
    subprocess.run(["make", "secrets"], cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / ".secrets/hub_key").read_text() == "kept"


def test_doors_are_published_to_this_machine_alone() -> None:
    ports = [port for service in COMPOSE["services"].values() for port in service.get("ports", [])]
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_intake_starts_without_kafka_since_the_record_alone_decides_whether_it_answers() -> None:
    assert set(COMPOSE["services"]["intake"]["depends_on"]) == {"postgres"}


def test_the_composed_broker_allows_nothing_by_default_and_makes_no_topic_by_itself() -> None:
    text = (ROOT / "deploy/kafka.properties").read_text()
    assert {"allow.everyone.if.no.acl.found=false", "auto.create.topics.enable=false", "super.users=User:hub"} <= set(text.splitlines())
    assert "PLAINTEXT://" not in text.replace("SASL_PLAINTEXT://", "")


@pytest.mark.parametrize("script", ["deploy/kafka-start", "deploy/kafka-ready", ".ci/run"])
def test_a_script_is_sound_shell_and_stops_at_its_first_failure(script: str) -> None:
    subprocess.run(["bash", "-n", str(ROOT / script)], check=True)
    assert "set -euo pipefail" in (ROOT / script).read_text()
    assert (ROOT / script).stat().st_mode & 0o111


# -- Dockerfile --


def test_the_image_is_built_in_two_stages_from_pinned_ground_with_hashes_and_runs_as_nobody_in_particular() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    grounds = [line.split()[1] for line in lines if line.startswith("FROM ")]
    assert len(grounds) == 2
    assert [ground for ground in grounds if not re.search(r":\d+\.\d+\.\d+-slim", ground)] == []
    assert any("--require-hashes -r requirements.lock" in line for line in lines)
    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert users
    assert users[-1].split(":")[0] not in ("0", "root")


def test_the_image_is_given_only_what_it_needs() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert (ROOT / ".dockerignore").read_text().startswith("*\n")
    copies = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if line.startswith("COPY ") and "--from" not in line]
    copied = {part for line in copies for part in line.split()[1:-1]}
    assert copied == allowed


# -- the repository --

_MACHINE = re.compile(r"(?<![\w.])/(?:root|work|home/[a-z]+|Users/[A-Za-z]+|mnt/[a-z]+|tmp/bash_jobs)/")
_INDEX = re.compile(r"https?://[^\s\"')]*(?:pypi|pythonhosted|maven|artifactory|nexus|devpi|jfrog)[^\s\"')]*", re.IGNORECASE)


def test_no_file_names_a_machines_path_or_a_package_index() -> None:
    found = []
    for path in tracked():
        text = path.read_bytes().decode("utf-8", errors="ignore")
        if path != Path(__file__):
            found += [f"{path.relative_to(ROOT)}: {match}" for match in (*_MACHINE.findall(text), *_INDEX.findall(text))]
    assert found == []


@pytest.mark.parametrize("text", ["'/root/x'", "/home/sioned/hub", "https://pypi.org/simple", "http://repo.maven.example/x"])
def test_the_search_for_paths_and_indexes_finds_them(text: str) -> None:
    assert _MACHINE.search(text) or _INDEX.search(text)


@pytest.mark.parametrize("text", ["/opt/hub", "/var/lib/hub", "GET /fhir/Task", "hub/work/list", "https://docs.astral.sh/uv/", "a/root/b"])
def test_the_search_for_paths_and_indexes_leaves_the_rest_alone(text: str) -> None:
    assert not _MACHINE.search(text)
    assert not _INDEX.search(text)


def test_nothing_large_or_built_is_kept() -> None:
    large = [f"{path.relative_to(ROOT)}: {path.stat().st_size}" for path in tracked() if path.stat().st_size > 2_000_000]
    built = [str(path.relative_to(ROOT)) for path in tracked() if path.suffix in (".pyc", ".so", ".whl", ".jar", ".egg")]
    assert large + built == []
