"""RemoteMonitor against a real HTTP server on this machine."""

import http.server
import json
import socket
import threading
import urllib.parse

import numpy as np
import pytest

from gpukeras.callbacks import LearningRateScheduler, RemoteMonitor
from gpukeras.layers import Dense
from gpukeras.models import Sequential

pytest.importorskip("requests", reason="RemoteMonitor posts with the requests package")

X = np.random.RandomState(0).rand(12, 4).astype("float32")
Y = np.eye(3)[np.arange(12) % 3]


class Server(http.server.ThreadingHTTPServer):
    """Keeps what is posted to it as (path, headers, body)."""

    def __init__(self, status=200):
        self.posted, self.status = [], status
        super().__init__(("127.0.0.1", 0), _Keep)

    @property
    def root(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *error):
        self.shutdown()
        self.server_close()


class _Keep(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.posted.append((self.path, dict(self.headers), body))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


def train(*callbacks):
    model = Sequential([Dense(3, activation="softmax", input_shape=(4,))])
    model.compile("sgd", "categorical_crossentropy", metrics=["accuracy"])
    return model.fit(X, Y, epochs=2, validation_data=(X, Y), verbose=0, callbacks=list(callbacks))


def test_form():
    with Server() as server:
        history = train(RemoteMonitor(root=server.root))
    assert [path for path, _, _ in server.posted] == ["/publish/epoch/end/"] * 2
    for epoch, (_, headers, body) in enumerate(server.posted):
        assert headers["Content-Type"] == "application/x-www-form-urlencoded"
        ((field, value),) = urllib.parse.parse_qsl(body)
        expected = {name: values[epoch] for name, values in history.history.items()}
        assert field == "data" and json.loads(value) == {"epoch": epoch, **expected}


def test_json_with_every_argument():
    with Server() as server:
        rate = LearningRateScheduler(lambda epoch: 0.5 / (epoch + 1))
        monitor = RemoteMonitor(server.root, "/here", "unused", {"X-Token": "secret"}, send_as_json=True)
        history = train(rate, monitor)
    (path, headers, body), (_, _, last) = server.posted
    assert path == "/here" and headers["X-Token"] == "secret" and headers["Content-Type"] == "application/json"
    assert json.loads(body)["lr"] == 0.5 and json.loads(last)["lr"] == 0.25
    assert json.loads(last)["val_acc"] == history.history["val_acc"][1]


def test_field():
    with Server() as server:
        RemoteMonitor(server.root, field="values").on_epoch_end(3, {"v": np.arange(2), "loss": np.float32(0.5)})
    ((_, _, body),) = server.posted
    assert json.loads(dict(urllib.parse.parse_qsl(body))["values"]) == {"epoch": 3, "v": [0, 1], "loss": 0.5}


def test_a_server_that_answers_with_an_error_does_not_end_the_training():
    with Server(status=500) as server:
        assert len(train(RemoteMonitor(server.root)).epoch) == 2
    assert len(server.posted) == 2


def test_a_server_that_is_not_there_only_warns():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.warns(
        UserWarning, match=f"Could not reach the RemoteMonitor server at http://127.0.0.1:{port}/publish"
    ):
        assert len(train(RemoteMonitor(f"http://127.0.0.1:{port}")).epoch) == 2
