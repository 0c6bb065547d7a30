"""What preprocessing is asked for, once from Keras 2.2.4 and ever after from gpukeras; see make_preprocessing.py.

Every case takes the package and returns what JSON can hold. It must run on Python 3.6 and on today's.
"""

import os
import random
import shutil
import tempfile
import warnings

import numpy as np

TEXTS = ["The cat sat on the mat.", "The dog, the log: a Dog!", ["Big", "cat"], "", "one\ttwo two"]
SEQUENCES = [[1, 2, 3], [4], [], [5, 6, 7, 8, 9]]


def digest(x):
    """An array in few numbers: its shape, mean, deviation and eleven elements."""
    x = np.asarray(x)
    flat = x.ravel().astype("float64")
    picked = flat[np.linspace(0, len(flat) - 1, 11).astype(int)] if len(flat) else flat
    found = [flat.mean(), flat.std()] + list(picked) if len(flat) else []
    return [list(x.shape), [float("%.6g" % v) for v in found]]


def image(channels=3, size=(12, 9), seed=0, first=False):
    """A smooth image: on one, interpolation gives nearly the same on every version of SciPy."""
    r = np.random.RandomState(seed)
    rows, cols = np.mgrid[: size[0], : size[1]]
    planes = [127 + 100 * np.sin(r.rand() * rows + r.rand() * cols + r.rand() * 6) for _ in range(channels)]
    return np.stack(planes, 0 if first else -1)


def images(n=6, **kwargs):
    return np.stack([image(seed=i, **kwargs) for i in range(n)])


def pad(keras):
    f = keras.preprocessing.sequence.pad_sequences
    vectors = [[[1, 2]], [[3, 4], [5, 6]]]
    found = [f(SEQUENCES).tolist(), f(vectors, maxlen=3, value=-1.0, dtype="float32").tolist()]
    for padding in ("pre", "post"):
        for truncating in ("pre", "post"):
            found.append(f(SEQUENCES, maxlen=3, padding=padding, truncating=truncating, value=7).tolist())
    found.append(f([["a"], ["b", "c"]], value="p", dtype=object).tolist())
    return found


def table(keras):
    f = keras.preprocessing.sequence.make_sampling_table
    return [digest(f(1000)), digest(f(100, 1e-3))]


def grams(keras):
    f = keras.preprocessing.sequence.skipgrams
    found = []
    settings = [
        {},
        {"window_size": 1, "categorical": True},
        {"negative_samples": 0.5, "shuffle": False},
        {"negative_samples": 0, "seed": 3},
        {"sampling_table": np.linspace(0, 1, 20)},
    ]
    for kwargs in settings:
        random.seed(11)
        couples, labels = f([1, 5, 0, 7, 3, 12, 5, 19], 20, **kwargs)
        found.append([[[int(a), int(b)] for a, b in couples], labels, random.random()])
    return found


def windows(keras):
    f = keras.preprocessing.sequence.TimeseriesGenerator
    x, y = np.arange(40.0).reshape(20, 2), np.arange(20.0)
    found = []
    settings = [
        dict(length=4),
        dict(length=6, sampling_rate=2, batch_size=4),
        dict(length=3, stride=3, start_index=2, end_index=17, batch_size=2, reverse=True),
        dict(length=3, shuffle=True, batch_size=3),
    ]
    for kwargs in settings:
        np.random.seed(5)
        made = f(x, y, **kwargs)
        found.append([[part.tolist() for part in made[i]] for i in range(len(made))])
        found.append(made.to_json(sort_keys=True))
    return found


def words(keras):
    t = keras.preprocessing.text
    text = "Hello, big  world! a-b stop C"
    found = [t.text_to_word_sequence(text), t.text_to_word_sequence(text, filters="-", lower=False)]
    found.append(t.text_to_word_sequence(text, split="stop"))
    found.append(t.hashing_trick(text, 50, hash_function="md5"))
    found.append(t.hashing_trick(text, 50, hash_function=len))
    return found


