"""CIFAR-10 and CIFAR-100: the names of the classes in the order of their labels, and the published sets' hashes."""

from senet_lab.study.protocol import Dataset

CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
# fmt: off
CIFAR100_CLASSES = (
    "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle", "bowl", "boy",
    "bridge", "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle", "chair", "chimpanzee", "clock",
    "cloud", "cockroach", "couch", "crab", "crocodile", "cup", "dinosaur", "dolphin", "elephant", "flatfish",
    "forest", "fox", "girl", "hamster", "house", "kangaroo", "keyboard", "lamp", "lawn_mower", "leopard", "lion",
    "lizard", "lobster", "man", "maple_tree", "motorcycle", "mountain", "mouse", "mushroom", "oak_tree", "orange",
    "orchid", "otter", "palm_tree", "pear", "pickup_truck", "pine_tree", "plain", "plate", "poppy", "porcupine",
    "possum", "rabbit", "raccoon", "ray", "road", "rocket", "rose", "sea", "seal", "shark", "shrew", "skunk",
    "skyscraper", "snail", "snake", "spider", "squirrel", "streetcar", "sunflower", "sweet_pepper", "table", "tank",
    "telephone", "television", "tiger", "tractor", "train", "trout", "tulip", "turtle", "wardrobe", "whale",
    "willow_tree", "wolf", "woman", "worm",
)
# fmt: on
CLASSES = {Dataset.CIFAR10: CIFAR10_CLASSES, Dataset.CIFAR100: CIFAR100_CLASSES}
COARSE_CLASSES = 20  # CIFAR-100 has a second, coarser label for each image
IMAGES = {"train": 50_000, "test": 10_000}

# Over images and labels in canonical order (arrays.canonical). Other hashes are not the published data set.
SHA256 = {
    (Dataset.CIFAR10, "train"): "949c0b4d951efccff4932f99131cee8ae893f6d2f02f55986989f86deec9b28f",
    (Dataset.CIFAR10, "test"): "1c3d67ed25249724d625348474e878f92420fb0f63552feb1fde08e6e1ca76ee",
    (Dataset.CIFAR100, "train"): "9dc1463b62598c6200aa8d36a5003826a3d6da84b9c431e6eab6431a3d3c8de3",
    (Dataset.CIFAR100, "test"): "6d546a337ecdf4e62e0c0c2bbb64a7a0ee2773d53a19ec255744b560f041ce77",
}
# Over the images alone, sorted by their bytes. They tell which data set the images are from when the labels are wrong.
IMAGES_SHA256 = {
    "81fc97c68fd7ab60488a72ea8d7d00e7c5ae246188d12a2d4f82f4eadb661686": (Dataset.CIFAR10, "train"),
    "11c6cf60545f1bac3666b51f78b44d3d37fa53b9cf4aa509b760f56d9c2b54f9": (Dataset.CIFAR10, "test"),
    "704f0e29872cff47ba8cc430db300bf6e2e3839e2270253a7aeec38f2ac79bad": (Dataset.CIFAR100, "train"),
    "c0a51a1b3fcf07799b4dad25073e81b766068037c673e6bb862801d444e1bc4c": (Dataset.CIFAR100, "test"),
}
