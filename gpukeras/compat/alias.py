"""Makes `keras`, and the packages around it, names of this package in the running program.

A finder in front of `sys.meta_path` answers imports of those names with the very modules of gpukeras.  This file uses
the standard library only and keeps no state of its own, so that a starting process can run it by its path, without
the time it takes to import gpukeras; what is in force is the finder itself.
"""

import functools
import importlib
import importlib.util
import os
import sys
from importlib.machinery import ModuleSpec

__all__ = ["VARIABLE", "AliasFinder", "bootstrap", "current", "install", "installed", "remove"]

#: Switches the alias on in every process whose Python has the start-up file.
VARIABLE = "GPUKERAS_AS_KERAS"
#: Makes `tensorflow` the stand-in although TensorFlow is installed.
TENSORFLOW_VARIABLE = "GPUKERAS_AS_TENSORFLOW"

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# (name that programs import, our module behind it, our package behind its submodules), inner names first.
_TABLE = [
    ("tensorflow.python.keras", "gpukeras", "gpukeras"),
    ("tensorflow.contrib.keras", "gpukeras", "gpukeras"),
    ("tensorflow.keras", "gpukeras", "gpukeras"),
    ("tensorflow", "gpukeras.compat.tensorflow", "gpukeras.compat.tensorflow"),
    ("keras_applications", "gpukeras.compat.keras_applications", "gpukeras.applications"),
    ("keras_preprocessing", "gpukeras.compat.keras_preprocessing", "gpukeras.preprocessing"),
    ("keras", "gpukeras", "gpukeras"),
]
# TensorBoard looks for this module, whatever is in it, to know that it must not use `tensorflow`.
_WITHOUT_TENSORFLOW = "tensorboard.compat.notf"
_HEADS = {row[0].partition(".")[0] for row in _TABLE}

# What `importlib.metadata` says of a name that has no distribution of its own: the versions that Keras 2.2.4 goes with.
_VERSIONS = {
    "keras": "2.2.4",
    "keras-applications": "1.0.8",
    "keras-preprocessing": "1.0.5",
}


class _AliasLoader:
    """Hands over a module of this package under another name.

    The import system writes the alias' spec into the module between the two calls; the second puts the module's own
    back, which the loader has kept, so that reloading and pickling see the module as it was.
    """

    def __init__(self, real, alias_of_package):
        self.real = real
        self.alias_of_package = alias_of_package
        self.own_spec = None

    def create_module(self, spec):
        """Returns the module itself."""
        module = importlib.import_module(self.real)
        own = getattr(module, "__spec__", None)
        # Another thread may be importing the same module under another name just now.
        while isinstance(getattr(own, "loader", None), _AliasLoader) and own.loader.own_spec is not None:
            own = own.loader.own_spec
        self.own_spec = own
        return module

    def exec_module(self, module):
        """Puts the module's own spec back."""
        module.__spec__ = self.own_spec
        if self.alias_of_package:
            self._register_loaded(*self.alias_of_package)

    @staticmethod
    def _register_loaded(alias, package):
        """Enters the submodules that are there already, as the original import would have."""
        for name, module in list(sys.modules.items()):
            if name.startswith(package + ".") and getattr(module, "__spec__", None) is not None:
                if not getattr(module.__spec__, "_initializing", False):
                    sys.modules.setdefault(alias + name[len(package) :], module)

    def _real_loader(self):
        return importlib.util.find_spec(self.real).loader

    def is_package(self, fullname):
        """Whether the module has submodules."""
        return self._real_loader().is_package(self.real)

    def get_code(self, fullname):
        """The module's code, for `python -m`."""
        return self._real_loader().get_code(self.real)

    def get_source(self, fullname):
        """The module's source."""
        return self._real_loader().get_source(self.real)


class _ThenLoader:
    """The loader of a foreign module, and what to do once the module is there."""

    def __init__(self, loader, then):
        self._loader = loader
        self._then = then

    def __getattr__(self, name):
        return getattr(self._loader, name)

    def create_module(self, spec):
        """As the loader does."""
        return self._loader.create_module(spec)

    def exec_module(self, module):
        """Steps aside, loads, and calls the function."""
        module.__spec__.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._then(module)


