"""What we hand to other products names only what exists, and their own tools accept it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path

import pytest

from aura_logging import assets
from aura_logging.alerts import AlertOptions, standard_rules
from aura_logging.assets import elk, grafana, prometheus
from aura_logging.metrics.catalogue import CATALOGUE
from aura_logging.options import OptionError
from aura_logging.schema import FIELDS

EXPOSED = {
    name
    for metric in CATALOGUE
    for name in (
        [f"{metric.name}{suffix}" for suffix in ("_bucket", "_sum", "_count")]
        if metric.kind == "histogram"
        else [metric.name]
    )
}
LABELS = {label for metric in CATALOGUE for label in metric.labels} | {"le", "instance"}

RULES_TEST = Path(__file__).with_name("rules_test.yml")


def queries() -> list[str]:
    panels = [query for row in grafana.PANELS.values() for panel in row for query in panel.queries.values()]
    rules = [rule.expr for rule in (*prometheus.recording_rules(), *prometheus.alerting_rules())]
    return panels + rules


@pytest.mark.parametrize("query", queries())
def test_a_query_names_only_metrics_and_labels_that_exist(query: str) -> None:
    assert set(re.findall(r"\baura_\w+", query)) <= EXPOSED
    recorded = {rule.record for rule in prometheus.recording_rules()}
    assert set(re.findall(r"\baura:[\w:]+", query)) <= recorded
    for labels in re.findall(r"by \(([^)]*)\)", query):
        assert {label.strip() for label in labels.split(",")} <= LABELS


def test_every_metric_a_user_may_miss_is_on_the_dashboard() -> None:
    shown = " ".join(query for row in grafana.PANELS.values() for panel in row for query in panel.queries.values())
    missing = {metric.name for metric in CATALOGUE if metric.name not in shown}
    assert missing == {"aura_handler_accepted_total", "aura_metrics_rejected_total"}


def test_the_dashboard_is_importable_json_without_overlaps() -> None:
    (text,) = assets.files("grafana").values()
    dashboard = json.loads(text)
    assert dashboard["__inputs"][0]["name"] == "DS_PROMETHEUS"
    cells = [
        (x, y)
        for panel in dashboard["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) == 23
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))


def test_promtool_accepts_the_rules_and_they_fire_when_they_should(
    tmp_path: Path, require_service: Callable[[str], Path]
) -> None:
    promtool = require_service("promtool")
    assets.write("prometheus", tmp_path)
    shutil.copy(RULES_TEST, tmp_path / "test.yml")
    for command in (
        ["check", "rules", "aura-rules.yml"],
        ["check", "config", "prometheus.yml"],
        ["test", "rules", "test.yml"],
    ):
        done = subprocess.run([promtool, *command], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_there_is_an_alert_for_every_standard_rule() -> None:
    assert len(standard_rules(AlertOptions())) == 5
    names = {rule.alert for rule in prometheus.alerting_rules()}
    assert names >= {"AuraSlowRequests", "AuraManyQueries", "AuraErrorRate", "AuraMemory", "AuraThreat"}


def test_a_threshold_between_two_bounds_becomes_the_next() -> None:
    (rule, *_) = prometheus.alerting_rules(AlertOptions(slow_request_seconds=3.0, max_queries=20))
    assert 'le="4.0"' in rule.expr


def test_the_index_template_has_a_type_for_every_field() -> None:
    properties = elk.index_template()["template"]["mappings"]["properties"]
    assert {field.name for field in FIELDS} <= set(properties)
    types = {name: properties[name]["type"] for name in properties}
    assert types["correlation_id"] == types["user_id"] == "keyword"
    assert (types["client_ip"], types["request_duration"], types["security_event"]) == ("ip", "float", "boolean")


@pytest.mark.parametrize("kind", assets.KINDS)
def test_files_are_written_where_they_are_wanted(tmp_path: Path, kind: str) -> None:
    paths = assets.write(kind, tmp_path / "out")
    assert sorted(paths) == sorted((tmp_path / "out").iterdir())
    assert all(path.read_text(encoding="utf-8").endswith("\n") for path in paths)


@pytest.mark.parametrize("file", ["vector.yaml", "fluent-bit.conf", "loki.alloy", "filebeat.yml"])
def test_a_shipper_reads_each_line_once(file: str) -> None:
    text = {**assets.files("shippers"), **assets.files("elk")}[file]
    (pattern,) = set(re.findall(r"/(\w*\*?\.jsonl)", text.replace("*.*.jsonl", "")))

    assert fnmatch("app.jsonl", pattern)
    assert not fnmatch("security.jsonl", pattern)
    # A shipper that knows a file by its name must leave out what it was renamed to.
    assert ("/*.*.jsonl" in text) == (file == "loki.alloy")


def test_an_unknown_kind_is_refused_with_those_there_are() -> None:
    with pytest.raises(OptionError, match="Did you mean 'grafana'"):
        assets.files("graphana")
