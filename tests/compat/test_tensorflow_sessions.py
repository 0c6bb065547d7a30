"""Sessions, variables, scopes, optimizers and files of the stand-in, as programs use them."""

from __future__ import annotations

import collections
import logging
import sys
import types

import numpy as np
import pytest

import gpukeras as keras
import gpukeras.backend as K
import gpukeras.compat.tensorflow as tf
from gpukeras.runtime import device as devices
from tests.simulated.device import simulated_gpu


@pytest.fixture(autouse=True)
def fresh():
    tf.reset_default_graph()
    yield
    tf.reset_default_graph()


# --- sessions -----------------------------------------------------------------------------------------------------


def test_fetches_of_any_nesting():
    x = tf.placeholder(tf.float32, [None, 2], name="x")
    v = tf.Variable([1.0, 2.0], name="v")
    y = tf.reduce_sum(x * v, 1, name="y")
    pair = collections.namedtuple("pair", "a b")
    with tf.Session() as sess:
        got = sess.run({"list": [y, (v, "y:0")], "pair": pair(v.assign([3.0, 4.0]), tf.no_op())}, {x: [[1, 1]]})
        assert got["list"][0].tolist() == [3] == got["list"][1][1].tolist()
        assert isinstance(got["list"][1], tuple) and isinstance(got["pair"], pair)
        assert got["pair"].a.tolist() == [3, 4] and got["pair"].b is None
        assert sess.run(v).tolist() == [3, 4]
        assert sess.run(y, feed_dict={"x:0": [[1, 0]], v: [5, 5]}).tolist() == [5]  # any tensor can be fed
        with pytest.raises(TypeError, match="a session runs tensors"):
            sess.run(None)
        with pytest.raises(TypeError, match="cannot be fed"):
            sess.run(y, {3: 4})
        with pytest.raises(ValueError, match="'x:0'|x:0"):
            sess.run(y)


def test_default_sessions_nest():
    assert tf.get_default_session() is None
    one, two = tf.Session(), tf.Session()
    with one:
        assert tf.get_default_session() is one is K.get_session()
        with two.as_default():
            assert tf.get_default_session() is two
        assert tf.get_default_session() is one
    assert tf.get_default_session() is None
    interactive = tf.InteractiveSession()
    assert tf.get_default_session() is interactive
    assert tf.constant(3.0).eval() == 3
    interactive.close()
    assert tf.get_default_session() is None
    K.set_session(one)
    assert K.get_session() is one
    assert one.graph is tf.get_default_graph() is tf.constant(1).graph
    assert "/device:CPU:0" in one.list_devices()


def test_a_session_compiles_a_step_once():
    v = tf.Variable(0.0)
    step = tf.assign_add(v, 1.0)
    with tf.Session() as sess:
        for _ in range(5):
            sess.run(step)
        assert len(sess._functions) == 1
        assert v.eval() == 5
        assert v.eval(session=sess) == 5
        sess.run(v.initializer)
        assert v.eval() == 0
        v.load(7.0, sess)
        assert sess.run(v + v.value() + v.read_value()) == 21


def test_initializers_redraw_and_restore():
    model = keras.Sequential([keras.layers.Dense(3, input_shape=(4,)), keras.layers.BatchNormalization()])
    before = model.get_weights()
    model.set_weights([w + 1 for w in before])
    sess = K.get_session()
    sess.run(tf.global_variables_initializer())
    after = model.get_weights()
    assert not np.allclose(after[0], before[0]) and np.abs(after[0]).max() < np.sqrt(6 / 7)  # glorot, drawn anew
    for a, b in zip(after[1:], before[1:]):
        np.testing.assert_array_equal(a, b)
    names = [v.name for v in tf.global_variables()]
    assert set(names) >= {w.name for w in model.weights}
    sess.run(tf.variables_initializer([model.layers[0].kernel]))
    assert sess.run(tf.report_uninitialized_variables()).size == 0
    assert sess.run([tf.local_variables_initializer(), tf.tables_initializer()]) == [None, None]