class AliasFinder:
    """Finds `keras` and its neighbours in this package.

    Arguments:
        tensorflow: True to be `tensorflow` too; False to leave that name alone; None to be `tensorflow` when it is
            not installed, and `tensorflow.keras` in any case.
    """

    #: By this the finder is known; its class may come from a second copy of this file.
    gpukeras_alias = True

    def __init__(self, tensorflow=None):
        self.tensorflow = tensorflow
        self.variable_before = None

    def find_spec(self, fullname, path=None, target=None):
        """Answers the import system.

        Arguments:
            fullname: str, the dotted name of a module.
            path: the search path of its package, or None.
            target: module that is being reloaded, or None.

        Returns:
            A spec, or None for a module that is none of ours.
        """
        if sys.meta_path[0] is not self and self in sys.meta_path:
            # A finder that got in front (that of pytest, say) would load second copies of our files.
            sys.meta_path.remove(self)
            sys.meta_path.insert(0, self)
        if fullname == "gpukeras":
            return self._own_spec()
        if fullname in _THEN and self._real_name(fullname) is None:
            spec = self._elsewhere(fullname, path, target)
            if spec is not None and spec.loader is not None:
                spec.loader = _ThenLoader(spec.loader, functools.partial(_THEN[fullname], self))
            return spec
        real = self._real_name(fullname)
        own = _spec_of(real) if real else None
        if own is None:
            return None
        packages = [(row[0], row[2]) for row in _TABLE if row[0] == fullname]
        spec = ModuleSpec(fullname, _AliasLoader(real, packages[0] if packages else None), origin=own.origin)
        spec.submodule_search_locations = own.submodule_search_locations
        return spec

    def _real_name(self, fullname):
        """The module of ours behind a name, or None."""
        if fullname == _WITHOUT_TENSORFLOW:
            return "gpukeras.compat" if self._stands_in("tensorflow") else None
        head = fullname.partition(".")[0]
        if head not in _HEADS:
            return None
        for alias, own, package in _TABLE:
            if (fullname + ".").startswith(alias + "."):
                if not self._stands_in(alias if alias == "tensorflow.keras" else head):
                    return None
                return own if fullname == alias else package + fullname[len(alias) :]
        return None

    def _stands_in(self, head):
        """Whether a name is ours: `keras` always, the others when nothing else has it."""
        if head == "keras":
            return True
        if head == "tensorflow.keras":
            # TensorFlow takes it from the package `keras`, which is ours in this process.
            return self.tensorflow is not False
        if head == "tensorflow" and self.tensorflow is not None:
            return self.tensorflow
        if head in sys.modules:
            return getattr(sys.modules[head], "__name__", "").startswith("gpukeras.")
        spec = self._elsewhere(head, None, None)
        # A folder that happens to bear the name is no package.
        return spec is None or spec.origin is None and spec.submodule_search_locations is not None

    def _elsewhere(self, fullname, path, target):
        """The spec that the other finders give, or None."""
        for finder in list(sys.meta_path):
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                return spec
        return None

    def _own_spec(self):
        """This very copy of gpukeras, even in a process that would not find it or would find another."""
        init = os.path.join(_ROOT, "__init__.py")
        if not os.path.exists(init):
            return None
        return importlib.util.spec_from_file_location("gpukeras", init, submodule_search_locations=[_ROOT])

    def find_distributions(self, context=None):
        """Answers `importlib.metadata.version('keras')` and the like.

        Arguments:
            context: what is looked for.

        Returns:
            List of at most one distribution.
        """
        name = (getattr(context, "name", None) or "").lower().replace("_", "-").replace(".", "-")
        version = _VERSIONS.get(name)
        if version is None or not self._stands_in(name.replace("-", "_")):
            return []
        from importlib.metadata import Distribution

        class Alias(Distribution):
            def read_text(self, filename):
                if filename == "METADATA":
                    return f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: gpukeras as {name}\n"
                return None

            def locate_file(self, path):
                return os.path.join(os.path.dirname(_ROOT), path)

        return [Alias()]


def _spec_of(real):
    """The spec of one of our modules, or None when there is none of that name; the module is not imported."""
    module = sys.modules.get(real)
    if module is not None:
        return getattr(module, "__spec__", None) or ModuleSpec(real, None)
    try:
        return importlib.util.find_spec(real)
    except ModuleNotFoundError as error:
        if error.name is not None and (real + ".").startswith(error.name + "."):
            return None
        raise


class _InChild:
    """Installs the alias where it is unpickled: a worker process, before it imports the program's main module."""

    def __init__(self, source):
        self._source = source

    def __reduce__(self):
        return exec, (self._source, {})


def _send_to_workers(finder, spawn):
    """Adds the alias to what a `spawn` module of multiprocessing or loky sends to a new process first."""
    plain = spawn.get_preparation_data

    @functools.wraps(plain)
    def get_preparation_data(*args, **kwargs):
        data = plain(*args, **kwargs)
        if current() is finder:
            data["gpukeras_alias"] = _InChild(bootstrap(finder.tensorflow))
        return data

    spawn.get_preparation_data = get_preparation_data


