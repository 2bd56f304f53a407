"""Makes statistics.json: what src/metrics is checked against, by other routes to the same numbers.

    pip install numpy==2.4.6 scipy==1.17.1 && python test/golden/make-statistics.py

CR2 and its degrees of freedom come from the general matrix formulas (Bell & McCaffrey 2002), not from the
closed form of the mean; Tango's interval from a numerical search for the likeliest rates under each difference.
"""

import json
from pathlib import Path

import numpy as np
from scipy import optimize, stats

rng = np.random.default_rng(7)


def inverse_square_root(matrix):
    values, vectors = np.linalg.eigh(matrix)
    return vectors @ np.diag([v**-0.5 if v > 1e-12 else 0 for v in values]) @ vectors.T


def clustered(values, cluster):
    """Mean, CR2 standard error and Bell-McCaffrey degrees of freedom of the regression on a constant."""
    n = len(values)
    x = np.ones((n, 1))
    bread = np.linalg.inv(x.T @ x)
    hat = x @ bread @ x.T
    residual_maker = np.eye(n) - hat
    mean = (bread @ x.T @ values)[0]
    residuals = values - mean
    variance = 0.0
    columns = []
    for g in sorted(set(cluster)):
        rows = np.flatnonzero(cluster == g)
        adjust = inverse_square_root(np.eye(len(rows)) - hat[np.ix_(rows, rows)])
        weights = adjust @ x[rows] @ bread
        variance += (weights.T @ residuals[rows]).item() ** 2
        columns.append(residual_maker[:, rows] @ weights[:, 0])
    gram = np.array(columns) @ np.array(columns).T
    df = np.trace(gram) ** 2 / np.sum(gram**2)
    return {"mean": mean, "standardError": variance**0.5, "df": df}


def tango(won, lost, n):
    def score(difference):
        def minus_log_likelihood(q):
            p = q + difference
            rest = 1 - p - q
            return -sum(k * np.log(v) for k, v in ((won, p), (lost, q), (n - won - lost, rest)) if k > 0)

        low, high = max(0, -difference), (1 - difference) / 2
        found = optimize.minimize_scalar(
            minus_log_likelihood, bounds=(low, high), method="bounded", options={"xatol": 1e-14}
        )
        q = min((found.x, low, high), key=lambda v: minus_log_likelihood(np.clip(v, low + 1e-15, high - 1e-15)))
        return (won - lost - n * difference) / np.sqrt(n * (2 * q + difference - difference**2))

    z = stats.norm.ppf(0.975)
    observed = (won - lost) / n
    return [
        optimize.brentq(lambda d: score(d) - z, -1 + 1e-9, observed - 1e-12),
        optimize.brentq(lambda d: score(d) + z, observed + 1e-12, 1 - 1e-9),
    ]


def wilson(hits, n):
    low, high = stats.binomtest(hits, n).proportion_ci(0.95, method="wilson")
    return [low, high]


def sign_test_ranks(n, tail):
    rank = int(stats.binom.ppf(tail, n, 0.5))
    while rank > 0 and stats.binom.cdf(rank - 1, n, 0.5) > tail:
        rank -= 1
    return rank


samples = []
for sizes in ([4] * 8, [9, 1, 2, 5, 5, 3, 12], [1] * 20):
    cluster = np.repeat(np.arange(len(sizes)), sizes)
    values = rng.normal(size=len(cluster)) + rng.normal(size=len(sizes))[cluster]
    samples.append({"values": list(values), "cluster": cluster.tolist(), **clustered(values, cluster)})

pairs = [(9, 1, 44), (3, 4, 80), (1, 0, 80), (30, 12, 1600)]
golden = {
    "tQuantile": [[p, df, stats.t.ppf(p, df)] for p in (0.8, 0.95, 0.975, 0.999) for df in (1, 2.5, 7, 79, 1599)],
    "tTest": [[t, df, 2 * stats.t.sf(t, df)] for t in (0.1, 2, 7.5) for df in (3.3, 7, 1599)],
    "normalQuantile": [[p, stats.norm.ppf(p)] for p in (0.001, 0.5, 0.975)],
    "normalCdf": [[z, stats.norm.cdf(z)] for z in (-6, -1.5, 0, 3)],
    "mcnemar": [[b, c, stats.binomtest(b, b + c).pvalue] for b, c in ((1, 5), (0, 10), (900, 1100), (12, 30))],
    "wilson": [[k, n, *wilson(k, n)] for k, n in ((0, 80), (1, 80), (9, 10), (80, 80))],
    "tango": [[won, lost, n, *tango(won, lost, n)] for won, lost, n in pairs],
    "signTestRank": [[n, t, sign_test_ranks(n, t)] for n in (5, 6, 9, 80, 1600) for t in (0.025, 0.002)],
    "clusteredMean": samples,
}
path = Path(__file__).parent / "statistics.json"
path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
