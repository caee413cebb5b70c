"""What pretrained networks expect: every name, by the zoos' own transforms."""

import importlib.util
import json
import math
import warnings

import numpy
import pytest
from mxnet.gluon.data.vision import transforms
from PIL import Image, ImageFile

from gluonkit import create_model, list_models, model_info, mx, nd
from gluonkit.errors import ArgumentError, ArgumentTypeError, DataError, MissingPackageError
from gluonkit.models import Preprocess
from gluonkit.system.modes import legacy

HERE = importlib.util.find_spec("gluoncv") is not None
installed = pytest.mark.skipif(not HERE, reason="GluonCV is an extra that not every Python has")

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SIZES = ((375, 500), (500, 333), (97, 61), (224, 224), (180, 700))
VIDEOS = ("_kinetics400", "_kinetics700", "_ucf101", "_hmdb51", "_sthsthv2", "_custom")
SIDES = {"inceptionv3": 299, "xception": 299, "nasnet": 331, "resnest101": 256, "resnest200": 320}

UNKNOWN = {
    "custom_faster_rcnn_fpn",
    "custom_mask_rcnn_fpn",
    "faster_rcnn_resnet50_v1b_custom",
    "faster_rcnn_resnet101_v1d_custom",
    "monodepth2_resnet18_posenet_kitti_mono_640x192",
    "monodepth2_resnet18_posenet_kitti_mono_stereo_640x192",
    "p3d_resnet50_kinetics400",
    "p3d_resnet101_kinetics400",
    "siamrpn_alexnet_v2_otb15",
}

ZOOS = [name for zoo in ("mxnet", "gluoncv") for name in list_models(source=zoo)]