def test_memory_options_set_the_limit_of_the_pool(monkeypatch):
    limits = []
    with simulated_gpu() as cupy:
        pool = cupy.get_default_memory_pool()
        monkeypatch.setattr(pool, "set_limit", lambda size=None, fraction=None: limits.append((size, fraction)))
        tf.Session(config=tf.ConfigProto(gpu_options=tf.GPUOptions(per_process_gpu_memory_fraction=0.333)))
        config = tf.ConfigProto(allow_soft_placement=True, log_device_placement=False)
        config.gpu_options.allow_growth = True
        config.gpu_options.per_process_gpu_memory_fraction = 0.5
        K.set_session(tf.Session(config=config))
        growing = tf.ConfigProto()
        growing.gpu_options.allow_growth = True
        tf.InteractiveSession(config=growing).close()
        tf.Session(config=tf.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1))
    assert limits == [(None, 0.333), (None, 0.5), (0, None)]
    with pytest.raises(AttributeError, match="has no field 'gpu_option'"):
        tf.ConfigProto(gpu_option=1)


def test_a_device_count_of_no_gpus_means_the_cpu(monkeypatch):
    monkeypatch.setattr(devices, "_default", None)
    tf.Session(config=tf.ConfigProto(device_count={"GPU": 0, "CPU": 4}))
    assert devices.default_device().name == "/cpu:0"
    monkeypatch.setattr(devices, "_default", types.SimpleNamespace(is_gpu=True))
    with pytest.raises(RuntimeError, match="in use already"):
        tf.Session(config=tf.ConfigProto(device_count={"GPU": 0}))


# --- graph, names, scopes -----------------------------------------------------------------------------------------


def test_names():
    with tf.name_scope("outer") as prefix:
        a = tf.identity(tf.constant(1.0), name="a")
        with tf.variable_scope("inner"):
            v = tf.get_variable("w", [2, 3])
    b = tf.add(a, 1.0, name="a")
    assert (prefix, a.name, a.op.name, b.name, v.name) == ("outer/", "outer/a:0", "outer/a", "a:0", "inner/w:0")
    graph = tf.get_default_graph()
    assert graph.get_tensor_by_name("outer/a:0") is a
    assert graph.get_operation_by_name("a").outputs[0] is b
    assert {op.name for op in graph.get_operations()} >= {"outer/a", "a", "inner/w"}
    with pytest.raises(KeyError, match="not in the graph"):
        graph.get_tensor_by_name("b:0")
    with pytest.raises(ValueError, match="form 'operation:number'"):
        graph.get_tensor_by_name("a")
    with graph.as_default(), tf.Graph().as_default(), tf.device("/gpu:0"), tf.name_scope("outer/"):
        assert tf.identity(a, name="c").name == "outer/c:0"
    graph.finalize()


def test_shared_variables():
    with tf.variable_scope("s"):
        v = tf.get_variable("v", initializer=tf.zeros_initializer(), shape=[2], dtype=tf.float32)
    with tf.variable_scope("s", reuse=True):
        assert tf.get_variable("v") is v
        with pytest.raises(ValueError, match="does not exist"):
            tf.get_variable("u", [1])
    with tf.variable_scope("s"), pytest.raises(ValueError, match="already exists"):
        tf.get_variable("v", [2])
    with tf.variable_scope("s", reuse=tf.AUTO_REUSE):
        assert tf.get_variable("v", [2]) is v
        u = tf.get_variable("u", initializer=tf.constant_initializer(3.0), shape=[2], trainable=False)
    assert tf.trainable_variables("s") == [v] and set(tf.global_variables("s")) == {u, v}
    assert tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES) == [v]
    assert K.get_value(u).tolist() == [3, 3]


