"""The density of a posterior against SciPy's."""

import numpy as np
import pytest
from scipy.stats import beta

from api.routes.density import beta_density


@pytest.mark.parametrize(("first", "second"), [(2.0, 5.0), (0.5, 0.5), (50.0, 950.0), (1e4, 1e6)])
def test_density_is_that_of_the_beta_with_these_moments(first: float, second: float) -> None:
    law = beta(first, second)
    found = beta_density(float(law.mean()), float(law.std()), 25)
    assert found is not None
    np.testing.assert_allclose(found["density"], law.pdf(found["conversion"]), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(("mean", "sd"), [(0.0, 0.1), (1.0, 0.1), (0.5, 0.0), (0.5, 0.5), (0.5, 0.9)])
def test_impossible_moments_have_no_density(mean: float, sd: float) -> None:
    assert beta_density(mean, sd, 10) is None
