"""`tf.flags`: arguments of the command line as attributes of `FLAGS`."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from ._missing import module_getattr


class FlagValues:
    """The values of flags, read from the command line when first asked for."""

    def __init__(self) -> None:
        self.__dict__["_parser"] = argparse.ArgumentParser(allow_abbrev=False)
        self.__dict__["_values"] = {}
        self.__dict__["_parsed"] = False
        self.__dict__["_switches"] = set()

    def __call__(self, argv: Any = None) -> list[str]:
        """Reads arguments; returns the program's name and those that are no flags."""
        argv = list(sys.argv if argv is None else argv)
        switches = {f"--{name}" for name in self.__dict__["_switches"]}
        given_args = [f"{arg}=true" if arg in switches else arg for arg in argv[1:]]
        found, rest = self._parser.parse_known_args(given_args)
        given = self.__dict__["_values"]
        self.__dict__["_values"] = {
            **vars(found),
            **{k: v for k, v in given.items() if k in self.__dict__.get("_set", ())},
        }
        self.__dict__["_parsed"] = True
        return argv[:1] + rest

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if not self.__dict__["_parsed"]:
            self()
        if name not in self.__dict__["_values"]:
            raise AttributeError(f"no flag {name!r} is defined")
        return self.__dict__["_values"][name]

    def __setattr__(self, name: str, value: Any) -> None:
        if not self.__dict__["_parsed"]:
            self()
        self.__dict__["_values"][name] = value
        self.__dict__.setdefault("_set", set()).add(name)

    def __contains__(self, name: str) -> bool:
        return any(action.dest == name for action in self.__dict__["_parser"]._actions)

    def __iter__(self) -> Any:
        return iter([a.dest for a in self.__dict__["_parser"]._actions if a.dest != "help"])

    def flag_values_dict(self) -> dict[str, Any]:
        """All flags and their values."""
        return {name: getattr(self, name) for name in self}

    def _define(self, name: str, default: Any, help: Any, **settings: Any) -> None:
        self.__dict__["_parser"].add_argument(f"--{name}", default=default, help=str(help or ""), **settings)
        self.__dict__["_parsed"] = False


FLAGS = FlagValues()


def _truth(text: str) -> bool:
    if text.lower() in ("true", "t", "1", "yes"):
        return True
    if text.lower() in ("false", "f", "0", "no"):
        return False
    raise argparse.ArgumentTypeError(f"expected true or false, got {text!r}")


def DEFINE_string(name: str, default: Any, help: Any = None, flag_values: Any = None, **kwargs: Any) -> None:
    """A flag that holds text."""
    FLAGS._define(name, default, help, type=str)


def DEFINE_integer(name: str, default: Any, help: Any = None, *args: Any, **kwargs: Any) -> None:
    """A flag that holds a whole number."""
    FLAGS._define(name, default, help, type=int)


def DEFINE_float(name: str, default: Any, help: Any = None, *args: Any, **kwargs: Any) -> None:
    """A flag that holds a number."""
    FLAGS._define(name, default, help, type=float)


def DEFINE_boolean(name: str, default: Any, help: Any = None, *args: Any, **kwargs: Any) -> None:
    """A flag that is on or off: --name, --noname, --name=true."""
    FLAGS._define(name, default, help, type=_truth)
    FLAGS.__dict__["_switches"].add(name)
    FLAGS.__dict__["_parser"].add_argument(f"--no{name}", dest=name, action="store_false", default=argparse.SUPPRESS)


DEFINE_bool = DEFINE_boolean


def DEFINE_enum(name: str, default: Any, enum_values: Any, help: Any = None, **kwargs: Any) -> None:
    """A flag that holds one of some words."""
    FLAGS._define(name, default, help, type=str, choices=list(enum_values))


def DEFINE_list(name: str, default: Any, help: Any = None, **kwargs: Any) -> None:
    """A flag that holds words separated by commas."""
    default = default.split(",") if isinstance(default, str) and default else default or []
    FLAGS._define(name, default, help, type=lambda text: text.split(",") if text else [])


def mark_flag_as_required(flag_name: str, flag_values: Any = None) -> None:
    """Makes a flag one that must be given."""
    for action in FLAGS.__dict__["_parser"]._actions:
        if action.dest == flag_name:
            action.required = True


__getattr__ = module_getattr("flags")