def test_variables():
    v = tf.Variable(np.arange(3.0), name="v")
    assert v.dtype == tf.float64 and v.shape == (3,)
    assert isinstance(v, tf.Variable) and isinstance(K.variable(1.0), tf.Variable) and isinstance(v, tf.Tensor)
    assert not isinstance(tf.constant(1.0), tf.Variable)
    w = tf.Variable(tf.random_normal([2, 2], stddev=0.1), trainable=False)
    assert np.abs(K.eval(w)).max() < 1 and w not in tf.trainable_variables()
    i = tf.Variable(3)
    assert i.dtype == tf.int32
    with tf.Session() as sess:
        assert sess.run(tf.assign_sub(i, 1)) == 2
        assert sess.run(i.assign_add(5)) == 7
        assert sess.run([tf.scatter_add(v, [0, 0], [1.0, 1.0])])[0].tolist() == [2, 1, 2]
        assert sess.run(tf.scatter_nd_update(v, [[2]], [9.0])).tolist() == [2, 1, 9]
        assert sess.run(v.initialized_value()).tolist() == [2, 1, 9]
        assert sess.run(v.initial_value).tolist() == [0, 1, 2]


# --- effects ------------------------------------------------------------------------------------------------------


def test_updates_behind_tensors_happen():
    v = tf.Variable(1.0)
    y = tf.assign_add(v, 1.0) * 10
    with tf.Session() as sess:
        assert sess.run(y) == 20 and sess.run(v) == 2
        with tf.control_dependencies([tf.assign(v, 5.0)]):
            late = tf.identity(v)
            nothing = tf.no_op()
        assert sess.run(late) == 5 and sess.run(v) == 5
        sess.run(tf.assign(v, 0.0))
        sess.run(nothing)
        assert sess.run(v) == 5
        both = tf.group(tf.assign(v, 8.0), tf.no_op())
        both.run()
        assert sess.run(v) == 8
    assert K.function([], [late])([])[0] == 5 and K.get_value(v) == 5


def test_only_the_branch_taken_updates():
    v = tf.Variable(0.0)
    p = tf.placeholder(tf.bool, [])
    y = tf.cond(p, lambda: tf.assign_add(v, 1.0), lambda: tf.constant(-1.0))
    op = tf.cond(p, lambda: tf.group(tf.assign_add(v, 10.0)), lambda: tf.no_op())
    with tf.Session() as sess:
        assert [sess.run(y, {p: flag}) for flag in (True, False, True)] == [1, -1, 2]
        assert sess.run(v) == 2
        outside = tf.assign_sub(v, 1.0)
        z = tf.cond(p, lambda: outside * 2, lambda: tf.constant(0.0))
        assert sess.run(z, {p: False}) == 0 and sess.run(v) == 1  # made outside: it happens either way
        sess.run(tf.assign_add(v, 1.0))
        sess.run(op, {p: False})
        sess.run(op, {p: True})
        assert sess.run(v) == 12


def test_checks_and_printing(capsys):
    x = tf.placeholder(tf.float32, [None])
    with tf.control_dependencies([tf.assert_positive(x), tf.assert_less(x, 9.0, message="too large")]):
        y = tf.identity(x)
    z = tf.Print(x * 2, [tf.reduce_sum(x), x], message="sum: ")
    with tf.Session() as sess:
        assert sess.run(y, {x: [1, 2]}).tolist() == [1, 2]
        with pytest.raises(tf.errors.InvalidArgumentError, match="assert_positive"):
            sess.run(y, {x: [1, -2]})
        with pytest.raises(ValueError, match="too large Condition x < y"):
            sess.run(y, {x: [10]})
        with pytest.raises(tf.errors.InvalidArgumentError, match="Inf or NaN"):
            sess.run(tf.check_numerics(tf.log(x), "log"), {x: [0]})
        assert sess.run(z, {x: [1, 2]}).tolist() == [2, 4]
        sess.run(tf.print("x is", x), {x: [7]})
    assert capsys.readouterr().out == "sum:  3.0\n [1. 2.]\nx is [7.]\n"
    with pytest.raises(ValueError, match="rank"):
        tf.assert_rank(x, 2)


# --- optimizers ---------------------------------------------------------------------------------------------------

