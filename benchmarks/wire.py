"""The part of MongoDB's wire protocol that fills a collection (OP_MSG), with the standard library only."""

import datetime
import socket
import struct

OP_MSG = 2013
DOCUMENTS = 1
OK = b"\x01ok\x00" + struct.pack("<d", 1)


def bson(document):
    body = b"".join(element(name, value) for name, value in document.items())
    return struct.pack("<i", len(body) + 5) + body + b"\x00"


def element(name, value):
    key = name.encode() + b"\x00"
    if value is None:
        return b"\x0a" + key
    if isinstance(value, bool):
        return b"\x08" + key + bytes([value])
    if isinstance(value, int):
        return b"\x10" + key + struct.pack("<i", value)
    if isinstance(value, str):
        text = value.encode() + b"\x00"
        return b"\x02" + key + struct.pack("<i", len(text)) + text
    if isinstance(value, datetime.datetime):
        return b"\x09" + key + struct.pack("<q", int(value.timestamp() * 1000))
    if isinstance(value, dict):
        return b"\x03" + key + bson(value)
    if isinstance(value, list):
        return b"\x04" + key + bson({str(i): item for i, item in enumerate(value)})
    raise TypeError(f"{name}: {type(value)}")


class Mongo:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=300)

    def close(self):
        self.socket.close()

    def command(self, database, command):
        """Returns the bytes of the answer; raises an error if the server rejects the command."""
        return self.send(b"\x00" + bson({**command, "$db": database}))

    def insert(self, database, collection, documents):
        """Inserts BSON documents, unordered."""
        command = {"insert": collection, "ordered": False, "writeConcern": {"w": "majority"}, "$db": database}
        rows = b"documents\x00" + b"".join(documents)
        self.send(b"\x00" + bson(command) + bytes([DOCUMENTS]) + struct.pack("<i", len(rows) + 4) + rows)

    def send(self, sections):
        body = struct.pack("<i", 0) + sections
        self.socket.sendall(struct.pack("<iiii", len(body) + 16, 1, 0, OP_MSG) + body)
        answer = self.receive(struct.unpack("<i", self.receive(4))[0] - 4)
        if OK not in answer or b"writeErrors" in answer:
            raise RuntimeError(f"the database rejected the command: {answer!r:.500}")
        return answer

    def receive(self, size):
        parts = bytearray()
        while len(parts) < size:
            part = self.socket.recv(size - len(parts))
            if not part:
                raise ConnectionError("the database closed the connection")
            parts += part
        return bytes(parts)
