"""The terms of ACAI."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from semreg_baselines.acai import acai_critic, acai_regularizer, interpolation_weight


@given(seed=st.integers(0, 2**31), rows=st.integers(0, 20), most=st.floats(0, 1))
def test_weights_are_one_for_each_of_a_batch_below_the_most(seed: int, rows: int, most: float) -> None:
    like = torch.zeros(rows, 3)
    weight, same = (
        interpolation_weight(like, most=most, generator=torch.Generator().manual_seed(seed)) for _ in range(2)
    )
    assert weight.shape == (rows, 1)
    assert ((weight >= 0) & (weight <= most)).all()
    assert torch.equal(weight, same)


def test_weights_are_uniform() -> None:
    weight = interpolation_weight(torch.zeros(10_000, 1), most=0.5, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(float(weight.mean()), 0.25, atol=0.01, rtol=0)
    torch.testing.assert_close(float((weight < 0.1).float().mean()), 0.2, atol=0.02, rtol=0)


def test_a_critic_that_guesses_right_has_no_loss_and_one_that_errs_its_squares() -> None:
    weight = torch.tensor([[0.1], [0.4]])
    nothing = torch.zeros(2, 1)
    assert acai_critic(weight, weight, nothing) == 0
    torch.testing.assert_close(acai_critic(weight + 0.2, weight, nothing + 0.3), torch.tensor(0.04 + 0.09))


def test_the_regularizer_pulls_the_guess_to_zero() -> None:
    guess = torch.tensor([[0.5], [-0.2]], dtype=torch.float64, requires_grad=True)
    loss = acai_regularizer(guess)
    torch.testing.assert_close(float(loss), (0.25 + 0.04) / 2)
    (slope,) = torch.autograd.grad(loss, guess)
    assert (slope.sign() == guess.sign()).all()
    assert torch.autograd.gradcheck(acai_regularizer, (guess,))


def test_an_empty_batch_is_a_connected_zero() -> None:
    guess = torch.zeros(0, 1, requires_grad=True)
    loss = acai_critic(guess, torch.zeros(0, 1), guess) + acai_regularizer(guess)
    loss.backward()
    assert loss == 0


def test_guesses_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="one guess an image"):
        acai_critic(torch.zeros(3), torch.zeros(3, 1), torch.zeros(3, 1))
