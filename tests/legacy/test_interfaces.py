"""Keras 1 spellings of arguments: what reaches the constructor, and what the warning shows."""

import json
import os

import numpy as np
import pytest

from gpukeras.legacy import interfaces


def make(name, decorator):
    """A class whose constructor keeps what it is given, under a decorator."""

    @decorator
    def init(self, *args, **kwargs):
        self.args, self.kwargs = args, kwargs

    return type(name, (), {"__init__": init})


# decorator, Keras 1 arguments, what the constructor gets, what the warning shows.
CASES = [
    ("dense", "Dense", (), {"output_dim": 3, "init": "uniform", "bias": False, "W_regularizer": "l1"},
     (), {"units": 3, "kernel_initializer": "uniform", "use_bias": False, "kernel_regularizer": "l1"},
     "Dense(units=3, kernel_initializer='uniform', kernel_regularizer='l1', use_bias=False)"),
    ("dropout", "Dropout", (), {"p": 0.25}, (), {"rate": 0.25}, "Dropout(rate=0.25)"),
    ("pooling1d", "MaxPooling1D", (), {"pool_length": 3, "stride": 2, "border_mode": "same"},
     (), {"pool_size": 3, "strides": 2, "padding": "same"}, "MaxPooling1D(pool_size=3, strides=2, padding='same')"),
    ("pooling2d", "MaxPooling2D", ((2, 2),), {"dim_ordering": "th"},
     ((2, 2),), {"data_format": "channels_first"}, "MaxPooling2D((2, 2), data_format='channels_first')"),
    ("pooling2d", "MaxPooling2D", (), {"dim_ordering": "default"}, (), {"data_format": None},
     "MaxPooling2D(data_format=None)"),
    ("recurrent", "LSTM", (4,), {"consume_less": "gpu", "forget_bias_init": "one", "dropout_U": 0.1},
     (4,), {"implementation": 2, "unit_forget_bias": True, "recurrent_dropout": 0.1},
     "LSTM(4, unit_forget_bias=True, recurrent_dropout=0.1, implementation=2)"),
    ("recurrent", "GRU", (4,), {"input_dim": 5, "input_length": 3}, (4,), {"input_shape": (3, 5)},
     "GRU(4, input_shape=(3, 5))"),
    ("conv1d", "Conv1D", (5,), {"filter_length": 3, "subsample_length": 2, "input_dim": 8},
     (5,), {"kernel_size": 3, "strides": 2, "input_shape": (None, 8)},
     "Conv1D(5, input_shape=(None, 8), kernel_size=3, strides=2)"),
    ("conv2d", "Conv2D", (5, 3, 4), {}, (5, (3, 4)), {}, "Conv2D(5, (3, 4))"),
    ("conv2d", "Conv2D", (5, 3), {"nb_col": 4}, (5, (3, 4)), {}, "Conv2D(5, (3, 4))"),
    ("conv2d", "Conv2D", (5,), {"nb_row": 3, "nb_col": 4}, (5,), {"kernel_size": (3, 4)},
     "Conv2D(5, kernel_size=(3, 4))"),
    ("conv2d", "Conv2D", (), {"nb_filter": 5, "nb_row": 3, "nb_col": 4, "border_mode": "same"},
     (), {"filters": 5, "kernel_size": (3, 4), "padding": "same"},
     "Conv2D(kernel_size=(3, 4), filters=5, padding='same')"),
    ("separable_conv2d", "SeparableConv2D", (5, 3, 3), {"init": "normal"},
     (5, (3, 3)), {"depthwise_initializer": "normal", "pointwise_initializer": "normal"},
     "SeparableConv2D(5, (3, 3), depthwise_initializer='normal', pointwise_initializer='normal')"),
    ("deconv2d", "Conv2DTranspose", (5, 3, 3, (6, 7, 5)), {}, (5, (3, 3)), {}, "Conv2DTranspose(5, (3, 3))"),
    ("deconv2d", "Conv2DTranspose", (5, (3, 3)), {"output_shape": (6, 7, 5)}, (5, (3, 3)), {},
     "Conv2DTranspose(5, (3, 3))"),
    ("conv3d", "Conv3D", (5, 3, 4), {"kernel_dim3": 2}, (5, (3, 4, 2)), {}, "Conv3D(5, (3, 4, 2))"),
    ("convlstm2d", "ConvLSTM2D", (5, 3, 3), {"forget_bias_init": "one", "inner_init": "uniform"},
     (5, (3, 3)), {"unit_forget_bias": True, "recurrent_initializer": "uniform"},
     "ConvLSTM2D(5, (3, 3), unit_forget_bias=True, recurrent_initializer='uniform')"),
    ("batchnorm", "BatchNormalization", (), {"mode": 0, "beta_init": "one"}, (), {"beta_initializer": "one"},
     "BatchNormalization(beta_initializer='one')"),
    ("zeropadding2d", "ZeroPadding2D", (), {"padding": {"top_pad": 1, "right_pad": 4}},
     (), {"padding": ((1, 0), (0, 4))}, "ZeroPadding2D(padding=((1, 0), (0, 4)))"),
    ("model_constructor", "Model", (), {"input": 1, "output": 2}, (), {"inputs": 1, "outputs": 2},
     "Model(inputs=1, outputs=2)"),
]  # fmt: skip


