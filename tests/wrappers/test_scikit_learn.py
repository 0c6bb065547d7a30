"""The estimators inside scikit-learn's own tools."""

import copy
import functools
import pickle
import sys

import numpy as np
import pytest

from gpukeras.layers import Dense
from gpukeras.models import Sequential
from gpukeras.wrappers.scikit_learn import KerasClassifier, KerasRegressor

DEFAULTS = dict(batch_size=16, epochs=3, verbose=0)


def classifier(hidden=4, outputs=3, loss="categorical_crossentropy", metrics=("accuracy",)):
    model = Sequential()
    model.add(Dense(hidden, activation="relu", input_shape=(5,)))
    model.add(Dense(outputs, activation="softmax" if outputs > 1 else "sigmoid"))
    model.compile("adam", loss, metrics=list(metrics))
    return model


def regressor(hidden=4, outputs=1):
    model = Sequential()
    model.add(Dense(hidden, activation="relu", input_shape=(5,)))
    model.add(Dense(outputs))
    model.compile("adam", "mse")
    return model


def data(classes=3, n=60):
    x = np.random.normal(size=(n, 5))
    y = np.arange(n) % classes
    x[np.arange(n), y] += 4
    return x, y


def test_labels_of_any_type():
    x, y = data()
    names = np.array(["ape", "bee", "cat"])[y]
    made = KerasClassifier(classifier, **dict(DEFAULTS, epochs=60))
    history = made.fit(x, names)
    assert history.epoch == list(range(60))
    assert list(made.classes_) == ["ape", "bee", "cat"] and made.n_classes_ == 3
    found = made.predict(x)
    assert found.shape == (60,) and set(found) <= {"ape", "bee", "cat"}
    # Clusters four deviations apart are told apart.
    assert made.score(x, names) > 0.8
    np.testing.assert_allclose(made.score(x, names), np.mean(found == names), atol=1e-6)
    np.testing.assert_allclose(made.predict_proba(x).sum(axis=1), 1, atol=1e-5)
    # A part of the data need not hold every class.
    some = names != "cat"
    np.testing.assert_allclose(made.score(x[some], names[some]), np.mean((found == names)[some]), atol=1e-6)


def test_one_hot_and_single_output():
    x, y = data(2)
    made = KerasClassifier(classifier, outputs=2, **DEFAULTS)
    made.fit(x, np.eye(2)[y])
    assert made.predict(x).shape == (60,)
    made = KerasClassifier(classifier, outputs=1, loss="binary_crossentropy", **DEFAULTS)
    made.fit(x, y[:, None], sample_weight=np.ones(60))
    assert made.predict(x).shape == (60, 1)
    proba = made.predict_proba(x)
    assert proba.shape == (60, 2)
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(made.predict(x)[:, 0], (proba[:, 1] > 0.5).astype(int))


def test_parameters():
    with pytest.raises(ValueError, match="wrong is not a legal parameter"):
        KerasClassifier(classifier, wrong=1)
    with pytest.raises(ValueError, match="needs `build_fn`"):
        KerasClassifier()
    made = KerasRegressor(regressor, hidden=[3], epochs=2)
    parameters = made.get_params()
    assert parameters["hidden"] is made.sk_params["hidden"] and parameters["build_fn"] is regressor
    assert made.set_params(hidden=7) is made
    assert made.get_params(deep=True)["hidden"] == 7
    with pytest.raises(ValueError, match="not a legal"):
        made.set_params(nonsense=7)
    assert made.filter_sk_params(regressor) == {"hidden": 7}
    assert made.filter_sk_params(Sequential.fit, {"verbose": 2}) == {"epochs": 2, "verbose": 2}


def test_ways_to_build():
    class Builder:
        def __call__(self, hidden=3):
            return regressor(hidden)

    class Own(KerasRegressor):
        def __call__(self, hidden=3):
            return regressor(hidden)

    x, y = data()
    partial = functools.partial(regressor, outputs=1)
    for made in (
        KerasRegressor(Builder(), hidden=6, **DEFAULTS),
        Own(hidden=6, **DEFAULTS),
        KerasRegressor(partial, hidden=6, **DEFAULTS),
    ):
        made.fit(x, y)
        assert made.model.layers[0].units == 6
        assert made.predict(x).shape == (60,)
        np.testing.assert_allclose(-made.score(x, y), np.mean((made.predict(x) - y) ** 2), rtol=1e-4)


