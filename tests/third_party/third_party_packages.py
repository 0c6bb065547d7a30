"""The packages of the time of Keras 2 that `run.py` runs: versions, what runs, and what cannot pass and why."""

from dataclasses import dataclass, field

NO_NETWORK = "downloads from elsewhere than the package index"
NOT_SHIPPED = "files it reads are not in its source archive"
NEEDS_TORCH = "compares with PyTorch"
RAGGED = "NumPy no longer makes an array of rows of unequal lengths"
LATER_KERAS = "asks for what came with Keras 2.3"


@dataclass(frozen=True)
class Package:
    """One package.

    Attributes:
        name, version: as pip knows them; the last version for Keras 2.2 without TensorFlow's own Keras.
        about: what it is, in a few words.
        program: file of `programs` that uses it; None runs its own tests.
        needs: requirements installed beside it, each without its own dependencies.
        tests: what pytest is given, relative to the package's folder.
        ignored: {test file: why it is not collected}.
        left_out: {test: why it is not run}.
        expected: {end of a test's name: why it fails}.
        options: further options of pytest.
        shim: Python that runs before the package, and why.
        env: further environment variables, (name, value) pairs.
        timeout: seconds.
        remark: for the table.
    """

    name: str
    version: str
    about: str
    program: str | None = None
    needs: tuple = ()
    tests: tuple = ("tests",)
    ignored: dict = field(default_factory=dict)
    left_out: dict = field(default_factory=dict)
    expected: dict = field(default_factory=dict)
    options: tuple = ()
    shim: str = ""
    shim_reason: str = ""
    env: tuple = ()
    timeout: int = 1200
    remark: str = ""

    @property
    def requirement(self):
        """Name and version as pip takes them."""
        return f"{self.name}=={self.version}"


def _all(reason, *names):
    return dict.fromkeys(names, reason)


SELF_ATTENTION = "keras-self-attention==0.46.0"
MULTI_HEAD = "keras-multi-head==0.27.0"
NORMALIZATION = "keras-layer-normalization==0.14.0"
FEED_FORWARD = "keras-position-wise-feed-forward==0.6.0"
POSITIONS = "keras-pos-embd==0.11.0"
SIMILARITY = "keras-embed-sim==0.8.0"
TRANSFORMER = "keras-transformer==0.38.0"
MASKS = "keras-trans-mask==0.5.0"
SOFTMAX = "keras-adaptive-softmax==0.8.0"
BLOCKS = (SELF_ATTENTION, MULTI_HEAD, NORMALIZATION, FEED_FORWARD, POSITIONS, SIMILARITY)
APPLICATIONS = ("keras-applications==1.0.8",)

