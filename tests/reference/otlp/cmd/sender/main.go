// Sends spans, a log record and a counter by the gRPC exporters of OpenTelemetry for Go; how is read from OTEL_*.
package main

import (
	"context"
	"log"
	"os"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	otellog "go.opentelemetry.io/otel/log"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/trace"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for _, send := range []func(context.Context) error{spans, record, counter} {
		if err := send(ctx); err != nil {
			log.Fatal(err)
		}
	}
}

func spans(ctx context.Context) error {
	exporter, err := otlptracegrpc.New(ctx)
	if err != nil {
		return err
	}
	provider := trace.NewTracerProvider(trace.WithSyncer(exporter))
	count, err := strconv.Atoi(os.Args[1])
	if err != nil {
		return err
	}
	for range count {
		_, span := provider.Tracer("sender").Start(ctx, "from-go")
		span.End()
	}
	return provider.Shutdown(ctx)
}

func record(ctx context.Context) error {
	exporter, err := otlploggrpc.New(ctx)
	if err != nil {
		return err
	}
	provider := sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewSimpleProcessor(exporter)))
	var line otellog.Record
	line.SetBody(attribute.StringValue("a line from go"))
	line.SetSeverity(otellog.SeverityWarn)
	provider.Logger("sender").Emit(ctx, line)
	return provider.Shutdown(ctx)
}

func counter(ctx context.Context) error {
	exporter, err := otlpmetricgrpc.New(ctx)
	if err != nil {
		return err
	}
	provider := metric.NewMeterProvider(metric.WithReader(metric.NewPeriodicReader(exporter)))
	count, err := provider.Meter("sender").Int64Counter("from.go")
	if err != nil {
		return err
	}
	count.Add(ctx, 3)
	return provider.Shutdown(ctx)
}
