"""The digits network."""

from tfdcu.models import build


def test_channel_counts_can_be_quartered_to_multiples_of_eight():
    net = build("digits", num_classes=10)
    assert 60_000 <= net.count_params() <= 100_000
    counts = [net.get_layer(f"block{i}_conv").filters for i in (1, 2, 3)]
    assert all(count % 32 == 0 for count in counts)
    small = build("digits", num_classes=10, width=0.25)
    assert net.count_params() > 14 * small.count_params()