def tokenizer(keras):
    found = []
    settings = [
        {},
        {"num_words": 4},
        {"oov_token": "UNK", "num_words": 5},
        {"oov_token": "cat"},
        {"char_level": True, "lower": False, "num_words": 9},
        {"filters": "t", "split": "o", "document_count": 3},
    ]
    for kwargs in settings:
        t = keras.preprocessing.text.Tokenizer(**kwargs)
        t.fit_on_texts(TEXTS)
        new = TEXTS + ["A new cat"]
        sequences = t.texts_to_sequences(new)
        found.append([sequences, t.sequences_to_texts(sequences + [[1, 2, 40]]), sorted(t.word_docs.items())])
        found.append([list(t.word_counts.items()), sorted(t.word_index.items()), sorted(t.index_docs.items())])
        for mode in ("binary", "count", "tfidf", "freq"):
            found.append(digest(t.texts_to_matrix(new, mode=mode)))
    t = keras.preprocessing.text.Tokenizer(num_words=6)
    t.fit_on_sequences([[1, 2, 2], [2, 9]])
    found.append([sorted(t.index_docs.items()), digest(t.sequences_to_matrix([[1, 2, 2, 8]], mode="tfidf"))])
    return found


def parameters(keras):
    settings = [
        dict(),
        dict(rotation_range=40, width_shift_range=0.2, height_shift_range=0.1, shear_range=10.0, zoom_range=0.3),
        dict(width_shift_range=3, height_shift_range=[1, 2], horizontal_flip=True, vertical_flip=True),
        dict(width_shift_range=2.5, height_shift_range=[0.1, 0.3], zoom_range=(0.5, 1.5), channel_shift_range=20.0),
        dict(rotation_range=5.0, brightness_range=(0.5, 2.0), channel_shift_range=3, vertical_flip=True),
    ]
    found = []
    for kwargs in settings:
        made = keras.preprocessing.image.ImageDataGenerator(**kwargs)
        for seed in (1, 2, 3):
            drawn = made.get_random_transform((12, 9, 3), seed=seed)
            found.append([[k, None if v is None else float("%.9g" % float(v))] for k, v in sorted(drawn.items())])
    return found


def affine(keras):
    f = keras.preprocessing.image.apply_affine_transform
    found = []
    for mode in ("constant", "nearest"):
        for kwargs in (
            dict(theta=30),
            dict(tx=2.5, ty=-1),
            dict(shear=15),
            dict(zx=0.7, zy=1.3),
            dict(theta=-80, tx=1, shear=5, zx=1.2, zy=0.9),
        ):
            found.append(digest(f(image(), fill_mode=mode, cval=9.0, **kwargs)))
            axes = dict(row_axis=1, col_axis=2, channel_axis=0)
            found.append(digest(f(image(first=True).astype("float32"), fill_mode=mode, **dict(kwargs, **axes))))
    found.append(digest(f(image(), fill_mode="wrap", theta=25)))
    # Whole pixels: SciPy before 1.6 interpolated wrongly next to a mirroring border.
    found.append(digest(f(image(), fill_mode="reflect", tx=3, ty=-2)))
    return found


def single(keras):
    m = keras.preprocessing.image
    found = []
    for name, args in (
        ("random_rotation", (30,)),
        ("random_shift", (0.2, 0.3)),
        ("random_shear", (20,)),
        ("random_zoom", ((0.6, 1.4),)),
        ("random_zoom", ((1, 1),)),
        ("random_channel_shift", (40,)),
    ):
        np.random.seed(4)
        # Not with the default axes: there the original turns about a wrong point.
        axes = dict(channel_axis=2) if name == "random_channel_shift" else dict(row_axis=0, col_axis=1, channel_axis=2)
        found.append([name, digest(getattr(m, name)(image(), *args, **axes))])
    np.random.seed(4)
    found.append(digest(m.random_brightness(image(), (0.3, 1.8))))
    for brightness in (0.0, 0.5, 1.7):
        found.append(digest(m.apply_brightness_shift(image(), brightness)))
    found.append(digest(m.apply_channel_shift(image(), -30.0)))
    return found


