"""LambdaRankNN: ranks documents of queries by a network trained on pairs."""

import numpy as np
from LambdaRankNN import LambdaRankNN

rng = np.random.RandomState(0)
np.random.seed(0)
x = rng.normal(size=(120, 4))
qid = np.repeat(np.arange(12), 10)
y = np.digitize(x @ [1.0, -1.0, 0.5, 0.0], [-1, 0, 1])
ranker = LambdaRankNN(input_size=4, hidden_layer_sizes=(16, 8), activation=("relu", "relu"), solver="adam")
ranker.fit(x, y, qid, epochs=40, verbose=0)
score = ranker.predict(x)[:, 0] if ranker.predict(x).ndim == 2 else ranker.predict(x)
better = [(score[a] > score[b]) for a in range(120) for b in range(120) if qid[a] == qid[b] and y[a] > y[b]]
assert np.mean(better) > 0.85, np.mean(better)
ranker.evaluate(x, y, qid, eval_at=5)