@pytest.fixture
def picture():
    """Return a function that makes a picture: slopes, edges and noise."""

    def make(height, width, seed=0):
        random = numpy.random.default_rng(seed)
        y, x = numpy.mgrid[:height, :width]
        slope = 255 * numpy.stack([y / height, x / width, (x + y) / (height + width)], axis=-1)
        edges = 60 * ((x // 7 + y // 5) % 2)[..., None]
        noise = random.normal(0, 20, (height, width, 3))
        return numpy.clip(slope + edges + noise - 30, 0, 255).astype("uint8")

    return make


def classified(pixels, side):
    steps = [
        transforms.Resize(math.ceil(side / 0.875), keep_ratio=True),
        transforms.CenterCrop(side),
        transforms.ToTensor(),
        transforms.Normalize(MEAN, STD),
    ]
    return transforms.Compose(steps)(nd.array(pixels, dtype="uint8")).expand_dims(0).asnumpy()


def side_of(name):
    """Return the side of what a classifier takes, from what its authors say."""
    if name == "nasnet_4_1056":
        return 224
    return next((side for start, side in SIDES.items() if name.startswith(start)), 224)


def normalized(pixels, mean=MEAN, std=STD):
    scaled = (pixels.astype("float64") / 255 - numpy.array(mean)) / numpy.array(std)
    return scaled.transpose(2, 0, 1)[None]


def of_resnest_269(pixels):
    """Do what ResNeSt's authors do before their largest network."""
    image = Image.fromarray(pixels)
    side = 416 / (416 + 32) * min(image.size)
    left, top = (round((length - side) / 2) for length in image.size)
    cut = image.crop((left, top, left + side, top + side))
    return normalized(numpy.asarray(cut.resize((416, 416), Image.Resampling.BICUBIC)))


def expected(name, pixels):
    """Return what GluonCV's own transforms give, chosen by the network's name."""
    from gluoncv.data.transforms import pose, presets, video

    array = nd.array(pixels, dtype="uint8")
    if name.startswith("cifar_"):
        return normalized(
            mx.image.imresize(array, 32, 32).asnumpy(),
            (0.4914, 0.4822, 0.4465),
            (0.2023, 0.1994, 0.2010),
        )
    if name.startswith("ssd_"):
        return presets.ssd.transform_test(array, short=int(name.split("_")[1]))[0].asnumpy()
    if name.startswith("yolo3_"):
        return presets.yolo.transform_test(array)[0].asnumpy()
    if name.startswith("center_net_"):
        return presets.center_net.transform_test(array, short=512)[0].asnumpy()
    if "_rcnn_" in name:
        short, longest = sizes_of_rcnn(name)
        return presets.rcnn.transform_test(array, short, longest)[0].asnumpy()
    if name.startswith(("simple_pose_", "mobile_pose_")):
        box = nd.array([[[0, 0, pixels.shape[1], pixels.shape[0]]]])
        one = nd.array([[[1.0]]])
        return pose.detector_to_simple_pose(array, one * 0, one, box, scale=1)[0].asnumpy()
    if name.startswith("alpha_pose_"):
        corner = numpy.array(pixels.shape[1::-1])
        cut = pose.cv_cropBox(pixels.copy(), numpy.array([0, 0]), corner, 320, 256)
        return normalized(cut, (0.406, 0.457, 0.480), (1, 1, 1))
    if name.startswith("monodepth2_"):
        small = Image.fromarray(pixels).resize((640, 192), Image.Resampling.LANCZOS)
        return transforms.ToTensor()(nd.array(numpy.asarray(small))).expand_dims(0).asnumpy()
    if name.endswith(VIDEOS):
        return of_video(name, array, video)
    if name.startswith(("fcn_", "psp_", "deeplab_", "danet_", "icnet_", "fastscnn_")) or (
        name.startswith("hrnet_") and name.endswith("_s")
    ):
        return presets.segmentation.test_transform(array, mx.cpu()).asnumpy()
    if name == "resnest269":
        return of_resnest_269(pixels)
    side = side_of(name)
    short = math.ceil(side / 0.875)
    return presets.imagenet.transform_eval(array, resize_short=short, crop_size=side).asnumpy()


def of_video(name, array, video):
    """Return one frame, or one clip of three, as GluonCV's scripts for videos make them."""
    side, height, width = 224, 256, 340
    if "inceptionv3" in name:
        side, height, width = 299, 340, 450
    if name.startswith(("c3d", "r2plus1d")):
        side, height, width = 112, 128, 171
    frame = mx.image.imresize(array, width, height).asnumpy()
    made = video.VideoGroupValTransform(side, MEAN, STD)([frame] * 3)
    if name.startswith(("vgg16", "inception", "resnet")):
        return made[0][None]
    return numpy.stack(made, axis=1)[None]


_rcnn = {}


def sizes_of_rcnn(name):
    """Return the sides with which GluonCV makes a network: the last of several, and the most."""
    if name not in _rcnn:
        from gluoncv.model_zoo.rcnn import RCNN

        class EnoughError(Exception):
            pass

        def note(self, *args, short, max_size, **options):
            _rcnn[name] = (short[-1] if isinstance(short, tuple) else short, max_size)
            raise EnoughError

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(RCNN, "__init__", note)
            with pytest.raises(EnoughError):
                create_model(f"gluoncv/{name}")
    return _rcnn[name]


def test_all_that_is_pretrained_on_pictures_has_one():
    without = {name for name in ZOOS if model_info(name).preprocess is None}
    assert without == {f"gluoncv/{name}" for name in UNKNOWN}
    for name in list_models(source="gluonnlp") + list_models(source="gluonkit"):
        assert model_info(name).preprocess is None


def test_what_comes_out_is_what_the_network_is_shown_as_an_example():
    for name in ZOOS:
        info = model_info(name)
        steps = info.preprocess
        size = steps and (steps.crop or (steps.resize in ("exact", "square", "fit") and steps.size))
        if size:
            assert info.input_shape[-2:] == size, name
            assert len(info.input_shape) == len(steps.layout), name
        if steps:
            assert (steps.channels, steps.range) == ("RGB", (0, 1))
            assert steps.source


@pytest.mark.parametrize("name", list_models(source="mxnet"))
def test_classifiers_of_mxnet(name, picture):
    side = side_of(name.partition("/")[2])
    for height, width in SIZES[:3]:
        pixels = picture(height, width)
        made = model_info(name).preprocess(pixels)
        assert (made.dtype, made.shape) == ("float32", (1, 3, side, side))
        numpy.testing.assert_array_equal(made, classified(pixels, side))


def kinds():
    """Return GluonCV's names, those together whose records say the same: a test looks at each."""
    groups = {}
    for name in list_models(source="gluoncv"):
        if (steps := model_info(name).preprocess) is not None:
            groups.setdefault(steps, []).append(name.partition("/")[2])
    return list(groups.values())


@installed
@pytest.mark.parametrize("names", kinds(), ids=lambda names: names[0])
def test_the_numbers_are_those_of_gluoncv(names, picture):
    with legacy(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # inside GluonCV
        pixels = picture(*SIZES[0])
        steps = model_info(f"gluoncv/{names[0]}").preprocess
        given = [pixels] * 3 if steps.layout == "NCTHW" else pixels
        # A name whose reference is another one has another record, or fails here.
        for name in names:
            agree(steps(given), expected(name.removesuffix("_int8"), pixels), steps)
        for height, width in SIZES[1:]:
            pixels = picture(height, width)
            given = [pixels] * 3 if steps.layout == "NCTHW" else pixels
            agree(steps(given), expected(names[0].removesuffix("_int8"), pixels), steps)


def agree(made, reference, steps):
    assert made.dtype == "float32"
    assert made.flags["C_CONTIGUOUS"]
    assert made.shape == reference.shape
    assert abs(made - reference).max() <= 1e-6  # of references that are computed in float64


STEPS = model_info("mxnet/resnet18_v1").preprocess
CLIP = model_info("gluoncv/c3d_kinetics400").preprocess


def test_pictures_of_all_kinds(picture, tmp_path):
    pixels = picture(300, 400)
    expected = STEPS(pixels)
    Image.fromarray(pixels).save(tmp_path / "p.png")
    given = [str(tmp_path / "p.png"), tmp_path / "p.png", Image.fromarray(pixels)]
    with legacy():
        given.append(nd.array(pixels, dtype="uint8"))
    for one in given:
        numpy.testing.assert_array_equal(STEPS(one), expected)
    both = numpy.stack([pixels, picture(300, 400, seed=1)])
    for batch in (both, list(both), tuple(both)):
        made = STEPS(batch)
        assert made.shape == (2, 3, 224, 224)
        numpy.testing.assert_array_equal(made[:1], expected)
        numpy.testing.assert_array_equal(made[1:], STEPS(both[1]))


def test_in_both_array_modes(array_mode, picture):
    pixels = picture(90, 120)
    with legacy():
        expected = classified(pixels, 224)
    numpy.testing.assert_array_equal(STEPS(pixels), expected)


def test_clips(picture):
    frames = [picture(140, 180, seed) for seed in range(4)]
    made = CLIP(frames)
    assert made.shape == (1, 3, 4, 112, 112)
    alone = [CLIP([frame])[0, :, 0] for frame in frames]
    numpy.testing.assert_array_equal(made[0].swapaxes(0, 1), alone)
    numpy.testing.assert_array_equal(CLIP(numpy.stack(frames)), made)
    two = [frames, frames[::-1]]
    for batch in (two, numpy.array(two), [numpy.stack(clip) for clip in two]):
        assert CLIP(batch).shape == (2, 3, 4, 112, 112)
        numpy.testing.assert_array_equal(CLIP(batch)[1], made[0][:, ::-1])


def test_colours_that_pillow_keeps_in_other_ways(picture, tmp_path):
    pixels = picture(260, 260)
    grey = Image.fromarray(pixels).convert("L")
    as_grey = STEPS(numpy.repeat(numpy.asarray(grey)[..., None], 3, axis=2))
    numpy.testing.assert_array_equal(STEPS(grey), as_grey)
    numpy.testing.assert_array_equal(STEPS(numpy.asarray(grey)), as_grey)
    deep = numpy.asarray(grey).astype("uint16") * 256 + 77
    Image.fromarray(deep).save(tmp_path / "deep.png")
    numpy.testing.assert_array_equal(STEPS(tmp_path / "deep.png"), as_grey)
    seen_through = numpy.concatenate([pixels, numpy.zeros((260, 260, 1), "uint8")], axis=2)
    numpy.testing.assert_array_equal(STEPS(Image.fromarray(seen_through)), STEPS(pixels))
    with pytest.raises(
        ArgumentError, match="one of Pillow's mode 'F', whose value of white is not known"
    ):
        STEPS(Image.fromarray(numpy.zeros((5, 5), "float32")))


def test_a_picture_is_turned_as_its_file_says(picture, tmp_path):
    pixels = picture(260, 300)
    turned = Image.Exif()
    turned[274] = 6  # stored so that a quarter turn to the right puts it upright
    lying = Image.fromarray(numpy.ascontiguousarray(numpy.rot90(pixels)))
    lying.save(tmp_path / "p.png", exif=turned)
    numpy.testing.assert_array_equal(STEPS(tmp_path / "p.png"), STEPS(pixels))


def test_files_that_are_no_pictures(tmp_path, picture, monkeypatch):
    with pytest.raises(DataError, match=r"none.png cannot be read as an image: No such file"):
        STEPS(tmp_path / "none.png")
    (tmp_path / "text.png").write_text("text")
    with pytest.raises(DataError, match=r"text.png cannot be read as an image: cannot identify"):
        STEPS(tmp_path / "text.png")
    (tmp_path / "ps.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    with pytest.raises(DataError, match=r"ps.png cannot be read as an image: cannot identify"):
        STEPS(tmp_path / "ps.png")  # Pillow would call another program to draw it
    path = tmp_path / "whole.png"
    Image.fromarray(picture(50, 60)).save(path)
    (tmp_path / "half.png").write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    for lenient in (False, True):  # as GluonCV has it, for all
        monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", lenient)
        with pytest.raises(DataError, match=r"half.png cannot be read as an image: "):
            STEPS(tmp_path / "half.png")
        assert ImageFile.LOAD_TRUNCATED_IMAGES is lenient
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2000)
    with pytest.raises(DataError, match=r"whole.png cannot be read as an image: .*exceeds limit"):
        STEPS(path)


def test_what_is_no_picture(picture):
    with pytest.raises(ArgumentTypeError, match="`images` has an int; give paths, Pillow's"):
        STEPS(3)
    with pytest.raises(ArgumentTypeError, match="an array of float32; give uint8, from 0 to 255"):
        STEPS(numpy.zeros((9, 9, 3), "float32"))
    with pytest.raises(ArgumentError, match=r"an array of shape \(3, 9, 9\); give \(height, width"):
        STEPS(numpy.zeros((3, 9, 9), "uint8"))
    with pytest.raises(ArgumentError, match="`images` is empty; give at least one image"):
        STEPS([])
    detector = model_info("gluoncv/ssd_300_vgg16_atrous_voc").preprocess
    with pytest.raises(ArgumentError, match="the sizes 300x400, 450x300 after resizing"):
        detector([picture(60, 80), picture(90, 60)])
    with pytest.raises(ArgumentError, match=r"`resize` is 'exactly'.*Choose of: 'short side'"):
        Preprocess(resize="exactly", size=(2, 2), mean=MEAN, std=STD, source="")
    with pytest.raises(ArgumentError, match="`interpolation` is 'linear'"):
        Preprocess("exact", (2, 2), MEAN, STD, "", interpolation="linear")


def test_another_range(picture):
    pixels = picture(8, 8)
    wide = Preprocess("none", (), (0, 0, 0), (1, 1, 1), "", range=(0, 255))
    numpy.testing.assert_array_equal(wide(pixels)[0], pixels.transpose(2, 0, 1))
    both = Preprocess("none", (), (0, 0, 0), (1, 1, 1), "", range=(-1, 1))
    reference = (pixels / 127.5 - 1).transpose(2, 0, 1)
    numpy.testing.assert_allclose(both(pixels)[0], reference, atol=1e-6)


def test_a_network_takes_what_comes_out(picture):
    for name in ("mxnet/mobilenet0.25", "gluoncv/cifar_resnet20_v1"):
        if name.startswith("mxnet") or HERE:
            net = create_model(name, init=True)
            assert net(nd.array(model_info(name).preprocess(picture(50, 60)))).shape[0] == 1


def test_without_pillow(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "PIL.Image", None)
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    with pytest.raises(MissingPackageError, match="pip install pillow"):
        STEPS("p.png")


def test_the_record_as_text_and_data(gluonkit):
    assert str(STEPS) == (
        "RGB in [0, 1], short side 256 (bilinear), center crop 224x224, mean 0.485 0.456 0.406, "
        "std 0.229 0.224 0.225, NCHW, float32"
    )
    info = model_info("gluoncv/ssd_300_vgg16_atrous_voc")
    assert "short side 300, long side at most 1024 (bicubic)" in str(info.preprocess)
    record = json.loads(json.dumps(info.to_dict()))["preprocess"]
    assert record["size"] == [300, 1024]
    assert record["crop"] is None
    assert model_info("lenet").to_dict()["preprocess"] is None
    assert "short side 300, long side at most 1024 (bicubic)" in " ".join(repr(info).split())


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "gluoncv/resnest269",
            "square center crop resized to 416x416 (bicubic, antialiased)",
        ),
        ("gluoncv/fcn_resnet101_coco", "not resized"),
        (
            "gluoncv/alpha_pose_resnet101_v1b_coco",
            "fitted into 320x256, padded with black (bilinear)",
        ),
        ("gluoncv/p3d_resnet50_kinetics400", "preprocess not known: the zoo does not say"),
        ("mxnet/vgg16", "short side 256 (bilinear)"),
    ],
)
def test_info_tells_it_in_80_columns(gluonkit, name, text):
    lines = gluonkit("info", name).stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert text in " ".join(" ".join(lines).split())


def test_info_of_networks_for_words_has_none(gluonkit):
    assert "preprocess" not in gluonkit("info", "gluonnlp/bert_12_768_12").stdout
    assert "preprocess" not in gluonkit("info", "lenet").stdout
