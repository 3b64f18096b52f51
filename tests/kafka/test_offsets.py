"""A position never passes what is not done, and reaches the end once all is."""

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from infra.bus.kafka.offsets import Track


@given(
    offsets=st.lists(st.integers(0, 100), min_size=1, unique=True).map(sorted),
    data=st.data(),
)
def test_a_position_never_passes_what_is_not_done(offsets: list[int], data: st.DataObject) -> None:
    track, left = Track(offsets[0]), set(offsets)
    track.arrived([SimpleNamespace(offset=offset) for offset in offsets])
    for offset in data.draw(st.permutations(offsets)):
        track.done(offset)
        left.discard(offset)
        track.done(offset)  # said twice
        track.done(1_000)  # somebody else's
        first_left = min(left, default=1_000)
        assert track.position <= first_left
        assert all(o < track.position for o in offsets if o < first_left)
    assert not track.early
