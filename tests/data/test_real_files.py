"""Files as people export them: read rightly, or refused in one message whose advice works; nothing in between."""

from __future__ import annotations

import pytest

from safr_lens import load_data
from safr_lens.errors import DataError
from tests.data.local_files import as_read
from tests.data.real_files import CASES


def test_there_are_sixty():
    assert len(CASES) >= 60


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_file_is_read_rightly_or_refused_with_advice_that_works(tmp_path, name, streaming):
    case = CASES[name]
    path = case.write(tmp_path)
    options = {"cut_missing": False, "streaming": streaming, **case.options}
    if case.refused:
        with pytest.raises(DataError) as error:
            load_data(path, **options)
        message = str(error.value)
        assert "\n" not in message
        for part in case.refused:
            assert part in message
        if case.mended is None:
            return
        if callable(case.mended):
            path = case.mended(path)
        else:
            options |= case.mended
    data = load_data(path, **options)
    split = case.split if case.split in data else "train"
    assert as_read(data, split) == case.rows
    notes = " ".join(data.notes)
    for part in case.said:
        assert part in notes
    [count] = [count for name, count in data.rows.items() if name == split]
    assert (count.read, sum(count.dropped.values())) == (len(case.rows) + case.dropped, case.dropped)