def test_scores_need_the_accuracy():
    x, y = data()
    made = KerasClassifier(classifier, metrics=(), **DEFAULTS)
    made.fit(x, y)
    with pytest.raises(ValueError, match="which the model does not compute"):
        made.score(x, y)
    with pytest.raises(ValueError, match="Invalid shape for y"):
        made.fit(x, np.zeros((60, 3, 1)))


@pytest.mark.parametrize("outputs, loss", [(3, "categorical_crossentropy"), (1, "binary_crossentropy")])
def test_scores_of_weighted_samples_and_of_labels_that_were_not_there(outputs, loss):
    x, y = data(max(outputs, 2))
    made = KerasClassifier(classifier, outputs=outputs, loss=loss, **dict(DEFAULTS, epochs=20))
    names = np.array(["ape", "bee", "cat"])[y]
    made.fit(x, names)
    weights = np.random.rand(60)
    right = made.predict(x).reshape(-1) == names
    assert made.score(x, names, sample_weight=weights) == pytest.approx(np.average(right, weights=weights))
    # It sorts before all others, in the middle and behind: no place is that of a class.
    for stranger in ("aardvark", "badger", "zebu"):
        some = names.copy().astype(object)
        some[::5] = stranger
        right = made.predict(x).reshape(-1) == some
        assert not right[::5].any() and made.score(x, some) == pytest.approx(right.mean())
        assert made.score(x, some[:, None], weights) == pytest.approx(np.average(right, weights=weights))
    one_hot = np.eye(3)[y]
    if outputs == 3:
        made.fit(x, one_hot)
        right = made.predict(x) == y
        assert made.score(x, one_hot, weights) == pytest.approx(np.average(right, weights=weights))
        assert made.score(x, one_hot) == pytest.approx(right.mean(), abs=1e-6)


def test_a_regressors_score_with_weights():
    x, y = data()
    made = KerasRegressor(regressor, **DEFAULTS)
    made.fit(x, y)
    weights = np.arange(60) % 2
    expected = -np.average((made.predict(x) - y) ** 2, weights=weights)
    np.testing.assert_allclose(made.score(x, y, weights), expected, rtol=1e-4)


@pytest.mark.parametrize("installed", [True, False])
def test_nothing_is_predicted_before_fit(installed, monkeypatch):
    error = AttributeError
    if installed:
        error = pytest.importorskip("sklearn.exceptions").NotFittedError
    else:
        monkeypatch.setitem(sys.modules, "sklearn.exceptions", None)
    x, y = data()
    for made in (KerasClassifier(classifier), KerasRegressor(regressor)):
        for use, arguments in ((made.predict, (x,)), (made.score, (x, y))):
            with pytest.raises(error, match=f"This {type(made).__name__} has no model yet: call `fit` first"):
                use(*arguments)
    with pytest.raises(error, match="no model yet"):
        KerasClassifier(classifier).predict_proba(x)


def test_several_outputs_and_pickles():
    x, _ = data()
    made = KerasRegressor(regressor, outputs=2, **DEFAULTS)
    made.fit(x, x[:, :2])
    found = made.predict(x)
    assert found.shape == (60, 2)
    for twin in (pickle.loads(pickle.dumps(made)), copy.deepcopy(made)):
        np.testing.assert_allclose(twin.predict(x), found, rtol=1e-6)


def test_clone_and_tags():
    base = pytest.importorskip("sklearn.base")
    made = KerasClassifier(classifier, hidden=5, epochs=2)
    twin = base.clone(made)
    assert twin is not made and twin.get_params() == made.get_params()
    assert base.is_classifier(made) and not base.is_regressor(made)
    assert base.is_regressor(KerasRegressor(regressor))
    assert "hidden=5" in repr(made)


def test_grid_search():
    selection = pytest.importorskip("sklearn.model_selection")
    x, y = data()
    grid = {"hidden": [2, 6], "epochs": [1, 2]}
    made = KerasClassifier(classifier, batch_size=20, verbose=0)
    search = selection.GridSearchCV(made, grid, cv=2, n_jobs=1, error_score="raise").fit(x, y)
    assert len(search.cv_results_["params"]) == 4
    assert set(search.best_params_) == {"hidden", "epochs"}
    assert search.predict(x).shape == (60,)
    assert 0 <= search.score(x, y) <= 1
    regressed = selection.GridSearchCV(
        KerasRegressor(regressor, verbose=0), {"hidden": [2, 3]}, cv=2, scoring="neg_mean_squared_error"
    ).fit(x, y)
    assert np.isfinite(regressed.best_score_)


