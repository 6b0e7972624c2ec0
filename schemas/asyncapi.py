"""In publishing: the AsyncAPI 3.0 document of the hub's Kafka, made from the topics of the catalogue and from who really subscribes to them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from schemas.events import FHIR_CONTENT, JSON_CONTENT
from schemas.fact_schemas import PUBLISHED
from schemas.topics import FROM_CLIENT, REFERRALS, STATUS, TO_CLIENT, TOPICS, Topic

Part = dict[str, Any]  # Any: a part of the document
_BINDING = "0.5.0"
_SERVER = "The address is the installation's own."
_SCHEMA = "application/schema+json;version=draft-2020-12"


@dataclass(frozen=True, slots=True)
class Declared:
    """A subscription as the running application declares it: which stage reads which topic, under which consumer group (as a pattern)."""

    stage: str
    topic: str
    group: str


def document(declared: Sequence[Declared], version: str) -> str:
    """The document as YAML: every topic a channel, every reader and writer an operation from the hub's viewpoint."""
    made = {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Social prescribing referral hub",
            "version": version,
            "description": "Referrals as events. PostgreSQL is the record, Kafka the road: every topic that the hub writes can be rebuilt.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": FHIR_CONTENT,
        "servers": {"kafka": {"host": "localhost:9092", "protocol": "kafka", "description": _SERVER, "security": [_ref("securitySchemes/scram")]}},
        "channels": {_name(topic): _channel(topic) for topic in TOPICS},
        "operations": dict(_operations(declared)),
        "components": {
            "messages": {fact.value: _fact(fact.value) for fact in PUBLISHED} | _others(),
            "securitySchemes": {"scram": {"type": "scramSha256", "description": "One user for each client; all that is not granted is refused"}},
        },
    }
    return str(yaml.dump(made, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=160))


class _Plain(yaml.SafeDumper):
    """Writes no anchors: the same part may stand in several places."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
        return True


def _name(topic: Topic) -> str:
    return topic.name.replace(".{client}", "-client")


def _ref(path: str) -> Part:
    return {"$ref": f"#/components/{path}"}


def _channel(topic: Topic) -> Part:
    settings = topic.settings()
    whole = {name: int(value) if value.isdigit() else [value] for name, value in settings.items()}
    said = f"{topic.carries}. Key: {topic.key}. Read by: {topic.readers}. {'Personal content.' if topic.personal else 'No personal content.'}"
    kafka = {"topic": topic.name, "partitions": topic.partitions, "replicas": 1, "topicConfiguration": whole, "bindingVersion": _BINDING}
    made: Part = {"address": topic.name, "description": said[0].upper() + said[1:], "messages": {name: _ref(f"messages/{name}") for name in _messages(topic)}}
    if "{client}" in topic.name:
        made["parameters"] = {"client": {"description": "The client's id; a client writes and reads its own topics alone"}}
    return made | {"bindings": {"kafka": kafka}}


def _messages(topic: Topic) -> list[str]:
    """Nothing is said on `directory` yet; its facts come with the directory's own doors."""
    if topic is REFERRALS:
        return [fact.value for fact in PUBLISHED]
    return {STATUS.name: ["referral-status"], TO_CLIENT.name: ["to-client", "to-referrer"], FROM_CLIENT.name: ["from-client"]}.get(topic.name, [])


def _operations(declared: Sequence[Declared]) -> Iterable[tuple[str, Part]]:
    """The relay sends; the stages receive under the groups that they declare."""
    for name, topic, words in (
        ("relayFacts", REFERRALS, "The relay sends each committed fact, in order per referral"),
        ("relayStatus", STATUS, "The relay sends the thin copy of each fact"),
        ("tellClient", TO_CLIENT, "The relay sends what dispatch wrote for a client"),
    ):
        yield name, _operation("send", topic.name, words)
    for one in declared:
        name = f"{one.stage}Reads{'Updates' if one.topic == FROM_CLIENT.name else 'Facts'}"
        made = _operation("receive", one.topic, f"The stage {one.stage} digests each record once")
        group = {"groupId": {"type": "string", "pattern": one.group}, "bindingVersion": _BINDING}
        yield name, made | {"bindings": {"kafka": group}}


def _operation(action: str, topic: str, words: str) -> Part:
    channel = next(one for one in TOPICS if one.name == topic)
    messages = [{"$ref": f"#/channels/{_name(channel)}/messages/{name.replace('/', '~1')}"} for name in _messages(channel)]
    return {"action": action, "channel": {"$ref": f"#/channels/{_name(channel)}"}, "summary": words, "messages": messages}


def _fact(name: str) -> Part:
    return _message(name, FHIR_CONTENT, f"./facts/{name}.json", "./headers.json")


def _others() -> Part:
    return {
        "referral-status": _message("referral-status", JSON_CONTENT, "./referral-status.json", "./headers.json"),
        "to-client": _message("to-client", JSON_CONTENT, "./to-client.json", "./headers.json"),
        "to-referrer": _message("to-referrer", JSON_CONTENT, "./to-referrer.json", "./headers.json"),
        "from-client": _message("from-client", FHIR_CONTENT, "./from-client.json", "./from-client-headers.json"),
    }


def _message(name: str, content: str, payload: str, headers: str) -> Part:
    made: Part = {"name": name, "contentType": content}
    if name != "from-client":
        made["correlationId"] = {"location": "$message.header#/ce_correlationid"}
    schemas = {part: {"schemaFormat": _SCHEMA, "schema": {"$ref": file}} for part, file in (("headers", headers), ("payload", payload))}
    return made | schemas | {"bindings": {"kafka": {"key": {"type": "string", "format": "uuid"}, "bindingVersion": _BINDING}}}
