"""The topics: each made with explicit settings, named for what it carries, and no person on a topic that others read."""

from __future__ import annotations

import re

import pytest

from schemas.topics import DAY_MS, DIRECTORY, FROM_CLIENT, REFERRALS, STATUS, TO_CLIENT, TOPICS, Topic


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_each_topic_says_all_that_kafka_must_know(topic: Topic) -> None:
    settings = topic.settings()
    assert settings.keys() >= {"retention.ms", "cleanup.policy", "max.message.bytes"}
    assert all(isinstance(value, str) for value in settings.values())
    assert settings["cleanup.policy"] == "delete"
    assert topic.partitions >= 1
    assert topic.carries
    assert topic.key
    assert topic.readers


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_personal_content_stays_a_week_at_most_and_is_read_by_nobody_else(topic: Topic) -> None:
    assert not topic.personal or topic.retention_ms <= 7 * DAY_MS
    assert not topic.personal or topic.readers in ("the hub only", "that client only", "the hub; the name is the author")


def test_what_anyone_entitled_reads_has_no_person_in_it() -> None:
    assert [topic.name for topic in TOPICS if topic.readers == "anyone entitled"] == [STATUS.name, DIRECTORY.name]
    assert not STATUS.personal
    assert not DIRECTORY.personal


@pytest.mark.parametrize(("topic", "named"), [(TO_CLIENT, "to.gp-a"), (FROM_CLIENT, "from.gp-a"), (REFERRALS, "referrals")])
def test_a_clients_topic_has_its_name_in_it(topic: Topic, named: str) -> None:
    assert topic.for_client("gp-a") == named


def test_names_are_plain_and_each_is_there_once() -> None:
    assert len({topic.name for topic in TOPICS}) == len(TOPICS)
    assert all(re.fullmatch(r"[a-z-]+(\.\{client\})?", topic.name) for topic in TOPICS)


def test_a_setting_of_its_own_goes_before_the_usual_one() -> None:
    assert Topic("t", "c", "k", "r", False, 1, 1, {"cleanup.policy": "compact"}).settings()["cleanup.policy"] == "compact"
