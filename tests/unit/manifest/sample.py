"""A manifest that uses most of what there is, for tests that break it."""

SAMPLE = """\
# yaml-language-server: $schema=./stack.schema.json
name: sample
python: python3
telemetry: {record: 1GiB}
logs: {record: 64m}
pass_env: [MINE_*]
volumes: {data: }
exporters: {far: {otlp: "http://localhost:4317", headers: {KEY: "${KEY:-none}"}}}
journeys: {order: {attribute: shop.order.id, field: order_id}}

x-service: &service
  environment: &env
    BROKER: ${services.broker.broker}
    LEVEL: "${LEVEL:-info}"
  healthcheck: {http: /health/ready, interval: 1s, start_interval: 100ms, start_period: 30s}
  metrics: /metrics

services:
  broker: {uses: broker, with: {topics: {shop.order.v1: {partitions: 6}}}, optional: true}
  setup: {command: "sh -c 'exit 0'", restart: no, working_dir: tools}
  catalog:
    <<: *service
    native:
      command: ["${python}", -m, services.catalog, "--data=${volumes.data}/x", 'é "ü"']
      environment: {HERE: "yes"}
      healthcheck: {interval: 2s}
    entrypoint: [tini, --]
    command: serve --port 8101
    environment:
      <<: *env
      EXTRA: |-
        two
        lines
    build: {context: ., dockerfile: services/Dockerfile, args: {SERVICE: catalog}}
    ports: {http: 8101, admin: auto}
    depends_on:
      broker: {condition: service_healthy}
      setup: {condition: service_completed_successfully, required: true}
    watch: [services/catalog, {path: services/common, ignore: ["*.pyc"], dependents: true}]
    stop_grace_period: 1m30s
  worker:
    command: worker --to ${services.catalog.http.host}:${services.catalog.http.port}
    env_file: {path: no.env, required: false}
    deploy: {replicas: "${N:-2}", restart_policy: {condition: any, max_attempts: 3, window: 10s}}
    depends_on: [catalog]
    profiles: [extra]
    healthcheck: {test: [CMD-SHELL, "true && true"], retries: 5}
"""