#: Values of w after three steps of TensorFlow 1.13's optimizers on the loss sum(w * w * [1, 2]) from [1, -2].
STEPS = [
    ("GradientDescentOptimizer", (0.1,), {}, [0.512, -0.432]),
    ("MomentumOptimizer", (0.1, 0.9), {}, [0.062, 1.08]),
    ("MomentumOptimizer", (0.1, 0.9), {"use_nesterov": True}, [-0.10835198, 0.86659187]),
    ("AdagradOptimizer", (0.5,), {}, [0.16145572, -0.98415709]),
    ("AdadeltaOptimizer", (5.0,), {}, [0.99322391, -1.99321973]),
    ("RMSPropOptimizer", (0.1,), {}, [0.57452303, -1.33821869]),
    ("RMSPropOptimizer", (0.1, 0.8, 0.5), {}, [0.44232488, -1.26375842]),
    ("RMSPropOptimizer", (0.1,), {"centered": True, "momentum": 0.3}, [0.45518726, -1.103531]),
    ("AdamOptimizer", (0.1,), {}, [0.70158732, -1.70062447]),
    ("AdamOptimizer", (0.1, 0.5, 0.9, 0.01), {}, [0.70962584, -1.70365083]),
]


@pytest.mark.parametrize(("name", "args", "kwargs", "want"), STEPS)
def test_steps_by_hand(name, args, kwargs, want):
    w = tf.Variable([1.0, -2.0])
    count = tf.train.get_or_create_global_step()
    optimizer = getattr(tf.train, name)(*args, **kwargs)
    train = optimizer.minimize(tf.reduce_sum(w * w * [1.0, 2.0]), global_step=count, var_list=[w])
    with tf.Session() as sess:
        for _ in range(3):
            assert sess.run(train) is None
        np.testing.assert_allclose(sess.run(w), want, rtol=1e-5)
        assert sess.run(count) == 3 == tf.train.global_step(sess, count)
        sess.run(tf.variables_initializer([w, *optimizer.variables()]))
        for _ in range(3):
            sess.run(train)
        np.testing.assert_allclose(sess.run(w), want, rtol=1e-5)


def test_a_loss_without_variables_is_refused():
    w = tf.Variable(1.0)
    with pytest.raises(ValueError, match="No gradients provided"):
        tf.train.GradientDescentOptimizer(0.1).minimize(tf.constant(1.0), var_list=[w])


@pytest.mark.parametrize("name", ["AdamOptimizer", "RMSPropOptimizer"])
def test_optimizers_in_compile(name):
    rng = np.random.RandomState(0)
    x = rng.randn(64, 4).astype("float32")
    y = (x[:, :1] > 0).astype("float32")
    for optimizer in (getattr(tf.train, name)(0.05), keras.optimizers.TFOptimizer(getattr(tf.train, name)(0.05))):
        model = keras.Sequential([keras.layers.Dense(1, activation="sigmoid", input_shape=(4,))])
        model.compile(optimizer, "binary_crossentropy")
        history = model.fit(x, y, epochs=5, batch_size=16, verbose=0).history["loss"]
        assert history[-1] < history[0]
        assert K.get_value(model.optimizer.iterations) == 20


def test_a_loop_of_ones_own_around_layers():
    images = tf.placeholder(tf.float32, shape=(None, 8))
    labels = tf.placeholder(tf.float32, shape=(None, 2))
    hidden = keras.layers.Dropout(0.2)(keras.layers.Dense(16, activation="relu")(images))
    predictions = keras.layers.Dense(2, activation="softmax")(hidden)
    loss = tf.reduce_mean(keras.losses.categorical_crossentropy(labels, predictions))
    correct = tf.equal(tf.argmax(labels, 1), tf.argmax(predictions, 1))
    accuracy = tf.reduce_mean(tf.cast(correct, tf.float32))
    step = tf.train.AdamOptimizer(0.02).minimize(loss)
    rng = np.random.RandomState(1)
    x = rng.randn(256, 8)
    y = np.eye(2)[(x[:, 0] + x[:, 1] > 0).astype(int)]
    sess = tf.Session()
    K.set_session(sess)
    sess.run(tf.global_variables_initializer())
    with sess.as_default():
        for i in range(40):
            at = slice(i * 32 % 256, i * 32 % 256 + 32)
            step.run(feed_dict={images: x[at], labels: y[at], K.learning_phase(): 1})
        assert accuracy.eval(feed_dict={images: x, labels: y, K.learning_phase(): 0}) > 0.9


