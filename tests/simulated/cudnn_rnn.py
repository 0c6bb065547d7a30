"""cuDNN's recurrent layers in NumPy, behind the functions of the glue; see `libraries.py`."""

import ctypes

import numpy as np

from gpukeras.kernels.cuda.glue import GlueError

from .libraries import array, spoil
from .streams import enqueue

GAP = 5  # elements between the weights of two gates, which belong to nobody
MARK = 0x5A  # what the reserve is filled with


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


class Weights:
    """Where matrices and biases lie, by cuDNN's numbers."""

    def __init__(self, lstm, channels, units):
        self.gates = 4 if lstm else 3
        self.shapes = [(units, channels)] * self.gates + [(units, units)] * self.gates
        self.kernels, self.biases, at = [], [], GAP
        for shape in self.shapes:
            self.kernels.append(at)
            at += shape[0] * shape[1] + GAP
        for _ in self.shapes:
            self.biases.append(at)
            at += units + GAP
        self.size, self.units = at, units

    def read(self, flat):
        """Matrices (2 G of them) and biases."""
        matrices = [flat[p : p + m * n].reshape(m, n) for p, (m, n) in zip(self.kernels, self.shapes, strict=True)]
        return matrices, [flat[p : p + self.units] for p in self.biases]


class CudnnRnn:
    """The part 'cudnn_rnn'.

    Attributes:
        runs: names of the calls, in order.
    """

    def __init__(self):
        self.made, self.runs = [], []

    def create(self, words, out, found):
        """Sizes as the library could have them."""
        names = ("device", "lstm", "steps", "samples", "channels", "units", "tf32")
        d = dict(zip(names, words, strict=True))
        if min(words[2:6]) < 1:
            raise GlueError("CUDNN_STATUS_BAD_PARAM")
        d["weights"] = Weights(d["lstm"], d["channels"], d["units"])
        d["reserve"] = 4 * d["steps"] * d["samples"] * d["units"] * 8 + 24
        self.made.append(d)
        out[0] = len(self.made)
        found[:4] = [4 * d["weights"].size, 640, 648, d["reserve"]]
        for first, places in ((4, d["weights"].kernels), (12, d["weights"].biases)):
            for i, place in enumerate(places):
                found[first + i] = place

    def _arrays(self, d, pointers, names):
        t, n, c, u = (d[k] for k in ("steps", "samples", "channels", "units"))
        shapes = {"x": (t, n, c), "dx": (t, n, c), "weights": (d["weights"].size,), "dweights": (d["weights"].size,)}
        shapes |= dict.fromkeys(("y", "dy"), (t, n, u))
        found = {}
        for name, p in zip(names, pointers, strict=True):
            shape = shapes.get(name, (n, u))
            strides = [int(np.prod(shape[i + 1 :])) for i in range(len(shape))]
            found[name] = array(p, np.float32, shape, strides) if p and name not in ("work", "reserve") else None
        return found

    def forward(self, handle, training, pointers, stream):
        """y, and the last states; the reserve is marked."""
        d, p = self.made[handle - 1], list(pointers)
        names = ("x", "weights", "h0", "c0", "y", "h", "c", "work", "reserve")
        self.runs.append("training" if training else "inference")
        assert bool(p[8]) or not training

        def compute():
            spoil(p[7])
            a = self._arrays(d, p, names)
            ys, cs, _ = _walk(d, a)
            a["y"][...] = ys[1:]
            for name, values in (("h", ys), ("c", cs)):
                if a[name] is not None:
                    a[name][...] = values[-1]
            if training:
                ctypes.memset(p[8], MARK, d["reserve"])

        enqueue(stream, compute)

    def backward(self, handle, pointers, stream):
        """Gradients; those of the weights are added. The reserve has to hold the mark, and loses it."""
        d, p = self.made[handle - 1], list(pointers)
        names = ("x", "weights", "h0", "c0", "y", "dy", "dh", "dc", "dx", "dh0", "dc0", "dweights", "work", "reserve")
        self.runs.append("backward")

        def compute():
            spoil(p[12])
            assert ctypes.string_at(p[13], d["reserve"]) == bytes([MARK]) * d["reserve"]
            ctypes.memset(p[13], 0, d["reserve"])
            _gradients(d, self._arrays(d, p, names))

        enqueue(stream, compute)


def _walk(d, a):
    """States before and after all steps, and the activated gates with the state's product of the last gate."""
    matrices, biases = d["weights"].read(a["weights"].astype(float))
    gates = d["weights"].gates
    ys, cs, kept = [a["h0"].astype(float)], [None if a["c0"] is None else a["c0"].astype(float)], []
    for x in a["x"].astype(float):
        w = [x @ m.T + b for m, b in zip(matrices[:gates], biases[:gates], strict=True)]
        r = [ys[-1] @ m.T + b for m, b in zip(matrices[gates:], biases[gates:], strict=True)]
        if d["lstm"]:
            i, f, o = (sigmoid(w[k] + r[k]) for k in (0, 1, 3))
            g = np.tanh(w[2] + r[2])
            cs.append(f * cs[-1] + i * g)
            ys.append(o * np.tanh(cs[-1]))
            kept.append((i, f, g, o))
        else:  # reset, update, new
            reset, update = sigmoid(w[0] + r[0]), sigmoid(w[1] + r[1])
            new = np.tanh(w[2] + reset * r[2])
            ys.append((1 - update) * new + update * ys[-1])
            kept.append((reset, update, new, r[2]))
    return ys, cs, kept


def _gradients(d, a):
    ys, cs, kept = _walk(d, a)
    matrices, _ = d["weights"].read(a["weights"].astype(float))
    gates = d["weights"].gates
    dh, dc = (0.0 if a[k] is None else a[k].astype(float) for k in ("dh", "dc"))
    total = np.zeros(d["weights"].size)
    d_matrices, d_biases = d["weights"].read(total)
    for t in reversed(range(d["steps"])):
        dh = dh + a["dy"][t]
        if d["lstm"]:
            i, f, g, o = kept[t]
            tc = np.tanh(cs[t + 1])
            dc = dc + dh * o * (1 - tc**2)
            dw = [dc * g * i * (1 - i), dc * cs[t] * f * (1 - f), dc * i * (1 - g**2), dh * tc * o * (1 - o)]
            dr, dc, dh = dw, dc * f, 0.0
        else:
            reset, update, new, product = kept[t]
            dn = dh * (1 - update) * (1 - new**2)
            dw = [dn * product * reset * (1 - reset), dh * (ys[t] - new) * update * (1 - update), dn]
            dr, dh = [dw[0], dw[1], dn * reset], dh * update
        x = a["x"][t].astype(float)
        for k in range(gates):
            d_matrices[k] += dw[k].T @ x
            d_matrices[gates + k] += dr[k].T @ ys[t]
            d_biases[k] += dw[k].sum(0)
            d_biases[gates + k] += dr[k].sum(0)
            dh = dh + dr[k] @ matrices[gates + k]
        a["dx"][t] = sum(dw[k] @ matrices[k] for k in range(gates))
    for name, value in (("dh0", dh), ("dc0", dc)):
        if a[name] is not None:
            a[name][...] = value
    if a["dweights"] is not None:
        a["dweights"] += total.astype(np.float32)
