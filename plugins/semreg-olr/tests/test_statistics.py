"""The statistics against scikit-learn, NumPy and worked cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from semreg_olr.statistics import (
    agreement,
    correlations,
    fit_logistic_regression,
    majority_accuracy,
    principal_components,
    scores,
)
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, balanced_accuracy_score
from torch import Tensor

seeds = st.integers(0, 2**31 - 1)


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


class TestLogisticRegression:
    def test_equals_scikit_learn_at_the_same_penalty(self) -> None:
        features = normal(0, 200, 6) * torch.tensor([1.0, 10.0, 0.1, 1.0, 1.0, 3.0]) + 5
        labels = (normal(1, 200, 2) + (features - 5)[:, [0, 3]] > 0).float()
        ours = fit_logistic_regression(features, labels, features, labels, strengths=[0.1], iterations=500)
        standard = (features - features.mean(0)) / features.std(0, correction=0)
        for label in range(2):
            theirs = LogisticRegression(C=1 / (0.1 * 200), tol=1e-8, max_iter=1000).fit(standard, labels[:, label])
            expected = theirs.predict_proba(standard)[:, 1]
            np.testing.assert_allclose(ours.probability(features)[:, label], expected, atol=2e-3)

    def test_separates_what_is_separable_with_a_feature_that_never_varies(self) -> None:
        labels = (normal(2, 400, 3) > 0).float()
        features = torch.cat([labels * 4 - 2 + normal(3, 400, 3) * 0.1, torch.full((400, 1), 7.0)], 1)
        fitted = fit_logistic_regression(features[:300], labels[:300], features[300:], labels[300:])
        assert ((fitted.probability(features) > 0.5).float() == labels).all()

    def test_each_label_gets_the_penalty_that_suits_its_validation_rows(self) -> None:
        features, noise = normal(4, 400, 100), normal(5, 400, 1) > 0
        labels = torch.cat([features[:, :1] > 0, noise], 1).float()
        fitted = fit_logistic_regression(features[:200], labels[:200], features[200:], labels[200:])
        assert fitted.strength[0] <= 0.1 < fitted.strength[1]
        assert fitted.weight[1].norm() < 0.1 * fitted.weight[0].norm()

    def test_a_label_without_one_of_its_values_is_never_or_always_seen(self) -> None:
        features = normal(6, 100, 3)
        labels = torch.stack([torch.zeros(100), torch.ones(100)], 1)
        probability = fit_logistic_regression(features, labels, features, labels).probability(features)
        assert (probability[:, 0] < 0.05).all()
        assert (probability[:, 1] > 0.95).all()


class TestScores:
    @settings(max_examples=25)
    @given(seeds)
    def test_equal_scikit_learn(self, seed: int) -> None:
        labels, probability = (normal(seed, 40, 2) > 0.5).float(), normal(seed + 1, 40, 2).sigmoid()
        labels[0], labels[1] = 0, 1
        found = scores(probability, labels)
        for label in range(2):
            present, guess = labels[:, label], probability[:, label]
            assert float(found.accuracy[label]) == pytest.approx(
                float(((guess > 0.5) == (present > 0.5)).float().mean())
            )
            assert float(found.balanced_accuracy[label]) == pytest.approx(balanced_accuracy_score(present, guess > 0.5))
            assert float(found.average_precision[label]) == pytest.approx(average_precision_score(present, guess))

    def test_are_no_numbers_where_a_label_lacks_a_value(self) -> None:
        found = scores(torch.rand(5, 2), torch.tensor([[0.0, 1.0]]).expand(5, 2))
        assert found.balanced_accuracy.isnan().all()
        assert found.average_precision.isnan().all()

    def test_the_majority_is_that_of_the_training_rows(self) -> None:
        train, test = torch.tensor([[1.0, 0], [1, 0], [0, 1]]), torch.tensor([[1.0, 1], [0, 1], [0, 1], [0, 0]])
        assert majority_accuracy(train, test).tolist() == [0.25, 0.25]


class TestCorrelations:
    @given(seeds, st.integers(3, 20), st.integers(1, 5))
    def test_equal_numpy(self, seed: int, rows: int, columns: int) -> None:
        values = normal(seed, rows, columns) * 3 + 100
        expected = np.corrcoef(values.double().numpy().T).reshape(columns, columns)
        np.testing.assert_allclose(correlations(values), expected, atol=1e-5)

    def test_are_no_numbers_where_a_column_does_not_vary(self) -> None:
        values = torch.cat([normal(0, 9, 1), torch.full((9, 1), 0.1)], 1)
        assert correlations(values).isnan().tolist() == [[False, True], [True, True]]

    def test_agreement_looks_at_pairs_alone_and_skips_what_is_no_number(self) -> None:
        matrix = correlations(normal(1, 20, 5))
        other = -matrix
        other.fill_diagonal_(1)
        assert agreement(matrix, matrix) == pytest.approx(1)
        assert agreement(matrix, other) == pytest.approx(-1)
        other[0], other[:, 0] = math.nan, math.nan
        assert agreement(matrix, other) == pytest.approx(-1)


class TestPrincipalComponents:
    @settings(max_examples=25)
    @given(seeds)
    def test_equal_scikit_learn(self, seed: int) -> None:
        rows = normal(seed, 30, 4) @ normal(seed + 1, 4, 4)
        present = torch.arange(30) % 2
        found, expected = principal_components(rows, present), PCA().fit(rows.double())
        np.testing.assert_allclose(found.shares, expected.explained_variance_ratio_, atol=1e-5)
        theirs = expected.transform(rows.double())[:, 0]
        sign = np.sign(theirs @ found.projection.numpy())
        np.testing.assert_allclose(found.projection, sign * theirs, atol=1e-3)

    @given(seeds, st.sampled_from([-1.0, 1.0]))
    def test_images_with_the_label_project_higher(self, seed: int, sign: float) -> None:
        present = (torch.arange(20) < 8).float()
        rows = normal(seed, 20, 3) * 0.1 + sign * 5 * present[:, None]
        found = principal_components(rows, present)
        assert found.projection[present > 0.5].min() > found.projection[present < 0.5].max()
        assert found.auc == 1

    def test_rows_that_do_not_vary_have_no_shares(self) -> None:
        found = principal_components(torch.ones(5, 3), torch.tensor([0, 1, 0, 1, 1]))
        assert found.shares.isnan().all()
        assert (found.projection == 0).all()


class TestLabelsThatAreNotKnown:
    def holed(self, seed: int) -> tuple[Tensor, Tensor, Tensor]:
        """Features, labels with holes, and which are none."""
        features = normal(seed, 80, 3)
        labels = (features[:, :2] + normal(seed + 1, 80, 2) > 0).float()
        known = normal(seed + 2, 80, 2) > -0.5
        return features, labels.where(known, torch.nan), known

    @settings(max_examples=10)
    @given(seeds)
    def test_scores_are_those_of_the_known_ones(self, seed: int) -> None:
        features, labels, known = self.holed(seed)
        probability = features[:, :2].sigmoid()
        found, guess = scores(probability, labels), majority_accuracy(labels, labels)
        for label in range(2):
            of = known[:, label]
            alone = scores(probability[of, label : label + 1], labels[of, label : label + 1])
            for ours, theirs in zip(found, alone, strict=True):
                assert float(ours[label]) == pytest.approx(float(theirs[0]), nan_ok=True)
            one = labels[of, label : label + 1]
            assert float(guess[label]) == pytest.approx(float(majority_accuracy(one, one)))

    def test_a_regression_does_not_see_the_others(self) -> None:
        features, labels, known = self.holed(0)
        ours = fit_logistic_regression(features, labels, features, labels, strengths=[0.1], iterations=300)
        standard = (features - features.mean(0)) / features.std(0, correction=0)
        for label in range(2):
            of = known[:, label]
            theirs = LogisticRegression(C=1 / (0.1 * int(of.sum())), tol=1e-8, max_iter=1000)
            theirs.fit(standard[of], labels[of, label])
            expected = theirs.predict_proba(standard)[:, 1]
            np.testing.assert_allclose(ours.probability(features)[:, label], expected, atol=2e-3)

    def test_a_component_is_oriented_by_the_known_ones(self) -> None:
        rows = torch.stack([torch.arange(6.0), torch.zeros(6)], 1)
        present = torch.tensor([0.0, torch.nan, 0, 1, torch.nan, 1])
        found = principal_components(rows, present)
        assert found.projection.argsort().tolist() == list(range(6))
        assert found.auc == 1
        assert math.isnan(principal_components(rows, torch.full((6,), torch.nan)).auc)