@pytest.mark.parametrize("kind, name, args, kwargs, new_args, new_kwargs, call", CASES)
def test_old_calls_become_new_ones(kind, name, args, kwargs, new_args, new_kwargs, call):
    cls = make(name, getattr(interfaces, "legacy_%s_support" % kind))
    with pytest.warns(UserWarning) as caught:
        made = cls(*args, **kwargs)
    assert (made.args, made.kwargs) == (new_args, new_kwargs)
    assert len(caught) == 1 and "The Keras 2 call is `%s`" % call in str(caught[0].message)
    assert caught[0].filename == __file__, "the warning points at the caller"


NEW_CALLS = [
    ("dense", (3,), {"kernel_initializer": "uniform"}),
    ("conv2d", (5, 3), {"strides": 2}),
    ("conv2d", (5, (3, 3)), {"padding": "same", "strides": (2, 2)}),
    ("conv3d", (5, 3), {}),
    ("pooling2d", ((2, 2), 2, "valid"), {"data_format": "channels_first"}),
    ("deconv2d", (5, (3, 3)), {}),
    ("zeropadding2d", (((1, 2), (3, 4)),), {}),
    ("batchnorm", (), {"axis": 1}),
]


@pytest.mark.parametrize("kind, args, kwargs", NEW_CALLS)
def test_new_calls_pass_without_a_word(kind, args, kwargs):
    made = make("Layer", getattr(interfaces, "legacy_%s_support" % kind))(*args, **kwargs)
    assert (made.args, made.kwargs) == (args, kwargs)


BAD_CALLS = [
    ("dense", (3,), {"output_dim": 3, "units": 3}, TypeError, "both `output_dim` .Keras 1. and `units`"),
    ("dense", (3, "relu"), {}, TypeError, "Layer: takes at most 1 positional arguments .units., got 2: 3, 'relu'"),
    ("conv2d", (5, 3, 3, 3), {}, TypeError, "at most 3 positional arguments"),
    ("conv3d", (5, 3, 3, 3, 3), {}, TypeError, "at most 4 positional arguments"),
    ("conv2d", (5, 3, 3), {"padding": "same"}, ValueError, r"\(3, 3\) are given one by one .* with padding"),
    ("batchnorm", (1,), {}, TypeError, "keyword arguments only"),
    ("batchnorm", (), {"mode": 2}, TypeError, "`mode=2` is gone"),
    ("zeropadding2d", (), {"padding": {"top": 1}}, ValueError, r"unknown sides \['top'\]"),
]


@pytest.mark.parametrize("kind, args, kwargs, error, message", BAD_CALLS)
def test_calls_that_cannot_be_converted(kind, args, kwargs, error, message):
    with pytest.raises(error, match=message):
        make("Layer", getattr(interfaces, "legacy_%s_support" % kind))(*args, **kwargs)