def test_pipeline_and_cross_validation():
    pytest.importorskip("sklearn")
    from sklearn.model_selection import cross_val_predict, cross_val_score
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    x, y = data()
    made = Pipeline([("scale", StandardScaler()), ("net", KerasClassifier(classifier, **DEFAULTS))])
    made.set_params(net__hidden=6)
    made.fit(x, y)
    assert made.named_steps["net"].model.layers[0].units == 6
    assert made.predict(x).shape == (60,)
    for scoring in (None, "accuracy", "neg_log_loss"):
        scores = cross_val_score(made, x, y, cv=3, scoring=scoring, error_score="raise")
        assert scores.shape == (3,) and np.isfinite(scores).all()
    assert cross_val_predict(made, x, y, cv=2, method="predict_proba").shape == (60, 3)
    assert cross_val_score(KerasRegressor(regressor, **DEFAULTS), x, y, cv=2, scoring="r2").shape == (2,)


LABELS = {
    "not from 0": np.array([5, 17, -3]),
    "strings": np.array(["ape", "bee", "cat"]),
    "objects": np.array(["ape", "bee", "cat"], dtype=object),
    "floats": np.array([0.5, 1.5, 2.5]),
}


@pytest.mark.parametrize("loss", ["categorical_crossentropy", "sparse_categorical_crossentropy"])
@pytest.mark.parametrize("kind", sorted(LABELS))
def test_labels_in_cross_validation(kind, loss):
    selection = pytest.importorskip("sklearn.model_selection")
    x, y = data()
    y = LABELS[kind][y]
    made = KerasClassifier(classifier, loss=loss, **dict(DEFAULTS, epochs=1))
    if kind == "floats":
        # scikit-learn takes floats for a regression's targets; by hand they are labels like others.
        made.fit(x, y)
        assert set(made.predict(x)) <= set(y)
        return
    for scoring in (None, "accuracy", "roc_auc_ovr"):
        scores = selection.cross_val_score(made, x, y, cv=2, scoring=scoring, error_score="raise")
        assert ((scores >= 0) & (scores <= 1)).all()


@pytest.mark.parametrize("labels", [[0, 1], [-1, 1], ["no", "yes"], [False, True]], ids=str)
def test_two_classes_in_cross_validation(labels):
    selection = pytest.importorskip("sklearn.model_selection")
    x, y = data(2)
    y = np.array(labels)[y]
    made = KerasClassifier(classifier, outputs=1, loss="binary_crossentropy", **dict(DEFAULTS, epochs=1))
    for scoring in (None, "accuracy", "roc_auc", "neg_log_loss"):
        assert np.isfinite(selection.cross_val_score(made, x, y, cv=2, scoring=scoring, error_score="raise")).all()
    proba = selection.cross_val_predict(made, x, y, cv=2, method="predict_proba")
    assert proba.shape == (60, 2)


def test_weights_in_searches_and_pipelines():
    selection = pytest.importorskip("sklearn.model_selection")
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, y = data()
    # Half of the labels are wrong, and count nothing.
    wrong = np.arange(60) % 4 < 2
    told = np.where(wrong, (y + 1) % 3, y)
    weights = (~wrong).astype(float)
    made = KerasClassifier(classifier, **dict(DEFAULTS, epochs=200))
    search = selection.GridSearchCV(made, {"hidden": [8, 12]}, cv=2, error_score="raise")
    search.fit(x, told, sample_weight=weights)
    assert search.best_score_ > 0.75 and np.mean(search.predict(x) == y) > 0.75
    whole = make_pipeline(StandardScaler(), made).fit(x, told, kerasclassifier__sample_weight=weights)
    assert np.mean(whole.predict(x) == y) > 0.75


def test_ensembles_and_data_frames():
    pytest.importorskip("sklearn")
    pandas = pytest.importorskip("pandas")
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
    from sklearn.model_selection import cross_val_score

    x, y = data()
    y = np.array(["ape", "bee", "cat"])[y]
    made = KerasClassifier(classifier, **DEFAULTS)
    for whole in (
        VotingClassifier([("a", made), ("b", made)], voting="soft"),
        StackingClassifier([("a", made)], cv=2),
        BaggingClassifier(made, n_estimators=2),
        CalibratedClassifierCV(made, cv=2),
    ):
        assert set(whole.fit(x, y).predict(x)) <= set(y)
    frame, series = pandas.DataFrame(x), pandas.Series(y, dtype="category")
    assert cross_val_score(made, frame, series, cv=2, error_score="raise").shape == (2,)
    made = KerasRegressor(regressor, **DEFAULTS)
    assert cross_val_score(made, frame, pandas.Series(x[:, 0]), cv=2, error_score="raise").shape == (2,)