PACKAGES = (
    Package("keras-self-attention", "0.46.0", "attention layers"),
    Package("keras-multi-head", "0.27.0", "multi-head attention", needs=(SELF_ATTENTION,)),
    Package("keras-layer-normalization", "0.14.0", "layer normalization", needs=(SELF_ATTENTION, MULTI_HEAD)),
    Package(
        "keras-position-wise-feed-forward",
        "0.6.0",
        "feed-forward layer",
        needs=(SELF_ATTENTION, MULTI_HEAD, NORMALIZATION),
    ),
    Package("keras-pos-embd", "0.11.0", "position embeddings"),
    Package("keras-embed-sim", "0.8.0", "tied embeddings"),
    Package("keras-trans-mask", "0.5.0", "moving masks between layers"),
    Package("keras-adaptive-softmax", "0.8.0", "softmax over large vocabularies"),
    Package("keras-transformer", "0.38.0", "transformer for translation", needs=BLOCKS),
    Package(
        "keras-bert",
        "0.68.1",
        "BERT",
        needs=(*BLOCKS, TRANSFORMER),
        ignored=_all(NO_NETWORK, "tests/datasets"),
        expected=_all(
            NOT_SHIPPED,
            "::test_load_output_layer_num",
            "::test_load_trained",
            "::test_load_trained_shorter",
            "::test_load_training",
            "::test_load_vocabulary",
            "::test_load_with_trainable_prefixes",
            "::test_extract_embeddings_batch_size_1",
            "::test_extract_embeddings_default",
            "::test_extract_embeddings_from_file",
            "::test_extract_embeddings_invalid_pooling",
            "::test_extract_embeddings_multi_pooling",
            "::test_extract_embeddings_pair",
            "::test_extract_embeddings_single_pooling",
        )
        | {"TestBERT::test_fit": "the trained model it goes on from is not in its source archive"},
    ),
    Package(
        "keras-gpt-2",
        "0.15.0",
        "GPT-2",
        needs=(*BLOCKS, TRANSFORMER, "regex"),
        expected=_all(
            NOT_SHIPPED,
            "::test_encode_and_decode",
            "::test_load_from_checkpoint",
            "::test_load_from_checkpoint_shorter",
        ),
    ),
    Package(
        "keras-transformer-xl",
        "0.13.0",
        "Transformer-XL",
        needs=(*BLOCKS, MASKS, SOFTMAX),
        expected=_all(NOT_SHIPPED, "::test_load_div_1", "::test_load_div_2", "::test_load_div_2_cutoffs_3")
        | {"TestSequence::test_dummy": LATER_KERAS + " (predict from a generator)"},
    ),
    Package("keras-radam", "0.15.0", "optimizer: rectified Adam", ignored=_all(NEEDS_TORCH, "tests/test_similar.py")),
    Package("keras-adabound", "0.5.0", "optimizer: AdaBound", ignored=_all(NEEDS_TORCH, "tests/test_similar.py")),
    Package("keras-lookahead", "0.9.0", "optimizer around another", needs=("keras-radam==0.15.0",)),
    Package("keras-lr-multiplier", "0.9.0", "optimizer: rates per layer"),
    Package("keras-drop-block", "0.5.0", "dropping blocks of images"),
    Package("keras-targeted-dropout", "0.5.0", "targeted dropout"),
    Package("keras-octave-conv", "0.8.0", "octave convolution"),
    Package("keras-on-lstm", "0.8.0", "recurrent layer: ordered neurons", timeout=2400),
    Package("keras-piecewise", "0.14.0", "pieces of sequences and images"),
    Package("keras-gcn", "0.14.0", "graph convolution"),
    Package("keras-succ-reg-wrapper", "0.4.0", "regularizer around a layer"),
    Package("alt-model-checkpoint", "2.0.3", "callback", tests=("alt_model_checkpoint",)),
    Package(
        "keras-rl",
        "0.4.2",
        "reinforcement learning",
        expected=_all(
            RAGGED,
            "::test_multi_cem_input",
            "::test_multi_ddpg_input",
            "::test_multi_dqn_input",
            "::test_multi_continuous_dqn_input",
        ),
    ),
    Package(
        "innvestigate",
        "1.0.8",
        "explaining networks: 20 methods",
        needs=("future", "six"),
        tests=("innvestigate",),
        options=("-m", "fast or precommit"),
        shim="import numpy\nimport matplotlib.cm\nnumpy.product = numpy.prod\n"
        "matplotlib.cm.get_cmap = matplotlib.colormaps.get_cmap\n",
        shim_reason="`numpy.product` and `matplotlib.cm.get_cmap`, which newer versions dropped, are put back",
        expected=_all(NO_NETWORK, "MnistPatternExample_dense_linear::test", "MnistPatternExample_dense_relu::test"),
    ),
    Package(
        "anago",
        "1.0.7",
        "sequence labelling with a CRF",
        "anago_tagger.py",
        needs=("seqeval==0.0.12",),
        shim="import joblib\nimport sklearn.externals\nsklearn.externals.joblib = joblib\n",
        shim_reason="`sklearn.externals.joblib`, which newer versions dropped, is put back",
    ),
    Package(
        "segmentation-models",
        "1.0.1",
        "segmentation networks, losses, metrics",
        "segmentation_unet.py",
        needs=("image-classifiers==1.0.0", "efficientnet==1.0.0", "scikit-image", "lazy-loader", "six", *APPLICATIONS),
    ),
    Package(
        "image-classifiers",
        "1.0.0",
        "networks for images",
        "image_classifiers_models.py",
        needs=APPLICATIONS,
    ),
    Package(
        "efficientnet",
        "1.1.0",
        "EfficientNet",
        "efficientnet_b0.py",
        needs=("scikit-image", "lazy-loader", "six", *APPLICATIONS),
    ),
    Package(
        "keras-resnet",
        "0.2.0",
        "residual networks, feature pyramids",
        "keras_resnet_models.py",
        remark="its networks over lines and volumes give their first layer the wrong kernel size on any Keras",
    ),
    Package("keras-tcn", "2.8.3", "temporal convolution", "tcn_adding.py"),
    Package("keract", "2.6.1", "activations and gradients", "keract_gradients.py"),
    Package("keras-metrics", "1.1.0", "stateful metrics", "keras_metrics_scores.py"),
    Package("keras-tqdm", "2.0.1", "progress bars", "keras_tqdm_bars.py", needs=("tqdm", "six")),
    Package("phased-lstm-keras", "1.0.1", "recurrent layer of Keras 2.0", "phased_lstm_events.py"),
    Package("keras-swa", "0.1.7", "callback: averaged weights", "keras_swa_average.py"),
    Package("tta-wrapper", "0.0.1", "augmentation inside a model", "tta_flips.py"),
    Package("LambdaRankNN", "0.1.1", "learning to rank", "lambdarank_sort.py"),
    Package("keras-genomics", "0.1.2.1", "layers for DNA", "genomics_strands.py"),
)
