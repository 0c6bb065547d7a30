"""Custom objects, named-object serialisation and the list helpers."""

import numpy as np
import pytest

from gpukeras.utils import generic_utils as g


class Thing:
    def __init__(self, size=1):
        self.size = size

    def get_config(self):
        return {"size": self.size}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


class Nested(Thing):
    seen = None

    @classmethod
    def from_config(cls, config, custom_objects=None):
        cls.seen = custom_objects
        return cls(**config)


def plain(x):
    return x


def test_custom_objects_are_one_live_dict():
    table = g.get_custom_objects()
    table["Thing"] = Thing
    try:
        assert g.get_custom_objects() is table
        assert g.deserialize_keras_object("Thing") is Thing
    finally:
        del table["Thing"]


def test_scope_restores_what_was_there():
    g.get_custom_objects()["name"] = 1
    try:
        with g.custom_object_scope({"name": 2, "other": 3}, {"other": 4}):
            assert g.get_custom_objects() == {"name": 2, "other": 4}
        assert g.get_custom_objects() == {"name": 1}
    finally:
        g.get_custom_objects().clear()


def test_scope_restores_after_an_error():
    with pytest.raises(KeyError), g.CustomObjectScope({"a": 1}):
        raise KeyError("a")
    assert "a" not in g.get_custom_objects()


def test_serialize():
    assert g.serialize_keras_object(None) is None
    assert g.serialize_keras_object(plain) == "plain"
    assert g.serialize_keras_object(Thing(3)) == {"class_name": "Thing", "config": {"size": 3}}
    with pytest.raises(ValueError, match="neither a get_config"):
        g.serialize_keras_object(3)


def test_deserialize_dict_and_name():
    made = g.deserialize_keras_object({"class_name": "Thing", "config": {"size": 5}}, {"Thing": Thing})
    assert isinstance(made, Thing) and made.size == 5
    assert g.deserialize_keras_object("plain", {"plain": plain}) is plain


def test_custom_objects_win_over_built_in_ones():
    assert g.deserialize_keras_object("f", {"f": len}, {"f": plain}) is plain
    with g.custom_object_scope({"f": max}):
        assert g.deserialize_keras_object("f", {"f": len}) is max


def test_custom_objects_reach_a_nested_from_config():
    g.deserialize_keras_object({"class_name": "Nested", "config": {}}, {"Nested": Nested}, {"mine": plain})
    assert Nested.seen["mine"] is plain


def test_a_function_stands_for_a_configured_object():
    made = g.deserialize_keras_object({"class_name": "make", "config": {"size": 2}}, {"make": lambda size: Thing(size)})
    assert made.size == 2


def test_a_function_that_needs_more_than_a_config_is_the_object_itself():
    identifier = {"class_name": "plain", "config": {}}
    assert g.deserialize_keras_object(identifier, {}, {"plain": plain}) is plain


def test_registered_package_names_are_understood():
    made = g.deserialize_keras_object({"class_name": "Custom>Thing", "config": {}}, {"Thing": Thing})
    assert isinstance(made, Thing)


@pytest.mark.parametrize(
    "identifier, message",
    [
        ("nope", "Unknown layer: nope. If it is your own, pass it by name: custom_objects"),
        ({"class_name": "Nope", "config": {}}, "Unknown layer: Nope"),
        ({"class_name": "Nope"}, "Improper config format for layer"),
        (3, "Could not interpret serialized layer"),
    ],
)
def test_deserialize_errors(identifier, message):
    with pytest.raises(ValueError, match=message):
        g.deserialize_keras_object(identifier, {}, printable_module_name="layer")


def test_lists():
    assert g.to_list([1]) == [1] and g.to_list(1) == [1]
    assert g.to_list((1, 2)) == [(1, 2)] and g.to_list((1, 2), allow_tuple=True) == [1, 2]
    assert g.unpack_singleton([3]) == 3 and g.unpack_singleton([1, 2]) == [1, 2]
    assert g.is_all_none([None, None]) and g.is_all_none(None) and not g.is_all_none([None, 0])
    a, b = Thing(), Thing()
    assert g.object_list_uid([a, b]) == g.object_list_uid([a, b]) != g.object_list_uid([b, a])


def test_slice_arrays():
    a, b = np.arange(5), np.arange(5) * 10
    assert g.slice_arrays(None) == [None]
    np.testing.assert_array_equal(g.slice_arrays(a, 1, 3), [1, 2])
    left, none, right = g.slice_arrays([a, None, b], [0, 4])
    assert none is None
    np.testing.assert_array_equal(left, [0, 4])
    np.testing.assert_array_equal(right, [0, 40])
    np.testing.assert_array_equal(g.slice_arrays([a], np.array([2, 3]))[0], [2, 3])
    with pytest.raises(ValueError, match="`stop` must be None"):
        g.slice_arrays([a], [0], 3)


def test_transpose_shape():
    assert g.transpose_shape((None, 4, 5, 3), "channels_first", (1, 2)) == (None, 3, 4, 5)
    assert g.transpose_shape([8, 7, 4, 5, 3], "channels_first", (2, 3)) == [8, 7, 3, 4, 5]
    assert g.transpose_shape((1, 2, 3), "channels_last", (1,)) == (1, 2, 3)
    with pytest.raises(ValueError, match="channels_middle"):
        g.transpose_shape((1, 2, 3), "channels_middle", (1,))


def test_unexpected_keys_are_named():
    g.check_for_unexpected_keys("loss", {"a": 1}, ["a", "b"])
    with pytest.raises(ValueError, match=r"loss: .*\['c'\].*\['a', 'b'\]"):
        g.check_for_unexpected_keys("loss", {"a": 1, "c": 2}, ["a", "b"])