def test_arguments_without_a_successor_are_dropped_with_a_warning():
    with pytest.warns(UserWarning, match="put a SpatialDropout1D layer after it"):
        made = make("Embedding", interfaces.legacy_embedding_support)(4, 2, dropout=0.5)
    assert made.kwargs == {}
    with pytest.warns(UserWarning, match="`forget_bias_init='zero'` is Keras 1 and is ignored"):
        made = make("LSTM", interfaces.legacy_recurrent_support)(4, forget_bias_init="zero")
    assert made.kwargs == {}


def test_arrays_are_shown_by_their_shape():
    with pytest.warns(UserWarning, match=r"weights=array of shape \(2, 3\)"):
        make("Dense", interfaces.legacy_dense_support)(weights=np.zeros((2, 3)), output_dim=3)


class Generator:
    batch_size = 4


def fit_generator(self, generator, steps_per_epoch=None, epochs=1, **kwargs):
    return steps_per_epoch, epochs, kwargs


def test_generator_methods():
    fit = interfaces.legacy_generator_methods_support(fit_generator)
    with pytest.warns(UserWarning, match=r"`fit_generator\(.*steps_per_epoch=5, .*epochs=2"):
        assert fit(None, Generator(), samples_per_epoch=20, nb_epoch=2) == (5, 2, {})
    with pytest.warns(UserWarning) as caught:
        assert fit(None, iter([]), samples_per_epoch=20)[0] == 20
    assert "20 is taken as the number of batches" in str(caught[0].message)
    with pytest.warns(UserWarning):
        assert fit(None, Generator(), 3, nb_worker=2, pickle_safe=True, max_q_size=1, nb_val_samples=7)[2] == {
            "workers": 2, "use_multiprocessing": True, "max_queue_size": 1, "validation_steps": 7,
        }  # fmt: skip
    with pytest.raises(TypeError, match="at most 3 positional"):
        fit(None, Generator(), 1, 2, 3)


def test_add_weight_takes_the_shape_first():
    def add_weight(self, name, shape, **kwargs):
        return name, shape, kwargs

    add = interfaces.legacy_add_weight_support(add_weight)
    assert add(None, (2, 3), "w", initializer="zeros") == ("w", (2, 3), {"initializer": "zeros"})
    assert add(None, (2, 3), name="w") == ("w", (2, 3), {})
    assert add(None, "w", (2, 3)) == ("w", (2, 3), {})


def test_get_updates_takes_constraints_in_the_middle():
    def get_updates(self, loss, params):
        return loss, params

    get = interfaces.legacy_get_updates_support(get_updates)
    with pytest.warns(UserWarning):
        assert get(None, ["p"], {}, "loss") == ("loss", ["p"])
    with pytest.warns(UserWarning):
        assert get(None, ["p"], {}, loss="loss") == ("loss", ["p"])
    for args, kwargs in [
        (("loss", ["p"]), {}),
        (("loss",), {"params": ["p"]}),
        ((), {"loss": "loss", "params": ["p"]}),
    ]:
        assert get(None, *args, **kwargs) == ("loss", ["p"])
    with pytest.raises(TypeError, match="got 4 positional"):
        get(None, 1, 2, 3, 4)


def test_the_plain_function_stays_reachable():
    assert interfaces.legacy_generator_methods_support(fit_generator)._original_function is fit_generator


def test_every_converter_of_the_specification_is_there():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    path = os.path.join(root, "..", "shared", "spec", "api.json")
    if not os.path.exists(path):
        pytest.skip("the API specification is not beside the repository")
    with open(path, encoding="utf8") as f:
        rows = json.load(f)["legacy_keywords"]
    assert len(rows) == 33
    for row in rows:
        decorator = getattr(interfaces, row["interface"])
        for old, new in row.get("keywords", []):
            value = next(iter(row.get("values", {}).get(old, {"x": "x"})))
            expected = row.get("values", {}).get(old, {"x": "x"})[value]
            with pytest.warns(UserWarning):
                made = make("Layer", decorator)(**{old: value})
            assert made.kwargs == {new: expected}, (row["interface"], old)
