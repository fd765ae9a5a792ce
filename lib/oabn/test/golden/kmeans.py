"""Writes kmeans.json: Lloyd's algorithm of scikit-learn on small samples, to compare ours with.

    pip install scikit-learn && python test/golden/kmeans.py
"""

import json
import pathlib

import numpy as np
import sklearn
from sklearn.cluster import KMeans

rng = np.random.default_rng(1)
samples = {
    "gaussian": rng.normal(size=200),
    "outliers": np.concatenate([rng.normal(size=150) * 0.05, rng.normal(size=10)]),
    "lattice": rng.integers(-20, 20, size=120) / 8,
    "skewed": rng.exponential(size=160),
}


def case(name, k):
    values = samples[name].astype(np.float32)
    start = np.quantile(np.unique(values), (np.arange(k) + 0.5) / k).astype(np.float32)
    fit = KMeans(k, init=start[:, None], n_init=1, max_iter=1000, tol=0).fit(values[:, None].astype(np.float64))
    best = KMeans(k, n_init=200, max_iter=1000, tol=0, random_state=0).fit(values[:, None].astype(np.float64))
    order = np.argsort(fit.cluster_centers_[:, 0])
    return {
        "name": name,
        "values": values.tolist(),
        "start": start.tolist(),
        "centroids": fit.cluster_centers_[order, 0].tolist(),
        "counts": np.bincount(fit.labels_, minlength=k)[order].tolist(),
        "inertia": fit.inertia_,
        "bestInertiaOf200Starts": best.inertia_,
    }


cases = [case(name, k) for name in samples for k in (2, 4, 8, 16)]
path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(json.dumps({"madeBy": f"scikit-learn {sklearn.__version__}, test/golden/kmeans.py", "cases": cases}) + "\n")
