"""The first request of every client: whether a server answers it."""

import socket
import struct


def kafka(connection: socket.socket) -> bool:
    """ApiVersions (key 18)."""
    ask = struct.pack(">hhih", 18, 0, 1, -1)
    connection.sendall(struct.pack(">i", len(ask)) + ask)
    return len(connection.recv(4)) == 4


def postgres(connection: socket.socket, user: str, database: str) -> bool:
    """A login: let in or asked for a password (R), not told that it is starting up (E)."""
    login = struct.pack(">i", 3 << 16) + f"user\0{user}\0database\0{database}\0\0".encode()
    connection.sendall(struct.pack(">i", len(login) + 4) + login)
    return connection.recv(1) == b"R"


def cassandra(connection: socket.socket) -> bool:
    """OPTIONS (5), answered with SUPPORTED (6), in version 4 of the protocol."""
    connection.sendall(struct.pack(">BBhBi", 4, 0, 0, 5, 0))
    return connection.recv(5)[4:] == b"\x06"
