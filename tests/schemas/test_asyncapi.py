"""The AsyncAPI document says what runs: made from the running application's declarations it is the committed file, and it holds together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from hub import app
from hub.consuming import Consumer
from hub.publishing.declarations import asyncapi, declared, read
from hub.settings import load
from schemas.asyncapi import Declared
from schemas.fact_schemas import PUBLISHED
from schemas.publish import FOLDER
from schemas.topics import TOPICS
from tests.stores import StoreAddresses, hub_environment

Node = Any  # Any: YAML
DOCUMENT: dict[str, Node] = yaml.safe_load((FOLDER / "asyncapi.yaml").read_text("utf-8"))


def test_the_committed_document_is_what_the_code_says_now() -> None:
    """Otherwise: `python -m hub.publishing`."""
    assert (FOLDER / "asyncapi.yaml").read_text("utf-8") == asyncapi()


async def test_the_running_application_declares_what_is_written(
    stores: StoreAddresses, database: str, topic_prefix: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The real stages are started and asked, through their own brokers, what they subscribe to."""
    found: list[Declared] = []
    real, enough = app.attach, asyncio.Event()

    def attach(broker: Node, consumer: Consumer, *rest: Node, **more: Node) -> Node:
        subscriber = real(broker, consumer, *rest, **more)
        found.extend(read(consumer.stage, broker, topic_prefix))
        if len(found) == 2:
            enough.set()
        return subscriber

    monkeypatch.setattr(app, "attach", attach)
    for name, value in {**hub_environment(stores, database, topic_prefix), "HUB_DATA": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    async with app.opened(load()) as hub:
        running = asyncio.create_task(app.run_stages(hub, ("routing", "dispatch"), enough))
        await asyncio.wait_for(enough.wait(), 30)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert {*found, declared()[-1]} == set(declared())


# --- AsyncAPI 3.0.0's own structure ---------------------------------------------------------------------------------------------------------


def test_it_is_an_asyncapi_3_document() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= DOCUMENT["info"].keys()
    assert DOCUMENT.keys() <= {"asyncapi", "id", "info", "servers", "defaultContentType", "channels", "operations", "components"}
    for server in DOCUMENT["servers"].values():
        assert {"host", "protocol"} <= server.keys()
        assert "://" not in server["host"], "3.0: the host alone"


def test_every_topic_is_a_channel_with_its_settings() -> None:
    channels = {channel["address"]: channel for channel in DOCUMENT["channels"].values()}
    assert channels.keys() == {topic.name for topic in TOPICS}
    for topic in TOPICS:
        kafka = channels[topic.name]["bindings"]["kafka"]
        assert (kafka["topic"], kafka["partitions"]) == (topic.name, topic.partitions)
        said = {name: str(value[0] if isinstance(value, list) else value) for name, value in kafka["topicConfiguration"].items()}
        assert said == topic.settings()
        assert ("client" in channels[topic.name].get("parameters", {})) == ("{client}" in topic.name)


def test_every_operation_sends_or_receives_messages_of_its_own_channel() -> None:
    for name, operation in DOCUMENT["operations"].items():
        assert operation["action"] in ("send", "receive"), name
        channel = _resolved(operation["channel"]["$ref"])
        of_channel = [message["$ref"] for message in channel["messages"].values()]
        for message in operation["messages"]:
            assert message["$ref"].startswith(operation["channel"]["$ref"]), "3.0: through the channel, not the components"
            assert _resolved(message["$ref"])["$ref"] in of_channel, name


def test_each_who_reads_names_its_consumer_group() -> None:
    groups = {name: operation["bindings"]["kafka"]["groupId"] for name, operation in DOCUMENT["operations"].items() if operation["action"] == "receive"}
    assert groups == {
        "routingReadsFacts": {"type": "string", "pattern": "^routing-e[0-9]+$"},
        "dispatchReadsFacts": {"type": "string", "pattern": "^dispatch-e[0-9]+$"},
        "intakeReadsUpdates": {"type": "string", "pattern": "^intake$"},
    }


def test_every_message_has_headers_a_payload_and_a_key_by_files_that_are_there() -> None:
    messages = DOCUMENT["components"]["messages"]
    assert {fact.value for fact in PUBLISHED} <= messages.keys()
    for name, message in messages.items():
        assert message["name"] == name
        assert message["bindings"]["kafka"]["key"] == {"type": "string", "format": "uuid"}
        for part in ("headers", "payload"):
            assert (FOLDER / message[part]["schema"]["$ref"]).is_file(), (name, part)


def test_every_reference_leads_somewhere() -> None:
    found = list(_references(DOCUMENT))
    assert len(found) > 50
    for reference in found:
        assert (FOLDER / reference).is_file() if reference.startswith("./") else _resolved(reference) is not None, reference


def test_a_reference_that_leads_nowhere_would_be_seen() -> None:
    with pytest.raises(KeyError):
        _resolved("#/channels/nowhere")


def _references(node: Node) -> Iterator[str]:
    if isinstance(node, dict):
        yield from [node["$ref"]] if "$ref" in node else []
        for each in node.values():
            yield from _references(each)
    elif isinstance(node, list):
        for each in node:
            yield from _references(each)


def _resolved(reference: str) -> Node:
    node: Node = DOCUMENT
    for part in reference.removeprefix("#/").split("/"):
        node = node[part.replace("~1", "/")]
    return node
