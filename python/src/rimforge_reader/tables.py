"""The tables of a study's results, each made of its part of `results.json`.

A number with an uncertainty is six columns: `value`, `low`, `high`, `level` (.95), `n` (what was resampled or counted:
patients, lesions) and `method`; all but `value` are `None` where there were too few for an interval.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .fields import Fields
from .projections import LESION_COLUMNS, lesion_table
from .table import Table

INTERVAL = ("value", "low", "high", "level", "n", "method")

Rows = Iterable[dict[str, Any]]


def stages(results: Fields) -> Table:
    """The stages in the order in which they ran: folder in the study, wall-clock seconds, hash of settings and
    inputs."""
    rows = [
        {
            "stage": one.take("stage", str),
            "folder": one.take("folder", str),
            "seconds": one.take("seconds", float),
            "key": one.take("key", str),
        }
        for one in results.each("stages")
    ]
    return Table(("stage", "folder", "seconds", "key"), rows)


def counts(results: Fields) -> Table:
    """Items of each side and class, and the patients of the side."""
    rows = []
    for one in results.nested("prepare").each("counts"):
        side, patients = one.take("split", str), one.take("patients", int)
        of_class = [(each.take("class", str), each.take("items", int)) for each in one.each("classes")]
        readers = [(key, one.take(field, int)) for key, field in _READERS]
        for key, items in of_class or readers:
            rows.append({"side": side, "patients": patients, "class": key, "items": items})
    return Table(("side", "patients", "class", "items"), rows)


_READERS = (("rim", "rim"), ("ambiguous", "ambiguous"), ("non-rim", "non_rim"))


def training(results: Fields) -> Table:
    """The generator's training, tick by tick: real images shown, mean losses, probability of augmentation, distance."""
    whole, floats = ("tick", "images"), ("loss_g", "loss_d", "ada_p", "ada_rt")
    missing = ("r1", "path_length", "frechet")
    rows = [
        {
            **{key: one.take(key, int) for key in whole},
            **{key: one.take(key, float) for key in floats},
            **{key: one.maybe(key, float) for key in missing},
        }
        for one in results.nested("training").each("curve")
    ]
    return Table((*whole, *floats, *missing), rows)


def arms(results: Fields) -> Table:
    """Scores of each arm on the `test` side and, where there was one, the `external` set: against "readers", "truth",
    or the "labels" of several classes, there over all (`class` is `None`) and of each against the rest."""
    classify = results.nested("classify")
    rows: list[dict[str, Any]] = []
    for arm in classify.each("arms"):
        for against, key in (("readers", "against_readers"), ("truth", "against_truth")):
            rows.extend(_scores(arm, key, {"against": against, "class": None, "set": "test"}))
        if by_class := arm.maybe_nested("by_class"):
            rows.extend(_by_class(arm, by_class, "test"))
    if external := classify.maybe_nested("external"):
        for arm in external.each("arms"):
            rows.extend(_by_class(arm, arm.nested("by_class"), "external"))
    return Table(("arm", "set", "against", "class", "metric", *INTERVAL), rows)


def _by_class(arm: Fields, by_class: Fields, of: str) -> Rows:
    called = {"arm": arm.take("name", str), "set": of, "against": "labels"}
    for metric, found in by_class.pairs("overall"):
        yield {**called, "class": None, "metric": metric, **interval(found)}
    for one in by_class.each("classes"):
        for metric, found in one.pairs("metrics"):
            yield {**called, "class": one.take("class", str), "metric": metric, **interval(found)}
        if recall := one.maybe_nested("recall"):
            yield {**called, "class": one.take("class", str), "metric": "recall", **interval(recall)}


def _scores(arm: Fields, key: str, more: dict[str, Any]) -> Rows:
    for metric, found in arm.pairs(key):
        yield {"arm": arm.take("name", str), **more, "metric": metric, **interval(found)}


