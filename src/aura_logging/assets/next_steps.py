"""Say what to do with the files once they are written: in 80 columns, with commands to copy."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["NEXT_STEPS"]

NEXT_STEPS: Mapping[str, str] = {
    "grafana": """\
Import aura-dashboard.json in Grafana under Dashboards > New > Import, and
choose the Prometheus that scrapes /aura/metrics.
""",
    "prometheus": """\
Check them, then copy both parts of prometheus.yml (the job and rule_files)
into your own:
  promtool check config prometheus.yml
The target is one address for each store, not one for each worker. From
another host, name its address in AURA["METRICS"]["allowed_networks"].
""",
    "elk": """\
Put the index template in place before the first line arrives:
  curl -X PUT localhost:9200/_index_template/aura-logs \\
       -H 'Content-Type: application/json' -d @index-template.json
Then run Filebeat with filebeat.yml on each host. Logstash is only needed if
you have one already.
""",
    "vector": """\
Set the path of your log files in vector.yaml, then:
  vector validate vector.yaml && vector --config vector.yaml
""",
    "fluentbit": """\
Set the path of your log files in fluent-bit.conf, then:
  fluent-bit -c fluent-bit.conf
""",
    "loki": """\
Set the path of your log files and Loki's address in loki.alloy, then:
  alloy run loki.alloy
""",
    "shippers": """\
Choose one: vector.yaml (Vector), fluent-bit.conf with parsers.conf (Fluent
Bit) or loki.alloy (Alloy, for Loki). Set the path of your log files in it.
""",
}
"""By kind of asset; commands are meant to be typed in the directory of the files."""
