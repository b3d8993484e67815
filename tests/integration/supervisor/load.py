"""Clients of a relayed service that ask all the time and count every answer and every failure."""

from __future__ import annotations

import http.client
import threading
from collections import Counter
from types import TracebackType

_PAUSE_SECONDS = 0.005


class Load:
    """Some clients, half of them with connections that they keep open. `failures` holds what each failure was."""

    def __init__(self, address: str, clients: int = 6, *, timeout: float = 10.0) -> None:
        host, _, port = address.rpartition(":")
        self._address = (host, int(port))
        self._timeout = timeout
        self._over = threading.Event()
        self.answers: Counter[str] = Counter()
        self.failures: list[str] = []
        self._threads = [threading.Thread(target=self._run, args=(bool(n % 2),)) for n in range(clients)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _run(self, keep_alive: bool) -> None:
        connection: http.client.HTTPConnection | None = None
        while not self._over.wait(_PAUSE_SECONDS):
            try:
                connection = connection or http.client.HTTPConnection(*self._address, timeout=self._timeout)
                connection.request("GET", "/")
                response = connection.getresponse()
                answer = response.read().decode()
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                if connection:
                    connection.close()
                connection = None
                continue
            self.answers[answer] += response.status == 200
            if response.status != 200:
                self.failures.append(f"{response.status} {answer}")
            if not keep_alive:
                connection.close()
                connection = None
        if connection:
            connection.close()
