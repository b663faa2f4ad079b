"""Presets: fields of a penalty under a name, which own fields win over."""

from __future__ import annotations

import pytest

from safr_lens import SafrPenalty
from safr_lens.errors import ConfigError
from safr_lens.penalty.presets import PRESETS


@pytest.mark.parametrize("name", list(PRESETS))
def test_a_preset_is_a_penalty(name):
    assert SafrPenalty.preset(name) == SafrPenalty(**PRESETS[name].penalty)


def test_the_release_is_without_an_information_term():
    penalty = SafrPenalty.preset("release")
    assert penalty.site == "embedding" and penalty.weights(0.0)["information"] == 0.0


def test_the_faithful_preset_leaves_the_first_epoch_to_vmask():
    penalty = SafrPenalty.preset("faithful")
    assert penalty.weights(1.0) == {"information": 0.1, "importance": 0.0, "interaction": 0.0}
    assert penalty.weights(2.0) == {"information": 0.1, "importance": 20.0, "interaction": 10.0}
    assert penalty.settled == 2.0


def test_own_settings_win_over_a_preset():
    assert SafrPenalty.preset("strong", l1_ratio=0.1).to_dict()["l1_ratio"] == 0.1


def test_own_settings_do_not_change_the_preset():
    SafrPenalty.preset("light", site="none", l1_weight=1.0)
    assert SafrPenalty.preset("light").site == "neurons"


def test_no_penalty_is_a_site_and_no_preset():
    with pytest.raises(ConfigError, match=r'site="none" \(--site none\)'):
        SafrPenalty.preset("none")


def test_unknown_names_are_errors_with_a_near_match():
    with pytest.raises(ConfigError, match="Did you mean 'strong'"):
        SafrPenalty.preset("stron")
    with pytest.raises(ConfigError, match=r"l1_ratoi.*Did you mean 'l1_ratio'"):
        SafrPenalty.preset("light", l1_ratoi=1.0)
