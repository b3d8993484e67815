"""Which kinds of panel the page draws."""

TRACE_KINDS = frozenset({"traces", "jaeger", "tempo", "zipkin"})
LOG_KINDS = frozenset({"logs", "loki", "elasticsearch"})
DRAWN = frozenset({
    "timeseries", "stat", "gauge", "bargauge", "barchart", "table", "heatmap", "state-timeline", "status-history",
    "piechart", "histogram", "logs", "traces", "text", "row", "dashlist", "alertlist",
})  # fmt: skip
