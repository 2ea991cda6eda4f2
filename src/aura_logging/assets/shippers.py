"""Generate configurations that carry our JSON lines elsewhere: Vector, Fluent Bit, and Alloy for Loki."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["files", "fluentbit", "loki", "vector"]


def files() -> Mapping[str, str]:
    """Return the files of all three; each reads `app.jsonl` in /var/log/aura, and what it was before it was rotated.

    Not `security.jsonl`: its lines are in `app.jsonl` as well, and would be there twice.
    """
    return {**vector(), **fluentbit(), **loki()}


def vector() -> Mapping[str, str]:
    """Return a configuration of Vector that sends to Loki."""
    return {"vector.yaml": _VECTOR}


def fluentbit() -> Mapping[str, str]:
    """Return a configuration of Fluent Bit, and the parser it names."""
    return {"fluent-bit.conf": _FLUENT_BIT, "parsers.conf": _PARSERS}


def loki() -> Mapping[str, str]:
    """Return a configuration of Alloy, Loki's own agent."""
    return {"loki.alloy": _ALLOY}


_VECTOR = """\
sources:
  aura_files:
    type: file
    # A rotated file is known by its first line, and is not read again. What is in security.jsonl is in here too.
    include: ["/var/log/aura/app*.jsonl"]
transforms:
  aura:
    type: remap
    inputs: [aura_files]
    source: |
      . = merge(., object!(parse_json!(.message)))
      .timestamp = parse_timestamp(.timestamp, "%+") ?? now()
sinks:
  loki:
    type: loki
    inputs: [aura]
    endpoint: "${LOKI_URL:-http://localhost:3100}"
    encoding: {codec: json}
    # Few labels with few values: the rest is found in the line.
    labels: {service: "{{ service_name }}", level: "{{ level }}"}
"""

_FLUENT_BIT = """\
[SERVICE]
    Parsers_File  parsers.conf

[INPUT]
    Name              tail
    Path              /var/log/aura/app*.jsonl
    Parser            aura
    DB                /var/lib/fluent-bit/aura.db
    Buffer_Max_Size   128k

[OUTPUT]
    Name        loki
    Match       *
    Host        localhost
    Labels      job=aura
    Label_Keys  $service_name,$level
"""

_PARSERS = """\
[PARSER]
    Name         aura
    Format       json
    Time_Key     timestamp
    Time_Format  %Y-%m-%dT%H:%M:%S.%L%z
    Time_Keep    On
"""

_ALLOY = """\
local.file_match "aura" {
  // A file is known by its name here: a rotated one, app.TIME-NUMBER.jsonl, would be read a second time.
  path_targets = [{"__path__" = "/var/log/aura/app*.jsonl", "__path_exclude__" = "/var/log/aura/*.*.jsonl"}]
}

loki.source.file "aura" {
  targets    = local.file_match.aura.targets
  forward_to = [loki.process.aura.receiver]
}

loki.process "aura" {
  stage.json {
    expressions = {level = "", service = "service_name", timestamp = "", trace_id = ""}
  }
  stage.timestamp {
    source = "timestamp"
    format = "RFC3339Nano"
  }
  stage.labels {
    values = {level = "", service = ""}
  }
  stage.structured_metadata {
    values = {trace_id = ""}
  }
  forward_to = [loki.write.default.receiver]
}

loki.write "default" {
  endpoint {
    url = "http://localhost:3100/loki/api/v1/push"
  }
}
"""