def _send_to_forkserver(finder, util):
    """The server that forks workers imports modules for them before it hears from any."""
    plain = util.spawnv_passfds

    @functools.wraps(plain)
    def spawnv_passfds(path, args, passfds):
        args = list(args)
        if current() is finder and args[-2:-1] == ["-c"] and ".forkserver import main" in args[-1]:
            args[-1] = bootstrap(finder.tensorflow) + "\n" + args[-1]
        return plain(path, args, passfds)

    util.spawnv_passfds = spawnv_passfds


def _give_modules(finder, package):
    """`keras_applications` and `keras_preprocessing` as installed work with the modules they are handed."""
    gpukeras = importlib.import_module("gpukeras")
    for name in ("backend", "layers", "models", "utils"):
        variable = "_KERAS_" + name.upper()
        if hasattr(package, variable):
            setattr(package, variable, getattr(gpukeras, name))


def _give_keras(finder, tensorflow):
    """`tf.keras` of an installed TensorFlow is the package `keras`, here as elsewhere."""
    if finder.tensorflow is None:
        tensorflow.keras = importlib.import_module("gpukeras")


# What is done right after a foreign module has been loaded.
_THEN = {
    "multiprocessing.spawn": _send_to_workers,
    "multiprocess.spawn": _send_to_workers,
    "loky.backend.spawn": _send_to_workers,
    "joblib.externals.loky.backend.spawn": _send_to_workers,
    "multiprocessing.util": _send_to_forkserver,
    "multiprocess.util": _send_to_forkserver,
    "keras_applications": _give_modules,
    "keras_preprocessing": _give_modules,
    "tensorflow": _give_keras,
}


def current():
    """Returns the finder in force, or None."""
    for finder in sys.meta_path:
        if getattr(finder, "gpukeras_alias", False):
            return finder
    return None


def installed():
    """Tells whether `import keras` means this package in this process.

    Returns:
        bool.
    """
    return current() is not None


def bootstrap(tensorflow=None):
    """Python source that installs this alias in another process.

    Arguments:
        tensorflow: as for `install`.

    Returns:
        str, statements on one line.
    """
    path = os.path.join(_ROOT, "compat", "alias.py")
    return (
        "import importlib.util as _u; "
        f"_s = _u.spec_from_file_location('_gpukeras_alias', {path!r}); "
        "_m = _u.module_from_spec(_s); _s.loader.exec_module(_m); "
        f"_m.install(tensorflow={tensorflow!r})"
    )


def install(tensorflow=None):
    """Makes `import keras` mean gpukeras in this process and in the worker processes it starts.

    Calling it again changes nothing but `tensorflow`, when that is given.

    Arguments:
        tensorflow: True to be `tensorflow` as well, although it may be installed; False to leave that name alone;
            None takes the stand-in when TensorFlow is not installed, and makes `tensorflow.keras` gpukeras in any
            case.  The environment variable `GPUKERAS_AS_TENSORFLOW=1` means True.

    Raises:
        ImportError: when another Keras, or the TensorFlow to be replaced, has been imported already.
    """
    if tensorflow is None and os.environ.get(TENSORFLOW_VARIABLE, "0") not in ("", "0"):
        tensorflow = True
    finder = current()
    _refuse_loaded("Keras", "keras")
    if tensorflow:
        _refuse_loaded("TensorFlow", "tensorflow")
    if finder is not None:
        finder.tensorflow = finder.tensorflow if tensorflow is None else tensorflow
        return
    finder = AliasFinder(tensorflow)
    sys.meta_path.insert(0, finder)
    # Processes the program starts with `sys.executable` follow it where the start-up file is installed.
    finder.variable_before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = "1"
    for name, then in _THEN.items():
        if name in sys.modules and finder._real_name(name) is None:
            then(finder, sys.modules[name])


def _refuse_loaded(title, name):
    other = sys.modules.get(name)
    if other is None or getattr(other, "__name__", "").partition(".")[0] == "gpukeras":
        return
    version, where = getattr(other, "__version__", "of unknown version"), getattr(other, "__file__", None)
    raise ImportError(
        f"{title} {version} ({where}) is imported in this program already, so `{name}` cannot become gpukeras any "
        "more; import gpukeras.as_keras before anything that imports it, or run the program with `python -m gpukeras`",
        name=name,
    )


def remove():
    """Undoes `install`: later imports find what is installed; what the program holds already stays as it is."""
    finder = current()
    if finder is None:
        return
    sys.meta_path.remove(finder)
    if finder.variable_before is None:
        os.environ.pop(VARIABLE, None)
    else:
        os.environ[VARIABLE] = finder.variable_before
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in _HEADS and getattr(module, "__name__", "").partition(".")[0] == "gpukeras":
            del sys.modules[name]