def test_moving_averages_and_schedules():
    v, n = tf.Variable(0.0), tf.Variable(0, trainable=False)
    ema = tf.train.ExponentialMovingAverage(0.5)
    with tf.control_dependencies([tf.assign_add(v, 4.0)]):
        step = ema.apply([v])
    rate = tf.train.exponential_decay(0.1, n, 10, 0.5, staircase=True)
    other = tf.train.piecewise_constant(n, [2, 5], [1.0, 0.5, 0.1])
    with tf.Session() as sess:
        sess.run(step)
        assert sess.run(v) == 4 and sess.run(ema.average(v)) in (0.0, 2.0)
        found = [sess.run([rate, other], {n: i}) for i in (0, 3, 10, 25)]
    np.testing.assert_allclose(found, [[0.1, 1.0], [0.1, 0.5], [0.05, 0.1], [0.025, 0.1]], rtol=1e-6)


# --- files --------------------------------------------------------------------------------------------------------


def test_checkpoints(tmp_path):
    a, b = tf.Variable([1.0, 2.0], name="a"), tf.Variable(3, name="b")
    saver = tf.train.Saver(max_to_keep=2)
    prefix = str(tmp_path / "model.ckpt")
    with tf.Session() as sess:
        for step in range(3):
            sess.run(tf.assign(b, step))
            assert saver.save(sess, prefix, global_step=step) == f"{prefix}-{step}"
        sess.run([a.assign([9.0, 9.0]), b.assign(9)])
        assert tf.train.latest_checkpoint(str(tmp_path)) == f"{prefix}-2"
        saver.restore(sess, tf.train.latest_checkpoint(str(tmp_path)))
        assert sess.run([a, b])[0].tolist() == [1, 2] and sess.run(b) == 2
        assert sorted(p.name for p in tmp_path.iterdir()) == ["checkpoint", "model.ckpt-1.npz", "model.ckpt-2.npz"]
        with pytest.raises(tf.errors.NotFoundError, match="no checkpoint of this name"):
            saver.restore(sess, prefix + "-0")
        (tmp_path / "real.index").write_bytes(b"")
        with pytest.raises(NotImplementedError, match="TensorFlow's format"):
            saver.restore(sess, str(tmp_path / "real"))
    c = tf.Variable(0.0, name="c")
    with pytest.raises(tf.errors.NotFoundError, match="Key c not found"):
        tf.train.Saver().restore(None, prefix + "-1")
    assert K.get_value(c) == 0