def conversions(keras):
    m = keras.preprocessing.image
    found = []
    for channels in (1, 3, 4):
        for first in (False, True):
            form = "channels_first" if first else "channels_last"
            for scale in (True, False):
                x = image(channels, first=first)
                img = m.array_to_img(x, data_format=form, scale=scale)
                found.append([img.mode, list(img.size), digest(m.img_to_array(img, data_format=form))])
    found.append(digest(m.img_to_array(m.array_to_img(image() - 300))))
    return found


def files(keras):
    m = keras.preprocessing.image
    folder = tempfile.mkdtemp()
    found = []
    try:
        for channels in (1, 3, 4):
            path = os.path.join(folder, "%d.png" % channels)
            m.save_img(path, image(channels), scale=False)
            for mode in ("grayscale", "rgb", "rgba"):
                img = m.load_img(path, color_mode=mode)
                found.append([img.mode, digest(m.img_to_array(img))])
            img = m.load_img(path, target_size=(7, 20), interpolation="nearest")
            found.append([list(img.size), digest(m.img_to_array(img))])
    finally:
        shutil.rmtree(folder)
    return found


GENERATORS = {
    "geometry": dict(
        rotation_range=40, width_shift_range=0.2, height_shift_range=0.1, shear_range=10.0, zoom_range=0.3
    ),
    "flips": dict(horizontal_flip=True, vertical_flip=True, rescale=1 / 255.0, channel_shift_range=30.0),
    "bright": dict(brightness_range=(0.5, 1.5), fill_mode="constant", cval=3.0, rotation_range=20),
    "samplewise": dict(samplewise_center=True, samplewise_std_normalization=True),
    "featurewise": dict(featurewise_center=True, featurewise_std_normalization=True, horizontal_flip=True),
    "zca": dict(zca_whitening=True, zca_epsilon=1.0, featurewise_center=True),
    "function": dict(preprocessing_function=lambda x: x[::-1] * 2.0, rescale=0.5, samplewise_center=True),
}


def flows(keras):
    found = []
    for name, kwargs in sorted(GENERATORS.items()):
        for form in ("channels_last", "channels_first"):
            if name == "bright" and form == "channels_first":
                continue  # brightness goes by the configured format
            x = images(first=form == "channels_first")
            made = keras.preprocessing.image.ImageDataGenerator(data_format=form, **kwargs)
            made.fit(x, augment=name != "zca", rounds=2, seed=8)
            for shuffle in (False, True):
                flow = made.flow(x, np.arange(6), batch_size=4, shuffle=shuffle, seed=21)
                np.random.seed(9)
                for _ in range(4):
                    batch, labels = next(flow)
                    found.append([name, form, shuffle, digest(batch), labels.tolist()])
                batch, labels = flow[1]
                found.append([digest(batch), labels.tolist()])
            np.random.seed(3)
            flow = made.flow((x, np.arange(6)), None, batch_size=5, sample_weight=None)
            batch, misc = next(flow)
            found.append([digest(batch), misc.tolist()])
            if made.mean is not None:
                found.append(digest(made.mean))
    return found


def subsets(keras):
    made = keras.preprocessing.image.ImageDataGenerator(validation_split=0.4)
    x, y = images(), np.array([0, 1, 0, 1, 1, 0])
    found = []
    for subset in ("training", "validation"):
        batch = next(made.flow(x, y, shuffle=False, subset=subset))
        found.append([digest(part) for part in batch])
    return found