def seeds(results: Fields) -> Table:
    """Scores of each repetition of each arm on the test side."""
    rows = []
    for arm in results.nested("classify").each("arms"):
        by_class = arm.maybe_nested("by_class")
        places = [("readers", "against_readers"), ("truth", "against_truth")]
        runs = arm.each("per_seed")
        if by_class:
            places, runs = [("labels", "overall")], by_class.each("per_seed")
        for run in runs:
            for against, key in places:
                scores = run.nested(key)
                for metric in scores.value:
                    of = {"arm": arm.take("name", str), "seed": run.take("seed", int), "against": against}
                    rows.append({**of, "metric": metric, "value": scores.take(metric, float)})
    return Table(("arm", "seed", "against", "metric", "value"), rows)


def differences(results: Fields) -> Table:
    """Each arm minus "None", paired over the same test items; `set` as in `arms`."""
    classify = results.nested("classify")
    sets = [("test", classify), ("external", classify.maybe_nested("external"))]
    rows = [
        {
            "arm": one.take("arm", str),
            "set": of,
            "against": one.take("against", str),
            "metric": one.take("metric", str),
            **interval(one.nested("difference")),
        }
        for of, part in sets
        if part
        for one in part.each("differences")
    ]
    return Table(("arm", "set", "against", "metric", *INTERVAL), rows)


def contrasts(results: Fields) -> Table:
    """Each arm minus "None" with its test: two-sided `p`, Holm's `p_corrected`, smallest `detectable` difference."""
    evidence = results.nested("classify").maybe_nested("evidence")
    rows = [
        {
            **{key: one.take(key, str) for key in ("arm", "against", "metric")},
            "primary": one.take("primary", bool),
            **interval(one.nested("difference")),
            **{key: one.maybe(key, float) for key in ("p", "p_corrected", "detectable")},
        }
        for one in (evidence.each("contrasts") if evidence else [])
    ]
    return Table(("arm", "against", "metric", "primary", *INTERVAL, "p", "p_corrected", "detectable"), rows)


def projections(results: Fields) -> Table:
    """The projected slices; columns as in `Projections`."""
    found = results.nested("projection").each("lesions")
    return lesion_table(found) if found else Table(LESION_COLUMNS, [])


def flags(results: Fields) -> Table:
    """How often a projection erased or invented a rim, by role."""
    rows = [
        {
            "role": one.take("role", str),
            "flag": one.take("flag", str),
            "flagged": one.take("flagged", int),
            **interval(one.nested("share")),
        }
        for one in results.nested("projection").each("flag_rates")
    ]
    return Table(("role", "flag", "flagged", *INTERVAL), rows)


_LIKENESS = ("ssim", "mse", "lesion_rms", "contrast")


def perturbed(results: Fields) -> Table:
    """Known lesions spoiled and projected back, medians over lesions: `of` says of which image, "spoiled" or
    "projected", beside the lesion as it was."""
    part = results.maybe_nested("perturbation")
    rows = [
        {
            **{key: one.take(key, str) for key in ("role", "corruption", "strength")},
            "lesions": one.take("lesions", int),
            "of": of,
            **{key: one.nested(field).take(key, float) for key in _LIKENESS},
        }
        for one in (part.each("summary") if part else [])
        for of, field in (("spoiled", "corrupted"), ("projected", "projected"))
    ]
    return Table(("role", "corruption", "strength", "lesions", "of", *_LIKENESS), rows)


def evaluation(results: Fields) -> Table:
    """Sets of images against held-out ones: `topic` and number of `images` of the comparison, `set`, `measure`, its
    `unit`, and what a `better` set has ("lower", "higher", "alike")."""
    part = results.maybe_nested("evaluation")
    rows = []
    if part:
        known = {one.take("key", str): one for one in part.each("measures")}
        for comparison in part.each("comparisons"):
            for one in comparison.each("sets"):
                for key, found in one.pairs("measures"):
                    of = known.get(key)
                    rows.append(
                        {
                            "topic": comparison.take("topic", str),
                            "images": comparison.take("images", int),
                            "set": one.take("name", str),
                            "measure": key,
                            "unit": of.take("unit", str) if of else None,
                            "better": of.take("better", str) if of else None,
                            **interval(found),
                        }
                    )
    return Table(("topic", "images", "set", "measure", "unit", "better", *INTERVAL), rows)


