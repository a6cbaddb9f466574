"""The recogniser's weights are read without running anything."""

import io
import os
import pickle
from pathlib import Path

import pytest

from visus.local.lite.convert import WeightsRefused, converted, weights, write


def test_a_pickle_that_names_anything_else_is_refused() -> None:
    stream = io.BytesIO(pickle.dumps(0) * 3 + pickle.dumps(os.getcwd))
    with pytest.raises(WeightsRefused, match="getcwd"):
        weights(stream)


def test_a_file_with_another_digest_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(b"not the weights")
    with pytest.raises(WeightsRefused, match="digest"):
        converted(path)


def test_what_is_made_can_be_read_by_other_accounts(tmp_path: Path) -> None:
    write(tmp_path / "deep" / "graph", b"numbers")
    assert (tmp_path / "deep" / "graph").read_bytes() == b"numbers"
    assert (tmp_path / "deep" / "graph").stat().st_mode & 0o777 == 0o644