def _write(keras, folder, names):
    for i, name in enumerate(names):
        path = os.path.join(folder, name)
        if not os.path.isdir(os.path.dirname(path)):
            os.makedirs(os.path.dirname(path))
        keras.preprocessing.image.save_img(path, image(1 + i % 2 * 2, size=(8 + i, 10), seed=i), scale=False)


def directories(keras):
    m = keras.preprocessing.image
    folder = tempfile.mkdtemp()
    saved = tempfile.mkdtemp()
    found = []
    try:
        _write(keras, folder, ["b/x.png", "a/2.png", "a/10.png", "a/deep/1.PNG", "b/y/z.bmp", "a/3.png", "c/1.png"])
        open(os.path.join(folder, "a", "notes.txt"), "w").close()
        for kwargs in (
            dict(),
            dict(classes=["c", "a"], class_mode="sparse", color_mode="grayscale"),
            dict(class_mode="binary", classes=["b", "a"], shuffle=False, color_mode="rgba"),
            dict(class_mode="input", save_to_dir=saved, save_prefix="p", batch_size=2),
            dict(class_mode=None, subset="training"),
            dict(subset="validation", interpolation="nearest"),
        ):
            made = m.ImageDataGenerator(horizontal_flip=True, rotation_range=10, validation_split=0.3)
            flow = made.flow_from_directory(folder, target_size=(6, 5), **dict({"seed": 5, "batch_size": 3}, **kwargs))
            found.append([flow.filenames, flow.classes.tolist(), sorted(flow.class_indices.items()), len(flow)])
            for _ in range(2):
                batch = next(flow)
                found.append([digest(part) for part in batch] if isinstance(batch, tuple) else digest(batch))
        found.append(sorted(os.listdir(saved)))
    finally:
        shutil.rmtree(folder)
        shutil.rmtree(saved)
    return found


def frames(keras):
    import pandas

    m = keras.preprocessing.image
    folder = tempfile.mkdtemp()
    found = []
    try:
        _write(keras, folder, ["b.png", "a.png", "d.png", "c.png", "e.png"])
        rows = ["c.png", "b.png", "a.png", "b.png", "none.png", "d.png"]
        frame = pandas.DataFrame(
            {
                "filename": rows,
                "stem": [name[:-4] for name in rows],
                "class": ["y", "x", "y", "y", "z", "x"],
                "v": [1.5, 2.5, 3.5, 4.5, 5.5, 6.5],
                "w": [1, 2, 3, 4, 5, 6],
            }
        )
        for kwargs in (
            dict(),
            dict(class_mode="sparse", classes=["x", "y", "z"], shuffle=False),
            dict(class_mode="binary", x_col="stem", has_ext=False, shuffle=False),
            dict(class_mode="other", y_col="v", shuffle=False),
            dict(class_mode="other", y_col=["v", "w"]),
            dict(class_mode="input"),
            dict(class_mode=None, color_mode="grayscale"),
            dict(subset="training", shuffle=False),
            dict(subset="validation", shuffle=False),
        ):
            made = m.ImageDataGenerator(vertical_flip=True, validation_split=0.4)
            flow = made.flow_from_dataframe(frame, folder, target_size=(6, 5), batch_size=2, seed=3, **kwargs)
            found.append([flow.filenames, sorted(flow.class_indices.items()), len(flow)])
            batch = next(flow)
            found.append([digest(part) for part in batch] if isinstance(batch, tuple) else digest(batch))
    finally:
        shutil.rmtree(folder)
    return found


CASES = {
    f.__name__: f
    for f in (
        pad,
        table,
        grams,
        windows,
        words,
        tokenizer,
        parameters,
        affine,
        single,
        conversions,
        files,
        flows,
        subsets,
        directories,
        frames,
    )
}


def run(name, keras):
    """The result of a case, as JSON gives it back."""
    import json

    with warnings.catch_warnings():
        # pandas and the original warn about their own doings.
        warnings.simplefilter("ignore")
        return json.loads(json.dumps(CASES[name](keras)))
