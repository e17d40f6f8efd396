"""Results of each kind of study, held to what `results.json` says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from damage import Damaged

from rimforge_reader import Problem, Results, Table, read_results


def said(study: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((study / "results.json").read_text())
    return found


def one(table: Table, **wanted: Any) -> dict[str, Any]:
    rows = table.where(**wanted)
    assert len(rows) == 1, (wanted, list(rows))
    return rows[0]


def has_interval(row: dict[str, Any], interval: dict[str, Any]) -> bool:
    return all(row[key] == interval[key] for key in ("value", "low", "high", "level", "n", "method"))


def common(study: Path, kind: str) -> Results:
    found, record = read_results(study), said(study)
    assert (found.kind, found.name, found.record) == (kind, "tiny", record)
    assert (found.seed, found.version) == (record["seed"], record["rimforge_version"])
    stages = found.tables["stages"]
    assert [row["stage"] for row in stages] == [stage["stage"] for stage in record["stages"]]
    assert all((study / row["folder"]).is_dir() for row in stages)
    counts = found.tables["counts"]
    assert counts.column("items").sum() == record["prepare"]["lesions"]
    assert set(counts.column("side")) == {"train", "validation", "test"}
    curve = found.tables["training"]
    assert curve.column("images").tolist() == [tick["images"] for tick in record["training"]["curve"]]
    assert len(found.tables["arms"]) > 0
    return found


def test_rim_lesions(rim: Path) -> None:
    found, record = common(rim, "rim-lesions"), said(rim)
    assert found.simulated
    arm = record["classify"]["arms"][1]
    row = one(found.tables["arms"], arm="ADA-GAN+LD", against="truth", metric="auprc")
    assert has_interval(row, arm["against_truth"]["auprc"]) and (row["set"], row["class"]) == ("test", None)
    assert len(found.tables["arms"]) == sum(
        len(arm[key]) for arm in record["classify"]["arms"] for key in ("against_readers", "against_truth")
    )
    seeds = found.tables["seeds"].where(arm="None", against="readers", metric="auroc")
    assert [row["value"] for row in seeds] == [
        run["against_readers"]["auroc"] for run in record["classify"]["arms"][0]["per_seed"]
    ]
    difference = record["classify"]["differences"][0]
    row = found.tables["differences"][0]
    assert (row["arm"], row["metric"]) == (difference["arm"], difference["metric"])
    assert has_interval(row, difference["difference"])
    contrasts = found.tables["contrasts"]
    assert [row["p"] for row in contrasts] == [each["p"] for each in record["classify"]["evidence"]["contrasts"]]
    projections = found.tables["projections"]
    assert projections.column("true_rim").dtype == bool and len(projections) == 7
    rates = record["projection"]["flag_rates"]
    assert [row["value"] for row in found.tables["flags"]] == [rate["share"]["value"] for rate in rates]
    perturbed = found.tables["perturbed"]
    assert len(perturbed) == 2 * len(record["perturbation"]["summary"])
    assert perturbed[1]["ssim"] == record["perturbation"]["summary"][0]["projected"]["ssim"]
    evaluation = found.tables["evaluation"]
    comparison = record["evaluation"]["comparisons"][0]
    measures = comparison["sets"][0]["measures"]
    key = next(iter(measures))
    row = one(
        evaluation,
        topic=comparison["topic"],
        images=comparison["images"],
        set=comparison["sets"][0]["name"],
        measure=key,
    )
    assert has_interval(row, measures[key]) and row["better"] in ("lower", "higher", "alike")
    assert [len(found.tables[name]) for name in ("segmentation", "two_sided")] == [0, 0]


def test_dermatoscopy(skin: Path) -> None:
    found, record = common(skin, "dermatoscopy"), said(skin)
    arm = record["classify"]["arms"][1]
    overall = one(found.tables["arms"], arm=arm["name"], set="test", metric="accuracy", **{"class": None})
    assert has_interval(overall, arm["by_class"]["overall"]["accuracy"]) and overall["against"] == "labels"
    of_class = arm["by_class"]["classes"][4]
    row = one(found.tables["arms"], arm=arm["name"], set="test", metric="auroc", **{"class": of_class["class"]})
    assert has_interval(row, of_class["metrics"]["auroc"])
    recall = one(found.tables["arms"], arm=arm["name"], set="test", metric="recall", **{"class": of_class["class"]})
    assert has_interval(recall, of_class["recall"])
    external = record["classify"]["external"]["arms"][0]
    row = one(found.tables["arms"], arm=external["name"], set="external", metric="accuracy")
    assert has_interval(row, external["by_class"]["overall"]["accuracy"])
    differences = found.tables["differences"]
    classify = record["classify"]
    for of, part in (("test", classify), ("external", classify["external"])):
        expected = [(one["arm"], one["metric"], one["difference"]["value"]) for one in part["differences"]]
        assert [(row["arm"], row["metric"], row["value"]) for row in differences.where(set=of)] == expected
    assert len(differences) > 0
    seeds = one(found.tables["seeds"], arm=arm["name"], metric="accuracy")
    assert seeds["value"] == arm["by_class"]["per_seed"][0]["overall"]["accuracy"]
    method = record["inversion"]["methods"][0]
    row = one(found.tables["inversion"], inversion=method["key"], side="train", measure="l2")
    assert has_interval(row, method["sides"][0]["l2"])
    assert one(found.tables["edits"])["images"] == 14


def test_glioma(glioma: Path) -> None:
    found, record = common(glioma, "glioma"), said(glioma)
    arm = record["tumours"]["arms"][1]
    group, dice = next((group, of["dice"]) for group, of in arm["groups"].items() if of["dice"])
    region = next(iter(dice))
    row = one(found.tables["arms"], arm=arm["key"], group=group, region=region, difference=False)
    assert has_interval(row, dice[region])
    differences = found.tables["arms"].where(difference=True)
    assert set(differences.column("arm")) == {"frequent+synthetic"}
    variants = found.tables["variants"]
    for variant in record["variants"]["variants"]:
        row = one(variants, variant=variant["key"], measure="at_equal_images")
        assert [row[key] for key in ("mean", "low", "high")] == list(variant["at_equal_images"].values())
        assert row["verdict"] == variant["verdict"] and row["runs"] == 1
        curve = found.tables["variant_curves"].where(variant=variant["key"])
        assert curve.column("distance").tolist() == [point["distance"] for point in variant["runs"][0]["points"]]


def test_projection_accuracy(anisotropy: Path) -> None:
    found, record = common(anisotropy, "projection-accuracy"), said(anisotropy)
    assert not found.simulated
    detection = record["residuals"]["detection"]
    for detector in detection["detectors"]:
        row = one(found.tables["arms"], arm=detector["key"], metric="auprc")
        assert row["value"] == detector["auprc"]["value"] and row["baseline"] == detector["baseline"]
        if interval := detector["auprc"]["interval"]:
            assert (row["low"], row["high"], row["n"]) == (interval["low"], interval["high"], interval["n"])
    accuracy = record["residuals"]["accuracy"][0]
    row = one(found.tables["accuracy"], role=accuracy["role"], corruption="none", of="projected", measure="ssim_inside")
    assert row["value"] == accuracy["projected"]["ssim_inside"]["value"] and row["images"] == accuracy["images"]
    assert one(found.tables["skill"], metric="skill")["value"] == detection["skill"]["value"]
    by_size = found.tables["found"].where(by="size")
    assert by_size.column("lesions").tolist() == [third["lesions"] for third in detection["by_size"]]


def test_the_file_itself_may_be_named_and_damaged_ones_are_refused(rim: Path, tmp_path: Path) -> None:
    record = said(rim)
    assert read_results(rim / "results.json").name == "tiny"
    damaged = Damaged(rim, tmp_path / "results.json", read_results)
    text = json.dumps(record)
    for content, says in [
        (text[:-1], "no JSON"),
        (json.dumps({**record, "kind": "cardiology"}), 'a study of the kind "cardiology"; expected rim-lesions'),
        (json.dumps({**record, "classify": None}), "classify is null; expected an object"),
        (json.dumps({**record, "seed": -1.5}), "seed is -1.5; expected a whole number"),
        (json.dumps({**record, "stages": [{"stage": "x"}]}), "no stages[0].folder"),
        (text.replace('"auprc": {"value": ', '"auprc": {"value": NaN, "was": ', 1), "NaN, which is no number"),
        (text.replace('"auprc": {"value": ', '"auprc": {"value": 1e999, "was": ', 1), ".auprc.value is Infinity"),
    ]:
        damaged.refused(content.encode(), says)
    with pytest.raises(Problem, match="results.json: cannot be read"):
        read_results(rim / "data")


def test_tables() -> None:
    rows = [{"a": 1, "b": "x", "c": None, "d": 0.5}, {"a": 2, "b": "y", "c": True, "d": None}]
    table = Table(("a", "b", "c", "d"), rows)
    assert len(table) == 2 and table[1]["b"] == "y" and list(table[1:]) == [rows[1]] and list(table) == rows
    assert table.column("a").dtype == np.int64 and table.column("c").dtype == object
    assert np.isnan(table.column("d")[1]) and table.column("d")[0] == 0.5
    assert list(table.where(a=[2, 3])) == [rows[1]] and len(table.where(a=1, b="y")) == 0
    assert table.mask(b="x").tolist() == [True, False]
    for call in (lambda: table.column("e"), lambda: table.where(e=1), lambda: table.mask(e=1)):
        with pytest.raises(KeyError, match="no column 'e'"):
            call()
    # What is handed out is a copy.
    table[0]["a"] = 9
    assert table[0]["a"] == 1
    pandas = pytest.importorskip("pandas")
    frame = table.to_pandas()
    assert isinstance(frame, pandas.DataFrame) and list(frame.columns) == ["a", "b", "c", "d"] and frame["a"].sum() == 3
    assert list(Table(("a",), []).to_pandas().columns) == ["a"]
