#!/usr/bin/env python3
"""What projections make of rims, over several studies of simulated cohorts: the table of docs/denoising.md.

    for seed in 31 37 41 43 47; do
      rimforge run studies/demo.toml --set out=out/seed-$seed --set cohort.simulate.seed=$seed --until project
    done
    python3 scripts/denoising_table.py out/seed-*

Needs NumPy. Reads each folder's denoised/record.json and the truth of its cohort; intervals are 95 %, of 2000 draws of
the patients of all folders together.
"""

import csv
import json
import pathlib
import sys
from collections import defaultdict

import numpy as np

DRAWS = 2000


def slices(study):
    """Every projected slice, once for each strength of the pull."""
    with open(study / "cohort/derivatives/truth/truth.tsv", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t")
        truth = {f"{row['participant_id']}_lesion-{int(row['lesion_id']):03d}": row["true_rim"] == "1" for row in rows}
    record = json.loads((study / "denoised/record.json").read_text())
    points = [("as set", record["lesions"])] + [(p["towards_rim"], p["slices"]) for p in record.get("curve", [])]
    for strength, point in points:
        for lesion, made in zip(record["lesions"], point):
            yield strength, dict(
                role=lesion["role"],
                true=truth[lesion["lesion_id"]],
                patient=f"{study.name} {lesion['patient']}",
                before=lesion["contrast_before"],
                after=made["contrast_after"],
                change=made["lesion_rms"],
                off=made["w_distance"],
                invented=made["rim_invented"],
            )


def auroc(scores, labels):
    rims, others = scores[labels], scores[~labels]
    if not (len(rims) and len(others)):
        return np.nan
    return (rims[:, None] > others).mean() + (rims[:, None] == others).mean() / 2


class Columns:
    """Arrays over slices, and draws of their patients."""

    def __init__(self, rows):
        self.all = {key: np.array([row[key] for row in rows]) for key in rows[0]}
        members = defaultdict(list)
        for at, row in enumerate(rows):
            members[row["patient"]].append(at)
        patients, rng = list(members.values()), np.random.default_rng(0)
        self.draws = [
            np.concatenate([patients[i] for i in rng.integers(len(patients), size=len(patients))]) for _ in range(DRAWS)
        ]

    def say(self, of, digits=1):
        """The value over all slices, and its interval."""
        drawn = [of({key: values[draw] for key, values in self.all.items()}) for draw in self.draws]
        low, high = np.nanquantile(drawn, [0.025, 0.975])
        return f"{of(self.all):.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def gains(s, role, true):
    return (s["after"] - s["before"])[(s["role"] == role) & (s["true"] == true)]


def middle(values):
    return np.median(values) if len(values) else np.nan


def told_apart(s, when):
    contested = s["role"] == "ambiguous"
    return auroc(s[when][contested], s["true"][contested])


def kept(s):
    rims = (s["role"] == "rim") & (s["before"] > 0)
    return middle(s["after"][rims] / s["before"][rims])


def main(folders):
    points = defaultdict(list)
    for folder in folders:
        for strength, row in slices(pathlib.Path(folder)):
            points[strength].append(row)
    for strength, rows in points.items():
        c = Columns(rows)
        contested = c.all["role"] == "ambiguous"
        others = gains(c.all, "ambiguous", False)
        agreed = (c.all["role"] == "non-rim") & ~c.all["true"]
        print(f"towards_rim {strength}: {(c.all['role'] == 'rim').sum()} held-out rims, contested slices: "
              f"{(contested & c.all['true']).sum()} of true rims, {len(others)} of others; {agreed.sum()} non-rims")
        print("  held-out rims keep      ", c.say(kept, 2))
        print("  true rims gain          ", c.say(lambda s: middle(gains(s, "ambiguous", True))))
        print("  others gain             ", c.say(lambda s: middle(gains(s, "ambiguous", False))),
              f"mean {others.mean():.1f}, 90th percentile {np.quantile(others, 0.9):.1f},",
              f"{c.all['invented'][contested & ~c.all['true']].sum()} flagged as invented")
        print("  the one minus the other ",
              c.say(lambda s: middle(gains(s, "ambiguous", True)) - middle(gains(s, "ambiguous", False))))
        print("  agreed non-rims gain    ", c.say(lambda s: middle(gains(s, "non-rim", False))),
              f"{c.all['invented'][agreed].sum()} flagged as invented")
        print("  AUROC before            ", c.say(lambda s: told_apart(s, "before"), 2))
        print("  AUROC after             ", c.say(lambda s: told_apart(s, "after"), 2))
        print("  its change              ", c.say(lambda s: told_apart(s, "after") - told_apart(s, "before"), 2))
        print(f"  change in contested lesions, RMS {middle(c.all['change'][contested]):.1f} ppb; "
              f"w {middle(c.all['off']):.2f} off the cloud")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1:])
