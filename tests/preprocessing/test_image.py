"""Single images: files, arrays and transformations; more stands in test_golden.py."""

import io
import subprocess
import sys

import numpy as np
import pytest

from gpukeras import backend as K
from gpukeras.preprocessing import image

pytest.importorskip("PIL")
pytest.importorskip("scipy")


def picture(channels=3, height=9, width=7):
    return np.random.randint(0, 256, (height, width, channels)).astype("float32")


@pytest.mark.parametrize("channels,mode", [(1, "L"), (3, "RGB"), (4, "RGBA")])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_arrays_and_images(channels, mode, data_format):
    x = picture(channels)
    x[0, 0, 0], x[0, 1, 0] = 255, 0
    given = x if data_format == "channels_last" else x.transpose(2, 0, 1)
    kept = given.copy()
    for scale in (True, False):
        img = image.array_to_img(given, data_format, scale=scale)
        assert img.mode == mode and img.size == (7, 9)
        np.testing.assert_array_equal(image.img_to_array(img, data_format), given)
    np.testing.assert_array_equal(given, kept)
    assert image.img_to_array(img, data_format, dtype="uint8").dtype == "uint8"


def test_scaling_uses_the_whole_range():
    img = image.array_to_img(np.array([[[-1.0], [0.0], [1.0]]]))
    assert np.asarray(img).tolist() == [[0, 127, 255]]
    assert np.asarray(image.array_to_img(np.zeros((2, 2, 1)))).max() == 0


@pytest.mark.parametrize(
    "f,arguments,message",
    [
        (image.array_to_img, (np.zeros((3, 3)),), "rank 3"),
        (image.array_to_img, (np.zeros((3, 3, 2)),), "Unsupported channel number: 2"),
        (image.array_to_img, (np.zeros((3, 3, 3)), "last"), "Unknown data_format"),
        (image.img_to_array, (np.zeros(3),), "Unsupported image shape"),
        (image.img_to_array, (np.zeros((3, 3, 3)), "last"), "Unknown data_format"),
        (image.random_zoom, (np.zeros((3, 3, 3)), (1,)), "`zoom_range` should be a tuple"),
        (image.random_brightness, (np.zeros((3, 3, 3)), (1,)), "`brightness_range` should be a tuple"),
    ],
)
def test_what_is_wrong(f, arguments, message):
    with pytest.raises(ValueError, match=message):
        f(*arguments)


def test_files(tmp_path):
    x = picture()
    path = tmp_path / "x.png"
    image.save_img(path, x, scale=False)
    np.testing.assert_array_equal(image.img_to_array(image.load_img(path)), x)
    assert image.load_img(path, color_mode="rgba").mode == "RGBA"
    with pytest.warns(UserWarning, match="grayscale is deprecated"):
        assert image.load_img(path, grayscale=True).mode == "L"
    assert image.load_img(str(path), target_size=(4, 6)).size == (6, 4)
    nearest = image.img_to_array(image.load_img(path, target_size=(4, 6)))
    smooth = image.img_to_array(image.load_img(path, target_size=(4, 6), interpolation="bilinear"))
    assert np.abs(nearest - smooth).max() > 1
    with pytest.raises(ValueError, match="color_mode must be"):
        image.load_img(path, color_mode="hsv")
    with pytest.raises(ValueError, match="Invalid interpolation method cubic"):
        image.load_img(path, target_size=(2, 2), interpolation="cubic")
    with pytest.raises(FileNotFoundError):
        image.load_img(tmp_path / "none.png")
    buffer = io.BytesIO()
    image.save_img(buffer, x, file_format="bmp", scale=False)
    buffer.seek(0)
    np.testing.assert_array_equal(image.img_to_array(image.load_img(buffer)), x)
    with pytest.warns(UserWarning, match="no transparency"):
        image.save_img(tmp_path / "x.jpg", picture(4))
    assert image.load_img(tmp_path / "x.jpg").mode == "RGB"
    assert sorted(image.list_pictures(tmp_path)) == [str(tmp_path / "x.jpg"), str(tmp_path / "x.png")]


def test_files_are_closed(tmp_path):
    """No file stays open, which the warnings that are errors here would not show before the process ends."""
    path = tmp_path / "x.png"
    image.save_img(path, picture())
    code = "import sys; from gpukeras.preprocessing.image import load_img; load_img(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    assert "ResourceWarning" not in done.stderr


