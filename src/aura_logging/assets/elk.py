"""Generate what Elasticsearch, Logstash and Filebeat need: an index template with a type for every field we write."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aura_logging.schema import FIELDS

__all__ = ["files", "index_template"]

_LONGEST_KEYWORD = 1_024


def index_template() -> dict[str, Any]:
    """Return a composable index template (Elasticsearch 7.8 and later, OpenSearch) for `aura-logs-*`.

    Fields that you add yourself become keywords, numbers stay numbers: text that nobody searches in is not analysed.
    """
    properties: dict[str, Any] = {
        "@timestamp": {"type": "date"},
        **{field.name: _mapping(field.kind) for field in FIELDS},
    }
    return {
        "index_patterns": ["aura-logs-*"],
        "priority": 200,
        "template": {
            "settings": {"index.mapping.total_fields.limit": 500, "index.mapping.ignore_malformed": True},
            "mappings": {
                "dynamic_templates": [
                    {
                        "texts": {
                            "match_mapping_type": "string",
                            "mapping": {"type": "keyword", "ignore_above": _LONGEST_KEYWORD},
                        }
                    }
                ],
                "properties": properties,
            },
        },
    }


def files() -> Mapping[str, str]:
    """Return the index template, a Logstash pipeline and a Filebeat configuration."""
    return {
        "index-template.json": json.dumps(index_template(), indent=2) + "\n",
        "logstash.conf": _LOGSTASH,
        "filebeat.yml": _FILEBEAT,
    }


def _mapping(kind: str) -> dict[str, Any]:
    if kind == "keyword":
        return {"type": "keyword", "ignore_above": _LONGEST_KEYWORD}
    if kind == "text":
        return {"type": "text", "fields": {"raw": {"type": "keyword", "ignore_above": _LONGEST_KEYWORD}}}
    return {"type": kind}


_LOGSTASH = """\
input {
  beats { port => 5044 }
}
filter {
  json { source => "message" }
  date { match => ["timestamp", "ISO8601"] target => "@timestamp" }
  # A value of the wrong type must not cost the line.
  if "_jsonparsefailure" in [tags] { mutate { add_field => { "parse_error" => "true" } } }
}
output {
  elasticsearch {
    hosts => ["${ELASTICSEARCH_URL:http://localhost:9200}"]
    index => "aura-logs-%{+YYYY.MM.dd}"
    manage_template => false
  }
}
"""

_FILEBEAT = """\
# Straight to Elasticsearch; for Logstash replace the output by: output.logstash: {hosts: ["localhost:5044"]}
filebeat.inputs:
  - type: filestream
    id: aura-logs
    # With rotated files, which are known again; without security.jsonl, whose lines are in here too.
    paths: ["${AURA_LOG_DIR:/var/log/aura}/app*.jsonl"]
    parsers:
      - ndjson: {target: "", overwrite_keys: true, add_error_key: true}
processors:
  - timestamp: {field: timestamp, layouts: ["2006-01-02T15:04:05.999999Z07:00"], test: ["2026-01-02T03:04:05.678901Z"]}
setup.template.enabled: false
setup.ilm.enabled: false
output.elasticsearch:
  hosts: ["${ELASTICSEARCH_URL:http://localhost:9200}"]
  index: "aura-logs-%{+yyyy.MM.dd}"
"""
