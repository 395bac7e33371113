"""What priors of this package share."""

from __future__ import annotations

import pytest
import torch
from semreg_priors.base import SizedPrior


class Flat(SizedPrior):
    title = "flat"


def test_codes_of_another_size_are_refused_by_name() -> None:
    prior = Flat(3)
    prior.require_size("sample(codes)", torch.zeros(2, 3))
    for codes in (torch.zeros(2, 4), torch.zeros(3)):
        with pytest.raises(ValueError, match=r"(?s)flat\.sample\(codes\).*its size is 3"):
            prior.require_size("sample(codes)", codes)


def test_a_label_is_one_of_the_classes_and_alone() -> None:
    prior, label = Flat(3), torch.tensor([0, 1])
    assert prior.ignores_labels
    assert prior.label_of("sample", (label, label), rows=2) is None
    prior.classes = 2
    assert not prior.ignores_labels
    assert prior.label_of("sample", (label,), rows=2) is label
    assert prior.label_of("sample", (), rows=2) is None
    with pytest.raises(ValueError, match=r"flat\.sample takes one label, the class; found 2"):
        prior.label_of("sample", (label, label), rows=2)
    prior.classes = 1
    with pytest.raises(ValueError, match="there are 1 class"):
        prior.label_of("sample", (label,), rows=2)


def test_a_prior_follows_its_module_and_has_no_state_of_it() -> None:
    prior = Flat(3).double()
    assert prior.zero.dtype == torch.float64
    assert not prior.state_dict()
    assert repr(prior) == "Flat(size=3)"