def test_kinds_of_files(tmp_path):
    """Palettes, transparency, CMYK and single bits come as the colours they stand for."""
    Image = pytest.importorskip("PIL.Image")
    x = picture().astype("uint8")
    rgb = Image.fromarray(x)
    palette = rgb.quantize(16)
    colours = np.asarray(palette.convert("RGB"))
    some = bytes([0, 100, 255]) + bytes([255] * 13)
    alpha = np.asarray(palette)
    alpha = np.array(list(some), "uint8")[alpha]
    files = {
        "palette.png": (palette, {}, colours, None),
        "holes.png": (palette, {"transparency": some}, colours, alpha),
        "cmyk.tif": (rgb.convert("CMYK"), {}, x, None),
        "bits.png": (Image.fromarray(x[..., 0] > 100), {}, np.repeat((x[..., :1] > 100) * 255, 3, axis=2), None),
        "alpha.png": (Image.fromarray(np.dstack([x, x[..., 0]])), {}, x, x[..., 0]),
        "grey-alpha.png": (
            Image.merge("LA", [Image.fromarray(x[..., 0]), Image.fromarray(x[..., 1])]),
            {},
            np.repeat(x[..., :1], 3, axis=2),
            x[..., 1],
        ),
    }
    for name, (img, settings, expected, opacity) in files.items():
        img.save(tmp_path / name, **settings)
        read = image.img_to_array(image.load_img(tmp_path / name))
        np.testing.assert_array_equal(read, expected, err_msg=name)
        rgba = image.img_to_array(image.load_img(tmp_path / name, color_mode="rgba"))
        np.testing.assert_array_equal(rgba[..., :3], expected, err_msg=name)
        np.testing.assert_array_equal(rgba[..., 3], 255 if opacity is None else opacity, err_msg=name)
        grey = image.img_to_array(image.load_img(tmp_path / name, color_mode="grayscale"))
        np.testing.assert_allclose(grey[..., 0], expected @ [0.299, 0.587, 0.114], atol=1.01, err_msg=name)


@pytest.mark.parametrize("name,dtype", [("x.png", "uint16"), ("x.tif", "int32"), ("y.tif", "float32")])
def test_deep_images_are_cut_to_8_bits_with_a_warning(tmp_path, name, dtype):
    Image = pytest.importorskip("PIL.Image")
    Image.fromarray(np.array([[7, 300], [255, 4000]], dtype)).save(tmp_path / name)
    with pytest.warns(UserWarning, match="more than 8 bits per channel"):
        img = image.load_img(tmp_path / name, color_mode="grayscale")
    assert np.asarray(img).tolist() == [[7, 255], [255, 255]]


@pytest.mark.parametrize("ending", ["png", "jpg", "bmp", "gif", "tif", "ppm"])
def test_damaged_files_are_named(tmp_path, ending):
    good = tmp_path / f"good.{ending}"
    image.save_img(good, picture(height=60, width=50))
    content = good.read_bytes()
    bad = tmp_path / f"bad.{ending}"
    for part in (b"", content[:1], content[:20], content[: len(content) // 2], b"<html>no image</html>"):
        bad.write_bytes(part)
        with pytest.raises(OSError, match=rf"load_img: .*/bad\.{ending} is damaged, or no image: "):
            image.load_img(bad)
    with pytest.raises(IsADirectoryError):
        image.load_img(tmp_path)


def test_whole_turns_and_pixels():
    x = picture(2, 8, 8)
    f = image.apply_affine_transform
    assert f(x) is x
    # The point that images turn about lies one pixel beyond their middle, here at 4.5.
    turned = f(x, theta=180)
    np.testing.assert_allclose(turned[2:, 2:], x[::-1, ::-1][:-2, :-2], atol=1e-3)
    moved = f(x, tx=2, ty=-1, fill_mode="constant", cval=-1)
    np.testing.assert_allclose(moved[:-2, 1:], x[2:, :-1])
    assert (moved[-2:] == -1).all() and (moved[:, 0] == -1).all()


@pytest.mark.parametrize(
    "name,args", [("rotation", (40,)), ("shear", (30,)), ("zoom", ((0.5, 0.8),)), ("shift", (0.3, 0.2))]
)
def test_axes_make_no_difference(name, args):
    """The same seed gives the same picture wherever the axes stand."""
    x = picture(3)
    f = getattr(image, "random_" + name)
    np.random.seed(1)
    last = f(x, *args, row_axis=0, col_axis=1, channel_axis=2)
    np.random.seed(1)
    first = f(x.transpose(2, 0, 1), *args)
    np.testing.assert_array_equal(first.transpose(1, 2, 0), last)
    assert np.abs(last - x).max() > 1 and last.dtype == x.dtype


def test_colours():
    x = picture()
    shifted = image.apply_channel_shift(x, 40)
    np.testing.assert_array_equal(shifted, np.clip(x + 40, x.min(), x.max()))
    dark = image.apply_brightness_shift(x, 0.5)
    assert dark.shape == x.shape and abs(dark.mean() / x.mean() - 0.5) < 0.05
    K.set_image_data_format("channels_first")
    assert image.apply_brightness_shift(x.transpose(2, 0, 1), 0.5).shape == (3, 9, 7)
    np.testing.assert_array_equal(image.flip_axis(x, 1), x[:, ::-1])


@pytest.mark.parametrize("module,call", [("PIL", "array_to_img(x)"), ("scipy.ndimage", "apply_affine_transform(x, 5)")])
def test_missing_packages(module, call):
    code = f"import sys; sys.modules[{module!r}] = None\n"
    code += f"import numpy as np; from gpukeras.preprocessing.image import *; x = np.zeros((4, 4, 3))\n{call}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert 'pip install "gpukeras[image]"' in done.stderr.splitlines()[-1]