def segmentation(results: Fields) -> Table:
    """Masks of rims, arm by arm; `difference` tells an arm's mean (False) from the same less the arm "Real" (True)."""
    part = results.maybe_nested("segmentation")
    rows = [
        {"arm": arm.take("name", str), "difference": difference, "measure": measure, **interval(found)}
        for arm in (part.each("arms") if part else [])
        for difference, key in ((False, "measures"), (True, "differences"))
        for measure, found in arm.pairs(key)
    ]
    return Table(("arm", "difference", "measure", *INTERVAL), rows)


def two_sided(results: Fields) -> Table:
    """Lesions projected as of either class: both losses, their relative `difference`, `probability` to be of
    interest."""
    part = results.maybe_nested("two_sided")
    words = ("id", "patient", "class", "side")
    numbers = ("loss_of_interest", "loss_other", "difference", "contrast")
    rows = [
        {
            "id": one.take("lesion_id", str),
            **{key: one.take(key, str) for key in words[1:]},
            **{key: one.take(key, float) for key in numbers},
            "probability": one.maybe("probability", float),
            "true_rim": one.maybe("true_rim", bool),
        }
        for one in (part.each("lesions") if part else [])
    ]
    return Table((*words, *numbers, "probability", "true_rim"), rows)


_FIDELITY = ("l2", "distance", "ssim", "lesion_l2", "w_distance")


def inversion(results: Fields) -> Table:
    """How well photographs are inverted, by way of `inversion` and side: mean squared difference on -1..1 (`l2`),
    feature distance, structural similarity, distance of the codes to the cloud."""
    rows = [
        {
            "inversion": method.take("key", str),
            "side": side.take("side", str),
            "images": side.take("images", int),
            "measure": measure,
            **interval(found),
        }
        for method in results.nested("inversion").each("methods")
        for side in method.each("sides")
        for measure in _FIDELITY
        if (found := side.maybe_nested(measure))
    ]
    return Table(("inversion", "side", "images", "measure", *INTERVAL), rows)


def edits(results: Fields) -> Table:
    """Edited images by direction: the factor that it moves, images made, images that the gate keeps."""
    part = results.maybe_nested("edits")
    rows = [
        {
            "direction": one.take("id", str),
            "factor": one.take("name", str),
            "images": one.take("images", int),
            "kept": one.take("kept", int),
        }
        for one in (part.each("directions") if part else [])
    ]
    return Table(("direction", "factor", "images", "kept"), rows)


def tumours(results: Fields) -> Table:
    """Dice of a segmentation's arms by `group` of test patients ("rare", "frequent") and `region`; `difference` tells
    an arm's mean (False) from the same less the arm "frequent" (True)."""
    part = results.maybe_nested("tumours")
    rows = [
        {
            "arm": arm.take("key", str),
            "group": group,
            "difference": difference,
            "region": region,
            "metric": "dice",
            **interval(found),
        }
        for arm in (part.each("arms") if part else [])
        for group, of in arm.pairs("groups")
        for difference, key in ((False, "dice"), (True, "differences"))
        for region, found in of.pairs(key)
    ]
    return Table(("arm", "group", "difference", "region", "metric", *INTERVAL), rows)


def variants(results: Fields) -> Table:
    """Variants of the generator at equal budget: mean, lowest and highest of each `measure` over `runs` trainings, and
    the verdict beside the first variant (distances alone have one)."""
    part = results.maybe_nested("variants")
    measures = ("at_equal_images", "at_equal_seconds", "images_per_s", "fidelity", "planes", "variety", "least_variety")
    verdicts = {"at_equal_images": "verdict", "at_equal_seconds": "verdict_at_equal_seconds"}
    rows = [
        {
            "variant": one.take("key", str),
            "measure": measure,
            **{key: found.take(key, float) for key in ("mean", "low", "high")},
            "runs": len(one.each("runs")),
            "verdict": one.maybe(verdicts[measure], str) if measure in verdicts else None,
        }
        for one in (part.each("variants") if part else [])
        for measure in measures
        if (found := one.maybe_nested(measure))
    ]
    return Table(("variant", "measure", "mean", "low", "high", "runs", "verdict"), rows)


