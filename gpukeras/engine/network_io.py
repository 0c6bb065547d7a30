"""How a network is written down: config, text, files, pickles."""

from ..utils.serial import dump_json, dump_yaml
from .network_config import NetworkBuilder, network_config


class NetworkSaving:
    """The part of a network that saves and loads it; file formats are `engine.saving`'s."""

    def get_config(self):
        """Describes the layers and how they are joined.

        Returns:
            dict.

        Raises:
            NotImplementedError: for a subclass, whose structure is code.
        """
        if not self._is_graph_network:
            raise NotImplementedError(
                f"Model subclass {type(self).__name__} has no config: what it computes is the code of its `call` "
                "method. Save its "
                "weights with `save_weights` and make the model again from the class."
            )
        return network_config(self)

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Makes a network from what `get_config()` returned.

        Arguments:
            config: dict.
            custom_objects: dict of name -> class or function, for layers of one's own.

        Returns:
            A network, with new weights.
        """
        inputs, outputs = NetworkBuilder(config, custom_objects).build()
        return cls(inputs=inputs, outputs=outputs, name=config.get("name"))

    def _updated_config(self):
        """The config with what a reader needs to know about its writer."""
        from . import saving

        config = {
            "class_name": type(self).__name__,
            "config": self.get_config(),
            "keras_version": saving.FORMAT_VERSION,
            "backend": saving.FORMAT_BACKEND,
        }
        # Bytecode in it was written by this user, who may load it again.
        saving.remember(config)
        return config

    def save(self, filepath, overwrite=True, include_optimizer=True):
        """Writes architecture, weights and, if compiled, the training configuration and optimizer state.

        Arguments:
            filepath: str, path object, `h5py.File` or `h5py.Group`.
            overwrite: bool, whether to replace an existing file without asking.
            include_optimizer: bool, whether to write the optimizer's state.

        Raises:
            NotImplementedError: for a subclass, which has no config.
        """
        self._demand_graph("save")
        from . import saving

        saving.save_model(self, filepath, overwrite, include_optimizer)

    def save_weights(self, filepath, overwrite=True):
        """Writes the weights of all layers.

        Arguments:
            filepath: str or path object.
            overwrite: bool, whether to replace an existing file without asking.
        """
        from . import saving

        saving.save_weights(self, filepath, overwrite)

    def load_weights(self, filepath, by_name=False, skip_mismatch=False, reshape=False):
        """Reads weights from a file written by `save_weights` or `save`.

        Arguments:
            filepath: str or path object.
            by_name: bool, whether to look for layers by name instead of in order.
            skip_mismatch: bool, with `by_name`: whether to skip layers whose weights do not fit.
            reshape: bool, whether to reshape weights that have the right number of values.

        Raises:
            ValueError: when the file does not fit the model.
        """
        from . import saving

        saving.load_weights(self, filepath, by_name=by_name, skip_mismatch=skip_mismatch, reshape=reshape)

    def to_json(self, **kwargs):
        """The architecture as JSON text.

        Arguments:
            **kwargs: passed to `json.dumps`.

        Returns:
            str.

        Raises:
            NotImplementedError: for a subclass, which has no config.
        """
        return dump_json(self._updated_config(), **kwargs)

    def to_yaml(self, **kwargs):
        """The architecture as YAML text.

        Arguments:
            **kwargs: passed to `yaml.dump`.

        Returns:
            str.

        Raises:
            NotImplementedError: for a subclass, which has no config.
        """
        return dump_yaml(self._updated_config(), **kwargs)

    def _demand_graph(self, what):
        if not self._is_graph_network:
            raise NotImplementedError(
                f"`{what}` needs the config of the model, which subclass {type(self).__name__} has not: what it "
                "computes is the code "
                "of its `call` method. Use `save_weights` to keep its weights."
            )

    def __getstate__(self):
        from . import saving

        return saving.pickle_model(self)

    def __setstate__(self, state):
        from . import saving

        model = saving.unpickle_model(state)
        self.__dict__.update(model.__dict__)
        # The nodes made for `model` are those of this object from now on.
        for node in self._inbound_nodes:
            node.outbound_layer = self