def test_summaries(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    x = tf.placeholder(tf.float32, [None])
    tf.summary.scalar("mean", tf.reduce_mean(x))
    tf.summary.histogram("x", x)
    merged = tf.summary.merge_all()
    with tf.Session() as sess, tf.summary.FileWriter(str(tmp_path), sess.graph) as writer:
        for step in range(2):
            writer.add_summary(sess.run(merged, {x: [step, step + 1]}), step)
        summary = tf.Summary()
        value = summary.value.add()
        value.tag, value.simple_value = "mine", 0.25
        writer.add_summary(summary, 1)
        writer.add_summary(tf.Summary(value=[tf.Summary.Value(tag="other", simple_value=2.0)]), 1)
    events = EventAccumulator(str(tmp_path)).Reload()
    assert [e.value for e in events.Scalars("mean")] == [0.5, 1.5]
    assert [e.value for e in events.Scalars("mine")] == [0.25]
    assert events.Histograms("x")[0].histogram_value.num == 2


def test_files(tmp_path):
    path = str(tmp_path / "a" / "b.txt")
    tf.gfile.MakeDirs(str(tmp_path / "a"))
    with tf.gfile.GFile(path, "w") as file:
        file.write("text")
    with tf.gfile.Open(path) as file:
        assert file.read() == "text" and file.size() == 4
    assert tf.gfile.Exists(path) and tf.gfile.ListDirectory(str(tmp_path / "a")) == ["b.txt"]
    tf.gfile.Rename(path, path + "2")
    assert tf.gfile.Glob(str(tmp_path / "a" / "*")) == [path + "2"]
    tf.gfile.DeleteRecursively(str(tmp_path / "a"))
    with pytest.raises(tf.errors.NotFoundError):
        tf.gfile.Open(path)


def test_flags_and_main(monkeypatch):
    flags = tf.app.flags
    flags.DEFINE_integer("test_size", 3, "a number")
    flags.DEFINE_boolean("test_on", False, "a switch")
    flags.DEFINE_string("test_name", "x", "a text")
    monkeypatch.setattr(sys, "argv", ["program", "--test_size=5", "--test_on", "rest"])
    seen = []
    with pytest.raises(SystemExit) as stopped:
        tf.app.run(lambda argv: seen.append((argv, flags.FLAGS.test_size, flags.FLAGS.test_on)) or 0)
    assert stopped.value.code == 0
    assert seen == [(["program", "rest"], 5, True)]
    assert flags.FLAGS.test_name == "x"
    flags.FLAGS.test_name = "y"
    assert flags.FLAGS.test_name == "y" and "test_on" in flags.FLAGS


def test_logging_and_devices(caplog):
    before = tf.logging.get_verbosity()
    tf.logging.set_verbosity(tf.logging.ERROR)
    assert tf.logging.get_verbosity() == logging.ERROR
    tf.logging.warn("unseen")
    tf.logging.error("seen %d", 1)
    tf.logging.set_verbosity(before)
    assert [r.getMessage() for r in caplog.records] == ["seen 1"]
    from gpukeras.compat.tensorflow.python.client import device_lib

    found = device_lib.list_local_devices()
    assert found[0].device_type == "CPU" and found[0].name == "/device:CPU:0"
    assert tf.test.is_gpu_available() == any(d.device_type == "GPU" for d in found)
    assert tf.test.gpu_device_name() == next((d.name for d in found if d.device_type == "GPU"), "")


# --- types, shapes, names that are missing ------------------------------------------------------------------------


def test_dtypes():
    assert tf.float32 == "float32" == tf.as_dtype(np.float32) and tf.constant(1.0).dtype == tf.float32
    assert (tf.float32.name, tf.float32.as_numpy_dtype, tf.float32.base_dtype) == ("float32", np.float32, tf.float32)
    assert tf.float32.is_floating and tf.int32.is_integer and tf.bool.is_bool and not tf.int32.is_unsigned
    assert (tf.uint8.max, tf.int8.min, tf.float16.size) == (255, -128, 2)
    assert isinstance(tf.int64, tf.DType) and tf.int64 in {"int64"}
    assert np.zeros(2, tf.float64).dtype == np.float64
    for made in (K.zeros((2,), tf.int32), K.cast(K.ones((2,)), tf.int32), K.placeholder((2,), dtype=tf.int32)):
        assert K.dtype(made) == "int32"
    assert keras.layers.Input((2,), dtype=tf.int32).dtype == tf.int32


def test_shapes():
    x = tf.placeholder(tf.float32, [None, 4, 5])
    assert (x.shape[0].value, x.shape[1].value, x.shape[-1].value) == (None, 4, 5)
    assert isinstance(x.shape[1], int) and x.shape[1] == 4 and int(x.shape[1]) * 2 == 8
    assert (x.shape[1] * x.shape[2]).value == 20 and (x.shape[0] * 2).value is None
    assert x.get_shape().as_list() == [None, 4, 5] == x.shape.as_list()
    assert x.shape[1:].as_list() == [4, 5] and x.get_shape()[1:].num_elements() == 20
    assert x.shape.ndims == 3 and len(x.get_shape()) == 3
    assert [d.value for d in x.get_shape()] == [None, 4, 5] == [d.value for d in x.get_shape().dims]
    assert x.get_shape() == (None, 4, 5) == tf.TensorShape([None, 4, 5])
    assert not x.shape.is_fully_defined() and x.shape[1:].is_fully_defined()
    assert tf.reshape(x, [-1, x.shape[1] * x.shape[2]]).shape.as_list() == [None, 20]
    unknown = tf.placeholder(tf.float32)
    assert unknown.get_shape().ndims is None and unknown.get_shape() == tf.TensorShape(None)
    with pytest.raises(ValueError, match="as_list"):
        unknown.get_shape().as_list()
    unknown.set_shape([None, 3])
    assert unknown.get_shape().as_list() == [None, 3]
    with pytest.raises(ValueError, match="contradicts"):
        unknown.set_shape([2, 4])
    with pytest.raises(TypeError, match="not known while the graph is built"):
        int(x.shape[0])
    assert str(x.shape[0]) == "?" and tf.Dimension(3).is_compatible_with(None)
    assert tf.TensorShape([None, 2]).merge_with([3, None]) == (3, 2)


def test_plain_modules_keep_plain_shapes():
    source = "def entries(x):\n    return [x.shape[0], x.shape[1], type(x.shape[1])]\n"
    plain, with_tf = types.ModuleType("plain"), types.ModuleType("with_tf")
    with_tf.tf = tf
    for module in (plain, with_tf):
        exec(source, module.__dict__)
    x = K.placeholder((None, 4))
    assert plain.entries(x) == [None, 4, int]
    assert with_tf.entries(x)[2] is tf.Dimension


def test_missing_names():
    with pytest.raises(AttributeError, match="tensorflow.redce_sum is not a name.*did you mean tensorflow.reduce_sum"):
        tf.redce_sum  # noqa: B018
    assert not hasattr(tf.nn, "softmx") and getattr(tf, "nothing", 3) == 3
    for call, name, near in [
        (lambda: tf.nn.dynamic_rnn(None), "tensorflow.nn.dynamic_rnn", "K.rnn"),
        (lambda: tf.contrib.layers.fully_connected(1, 2), "tensorflow.contrib.layers.fully_connected", "keras.layers"),
        (lambda: tf.contrib.layers.conv2d(1, 2), "tensorflow.contrib.layers.conv2d", "K.conv2d"),
        (lambda: tf.contrib.crf.crf_log_likelihood(1), "tensorflow.contrib.crf.crf_log_likelihood", "keras.layers"),
        (lambda: tf.GradientTape(), "tensorflow.GradientTape", "K.gradients"),
        (lambda: tf.data.Dataset.from_tensor_slices(1), "tensorflow.data.Dataset", "keras.utils.Sequence"),
        (lambda: tf.estimator.Estimator(), "tensorflow.estimator", "Model.fit"),
        (lambda: tf.metrics.accuracy(1, 2), "tensorflow.metrics.accuracy", "not available"),
        (lambda: tf.image.decode_jpeg(b""), "tensorflow.image.decode_jpeg", "load_img"),
        (lambda: tf.strings.length(""), "tensorflow.strings.length", "not available"),
        (lambda: tf.fft(1), "tensorflow.fft", "numpy.fft"),
        (lambda: tf.sparse_placeholder(tf.float32), "tensorflow.sparse_placeholder", "K.placeholder"),
        (lambda: tf.unsorted_segment_max(1, 2, 3), "tensorflow.unsorted_segment_max", "not available"),
    ]:
        with pytest.raises(NotImplementedError) as error:
            call()
        assert name in str(error.value) and near in str(error.value)
    assert not isinstance(3, tf.IndexedSlices)
    with pytest.raises(TypeError, match="complex64: not available"):
        tf.placeholder(tf.complex64)
    with pytest.raises(NotImplementedError, match="values only when computed"):
        tf.enable_eager_execution()
    assert tf.executing_eagerly() is False


def test_compat_and_versions():
    v1 = tf.compat.v1
    assert v1.reduce_sum is tf.reduce_sum and v1.Session is tf.Session and v1.nn is tf.nn
    assert v1.train.AdamOptimizer is tf.train.AdamOptimizer
    assert tf.compat.as_str(b"a") == tf.compat.as_text("a") == "a" and tf.compat.as_bytes("a") == b"a"
    assert tf.__version__.split(".")[:2] == ["1", "13"]
    from gpukeras.compat.tensorflow.python.framework import ops
    from gpukeras.compat.tensorflow.python.ops import control_flow_ops, math_ops

    assert math_ops.reduce_sum is tf.reduce_sum and control_flow_ops.while_loop is tf.while_loop
    ops.reset_default_graph()
    assert ops.convert_to_tensor([1.0]).dtype == tf.float32
    assert tf.keras.layers.Dense is keras.layers.Dense


def test_contrib_layers():
    layers = tf.contrib.layers
    assert layers.xavier_initializer().get_config() == keras.initializers.glorot_uniform().get_config()
    w = tf.constant([1.0, -2.0])
    assert K.eval(layers.l2_regularizer(0.1)(w)) == pytest.approx(0.25)  # half of what keras.regularizers.l2 gives
    assert K.eval(layers.l1_regularizer(0.1)(w)) == pytest.approx(0.3)
    values = K.eval(layers.variance_scaling_initializer()((50, 40)))
    assert values.std() == pytest.approx(np.sqrt(2 / 50), rel=0.1)


def test_old_argument_orders_are_named():
    x = tf.zeros([2, 3])
    with pytest.raises(TypeError, match=r"concat\(values, axis\)"):
        tf.concat(1, [x, x])
    with pytest.raises(TypeError, match=r"split\(value, num_or_size_splits, axis\)"):
        tf.split(1, 3, x)
    with pytest.raises(ValueError, match="named arguments"):
        tf.nn.softmax_cross_entropy_with_logits(x, x)


def test_seeds():
    def draw():
        tf.set_random_seed(5)
        x = tf.random_uniform([3], 1, 2)
        with tf.Session() as sess:
            return sess.run(x)

    np.random.seed(3)
    first, second = draw(), draw()
    np.testing.assert_array_equal(first, second)
    assert np.random.rand() == np.random.RandomState(3).rand()  # NumPy's numbers are left alone
    with tf.Session() as sess:
        assert not np.array_equal(sess.run(tf.random_uniform([3], 1, 2)), first)
    assert (first >= 1).all() and (first < 2).all()
    tf.set_random_seed(8)
    with tf.Session() as sess:
        many = sess.run(tf.multinomial(tf.log([[0.1, 0.9], [0.5, 0.5]]), 2000))
        order = sess.run(tf.random_shuffle(tf.range(50)))
        crop = sess.run(tf.random_crop(tf.reshape(tf.range(30), [5, 6]), [2, 3]))
        ints = sess.run(tf.random_uniform([1000], 2, tf.constant(5), dtype=tf.int32))
        kept = sess.run(tf.nn.dropout(tf.ones([2000]), keep_prob=0.75))
        trunc = sess.run(tf.truncated_normal([2000], stddev=0.5))
    assert many.dtype == np.int64 and abs(many[0].mean() - 0.9) < 0.05 and abs(many[1].mean() - 0.5) < 0.06
    assert sorted(order) == list(range(50)) and order.tolist() != list(range(50))
    assert crop.shape == (2, 3) and (np.diff(crop, axis=0) == 6).all() and (np.diff(crop, axis=1) == 1).all()
    assert set(ints) == {2, 3, 4}
    assert set(np.unique(kept)) == {0, np.float32(1 / 0.75)} and abs((kept > 0).mean() - 0.75) < 0.05
    assert np.abs(trunc).max() <= 1.0 and abs(trunc.std() - 0.44) < 0.03
