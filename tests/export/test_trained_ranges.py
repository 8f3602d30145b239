"""Laws of models that hold their ranges: one format, no calibration."""

import pytest

from tests.support import tiny
from tfdcu.export.trained_ranges import check_trained
from tfdcu.export.trained_ranges import trained_format
from tfdcu.quantization import quantize_aware

IMAGES = tiny.images(8)


@pytest.mark.parametrize(
    ("bits", "kind"), [(8, "int8"), (4, "int8_weight4"), (None, None)]
)
def test_a_model_has_one_format(bits, kind):
    model = tiny.plain_net()
    if bits:
        model = quantize_aware(model, images=IMAGES, weight_bits=bits)
    assert trained_format(model) == kind
    check_trained(model, [kind or "int8"])
    for other in {"float32", "int8_weight4"} - {kind}:
        if other == "float32" and not bits:
            continue
        with pytest.raises(ValueError, match="Expected.*Received"):
            check_trained(model, [other])