def variant_curves(results: Fields) -> Table:
    """Each training of each variant, look by look: images shown, seconds, distance to the real training slices."""
    part = results.maybe_nested("variants")
    rows = [
        {
            "variant": one.take("key", str),
            "seed": run.take("seed", int),
            "images": point.take("images", int),
            "seconds": point.take("seconds", float),
            "distance": point.take("distance", float),
        }
        for one in (part.each("variants") if part else [])
        for run in one.each("runs")
        for point in run.each("points")
    ]
    return Table(("variant", "seed", "images", "seconds", "distance"), rows)


_AGREEMENT = ("ssim", "ssim_inside", "mse", "mse_inside", "mse_lesions")


def accuracy(results: Fields) -> Table:
    """How far projections agree with the images, by `role` and `corruption`, `of` the "projected" and the "spoiled"
    image, each beside the image as it was; on a scale of 0..1 for the window."""
    rows = [
        {
            **{key: one.take(key, str) for key in ("role", "corruption", "strength")},
            **{key: one.take(key, int) for key in ("images", "patients")},
            "of": of,
            "measure": measure,
            **measured(found),
        }
        for one in results.nested("residuals").each("accuracy")
        for of in ("projected", "spoiled")
        if (agreement := one.maybe_nested(of))
        for measure in _AGREEMENT
        if (found := agreement.maybe_nested(measure))
    ]
    return Table(("role", "corruption", "strength", "images", "patients", "of", "measure", *INTERVAL), rows)


def detectors(results: Fields) -> Table:
    """Scores of pixels as detectors of lesions, the residuals' and those that need no generator (`baseline`)."""
    rows = []
    if part := results.nested("residuals").maybe_nested("detection"):
        for one in part.each("detectors"):
            of = {"arm": one.take("key", str), "baseline": one.take("baseline", bool)}
            for metric in ("auprc", "auroc", "dice", "image_auroc"):
                if found := one.maybe_nested(metric):
                    rows.append({**of, "metric": metric, **measured(found)})
    return Table(("arm", "baseline", "metric", *INTERVAL), rows)


def skill(results: Fields) -> Table:
    """Average precision of the `judged` residual less that of the `best_baseline` ("skill"), and the share of a
    lesion's contrast that its projection keeps ("contrast_kept")."""
    rows = []
    if part := results.nested("residuals").maybe_nested("detection"):
        of = {key: part.take(key, str) for key in ("judged", "best_baseline")}
        for metric in ("skill", "contrast_kept"):
            if found := part.maybe_nested(metric):
                rows.append({**of, "metric": metric, **measured(found)})
    return Table(("judged", "best_baseline", "metric", *INTERVAL), rows)


def found(results: Fields) -> Table:
    """Share of the lesions found, by thirds of their `size` (pixels) and of their `contrast`: by the judged residual
    and by the best baseline."""
    rows = []
    if part := results.nested("residuals").maybe_nested("detection"):
        for by in ("size", "contrast"):
            for one in part.each(f"by_{by}"):
                low, high = one.all("limits", float, 2)
                shares = {key: one.take(key, float) for key in ("residual", "baseline")}
                rows.append({"by": by, "from": low, "to": high, "lesions": one.take("lesions", int), **shares})
    return Table(("by", "from", "to", "lesions", "residual", "baseline"), rows)


def interval(found: Fields) -> dict[str, Any]:
    """The six columns of a number with its interval."""
    return {
        **{key: found.take(key, float) for key in ("value", "low", "high", "level")},
        "n": found.take("n", int),
        "method": found.take("method", str),
    }


def measured(found: Fields) -> dict[str, Any]:
    """The same of a number whose interval may be missing."""
    if of := found.maybe_nested("interval"):
        return {**interval(of), "value": found.take("value", float)}
    return {**dict.fromkeys(INTERVAL), "value": found.take("value", float)}
